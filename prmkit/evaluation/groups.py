"""The comparison by kind of problem: by difficulty, by length of the solutions, and how far scores follow length.

Lightman et al. 2023 (arXiv:2305.20050) split problems into quintiles of the policy's pass rate. The figures of a group
are those that `prmkit.evaluation.comparison` found at the largest n, over the group's problems.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from prmkit.errors import ShapeError
from prmkit.evaluation.comparison import Comparison, ProblemPool
from prmkit.evaluation.correlation import rank_correlation
from prmkit.evaluation.intervals import (
    Bools,
    Difference,
    Estimate,
    Floats,
    Ints,
    mean_estimates,
    paired_differences,
    share_estimates,
)
from prmkit.evaluation.overoptimisation import peak_column

GROUPS = 5
"""Quintiles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Problems that are alike in what they were grouped by."""

    low: float
    """The smallest value among them."""
    high: float
    """The largest one."""
    problems: int
    """How many they are."""
    accuracy: dict[str, Estimate]
    """By method: share of them solved at the largest n."""
    differences: dict[tuple[str, str], Difference]
    """By pair of methods, paired over them."""
    peaks: dict[str, int]
    """By scored method: the n at which most of them are solved, without an interval. Less than the largest n hints at
    over-optimisation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakdown:
    """The comparison group by group."""

    unit: str
    """What the problems were grouped by: `pass rate`, `tokens` or `characters` of a mean solution."""
    n: int
    """Solutions per problem."""
    groups: tuple[Group, ...]
    """By ascending value, so the hardest problems come first; at most five."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthCorrelation:
    """How far scores follow length, and how far the truth does; both in [-1, 1], on the same solutions."""

    score: Estimate
    """Of score and length; its n counts problems."""
    correct: Estimate
    """Of being right and length: the yardstick."""


def by_difficulty(pools: Sequence[ProblemPool], comparison: Comparison, *, seed: int = 0) -> Breakdown:
    """By the share of a problem's solutions that are right.

    It is the rate in the very pool that is chosen from, so the hardest group also holds problems whose draws had bad
    luck, and shares there are a little lower than on new solutions of the same problems (in the easiest one higher).

    Args:
        pools: Those that were compared, in the same order.
        comparison: What `compare_pool` made of them.
        seed: Of the bootstrap within a group.

    Raises:
        ShapeError: The pools are not those of the comparison.
    """
    return _break_down(pools, comparison, np.array([each.correct.mean() for each in pools]), "pass rate", seed)


def by_length(pools: Sequence[ProblemPool], comparison: Comparison, *, seed: int = 0) -> Breakdown | None:
    """By the mean length of a problem's solutions, in tokens, or in characters where the tokens of some are unknown.

    Arguments and errors as in `by_difficulty`.

    Returns:
        None where no length is known.
    """
    unit, lengths = _lengths(pools)
    if not lengths:
        return None
    written = [each[each > 0] if (each > 0).any() else each for each in lengths]  # draws that wrote nothing have 0
    return _break_down(pools, comparison, np.array([each.mean() for each in written]), unit, seed)


def length_correlations(pools: Sequence[ProblemPool], *, seed: int = 0) -> dict[str, LengthCorrelation | None]:
    """Spearman's correlation of score and length among the usable solutions of a problem, averaged over problems.

    Within problems, because harder ones have longer solutions and lower scores. That of being right with length stands
    beside it, for each method on the very solutions and problems its scores are taken from (cut solutions are long and
    wrong, but have no score): a reward model that follows length more than truth does has learned length.

    Args:
        pools: One per problem.
        seed: Of the bootstrap over problems.

    Returns:
        By scored method, over the problems in which, in every training run, neither scores nor verdicts nor lengths
        of the usable solutions are all equal; None where there are none. Empty where no length is known.
    """
    _, lengths = _lengths(pools)
    if not lengths:
        return {}
    found: dict[str, LengthCorrelation | None] = {}
    for name in pools[0].scores:
        rows = [
            [_within(one, each.correct, length) for one in each.runs_of(name)]
            for each, length in zip(pools, lengths, strict=True)
        ]
        both_TP2 = np.array(rows).swapaxes(0, 1)
        known = np.isfinite(both_TP2).all(axis=(0, 2))
        found[name] = None
        if known.any():
            score, correct = mean_estimates(both_TP2[:, known], seed=seed)
            found[name] = LengthCorrelation(score=score, correct=correct)
    return found


def quintiles(values_P: Floats) -> Ints:
    """`[P]`: the group of each value, from 0 without gaps, of equal size as far as equal values allow.

    Equal values are never parted: their group is that of the middle of their ranks. Where many are equal, groups are
    unequal in size, and there may be fewer than five.
    """
    places = np.floor((rankdata(values_P) - 0.5) * GROUPS / len(values_P))
    return np.asarray(np.unique(places, return_inverse=True)[1], dtype=np.int64)


def _break_down(
    pools: Sequence[ProblemPool], comparison: Comparison, values_P: Floats, unit: str, seed: int
) -> Breakdown:
    if tuple(each.problem_id for each in pools) != comparison.problem_ids:
        raise ShapeError("groups are made of the very pools that were compared, in the same order")
    member_P = quintiles(values_P)
    groups = []
    for index in range(member_P.max() + 1):
        rows = member_P == index
        outcomes = {name: values[:, rows] for name, values in comparison.run_outcomes.items()}
        last = {name: values[:, :, -1:] for name, values in outcomes.items()}
        group = Group(
            low=float(values_P[rows].min()),
            high=float(values_P[rows].max()),
            problems=int(rows.sum()),
            accuracy={name: share_estimates(values, seed=seed)[0] for name, values in last.items()},
            differences={(a, b): paired_differences(last[a], last[b], seed=seed)[0] for a, b in comparison.differences},
            peaks={name: comparison.sizes[peak_column(outcomes[name])] for name in comparison.scored},
        )
        groups.append(group)
    return Breakdown(unit=unit, n=comparison.largest, groups=tuple(groups))


def _lengths(pools: Sequence[ProblemPool]) -> tuple[str, list[Ints]]:
    """Unit, and lengths of every problem's solutions; none where some are unknown in either unit."""
    for unit in ("tokens", "characters"):
        lengths = [getattr(each, unit) for each in pools]
        if all(each is not None for each in lengths):
            return unit, lengths
    return "", []


def _within(scores_N: Floats, correct_N: Bools, lengths_N: Ints) -> list[float]:
    """Correlations of scores and of being right with length in one problem; NaN where one is undefined."""
    usable = np.isfinite(scores_N)
    lengths = lengths_N[usable].tolist()
    found = [rank_correlation(values[usable].tolist(), lengths) for values in (scores_N, correct_N)]
    return [float("nan") if each is None else each for each in found]
