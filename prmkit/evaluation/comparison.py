"""The comparison: one pool of graded solutions, every method on the same subsets, paired over problems.

Arrays in, curves out; `prmkit.evaluation.pools` makes the arrays from solutions and scores.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from prmkit.errors import ShapeError
from prmkit.evaluation.best_of_n import best_of_n, majority, pass_at, subset_sizes
from prmkit.evaluation.intervals import (
    RESAMPLES,
    Bools,
    Difference,
    Estimate,
    Floats,
    Ints,
    mean_estimates,
    paired_differences,
    share_estimates,
    wilson,
)

MAJORITY = "majority"
"""Method: the most frequent answer."""
PASS = "pass"
"""Method: a right solution is among the n; what a perfect reward model would reach."""
PAIRS = (("prm", "orm"), ("prm", MAJORITY))
"""Differences that are reported, where both methods are there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemPool:
    """The solutions of one problem, as arrays over its N solutions."""

    problem_id: str
    """Unique in the comparison."""
    correct: Bools
    """`[N]`, the grader's verdicts."""
    classes: Ints
    """`[N]`, equal where answers are equivalent; `NO_ANSWER` where there is none."""
    scores: Mapping[str, Floats]
    """By method (`prm`, `orm`): `[N]`, the reward model's score of each solution."""
    tokens: Ints | None = None
    """`[N]`, tokens the policy wrote; None where that is unknown."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What became of every method at every n."""

    problem_ids: tuple[str, ...]
    """In the order of the outcomes' rows; P of them."""
    sizes: tuple[int, ...]
    """Solutions per problem n: 1, 2, 4, ... N; S of them."""
    outcomes: Mapping[str, Floats]
    """By method: `[P, S]`, probability that a problem is solved with n solutions."""
    accuracy: Mapping[str, tuple[Estimate, ...]]
    """By method: share of problems solved, for each n."""
    differences: Mapping[tuple[str, str], tuple[Difference, ...]]
    """By pair of methods: first minus second, paired over problems, for each n."""
    tokens: float | None = None
    """Mean tokens of a solution; None where unknown."""

    @property
    def largest(self) -> int:
        """N."""
        return self.sizes[-1]


@dataclass(frozen=True, kw_only=True)
class SearchOutcome:
    """A guided search on the problems of a comparison, beside best-of-n for about the same number of tokens."""

    name: str
    """What to call it."""
    solved: Estimate
    """Share of problems solved (Wilson interval)."""
    tokens: Estimate
    """Tokens the policy wrote per problem, pruned ones included."""
    against: str
    """Method it is compared with."""
    matched_n: int
    """The n at which `against` writes the number of tokens closest to the search's (N where tokens are unknown)."""
    difference: Difference
    """Search minus `against` at that n, paired over problems."""


def compare_pool(pools: Sequence[ProblemPool], *, seed: int = 0, resamples: int = RESAMPLES) -> Comparison:
    """Compare majority voting, best-of-n by every score and the best possible choice on one pool.

    Args:
        pools: One per problem, all with the same number of solutions N and the same methods.
        seed: Of the bootstrap.
        resamples: Of the bootstrap, over problems.

    Raises:
        ShapeError: No problems, or problems that differ in N or in methods; the message names one.
    """
    names = _check(pools)
    sizes = subset_sizes(len(pools[0].correct))
    outcomes = {
        **{
            name: np.array([[best_of_n(each.correct, each.scores[name], n) for n in sizes] for each in pools])
            for name in names
        },
        MAJORITY: np.array([[majority(each.correct, each.classes, n) for n in sizes] for each in pools]),
        PASS: np.array([[pass_at(each.correct, n) for n in sizes] for each in pools]),
    }
    outcomes = {name: np.round(values, 12) for name, values in outcomes.items()}  # the same at n = 1 to the last digit
    lengths = [each.tokens for each in pools if each.tokens is not None]
    return Comparison(
        problem_ids=tuple(each.problem_id for each in pools),
        sizes=sizes,
        outcomes=outcomes,
        accuracy={
            name: tuple(share_estimates(values, seed=seed, resamples=resamples)) for name, values in outcomes.items()
        },
        differences={
            (a, b): tuple(paired_differences(outcomes[a], outcomes[b], seed=seed, resamples=resamples))
            for a, b in PAIRS
            if a in outcomes and b in outcomes
        },
        tokens=float(np.concatenate(lengths).mean()) if len(lengths) == len(pools) else None,
    )


def compare_search(
    comparison: Comparison,
    name: str,
    correct: Mapping[str, bool],
    tokens: Mapping[str, int],
    *,
    against: str = "prm",
    seed: int = 0,
) -> SearchOutcome:
    """Set a search beside best-of-n by `against` on the same problems.

    Args:
        comparison: Of the pool.
        name: What to call the search.
        correct: By problem id: whether the search solved it; one for every problem of the comparison.
        tokens: By problem id: tokens it wrote.
        against: Method of the comparison.
        seed: Of the bootstrap.

    Raises:
        ShapeError: A problem of the comparison was not searched.
    """
    absent = [each for each in comparison.problem_ids if each not in correct or each not in tokens]
    if absent:
        raise ShapeError(f"{name}: problem {absent[0]!r} and {len(absent) - 1} more of the pool were not searched")
    solved = np.array([correct[each] for each in comparison.problem_ids], dtype=np.float64)
    written = np.array([tokens[each] for each in comparison.problem_ids], dtype=np.float64)
    column = len(comparison.sizes) - 1
    if comparison.tokens:
        column = int(np.abs(np.log(np.array(comparison.sizes) * comparison.tokens / max(1.0, written.mean()))).argmin())
    matched = comparison.outcomes[against][:, [column]]
    return SearchOutcome(
        name=name,
        solved=wilson(int(solved.sum()), len(solved)),
        tokens=mean_estimates(written[:, None], seed=seed)[0],
        against=against,
        matched_n=comparison.sizes[column],
        difference=paired_differences(solved[:, None], matched, seed=seed)[0],
    )


def _check(pools: Sequence[ProblemPool]) -> list[str]:
    """The scored methods, in the order of the first pool."""
    if not pools:
        raise ShapeError("nothing to compare: the pool has no problems")
    first = pools[0]
    for each in pools:
        if len(each.correct) != len(first.correct) or each.scores.keys() != first.scores.keys():
            raise ShapeError(
                f"problem {each.problem_id!r} has {len(each.correct)} solutions scored by {sorted(each.scores)}, "
                f"problem {first.problem_id!r} {len(first.correct)} by {sorted(first.scores)}; all need the same"
            )
    return list(first.scores)
