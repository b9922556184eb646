"""The comparison: one pool of graded solutions, every method on the same subsets, paired over problems.

Arrays in, curves out; `prmkit.evaluation.pools` makes the arrays from solutions and scores. What else the same pool
shows is in `prmkit.evaluation.overoptimisation` (where choosing harder stops paying) and `prmkit.evaluation.groups`
(for which problems it pays).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from zlib import crc32

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
from prmkit.evaluation.weighted import vote_weights, weighted_majority

MAJORITY = "majority"
"""Method: the most frequent answer."""
PASS = "pass"
"""Method: a right solution is among the n; what a perfect reward model would reach."""
WEIGHTED = "-weighted"
"""Ending of a method: majority voting with the scores of the method before it as weights."""
PAIRS = (
    ("prm", "orm"),
    ("prm", MAJORITY),
    ("orm", MAJORITY),
    ("prm" + WEIGHTED, "orm" + WEIGHTED),
    ("prm" + WEIGHTED, MAJORITY),
    ("orm" + WEIGHTED, MAJORITY),
)
"""Differences that are reported, where both methods are there."""
EXACT_VOTES = 128
"""Majority voting over more solutions than this, and not all there are, is drawn: the exact form takes too long."""


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
    """By method (`prm`, `orm`): `[N]`, the reward model's score of each solution, or `[T, N]`, those of T training
    runs of it. Minus infinity where a solution cannot be used."""
    tokens: Ints | None = None
    """`[N]`, tokens the policy wrote; None where that is unknown."""
    characters: Ints | None = None
    """`[N]`, those of the text."""

    @property
    def size(self) -> int:
        """N."""
        return len(self.correct)

    def runs_of(self, method: str) -> Floats:
        """`[T, N]`, the scores of every training run."""
        return np.atleast_2d(self.scores[method])


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What became of every method at every n."""

    problem_ids: tuple[str, ...]
    """In the order of the outcomes' rows; P of them."""
    sizes: tuple[int, ...]
    """Solutions per problem n, ascending: 1, 2, 4, ... N unless others were asked for; S of them."""
    outcomes: Mapping[str, Floats]
    """By method: `[P, S]`, probability that a problem is solved with n solutions, or with all where it has fewer;
    mean over training runs."""
    run_outcomes: Mapping[str, Floats]
    """By method: `[T, P, S]`, the same of each training run; T is 1 where nothing is trained."""
    accuracy: Mapping[str, tuple[Estimate, ...]]
    """By method: share of problems solved, for each n."""
    differences: Mapping[tuple[str, str], tuple[Difference, ...]]
    """By pair of methods: first minus second, paired over problems, for each n."""
    errors: Mapping[str, Floats]
    """By method: `[S]`, Monte-Carlo standard error of its accuracy; 0 where that is exact. (The intervals hold it: it
    is part of what varies between problems.)"""
    short: tuple[int, ...]
    """For each n: problems that have fewer solutions than n."""
    scored: tuple[str, ...]
    """Methods that choose by a score, in the order of the first pool."""
    runs: int
    """Training runs T, the most of any method. With 1 the intervals do not cover the seed of training."""
    tokens: float | None = None
    """Mean tokens of a solution; None where unknown."""

    @property
    def largest(self) -> int:
        """The largest n."""
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


def compare_pool(
    pools: Sequence[ProblemPool], *, sizes: Sequence[int] | None = None, seed: int = 0, resamples: int = RESAMPLES
) -> Comparison:
    """Compare majority voting, best-of-n and weighted voting by every score, and the best possible choice on one pool.

    Args:
        pools: One per problem, all scored by the same methods and as many training runs. A problem with fewer
            solutions than n enters with all it has.
        sizes: The n to compare at, ascending, each at most N, the solutions of the largest pool; None takes 1, 2, 4,
            ... and N.
        seed: Of the bootstrap, and of the subsets where a vote has to be drawn.
        resamples: Of the bootstrap over problems; several training runs need none.

    Raises:
        ShapeError: No problems, problems that differ in methods or training runs (the message names one), or sizes
            that do not ascend within 1 to N.
    """
    scored, runs = _check(pools)
    largest = max(each.size for each in pools)
    sizes = checked_sizes(sizes, largest)
    run_outcomes, errors = _outcomes(pools, scored, sizes, seed)
    lengths = [each.tokens for each in pools if each.tokens is not None]
    return Comparison(
        problem_ids=tuple(each.problem_id for each in pools),
        sizes=sizes,
        outcomes={name: values.mean(axis=0) for name, values in run_outcomes.items()},
        run_outcomes=run_outcomes,
        accuracy={
            name: tuple(share_estimates(values, seed=seed, resamples=resamples))
            for name, values in run_outcomes.items()
        },
        differences={
            (a, b): _differences(run_outcomes[a], run_outcomes[b], sizes, seed, resamples)
            for a, b in PAIRS
            if a in run_outcomes and b in run_outcomes
        },
        errors=errors,
        short=tuple(sum(each.size < n for each in pools) for n in sizes),
        scored=scored,
        runs=runs,
        tokens=float(np.concatenate(lengths).mean()) if len(lengths) == len(pools) else None,
    )


def _differences(
    first_TPS: Floats, second_TPS: Floats, sizes: Sequence[int], seed: int, resamples: int
) -> tuple[Difference, ...]:
    """By n; that methods agree where each has one solution to choose from is known exactly."""
    first, *others = paired_differences(first_TPS, second_TPS, seed=seed, resamples=resamples)
    alike = sizes[0] == 1 and np.allclose(first_TPS[..., 0], second_TPS[..., 0])
    return (replace(first, low=0.0, high=0.0) if alike else first, *others)


def checked_sizes(sizes: Sequence[int] | None, largest: int) -> tuple[int, ...]:
    """The n to compare at; arguments and errors as of `compare_pool`, `largest` being its N."""
    sizes = subset_sizes(largest) if sizes is None else tuple(sizes)
    if not sizes or list(sizes) != sorted(set(sizes)) or sizes[0] < 1 or sizes[-1] > largest:
        raise ShapeError(f"sizes must ascend within 1 and the {largest} solutions of the largest pool, got {sizes}")
    return sizes


def _outcomes(
    pools: Sequence[ProblemPool], scored: Sequence[str], sizes: Sequence[int], seed: int
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """By method: `[T, P, S]` outcomes, and `[S]` Monte-Carlo standard errors of the accuracy."""
    taken = [(each, [min(n, each.size) for n in sizes]) for each in pools]
    outcomes = {
        name: np.stack(
            [[[best_of_n(each.correct, one, n) for n in ns] for one in each.runs_of(name)] for each, ns in taken],
            axis=1,
        )
        for name in scored
    }
    voted_PS2 = np.array([[_majority(each, n, seed) for n in ns] for each, ns in taken])
    outcomes[MAJORITY] = voted_PS2[None, :, :, 0]
    errors = {MAJORITY: voted_PS2[None, :, :, 1]}
    if scored:
        votes = {name: vote_weights([each.runs_of(name) for each in pools]) for name in scored}
        ends = np.cumsum([len(weights[0]) for weights in votes.values()])[:-1]
        values_KPS, errors_KPS = np.stack(
            [
                weighted_majority(each.correct, each.classes, np.concatenate(weights), ns, seed=_seed(each, seed))
                for (each, ns), weights in zip(taken, zip(*votes.values(), strict=True), strict=True)
            ],
            axis=2,
        )
        names = [name + WEIGHTED for name in scored]
        outcomes |= zip(names, np.split(values_KPS, ends), strict=True)
        errors |= zip(names, np.split(errors_KPS, ends), strict=True)
    outcomes[PASS] = np.array([[[pass_at(each.correct, n) for n in ns] for each, ns in taken]])
    # Runs are judged on the same subsets, so the error of their mean is at most the mean of their errors.
    spread = {name: np.sqrt((of.mean(axis=0) ** 2).sum(axis=0)) / len(pools) for name, of in errors.items()}
    outcomes = {name: np.round(values, 12) for name, values in outcomes.items()}  # the same at n = 1 to the last digit
    return outcomes, {name: spread.get(name, np.zeros(len(sizes))) for name in outcomes}


def _majority(pool: ProblemPool, n: int, seed: int) -> tuple[float, float]:
    """Outcome and its standard error."""
    if n <= EXACT_VOTES or n == pool.size:
        return majority(pool.correct, pool.classes, n), 0.0
    equal = np.ones((1, pool.size))
    values, errors = weighted_majority(pool.correct, pool.classes, equal, [n], seed=_seed(pool, seed))
    return float(values[0, 0]), float(errors[0, 0])


def _seed(pool: ProblemPool, seed: int) -> int:
    """Of a problem's draws: independent between problems, and of their order."""
    return crc32(f"{seed} {pool.problem_id}".encode())


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
    matched = comparison.run_outcomes[against][:, :, [column]]
    return SearchOutcome(
        name=name,
        solved=wilson(int(solved.sum()), len(solved)),
        tokens=mean_estimates(written[:, None], seed=seed)[0],
        against=against,
        matched_n=comparison.sizes[column],
        difference=paired_differences(solved[:, None], matched, seed=seed)[0],
    )


def _check(pools: Sequence[ProblemPool]) -> tuple[tuple[str, ...], int]:
    """The scored methods, in the order of the first pool, and the number of training runs."""
    if not pools:
        raise ShapeError("nothing to compare: the pool has no problems")
    first = pools[0]
    runs = {name: len(first.runs_of(name)) for name in first.scores}
    for each in pools:
        if (found := {name: len(each.runs_of(name)) for name in each.scores}) != runs:
            raise ShapeError(
                f"problem {each.problem_id!r} is scored by {_list(found)}, problem {first.problem_id!r} by "
                f"{_list(runs)}; all need the same"
            )
    if len(set(runs.values()) - {1}) > 1:
        raise ShapeError(f"methods need as many training runs as each other, or one: got {_list(runs)}")
    return tuple(runs), max(runs.values(), default=1)


def _list(runs: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({number} run{'s' * (number > 1)})" for name, number in runs.items()) or "nothing"
