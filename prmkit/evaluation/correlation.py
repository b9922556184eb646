"""Rank correlations, with intervals that resample prompts."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata, spearmanr

from prmkit.evaluation.intervals import LEVEL, Estimate, Floats, Ints, bootstrap_weights

RESAMPLES = 400
"""Bootstrap samples, fewer than elsewhere, for each needs a sort."""


def numbered(names: Sequence[str]) -> Ints:
    """`[N]`, each name's number, from 0 without gaps."""
    return np.asarray(np.unique(np.array(names, dtype=object), return_inverse=True)[1], dtype=np.int64)


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's rank correlation in [-1, 1]; None where one of the two is constant, or fewer than two values."""
    if len(first) < 2 or len(set(first)) == 1 or len(set(second)) == 1:
        return None
    return float(spearmanr(first, second).statistic)


def correlation_estimate(prompts: Ints, first: Floats, second: Floats, seed: int) -> Estimate | None:
    """Spearman's rank correlation of two columns `[N]`, in [-1, 1]; None where one of them is constant.

    Args:
        prompts: `[N]`, the number of each row's prompt, from 0 without gaps.
        first: One column.
        second: The other.
        seed: Of the bootstrap; samples in which a column is constant do not count.
    """

    def correlate(weights_N: Floats) -> float:
        rows = np.repeat(np.arange(len(first)), weights_N.astype(np.int64))
        if not len(rows) or np.ptp(first[rows]) == 0 or np.ptp(second[rows]) == 0:
            return float("nan")
        return float(np.corrcoef(rankdata(first[rows]), rankdata(second[rows]))[0, 1])

    value = correlate(np.ones(len(prompts)))
    if np.isnan(value):
        return None
    chunks = bootstrap_weights(int(prompts.max()) + 1, seed, RESAMPLES)
    values = [correlate(weights_P[prompts]) for weights_RP in chunks for weights_P in weights_RP]
    low, high = np.nanpercentile([*values, value], [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return Estimate(value=value, low=float(low), high=float(high), n=len(prompts))
