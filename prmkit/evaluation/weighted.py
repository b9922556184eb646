"""Weighted majority voting over subsets of one pool: every vote counts with the score of its solution.

Li et al. 2022 (arXiv:2206.02336); the rule is that of `search.choice`, which votes over the candidates of one search.
No closed form is known for real weights, so all subsets are enumerated where they are few, and otherwise some are drawn
at random; the standard error of that is part of the result. The methods that are exact for any n are in
`prmkit.evaluation.best_of_n`.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from math import comb

import numpy as np
from scipy.special import expit

from prmkit.errors import ShapeError
from prmkit.evaluation.best_of_n import NO_ANSWER
from prmkit.evaluation.intervals import Bools, Floats, Ints

SUBSETS = 2048
"""Enumerated if there are no more, otherwise so many are drawn: the standard error of one problem is below 0.011."""
_TIE = 1e-9
"""Sums that differ by no more than this share of the larger are equal: the order of summation decides no vote."""


def vote_weights(scores: Sequence[Floats]) -> list[Floats]:
    """The weights with which one method's scores vote.

    Scores in [0, 1], as all reward models of this package give, are weights as they are. Where any is outside, all are
    taken as logits and go through the sigmoid: rewards have no scale of their own, and a negative weight would make an
    answer less likely for being given more often.

    Args:
        scores: By problem: of any shape, minus infinity where a solution cannot be used.

    Returns:
        In the same shapes: weights in [0, 1], minus infinity where there was one (no vote).
    """
    usable = np.concatenate([each[np.isfinite(each)] for each in scores])
    if ((usable >= 0) & (usable <= 1)).all():
        return list(scores)
    return [np.where(np.isneginf(each), -np.inf, expit(each)) for each in scores]


def weighted_majority(
    correct: Bools, classes: Ints, weights_KN: Floats, sizes: Sequence[int], *, seed: int = 0
) -> tuple[Floats, Floats]:
    """Probability that the answer with the largest sum of weights among n solutions is right, for K weightings.

    Answers whose sums are equal share; a subset in which nobody votes is wrong. With equal positive weights this is
    `majority`. All weightings and sizes are judged on the same draws (a subset of n holds the one of each smaller n),
    so that differences between them have less error than they have.

    Args:
        correct: `[N]`, the grader's verdicts. A class counts with the mean over its voters, should they differ.
        classes: `[N]`, equal where answers are equivalent; `NO_ANSWER` casts no vote.
        weights_KN: `[K, N]`, not negative; minus infinity casts no vote.
        sizes: S sizes of subsets, each 1 to N.
        seed: Of the draws. The order of the solutions does not matter, except where all that is known of two is equal.

    Returns:
        Probabilities `[K, S]`, and their Monte-Carlo standard errors `[K, S]`: 0 where all subsets were enumerated
        (always for 1 and N). The square of an error is unbiased; a single one is 0 where all draws agree.

    Raises:
        ShapeError: Arrays that do not fit, a size outside 1 to N, or weights that are NaN, infinite or negative.
    """
    _check(correct, classes, weights_KN, sizes)
    order = np.lexsort((correct, *weights_KN, classes))
    correct, classes, weights_KN = correct[order], classes[order], weights_KN[:, order]
    pool = len(correct)
    few = [n == 1 or comb(pool, n) <= SUBSETS for n in sizes]
    ranks_NM = None if all(few) else _permutations(pool, seed)
    values_KS, errors_KS = np.zeros((2, len(weights_KN), len(sizes)))
    for column, (n, enumerated) in enumerate(zip(sizes, few, strict=True)):
        subsets_NM = _all_subsets(pool, n) if enumerated or ranks_NM is None else ranks_NM < n
        for row, weights_N in enumerate(weights_KN):
            right_M = _right(subsets_NM, correct, classes, weights_N)
            values_KS[row, column] = right_M.mean()
            errors_KS[row, column] = 0.0 if enumerated else right_M.std(ddof=1) / len(right_M) ** 0.5
    return values_KS, errors_KS


def _right(subsets_NM: Bools, correct: Bools, classes: Ints, weights_N: Floats) -> Floats:
    """`[M]`: how right the winners of each subset are; `classes` is sorted."""
    votes = (classes != NO_ANSWER) & np.isfinite(weights_N)
    if not votes.any():
        return np.zeros(subsets_NM.shape[1])
    _, starts, counts = np.unique(classes[votes], return_index=True, return_counts=True)
    rightness_C = np.add.reduceat(correct[votes].astype(np.float64), starts) / counts
    cast_VM = subsets_NM[votes]
    there_CM = np.logical_or.reduceat(cast_VM, starts, axis=0)
    sums_CM = np.where(there_CM, np.add.reduceat(cast_VM * weights_N[votes, None], starts, axis=0), -1.0)
    won_CM = there_CM & (sums_CM >= sums_CM.max(axis=0) * (1 - _TIE))
    return np.asarray(rightness_C @ won_CM / np.maximum(1, won_CM.sum(axis=0)), dtype=np.float64)


@lru_cache(maxsize=64)
def _all_subsets(pool: int, n: int) -> Bools:
    """`[N, C(N, n)]`, who is in each."""
    subsets_MN = np.zeros((comb(pool, n), pool), dtype=np.bool_)
    members = np.array(list(combinations(range(pool), n)))
    np.put_along_axis(subsets_MN, members, values=True, axis=1)
    return np.ascontiguousarray(subsets_MN.T)


def _permutations(pool: int, seed: int) -> Ints:
    """`[N, SUBSETS]`: each column a random order of the solutions, whose first n are a random subset."""
    ranks_MN = np.tile(np.arange(pool), (SUBSETS, 1))
    return np.ascontiguousarray(np.random.default_rng(seed).permuted(ranks_MN, axis=1).T)


def _check(correct: Bools, classes: Ints, weights_KN: Floats, sizes: Sequence[int]) -> None:
    if correct.ndim != 1 or classes.shape != correct.shape or weights_KN.shape != (len(weights_KN), len(correct)):
        raise ShapeError(
            f"need verdicts and classes [N] and weights [K, N], got {correct.shape}, {classes.shape} and "
            f"{weights_KN.shape}"
        )
    if bad := [n for n in sizes if not 1 <= n <= len(correct)]:
        raise ShapeError(f"n must be within 1 and the {len(correct)} solutions of the problem, got {bad[0]}")
    if (np.isnan(weights_KN) | np.isposinf(weights_KN) | (np.isfinite(weights_KN) & (weights_KN < 0))).any():
        raise ShapeError("weights of votes must be finite and not negative, or minus infinity for none")
