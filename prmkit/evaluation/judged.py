"""Solutions beside the verdicts of a judge that knows the truth, and the sums over problems that intervals need."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from prmkit.demo.oracle import Judgement, judge_solution
from prmkit.errors import ShapeError
from prmkit.evaluation.intervals import Estimate, Ints, ratio_estimates
from prmkit.records import Solution


class HasSolution(Protocol):
    """A labelled or scored solution."""

    @property
    def solution(self) -> Solution:
        """The solution itself."""
        ...


def judge_stories(solutions: Sequence[Solution]) -> list[Judgement] | None:
    """The oracle's verdict on every solution; None where a problem is not an arithmetic story."""
    try:
        return [judge_solution(each.problem.problem, each.steps) for each in solutions]
    except ValueError:
        return None


def judged_steps(judgement: Judgement) -> int:
    """How many steps of a solution are judged: up to the first error. What follows an error rests on it."""
    return len(judgement.steps) if judgement.first_error < 0 else judgement.first_error + 1


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
