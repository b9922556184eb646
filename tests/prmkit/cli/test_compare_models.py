"""Single models, ensembles and training runs in the comparison."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from prmkit.cli.compare import Compare
from prmkit.cli.compare_models import by_run, reading_note, training_note
from prmkit.cli.main import main
from prmkit.cli.score import Pool
from prmkit.records import SOLUTION_SCHEMA
from prmkit.tables import read_rows, read_solutions, solution_row, write_rows


def compare(*options: object) -> int:
    return main(["compare", *map(str, options)])


@pytest.fixture
def runs(compared_models, tmp_path):
    """Two PRMs and two ORMs that differ."""
    prm, orm = compared_models[1], compared_models[3]
    others = []
    for seed, folder in enumerate((prm, orm)):
        other = shutil.copytree(folder, tmp_path / f"other{seed}")
        weights = load_file(other / "model.safetensors")
        torch.manual_seed(seed)
        weights["score.weight"] = torch.randn_like(weights["score.weight"])
        save_file(weights, other / "model.safetensors", metadata={"format": "pt"})
        others.append(str(other))
    return ["--prm", prm, others[0], "--orm", orm, others[1]]


def test_training_runs_are_compared_run_by_run(runs, compared_pool, tmp_path, capsys) -> None:
    out = tmp_path / "out"
    assert compare(*runs, "--training-runs", "--pool", compared_pool, "--examples", 0, "--out", out) == 0
    figures = json.loads((out / "metrics.json").read_text())
    assert list(figures["runs"]) == ["1", "2"]
    each = [figures["runs"][run]["prm-orm"]["value"] for run in "12"]
    assert each[0] != each[1] and sum(each) / 2 == pytest.approx(figures["difference"]["4"]["prm-orm"]["value"])
    assert figures["notes"][0].startswith("2 training runs of each model, compared run by run")
    assert "mean of 2 training runs" in figures["headline"] and figures["config"]["training_runs"] is True
    assert "--training-runs" in figures["command"]
    assert {"score by PRM, run 1", "score by ORM, run 2"} <= set(figures["cost"])
    stored = [[row["score"] for _, row in read_rows(out / f"scores-prm-{run}", ("score",))] for run in (1, 2)]
    assert stored[0] != stored[1] and not (out / "scores-prm").exists()


def test_the_first_training_run_alone_gives_the_figures_of_its_row(runs, compared_pool, tmp_path) -> None:
    options = ["--pool", compared_pool, "--examples", 0, "--out"]
    assert compare(*runs, "--training-runs", *options, tmp_path / "both") == 0
    assert compare(*runs[:2], *runs[3:5], *options, tmp_path / "first") == 0
    both, first = (json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("both", "first"))
    assert both["runs"]["1"]["prm-orm"] == first["difference"]["4"]["prm-orm"]
    assert first["notes"][0].startswith(
        "One training run of each model: the intervals cover the choice of problems, not"
    )


@pytest.mark.parametrize("method", ["prm", "orm"])
def test_the_reading_of_either_model_is_chosen_by_itself(method, runs, compared_pool, tmp_path) -> None:
    other, found = {"prm": "orm", "orm": "prm"}[method], {}
    for how, chosen in (("last", lambda scores: scores[-1]), ("max", max)):
        out = tmp_path / how
        options = ["--pool", compared_pool, "--examples", 0, "--out", out, f"--{method}-aggregation", how]
        assert compare(*runs[:2], *runs[3:5], *options) == 0
        rows, others = (
            [row for _, row in read_rows(out / f"scores-{name}", ("step_scores", "score"))] for name in (method, other)
        )
        found[how] = [row["score"] for row in rows], [row["score"] for row in others]
        assert found[how][0] == [pytest.approx(chosen(row["step_scores"])) for row in rows]
        assert f"{method.upper()} by {how}" in json.loads((out / "metrics.json").read_text())["notes"][1]
    assert found["last"][0] != found["max"][0] and found["last"][1] == found["max"][1]


def test_the_note_tells_readings_that_training_chose(runs, make_reward, tmp_path) -> None:
    told = [
        reading_note(Compare(prm=(Path(runs[1]), Path(runs[2])), orm=(Path(runs[4]),), training_runs=several, **more))
        for several, more in ((True, {"out": tmp_path}), (False, {"out": tmp_path, "prm_aggregation": "max"}))
    ]
    assert [each.split(", ORM")[0] for each in told] == [
        "From step scores to a solution's: PRM by last",
        "From step scores to a solution's: PRM by max",
    ]


def test_several_prms_are_compared_as_one(compared_models, compared_pool, tmp_path, make_reward, capsys) -> None:
    second = make_reward("prm", neutral_weight=0.0).rename(tmp_path / "second")
    first, orm, out = make_reward("prm"), compared_models[3], tmp_path / "out"
    together = ["--prm", first, second, "--orm", orm, "--pool", compared_pool, "--out", out]
    assert compare(*together, "--ensemble", "min") == 0
    assert "disagreement" in capsys.readouterr().out
    rows = [row for _, row in read_rows(out / "scores-prm", ("step_scores",))]
    assert all(max(row["step_disagreement"]) > 0 for row in rows)
    assert all(row["step_disagreement"] is None for _, row in read_rows(out / "scores-orm", ("step_scores",)))
    note = json.loads((out / "metrics.json").read_text())["notes"][0]
    assert note.startswith("The PRM is an ensemble of 2 models that are taken as one: the intervals cover the choice")


def test_only_scores_of_this_comparison_are_left_beside_its_report(runs, compared_pool, tmp_path) -> None:
    out = tmp_path / "out"
    for name, command in (("scores-orm-9", "search"), ("scores-mine", "score")):
        (out / name).mkdir(parents=True)
        (out / name / "config.json").write_text(json.dumps({"config": {"command": command}}))
    kept = {"scores-orm-9", "scores-mine"}
    options = ["--pool", compared_pool, "--examples", 0, "--out", out]
    assert compare(*runs, "--training-runs", *options) == 0
    assert {each.name for each in out.glob("scores-*")} == kept | {
        f"scores-{m}-{n}" for m in ("prm", "orm") for n in "12"
    }
    assert compare(*runs[:2], *runs[3:5], *options) == 0
    assert {each.name for each in out.glob("scores-*")} == kept | {"scores-prm", "scores-orm"}


def test_a_pool_that_is_not_graded_is_refused_before_it_is_scored(runs, compared_pool, tmp_path, capsys) -> None:
    rows = [solution_row(replace(each, correct=None)) for each in read_solutions(compared_pool)]
    write_rows(tmp_path / "bare.parquet", rows, SOLUTION_SCHEMA)
    for more in ([], ["--dry-run"]):
        options = ["--pool", tmp_path / "bare.parquet", "--out", tmp_path / "out", *more]
        assert compare(*runs, "--training-runs", *options) == 1
        told = capsys.readouterr()
        assert "solution p0/0: not graded" in told.err and told.err.count("\n") == 1 and "scored" not in told.out
    assert not (tmp_path / "out").exists()


def test_a_pool_without_solutions_is_refused_in_one_line(runs, tmp_path, capsys) -> None:
    write_rows(tmp_path / "none.parquet", [], SOLUTION_SCHEMA)
    assert compare(*runs, "--training-runs", "--pool", tmp_path / "none.parquet", "--out", tmp_path / "out") == 1
    told = capsys.readouterr().err
    assert "none.parquet: no solutions in it" in told and told.count("\n") == 1


def test_the_pool_is_read_once_however_many_models_score_it(runs, compared_pool, tmp_path, monkeypatch) -> None:
    read, paths = Pool.read, []
    monkeypatch.setattr(Pool, "read", lambda path: paths.append(path) or read(path))
    options = ["--pool", compared_pool, "--examples", 0, "--out", tmp_path / "out"]
    assert compare(*runs, "--training-runs", *options) == 0
    assert paths == [Path(compared_pool)]


def test_the_note_names_every_ensemble(tmp_path) -> None:
    two, one = (tmp_path / "a", tmp_path / "b"), (tmp_path / "c",)
    told = [training_note(Compare(prm=prm, orm=orm, out=tmp_path)) for prm, orm in ((one, two), (two, two))]
    assert told[0].startswith("The ORM is an ensemble of 2 models that are")
    assert told[1].startswith("The PRM is an ensemble of 2 models; the ORM is an ensemble of 2 models that are")
    assert all(each.endswith("not the seed of training.") for each in told)


def test_runs_have_numbers_where_there_are_several() -> None:
    assert by_run({"prm": [1, 2], "orm": [3]}) == {"prm run 1": 1, "prm run 2": 2, "orm": 3}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--prm", "PRM"], "name what to compare: --prm and --orm"),
        (["--orm", "ORM"], "name what to compare: --prm and --orm"),
        ([], "name what to compare: --prm and --orm"),
        (["--prm", "ORM", "--orm", "PRM"], "holds a reward model of the kind orm"),
        (["--prm", "PRM", "--orm", "ORM", "--training-runs"], "two or more models with --prm and equally many"),
        (["--prm", "PRM", "PRM2", "--orm", "ORM", "--training-runs"], "not 2 and 1"),
        (
            ["--prm", "PRM", "PRM2", "--orm", "ORM", "ORM2", "--training-runs", "--ensemble", "min"],
            "--ensemble and --deviations combine models, which --training-runs compares one by one",
        ),
        (
            ["--prm", "PRM", "PRM2", "--orm", "ORM", "ORM", "--training-runs"],
            "the training runs name the same model twice: ",
        ),
        (["--prm", "PRM", "PRM2", "--orm", "ORM", "ORM"], "is the same model as"),
        (["--prm", "PRM", "--orm", "ORM", "--ensemble", "min"], "name two or more"),
    ],
)
def test_models_that_cannot_be_compared_are_refused_in_one_line(runs, compared_pool, capsys, options, message) -> None:
    folders = {"PRM": runs[1], "PRM2": runs[2], "ORM": runs[4], "ORM2": runs[5]}
    out = compared_pool.parent / "out"
    assert compare(*(folders.get(each, each) for each in options), "--pool", compared_pool, "--out", out) == 1
    told = capsys.readouterr().err
    assert message in told and told.count("\n") == 1 and not out.exists()
