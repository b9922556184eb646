"""`prmkit compare --recipe stories`: does process supervision help, and how many labels does it save?

The whole way on arithmetic stories: solutions of the simulated solver (with `--engine`, of a policy) are sampled and
labelled, a PRM and an ORM are trained several times on the same solutions, and compared on held-out problems, regime by
regime (`prmkit.cli.recipe_plan`).
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from prmkit.cli.compare_models import scorings
from prmkit.cli.compare_report import build_report
from prmkit.cli.options import PolicyOptions, RunOptions, say
from prmkit.cli.recipe_plan import STORIES, Plan, Regime
from prmkit.cli.recipe_stages import PRM_AGGREGATION, Stages
from prmkit.cli.recipe_tasks import side_by_side, take_over
from prmkit.completers.engines import Engine

if TYPE_CHECKING:
    from prmkit.cli.compare_options import CompareOptions
    from prmkit.evaluation.regimes import Outcome
    from prmkit.report import Report, Table

RESULTS = "comparison.json"
"""In OUT: one entry per regime and difference."""
OUTCOME = "outcome.json"
"""In the folder of a regime that is finished."""
HEEDED = ("--recipe", "--full", "--out", "--examples", "--seed", "--device")
"""Options that a recipe takes, beside those of the policy and of the cluster."""


def run_recipe(command: "CompareOptions", plan: Plan = STORIES) -> None:
    """Do it: a report of every regime in OUT/REGIME, that of the default one with the tables of all in OUT.

    An interrupted run is continued; nothing that is finished is done again.

    Raises:
        InputError: An option does not go with a recipe.
    """
    from rich import print as show

    from labelers.cluster import cluster
    from prmkit.evaluation.regimes import Outcome
    from prmkit.report import write_report
    from prmkit.report.terminal import comparison_tables

    check_recipe(command)
    began = time.monotonic()
    policy = command.policy
    if policy.engine is Engine.AUTO:
        policy = replace(policy, engine=Engine.SIMULATED)
    stages = Stages(plan=plan, out=command.out, policy=policy, where=command.where, seed=command.seed)
    outcomes: dict[Regime, Outcome] = {}
    with cluster(command.where.cluster()):
        report = _regime(command, stages, plan.default)
        for regime in (plan.default, *plan.others):
            finished = command.out / regime.name / OUTCOME
            if command.full and not finished.is_file():
                _regime(command, stages, regime)
            if finished.is_file():  # an earlier --full may have made it
                outcomes[regime] = Outcome.read(finished)
                tables = _tables(outcomes, command.seed)
                write_report(command.out, replace(report, tables=(*tables, *report.tables)))
                _write_results(command, plan, outcomes, report)
    show(comparison_tables(report.comparison))
    say(f"{report.headline}\n{time.monotonic() - began:.0f} s. Report: {command.out / 'report.html'}")


def check_recipe(command: "CompareOptions") -> None:
    """Refuse options that speak of what a recipe makes and sizes itself.

    Raises:
        InputError: One is given, or `--full` without a recipe.
    """
    from prmkit.cli.describe import given
    from prmkit.errors import InputError

    if command.recipe is None:
        raise InputError("--full runs every regime of a recipe: give --recipe stories with it")
    others = given(replace(command, policy=PolicyOptions(), where=RunOptions()))
    if refused := [flag for flag in others if flag not in HEEDED]:
        raise InputError(
            "--recipe makes problems, solutions, labels and models itself, in sizes of its own: leave out "
            f"{', '.join(refused)}. It takes {', '.join(HEEDED[1:])} and the flags of policy and cluster"
        )
    if command.examples < 0:
        raise InputError(f"need examples >= 0, got {command.examples}")
    if command.policy.engine is Engine.AUTO and command.policy.policy != PolicyOptions().policy:
        raise InputError(
            f"--policy {command.policy.policy}: a recipe's solutions are the simulated solver's unless --engine names "
            "another; name it"
        )


def _regime(command: "CompareOptions", stages: Stages, regime: Regime) -> "Report":
    """Train what is not trained yet, compare, and write the regime's own report and outcome."""
    from prmkit.cli.describe import command_line, resolved
    from prmkit.evaluation.regimes import Outcome
    from prmkit.report import write_report

    say(f"\nregime: {regime.label}")
    pool, trainings = stages.pool(regime.level), stages.trainings(regime)
    side_by_side("training", [each for all_ in trainings.values() for each in all_])
    compare = replace(
        command,
        recipe=None,
        full=False,
        prm=tuple(each.out for each in trainings["prm"]),
        orm=tuple(each.out for each in trainings["orm"]),
        prm_aggregation=PRM_AGGREGATION,
        orm_aggregation=regime.orm_aggregation,
        training_runs=regime.runs > 1,
        pool=pool,
        labels=stages.out / f"labels-{regime.labelled}",
        out=command.out / regime.name,
        policy=stages.policy,
    )
    every = [each for all_ in scorings(compare, pool).values() for each in all_]
    take_over(every, command.out.glob("*/scores-*"))
    side_by_side("scoring", every)
    report = build_report(
        compare, f"PRM against ORM: {regime.label}", command_line("compare", command), stages.costs(regime, trainings)
    )
    report = replace(
        report,
        notes=(_solver(stages.policy), *report.notes),
        config=resolved(compare) | {"recipe": stages.settings(regime, trainings)},
    )
    write_report(compare.out, report)
    stored = compare.out / OUTCOME
    trained_by = Outcome.read(stored).commit if stored.is_file() else report.versions.get("commit")
    Outcome.of(report.comparison, trained_by).write(stored)
    say(report.headline)
    return report


def _solver(policy: PolicyOptions) -> str:
    """Who solved the problems."""
    if policy.engine is Engine.SIMULATED:
        return (
            "The solutions are a simulated solver's, whose steps go wrong at random with a chance that each story has "
            "for itself; no language model wrote them."
        )
    return f"The solutions are those of the policy {policy.policy}."


def _tables(outcomes: "Mapping[Regime, Outcome]", seed: int) -> "list[Table]":
    """Every regime, and by level what the PRM saves."""
    from prmkit.report.regimes import differences_table, solved_table

    labelled = {each.label: outcome for each, outcome in outcomes.items()}
    return [solved_table(labelled, seed=seed), differences_table(labelled, seed=seed), *needed_tables(outcomes, seed)]


def needed_tables(outcomes: "Mapping[Regime, Outcome]", seed: int) -> "list[Table]":
    """By level, how many solutions the ORM needs to match a PRM.

    Args:
        outcomes: Of one run of the recipe.
        seed: Of the bootstrap.
    """
    from prmkit.report.regimes import labels_table

    tables = []
    for level in dict.fromkeys(each.level for each in outcomes):
        here = {each: outcome for each, outcome in outcomes.items() if each.level == level and each.plainly_read}
        prms = {f"{each.labelled:,}": one for each, one in here.items() if not each.equal_cost}
        orms = {
            f"{each.labelled:,}" if not each.equal_cost else f"as many as cost what {each.labelled:,} did": one
            for each, one in here.items()
        }
        if len(orms) > 1:
            title = f"How many solutions the ORM needs, {level} stories"
            tables.append(labels_table(f"labels_needed_{level}", title, prms, orms, seed=seed))
    return tables


def _write_results(
    command: "CompareOptions", plan: Plan, outcomes: "Mapping[Regime, Outcome]", report: "Report"
) -> None:
    from prmkit.evaluation.regimes import entries
    from prmkit.files import write_json

    rows = [
        row
        | {"seeds": list(range(command.seed, command.seed + regime.runs))}
        | {"command": report.command, "commit": outcome.commit}
        for regime, outcome in outcomes.items()
        for row in entries(regime.name, [outcome], default=regime == plan.default, seed=command.seed)
    ]
    write_json(command.out / RESULTS, rows)
