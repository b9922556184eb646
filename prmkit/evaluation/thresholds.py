"""Choosing the threshold below which a step is flagged, on problems that nothing is reported on.

A threshold tuned on the very solutions it is reported on flatters a model by some points of F1. So the choice takes a
part of the problems, or another file, and whoever reports says which.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prmkit.errors import InputError
from prmkit.evaluation.judged import JudgedScores
from prmkit.formats.verdicts import JudgedSolution
from prmkit.texts import place


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A tuned threshold."""

    threshold: float
    """In [0, 1]."""
    f1: float
    """First-error F1 that it has where it was tuned: too good, never to be reported as the model's."""
    solutions: int
    """It was tuned on; those of unknown first error aside."""


def choose_threshold(items: Sequence[JudgedScores], *, default: float = 0.5) -> Chosen:
    """The threshold with the highest first-error F1; the middle of its range, among equals the nearest to `default`.

    F1 changes only where a threshold passes a score, so all thresholds are tried.

    Raises:
        InputError: The solutions are not both of kinds with and without a wrong step.
    """
    wrong_E2, right_E2 = _ranges(items)
    if not len(wrong_E2) or not len(right_E2):
        raise InputError(
            f"a threshold cannot be tuned on {len(wrong_E2)} solutions with a wrong step and {len(right_E2)} without; "
            "it needs both kinds"
        )
    bounds = np.unique(np.clip([0.0, 1.0, *wrong_E2.ravel(), *right_E2.ravel()], 0.0, 1.0))
    tried = (bounds[:-1] + bounds[1:]) / 2
    a, b = _share_within(wrong_E2, tried), _share_within(right_E2, tried)
    f1 = np.where(a + b == 0, 0.0, 2 * a * b / np.where(a + b == 0, 1.0, a + b))
    best = np.flatnonzero(f1 == f1.max())
    at = best[np.abs(tried[best] - default).argmin()]
    return Chosen(threshold=float(tried[at]), f1=float(f1[at]), solutions=len(wrong_E2) + len(right_E2))


def _ranges(items: Sequence[JudgedScores]) -> tuple[np.ndarray, np.ndarray]:
    """For solutions with and without a wrong step `[E, 2]`: low < threshold <= high gives the right verdict."""
    wrong: list[tuple[float, float]] = []
    right: list[tuple[float, float]] = []
    for item in items:
        error = item.judged.verdicts.first_error
        if error is not None and error >= 0:
            wrong.append((item.step_scores[error], min(item.step_scores[:error], default=1.0)))
        elif error is not None:
            right.append((-1.0, min(item.step_scores)))
    return np.array(wrong).reshape(-1, 2), np.array(right).reshape(-1, 2)


def _share_within(ranges_E2: np.ndarray, tried: np.ndarray) -> np.ndarray:
    """`[T]`: share of the ranges that each threshold lies in."""
    low, high = ranges_E2[ranges_E2[:, 0] < ranges_E2[:, 1]].T
    begun, ended = (np.searchsorted(np.sort(each), tried, "left") for each in (low, high))
    return (begun - ended) / len(ranges_E2)


def split_for_tuning(
    items: Sequence[JudgedScores], share: float, *, seed: int = 0
) -> tuple[list[JudgedScores], list[JudgedScores]]:
    """Solutions to tune on and solutions to report on, by problem: all solutions of one are on one side.

    Args:
        items: All solutions.
        share: Of the problems to tune on, in (0, 1).
        seed: Of the choice; it depends on a problem's text alone, so that other data or models do not change it.

    Raises:
        InputError: The share is out of range, or one side has no solutions.
    """
    if not 0 < share < 1:
        raise InputError(f"the share of problems to tune on must be between 0 and 1, got {share}")
    places = [place(f"{seed}/threshold/{item.judged.group}") for item in items]
    tuned = [item for item, at in zip(items, places, strict=True) if at < share]
    reported = [item for item, at in zip(items, places, strict=True) if at >= share]
    if not tuned or not reported:
        raise InputError(f"{len(items)} solutions cannot be split: {len(tuned)} to tune on, {len(reported)} to report")
    return tuned, reported


def refuse_shared(tuned: Sequence[JudgedSolution], reported: Sequence[JudgedSolution]) -> None:
    """Make sure that nothing is reported on problems that the threshold was tuned on.

    Raises:
        InputError: Problems are on both sides.
    """
    shared = {each.group for each in tuned} & {each.group for each in reported}
    if shared:
        raise InputError(
            f"{len(shared)} problems are both tuned on and reported on, the first {min(shared)[:60]!r}; a threshold "
            "must be tuned on other problems than it is reported on: leave that file out of one side, or tune on a "
            "share (--tune)"
        )
