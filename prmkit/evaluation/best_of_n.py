"""What a problem's N solutions say about drawing n of them: exact expectations over all subsets of size n.

Every function takes one problem; nothing is sampled, so nothing depends on the order of the solutions or on a seed
(`prmkit.evaluation.weighted` has the one method without such a form). References: pass@k, Chen et al. 2021
(arXiv:2107.03374); best-of-n by a reward model and majority voting over subsets of one pool, Lightman et al. 2023
(arXiv:2305.20050).
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from prmkit.errors import ShapeError
from prmkit.evaluation.intervals import Bools, Floats, Ints

NO_ANSWER = -1
"""Class of a solution without an answer: it casts no vote."""


def subset_sizes(pool: int) -> tuple[int, ...]:
    """1, 2, 4, ... and `pool` itself, in order.

    Raises:
        ShapeError: `pool` is less than 1.
    """
    if pool < 1:
        raise ShapeError(f"a pool needs at least one solution per problem, got {pool}")
    return (*(1 << power for power in range(pool.bit_length()) if 1 << power < pool), pool)


def pass_at(correct: Bools, n: int) -> float:
    """Probability that at least one of n solutions is right; for n = 1 the mean correctness (Chen et al. 2021).

    Args:
        correct: `[N]`, the grader's verdicts.
        n: Size of the subsets, 1 to N.

    Raises:
        ShapeError: n is not within 1 to N, or the arrays differ in length. (So do all functions here.)
    """
    _check(n, correct)
    return 1.0 - float(_all_within(len(correct), n)[int((~correct).sum())])


def best_of_n(correct: Bools, scores: Floats, n: int) -> float:
    """Probability that the solution with the highest score among n is right; equal scores share the choice equally.

    With the solutions sorted by score, the best of a subset has at most the m-th lowest score in C(m, n) of C(N, n)
    subsets. Within a group of equal scores all are equally likely to be chosen, so the group counts with its mean.

    Args:
        correct: `[N]`, the grader's verdicts.
        scores: `[N]`; minus infinity is allowed and chosen last.
        n: Size of the subsets, 1 to N.
    """
    _check(n, correct, scores)
    _check_scores(scores)
    _, group, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    right = np.bincount(group, weights=correct) / sizes
    within = _all_within(len(correct), n)[np.concatenate([[0], sizes.cumsum()])]
    return float(np.diff(within) @ right)


def highest_score(scores: Floats, n: int) -> float:
    """Expected highest score among n solutions, over the subsets in which one is usable: what best-of-n maximises.

    Args:
        scores: `[N]`; minus infinity marks a solution that cannot be used.
        n: Size of the subsets, 1 to N.

    Returns:
        In the unit of the scores; NaN where no solution is usable.
    """
    _check(n, scores)
    _check_scores(scores)
    values, sizes = np.unique(scores, return_counts=True)
    highest = np.diff(_all_within(len(scores), n)[np.concatenate([[0], sizes.cumsum()])])
    usable = np.isfinite(values)
    return float(highest[usable] @ values[usable] / highest[usable].sum()) if usable.any() else float("nan")


def majority(correct: Bools, classes: Ints, n: int) -> float:
    """Probability that the answer most frequent among n solutions is right; classes with equally many votes share.

    Exact for any n. Solutions are thought of as drawn independently with probability n/N each and conditioned on n
    being drawn, which makes all subsets equally likely and lets the classes be convolved one by one. For every number
    of votes v that can win, the convolution counts how often v is the maximum, in how many classes, and how right
    those are.

    Args:
        correct: `[N]`, the grader's verdicts. A class counts with the mean over its members, should they differ.
        classes: `[N]`, equal where answers are equivalent; `NO_ANSWER` casts no vote. A subset without any vote is
            wrong.
        n: Size of the subsets, 1 to N.
    """
    _check(n, correct, classes)
    votes = classes != NO_ANSWER
    _, group, counts = np.unique(classes[votes], return_inverse=True, return_counts=True)
    if not len(counts):
        return 0.0
    right = np.bincount(group, weights=correct[votes]) / counts
    if n == len(classes):
        return float(right[counts == counts.max()].mean())
    silent = len(classes) - int(votes.sum())
    total = sum(_won_with(v, counts, right, silent, n) for v in range(1, min(n, counts.max()) + 1))
    return float(min(1.0, total / _drawn(len(correct), n, len(correct))[n]))


def _won_with(v: int, counts: Ints, right: Floats, silent: int, n: int) -> float:
    """Expected correctness in the event that n are drawn and the winners have exactly v votes (not normalised)."""
    pool = int(counts.sum()) + silent
    able = counts >= v
    # Classes that cannot reach v only fill the subset, and may be treated as one.
    fill = int(counts[~able].sum()) + silent
    ties = n // v
    ways = np.zeros((ties + 1, n + 1))  # by number of classes that have v votes, and solutions drawn
    ways[0, : min(fill, n) + 1] = _drawn(fill, n, pool)[: n + 1]
    sums = np.zeros_like(ways)  # the same, weighted by the summed correctness of those classes
    for count, rightness in zip(counts[able], right[able], strict=True):
        chances = _drawn(int(count), n, pool)[: v + 1]
        fewer = _convolution(chances[:v], n)
        winning_ways, winning_sums = ways[:-1, : n + 1 - v] * chances[v], sums[:-1, : n + 1 - v] * chances[v]
        ways, sums = ways @ fewer, sums @ fewer
        ways[1:, v:] += winning_ways
        sums[1:, v:] += winning_sums + rightness * winning_ways
    return float(sums[1:, n] @ (1.0 / np.arange(1, ties + 1)))


@lru_cache(maxsize=4096)
def _drawn(count: int, n: int, pool: int) -> Floats:
    """`[count + 1]`: chance that so many of `count` solutions are drawn, each with probability n / pool."""
    return np.asarray(binom.pmf(np.arange(count + 1), count, n / pool), dtype=np.float64)


def _convolution(kernel: Floats, size: int) -> Floats:
    """Matrix `[size + 1, size + 1]` that convolves row vectors with `kernel`."""
    offset = np.arange(size + 1)[None, :] - np.arange(size + 1)[:, None]
    inside = (offset >= 0) & (offset < len(kernel))
    return np.where(inside, kernel[np.where(inside, offset, 0)], 0.0)


@lru_cache(maxsize=256)
def _all_within(pool: int, n: int) -> Floats:
    """`[pool + 1]`: chance that n solutions of `pool` all lie among m given ones, for m from 0 to `pool`."""
    fewer = np.arange(pool, 0, -1)
    return np.concatenate([[1.0], np.cumprod(np.maximum(0, fewer - n) / fewer)])[::-1]


def _check_scores(scores: Floats) -> None:
    if np.isnan(scores).any() or np.isposinf(scores).any():
        unusable = (np.isnan(scores) | np.isposinf(scores)).nonzero()[0].tolist()
        raise ShapeError(f"solutions {unusable} have no score (NaN or infinity)")


def _check(n: int, correct: NDArray[np.generic], *others: NDArray[np.generic]) -> None:
    if any(other.shape != correct.shape for other in others) or correct.ndim != 1:
        raise ShapeError(f"need vectors of one length, got {[each.shape for each in (correct, *others)]}")
    if not 1 <= n <= len(correct):
        raise ShapeError(f"n must be within 1 and the {len(correct)} solutions of the problem, got {n}")
