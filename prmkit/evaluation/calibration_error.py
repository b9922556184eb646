"""How far scores are from how often the outcome comes true: ECE, Brier score and reliability diagrams.

An outcome is 0 or 1, or a share in [0, 1] that stands for several draws (a Monte-Carlo rate k/n): the figures then
speak of a single draw. Making scores calibrated is `prmkit.rewards.calibration`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from prmkit.errors import ShapeError
from prmkit.evaluation.intervals import Estimate, Floats, Ints, statistic_estimate
from prmkit.evaluation.judged import problem_ratios

BINS = 10
"""Bins unless told otherwise; each holds about as many scores as the next (Nguyen and O'Connor 2015)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """One bin of a reliability diagram."""

    low: float
    """Lowest score in it."""
    high: float
    """Highest score in it."""
    count: int
    """Scores in it; at least 1."""
    mean_score: float
    """Mean of its scores."""
    outcome: Estimate
    """How often the outcome came true; the interval resamples problems."""


def ece(scores: ArrayLike, outcomes: ArrayLike, bins: int = BINS) -> float:
    """Expected calibration error: the mean over bins of |mean score - mean outcome|, weighted by their counts.

    Naeini et al. 2015 (AAAI), with bins of equal mass. Chance alone makes it greater than 0: about
    `sqrt(2 * bins * p * (1 - p) / (pi * N))` for calibrated scores.

    Args:
        scores: `[N]`, in [0, 1].
        outcomes: `[N]`, in [0, 1].
        bins: At most so many; equal scores share a bin.

    Raises:
        ShapeError: The two differ in length, are empty, or hold values outside [0, 1].
    """
    score_N, outcome_N = _checked(scores, outcomes)
    bin_N = mass_bins(score_N, bins)
    return float(np.abs(np.bincount(bin_N, weights=score_N - outcome_N)).sum() / len(score_N))


def brier(scores: ArrayLike, outcomes: ArrayLike) -> float:
    """Brier score: the mean squared distance between a score and the 0 or 1 of one draw of its outcome.

    Args:
        scores: `[N]`, in [0, 1].
        outcomes: `[N]`, in [0, 1]; a share r counts as r draws of 1 and 1 - r of 0.

    Raises:
        ShapeError: As of `ece`.
    """
    return float(_squares(*_checked(scores, outcomes)).mean())


def calibration_estimates(
    scores: ArrayLike, outcomes: ArrayLike, problems: Ints | None = None, *, bins: int = BINS, seed: int = 0
) -> dict[str, Estimate]:
    """`ece` and `brier` with intervals that resample problems; the bins stay.

    Resampling adds to the ECE what chance adds, so its interval lies high; where it lies above the estimate itself, it
    is stretched down to it.

    Args:
        scores: `[N]`, in [0, 1].
        outcomes: `[N]`, in [0, 1].
        problems: `[N]`, the number of each one's problem; None takes each as a problem of its own.
        bins: Of the ECE.
        seed: Of the resamples.
    """
    score_N, outcome_N = _checked(scores, outcomes)
    bin_N, row_N = mass_bins(score_N, bins), _rows(problems, len(score_N))
    shape = (int(row_N.max()) + 1, int(bin_N.max()) + 1)
    gaps_PB, squares_P, counts_P = np.zeros(shape), np.zeros(shape[0]), np.bincount(row_N).astype(np.float64)
    np.add.at(gaps_PB, (row_N, bin_N), score_N - outcome_N)
    np.add.at(squares_P, row_N, _squares(score_N, outcome_N))

    def share(per_problem: Floats) -> Estimate:
        found = statistic_estimate(
            lambda weights_RP: (
                np.abs(weights_RP @ per_problem).reshape(len(weights_RP), -1).sum(1) / (weights_RP @ counts_P)
            ),
            problems=shape[0],
            n=len(score_N),
            seed=seed,
        )
        assert found is not None  # there are scores
        return replace(found, low=min(found.low, found.value))

    return {"ece": share(gaps_PB), "brier": share(squares_P)}


def reliability(
    scores: ArrayLike, outcomes: ArrayLike, problems: Ints | None = None, *, bins: int = BINS, seed: int = 0
) -> list[ReliabilityBin]:
    """The bins of a reliability diagram, in order of score; arguments as of `calibration_estimates`."""
    score_N, outcome_N = _checked(scores, outcomes)
    bin_N, row_N = mass_bins(score_N, bins), _rows(problems, len(score_N))
    members: Sequence[np.ndarray] = [bin_N == each for each in range(int(bin_N.max()) + 1)]
    shares = problem_ratios(row_N, [(outcome_N * inside, inside) for inside in members], seed)
    return [
        ReliabilityBin(
            low=float(score_N[inside].min()),
            high=float(score_N[inside].max()),
            count=int(inside.sum()),
            mean_score=float(score_N[inside].mean()),
            outcome=share,
        )
        for inside, share in zip(members, shares, strict=True)
        if share is not None
    ]


def mass_bins(scores: Floats, bins: int) -> Ints:
    """`[N]`, the number of each score's bin from 0 without gaps: equal mass, and equal scores in one bin."""
    if bins < 1:
        raise ShapeError(f"need at least one bin, got {bins}")
    edges = np.quantile(scores, np.linspace(0, 1, bins + 1)[1:-1], method="inverted_cdf")
    _, numbers = np.unique(np.searchsorted(np.unique(edges), scores, side="left"), return_inverse=True)
    return np.asarray(numbers, dtype=np.int64)


def _squares(score_N: Floats, outcome_N: Floats) -> Floats:
    return outcome_N * (1 - score_N) ** 2 + (1 - outcome_N) * score_N**2


def _rows(problems: Ints | None, count: int) -> Ints:
    """`[N]`, problems numbered from 0 without gaps."""
    if problems is None:
        return np.arange(count)
    if len(problems) != count:
        raise ShapeError(f"{count} scores but {len(problems)} problems")
    return np.asarray(np.unique(problems, return_inverse=True)[1], dtype=np.int64)


def _checked(scores: ArrayLike, outcomes: ArrayLike) -> tuple[Floats, Floats]:
    score_N, outcome_N = (np.asarray(each, dtype=np.float64) for each in (scores, outcomes))
    if score_N.ndim != 1 or score_N.shape != outcome_N.shape or not len(score_N):
        raise ShapeError(f"need as many scores as outcomes, at least one; got {score_N.shape} and {outcome_N.shape}")
    for name, values in (("a score", score_N), ("an outcome", outcome_N)):
        if not ((values >= 0) & (values <= 1)).all():  # NaN too
            raise ShapeError(f"{name} must be in [0, 1], found {values[~((values >= 0) & (values <= 1))][0]}")
    return score_N, outcome_N
