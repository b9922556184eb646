"""The stages of the recipe: what each makes, from what."""

import json
from pathlib import Path

import pytest

from labelers.cluster import ClusterOptions, cluster
from prmkit.cli.options import PolicyOptions, RunOptions
from prmkit.cli.recipe_plan import Plan, Regime
from prmkit.cli.recipe_stages import Stages
from prmkit.completers.engines import Engine
from prmkit.tables import read_labels, read_solutions
from prmkit.training.choices import Marks, Neutral, Targets
from prmkit.training.config import Optimizer

PLAN = Plan(default=Regime(labelled=16), others=(), per_problem=2, rollouts=2, test_problems=3, pool=2, presented=64)


def stages_in(out: Path) -> Stages:
    policy = PolicyOptions(engine=Engine.SIMULATED)
    return Stages(plan=PLAN, out=out, policy=policy, where=RunOptions(engines=1), seed=5)


def write_cost(run: Path, *tokens: int) -> None:
    """A run directory's account of its starts."""
    run.mkdir()
    lines = [{"start": start, "seconds": 1.5, "tokens": each} for start, each in enumerate(tokens)]
    (run / "progress.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def test_equal_cost_is_as_many_solutions_as_sampling_and_rollouts_cost_together(tmp_path: Path) -> None:
    write_cost(tmp_path / "solutions-16", 300, 100)
    write_cost(tmp_path / "labels-16", 1000)
    assert stages_in(tmp_path).as_many_as_cost(16) == 56  # 16 cost 400 tokens, and 1,400 with their labels
    write_cost(tmp_path / "solutions-8", 100)
    write_cost(tmp_path / "labels-8", 110)
    assert stages_in(tmp_path).as_many_as_cost(8) == 16  # 16.8, in whole stories


def test_the_costs_of_a_regime_are_those_of_its_own_runs(tmp_path: Path) -> None:
    for name, tokens in (("solutions-16", 100), ("labels-16", 1000), ("solutions-8", 10), ("labels-8", 7)):
        write_cost(tmp_path / name, tokens)
    assert [each.tokens for each in stages_in(tmp_path).costs(Regime(labelled=16), {})] == [100, 1000]
    assert [each.tokens for each in stages_in(tmp_path).costs(Regime(labelled=8), {})] == [10, 7]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_stages_of_both_kinds_of_regimes(tmp_path: Path) -> None:
    stages = stages_in(tmp_path)
    with cluster(ClusterOptions()):
        pool = stages.pool("easy")
        same = stages.trainings(Regime(labelled=8, runs=2))
        equal = stages.trainings(Regime(labelled=8, runs=2, equal_cost=True))
    count = stages.as_many_as_cost(8)
    drawn = {each.name: each for each in read_solutions(tmp_path / f"solutions-{count}")}
    labelled = {each.solution.name: each for each in read_labels(tmp_path / "labels-8")}
    assert len(drawn) == count > len(labelled) == 8
    assert {each.problem.problem_id.split("-")[1] for each in drawn.values()} == {"easy"}
    assert {name: each.solution.steps for name, each in labelled.items()} == {
        name: drawn[name].steps for name in labelled
    }
    assert {one.rollouts for each in labelled.values() for one in each.estimates} <= {1, 2}
    learned, held_out = ({each.problem.problem for each in all_} for all_ in (drawn.values(), read_solutions(pool)))
    assert len(held_out) == 3 and not learned & held_out

    assert same["prm"] == equal["prm"]
    assert [each.labels for each in (*same["prm"], *same["orm"])] == [tmp_path / "labels-8"] * 4
    assert [each.labels for each in equal["orm"]] == [tmp_path / f"solutions-{count}"] * 2
    folders = [each.out for each in (*same["prm"], *same["orm"], *equal["orm"])]
    assert len(set(folders)) == 6
    for method in ("prm", "orm"):
        assert [each.config.seed for each in same[method]] == [5, 6]
        assert [each.config for each in same[method]] == [each.config for each in same["prm"]]
        assert {each.config.optimizer for each in same[method]} == {Optimizer.MUON}
    assert {each.config.epochs for each in same["orm"]} == {8}  # 64 solutions are read, repetitions counted
    assert {each.config.epochs for each in equal["orm"]} == {PLAN.epochs(count)} and PLAN.epochs(count) < 8
    objective = same["prm"][0].objective
    assert (objective.marks, objective.neutral, objective.targets) == (Marks.TOKENS, Neutral.CORRECT, Targets.HARD)
