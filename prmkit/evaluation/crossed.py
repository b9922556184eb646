"""The interval of a mean over problems and training runs, every run on every problem (a crossed design).

The variance of the mean over problems, which is what a bootstrap of them estimates, and that over runs are added up. A
bootstrap of three runs, or five, would give a handful of different means, whose percentiles say little. Few runs also
say little about how far runs spread, so the quantile is Student's t as far as the variance is between the runs (Cochran
1964, Biometrics 20).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtri, stdtrit

Floats = NDArray[np.float64]

_LEAST = 1e-6
"""Tails below this are not told apart."""


def over_runs(studies: Sequence[Floats], level: float) -> tuple[Floats, Floats, Floats]:
    """Lower and upper end for the mean of each of M columns, and the two-sided p-value of its being 0: `[M]` each.

    The variance between the T runs of a study has T - 1 degrees of freedom, that between problems as many as a single
    run has; the quantiles of t and of the normal distribution are averaged, each weighted with its part of the
    variance. Satterthwaite's degrees of freedom (1946) would make intervals cover too rarely. What depends on run and
    problem together is in both parts, and so counted twice; it is divided by T times P, and little.

    Args:
        studies: One or several that are independent, each with problems and runs of its own and counted alike:
            `[T, P, M]`. The variance between runs is taken as known from the runs of all of them.
        level: Of the interval, in (0, 1). It excludes 0 exactly where the p-value is below 1 - level.
    """
    freedom = sum(len(each) - 1 for each in studies)
    mean_M = np.mean([each.mean(axis=(0, 1)) for each in studies], axis=0)
    between_runs_M = np.sum([_between_runs(each) for each in studies], axis=0) / len(studies) ** 2
    between_problems_M = np.sum([_between_problems(each) for each in studies], axis=0) / len(studies) ** 2
    return _interval(mean_M, between_runs_M, between_problems_M, np.full(len(mean_M), max(1, freedom)), level)


def over_unpaired_runs(first: Floats, second: Floats, level: float) -> tuple[Floats, Floats, Floats]:
    """As `over_runs`, of a first minus a second whose runs have nothing to do with each other, on the same problems.

    The variances that both means have from their runs are added up, with Welch's degrees of freedom (1947, Biometrika
    34).

    Args:
        first: `[T, P, M]`.
        second: `[U, P, M]`, U equal to T or not.
        level: Of the interval.
    """
    runs_2M = np.array([_between_runs(first), _between_runs(second)])
    freedom_21 = np.maximum(1, [[len(first) - 1], [len(second) - 1]])
    least = np.finfo(np.float64).tiny
    freedom_M = np.maximum(1.0, runs_2M.sum(axis=0) ** 2 / np.maximum(least, (runs_2M**2 / freedom_21).sum(axis=0)))
    gap_1PM = (first.mean(axis=0) - second.mean(axis=0))[None]
    return _interval(gap_1PM.mean(axis=(0, 1)), runs_2M.sum(axis=0), _between_problems(gap_1PM), freedom_M, level)


def _interval(
    mean_M: Floats, between_runs_M: Floats, between_problems_M: Floats, freedom_M: Floats, level: float
) -> tuple[Floats, Floats, Floats]:
    variance_M = np.asarray(between_runs_M + between_problems_M)
    share_M = between_runs_M / np.maximum(variance_M, np.finfo(np.float64).tiny)
    error_M = np.sqrt(variance_M)
    half_M = _quantile(share_M, freedom_M, (1 - level) / 2) * error_M
    p_M = np.array([_p_value(*each) for each in zip(mean_M, error_M, share_M, freedom_M, strict=True)])
    return mean_M - half_M, mean_M + half_M, p_M


def _between_runs(values_TPM: Floats) -> Floats:
    """`[M]`: variance that the mean has from its T runs; of one run nothing is known."""
    runs = len(values_TPM)
    if runs == 1:
        return np.zeros(values_TPM.shape[2])
    return np.asarray(values_TPM.mean(axis=1).var(axis=0, ddof=1) / runs)


def _between_problems(values_TPM: Floats) -> Floats:
    """`[M]`: variance that the mean has from its P problems."""
    return np.asarray(values_TPM.mean(axis=0).var(axis=0) / values_TPM.shape[1])


def _quantile(share: Floats | np.float64, freedom: Floats | np.float64, tail: float) -> Floats:
    """How many standard errors the end is away that leaves out `tail` on its side."""
    return np.asarray(-share * stdtrit(freedom, tail) - (1 - share) * ndtri(tail))


def _p_value(mean: np.float64, error: np.float64, share: np.float64, freedom: np.float64) -> float:
    """Twice the tail at which the interval's end is 0."""

    def beyond(tail: float) -> float:
        return float(_quantile(share, freedom, tail) * error - abs(mean))

    if mean == 0:
        return 1.0
    return 2 * (float(brentq(beyond, _LEAST, 0.5)) if beyond(_LEAST) > 0 else _LEAST)
