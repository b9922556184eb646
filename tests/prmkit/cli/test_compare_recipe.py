"""`prmkit compare --recipe stories`, at a size that takes a minute."""

from dataclasses import replace
from pathlib import Path

import pytest

from prmkit.cli.compare import Compare
from prmkit.cli.compare_recipe import OUTCOME, RESULTS, check_recipe, run_recipe
from prmkit.cli.main import main
from prmkit.cli.options import PolicyOptions, RunOptions
from prmkit.cli.recipe_plan import Plan, Regime
from prmkit.cli.reward_options import RewardOptions
from prmkit.completers.engines import Engine
from prmkit.evaluation.regimes import Outcome
from prmkit.files import read_json
from prmkit.report.versions import package_versions
from prmkit.rewards.base import Aggregation

DEFAULT = Regime(level="default", labelled=16, runs=2)
TINY = Plan(
    default=DEFAULT,
    others=(
        replace(DEFAULT, level="easy"),
        replace(DEFAULT, orm_aggregation=Aggregation.MIN),
        replace(DEFAULT, labelled=8, runs=3),
        replace(DEFAULT, labelled=8, equal_cost=True),
    ),
    per_problem=2,
    rollouts=2,
    test_problems=4,
    pool=4,
    presented=16,
)


@pytest.mark.slow
def test_the_recipe_compares_every_regime_and_is_continued(tmp_path: Path) -> None:
    command = Compare(recipe="stories", full=True, out=tmp_path, examples=2, seed=3)
    run_recipe(command, TINY)
    rows = read_json(tmp_path / RESULTS)
    names = {"default-16", "default-8", "easy-16", "default-8-equal-cost", "default-16-orm-min"}
    assert {row["regime"] for row in rows} == names
    headline = [row for row in rows if row["default"]]
    assert {row["name"] for row in headline} >= {"prm_minus_orm", "prm_minus_majority", "orm_minus_majority"}
    for row in rows:
        assert row["low"] <= row["value"] <= row["high"] and row["n"] == 4
        assert row["seeds"] == ([3, 4, 5] if row["regime"] == "default-8" else [3, 4])
        assert row["command"].startswith("prmkit compare") and row["commit"] == package_versions().get("commit")
    metrics = read_json(tmp_path / "metrics.json")
    assert len(metrics["regimes"]) == len(metrics["regime_differences"]) == 5 and "labels_needed_default" in metrics
    recipe = metrics["config"]["recipe"]
    assert recipe["label"]["rollouts"] == 2 and recipe["regime"]["labelled"] == 16
    assert recipe["train prm"]["optimizer"] == recipe["train orm"]["optimizer"] == "muon"
    weights = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("model.safetensors")}
    finished = tmp_path / DEFAULT.name / OUTCOME
    before = Outcome.read(finished)
    replace(before, commit="that trained", solved={"prm": before.solved["prm"] * 0}).write(finished)
    run_recipe(command, TINY)
    again = read_json(tmp_path / RESULTS)
    assert [row | {"commit": None} for row in again] == [row | {"commit": None} for row in rows]
    assert [row["default"] for row in again] == [row["commit"] == "that trained" for row in again]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("model.safetensors")} == weights


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--prm", "a"], "leave out --prm."),
        (["--orm", "a", "b"], "leave out --orm."),
        (["--prm-aggregation", "min"], "leave out --prm-aggregation."),
        (["--orm-aggregation", "min"], "leave out --orm-aggregation."),
        (["--training-runs"], "leave out --training-runs."),
        (["--problems", "demo:4"], "leave out --problems."),
        (["--pool", "a"], "leave out --pool."),
        (["--scored", "a"], "leave out --scored."),
        (["--searches", "a"], "leave out --searches."),
        (["--labels", "a"], "leave out --labels."),
        (["--reference-labels", "a"], "leave out --reference-labels."),
        (["-n", "4"], "leave out --n."),
        (["--limit", "4"], "leave out --limit."),
        (["--rollouts", "4"], "leave out --rollouts."),
        (["--dry-run"], "leave out --dry-run."),
        (["--temperature", "0.5"], "leave out --temperature."),
        (["--ensemble", "min"], "leave out --ensemble."),
        (["--prm", "a", "-n", "4"], "leave out --prm, --n."),
        (["--examples", "-1"], "need examples >= 0, got -1"),
        (["--policy", "some/model"], "--policy some/model: a recipe's solutions are the simulated solver's unless"),
    ],
)
def test_what_a_recipe_makes_itself_is_refused_in_one_line_before_any_work(
    tmp_path: Path, capsys, options, message
) -> None:
    assert main(["compare", "--recipe", "stories", "--out", str(tmp_path / "out"), *options]) == 1
    told = capsys.readouterr()
    assert message in told.err and told.err.count("\n") == 1
    assert not told.out and not (tmp_path / "out").exists()


@pytest.mark.parametrize("options", [[], ["--dry-run"], ["--problems", "demo:4"], ["--scored", "a"]])
def test_full_without_a_recipe_is_refused_whatever_else_is_given(tmp_path: Path, capsys, options) -> None:
    assert main(["compare", "--full", "--out", str(tmp_path / "out"), *options]) == 1
    told = capsys.readouterr().err
    assert "--full runs every regime of a recipe: give --recipe stories with it" in told and told.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_what_a_recipe_takes_is_not_refused(tmp_path: Path) -> None:
    takes = Compare(
        recipe="stories",
        full=True,
        out=tmp_path,
        examples=0,
        seed=7,
        rewards=RewardOptions(device="cpu"),
        policy=PolicyOptions(policy="some/model", engine=Engine.TRANSFORMERS, slots=8, separator="\n"),
        where=RunOptions(engines=1, shard_size=4),
    )
    check_recipe(takes)
