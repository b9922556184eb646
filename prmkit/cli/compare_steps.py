"""Step quality of the models that `prmkit compare` compares."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prmkit.records import ScoredSolution
    from prmkit.report.records import Table

JUDGED = 8
"""Solutions of each problem whose step scores are held against the oracle; more would not sharpen the figures."""


def threshold_of(models: Sequence[Path]) -> float:
    """Below which a step is flagged; the members of an ensemble share it."""
    from prmkit.rewards.metadata import RewardMetadata

    return RewardMetadata.read(models[0]).threshold


def step_tables(
    scored: "Mapping[str, list[ScoredSolution]]", thresholds: Mapping[str, float], seed: int
) -> "list[Table]":
    """Step quality of every model where the problems are stories, over the first solutions of each problem."""
    from prmkit.evaluation.judged import judge_scores
    from prmkit.evaluation.step_quality import step_quality
    from prmkit.evaluation.verdicts import oracle_verdicts
    from prmkit.report.tables import step_quality_table

    counts: dict[str, int] = {}
    kept = []
    pool = next(iter(scored.values()))
    for index, each in enumerate(pool):
        problem = each.solution.problem.problem_id
        counts[problem] = counts.get(problem, 0) + 1
        if counts[problem] <= JUDGED:
            kept.append(index)
    verdicts = oracle_verdicts([pool[index].solution for index in kept])
    if verdicts is None:
        return []
    qualities = {
        name: step_quality(
            judge_scores([rows[index] for index in kept], verdicts), threshold=thresholds[name], seed=seed
        )
        for name, rows in scored.items()
    }
    table = step_quality_table(qualities)
    return [replace(table, note=f"{table.note} Measured on the first {JUDGED} solutions of each problem.")]
