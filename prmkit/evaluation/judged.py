"""Solutions beside the verdicts of a judge that knows the truth, and the sums over problems that intervals need."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from prmkit.demo.oracle import Judgement, StepTruth, judge_solution
from prmkit.errors import ShapeError
from prmkit.evaluation.intervals import Estimate, Ints, ratio_estimates
from prmkit.formats.verdicts import JudgedSolution, Verdicts
from prmkit.records import ScoredSolution, Solution


class HasSolution(Protocol):
    """A labelled or scored solution."""

    @property
    def solution(self) -> Solution:
        """The solution itself."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedScores:
    """A solution with the verdicts of somebody who knows and the scores of a reward model."""

    judged: JudgedSolution
    """The solution and its verdicts."""
    step_scores: tuple[float, ...]
    """In [0, 1], one per step."""
    score: float
    """Of the whole solution, by the model's own aggregation."""

    def __post_init__(self) -> None:
        name, steps = self.judged.name, len(self.judged.steps)
        if not steps == len(self.judged.verdicts.truths) == len(self.step_scores):
            raise ShapeError(
                f"solution {name}: {steps} steps, {len(self.judged.verdicts.truths)} judged, "
                f"{len(self.step_scores)} scores"
            )
        if not np.isfinite([*self.step_scores, self.score]).all():
            raise ShapeError(f"solution {name}: scores that are not numbers: {self.step_scores}, {self.score}")


def judge_scores(scored: Sequence[ScoredSolution], verdicts: Sequence[Verdicts]) -> list[JudgedScores]:
    """Scored solutions of ours beside verdicts.

    Raises:
        ShapeError: They differ in number, or steps, scores and truths of a solution do.
    """
    if len(scored) != len(verdicts):
        raise ShapeError(f"{len(scored)} solutions but {len(verdicts)} verdicts")
    return [
        JudgedScores(judged=with_verdicts(each.solution, said), step_scores=each.step_scores, score=each.score)
        for each, said in zip(scored, verdicts, strict=True)
    ]


def with_verdicts(solution: Solution, verdicts: Verdicts) -> JudgedSolution:
    """A solution of ours as one of a data set that somebody judged."""
    return JudgedSolution(name=solution.name, problem=solution.problem.problem, steps=solution.steps, verdicts=verdicts)


def judge_stories(solutions: Sequence[Solution]) -> list[Judgement] | None:
    """The oracle's verdict on every solution; None where a problem is not an arithmetic story."""
    try:
        return [judge_solution(each.problem.problem, each.steps) for each in solutions]
    except ValueError:
        return None


def judged_steps(truths: Sequence[StepTruth | None]) -> int:
    """How many steps count: up to the first error, for what follows rests on it; or up to the first not judged."""
    for index, truth in enumerate(truths):
        if truth is None or truth is StepTruth.WRONG:
            return index + (truth is not None)
    return len(truths)


def group_numbers(items: Sequence[JudgedScores]) -> Ints:
    """For each item the number of its group, from 0 in order of first appearance."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(each.judged.group, len(numbers)) for each in items], dtype=np.int64)


def first_index(flags: Sequence[bool]) -> int:
    """Index of the first True; -1 where there is none."""
    return list(flags).index(True) if any(flags) else -1


def problem_ratios(
    problems: Ints, columns: Sequence[tuple[NDArray[Any], NDArray[Any]]], seed: int
) -> list[Estimate | None]:
    """Ratios of sums, with intervals that resample problems.

    Args:
        problems: `[U]`, for each unit (a step or solution) the number of its problem.
        columns: Numerators and denominators, `[U]` each; booleans count as 0 and 1.
        seed: Of the bootstrap.
    """
    if not len(problems):
        return [None] * len(columns)
    _, row = np.unique(problems, return_inverse=True)
    above, below = (
        np.stack([np.bincount(row, weights=pair[side]).astype(np.float64) for pair in columns], axis=1)
        for side in (0, 1)
    )
    return ratio_estimates(above, below, seed=seed)


def problem_numbers(items: Sequence[HasSolution]) -> Ints:
    """For each item the number of its problem, from 0 in order of first appearance."""
    numbers: dict[str, int] = {}
    return np.array(
        [numbers.setdefault(each.solution.problem.problem_id, len(numbers)) for each in items], dtype=np.int64
    )


def check_judged(items: Sequence[HasSolution], judgements: Sequence[Judgement]) -> None:
    """Make sure that there is a verdict for every step.

    Raises:
        ShapeError: Items and judgements, or the steps of one of them, differ in number.
    """
    if len(items) != len(judgements):
        raise ShapeError(f"{len(items)} solutions but {len(judgements)} judgements")
    for each, judgement in zip(items, judgements, strict=True):
        if len(each.solution.steps) != len(judgement.steps):
            raise ShapeError(
                f"solution {each.solution.name}: {len(each.solution.steps)} steps, {len(judgement.steps)} judged"
            )
