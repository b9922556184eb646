"""95 % intervals: bootstrap over problems (percentile) for means, paired differences and ratios, Wilson for counts.

Problems are resampled, not solutions or steps: those of one problem resemble each other (a cluster bootstrap). The
intervals say what other problems of the same kind would give. They cover the seed of a training run only where values
of several runs are given; how is in crossed.py.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from prmkit.errors import ShapeError
from prmkit.evaluation.crossed import over_runs

LEVEL = 0.95
"""Of every interval."""
RESAMPLES = 4000
"""Bootstrap samples; the interval's ends then vary by about a twentieth of its width from seed to seed."""
_Z = 1.959963984540054
_CHUNK = 500

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    """The estimate itself."""
    low: float
    """Lower end."""
    high: float
    """Upper end."""
    n: int
    """What it rests on: problems for a mean over problems, the denominator (steps, solutions) for a ratio."""

    @classmethod
    def exact(cls, value: float, n: int = 1) -> "Estimate":
        """A count or a duration: nothing was estimated."""
        return cls(value=value, low=value, high=value, n=n)

    def to_json(self) -> dict[str, float]:
        """As stored in metrics.json."""
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference(Estimate):
    """A paired difference with its 95 % interval and p-value."""

    p_value: float
    """Two-sided, made as the interval is, and never below the exact sign test's where all problems that differ do so in
    one direction: below 0.05 where the interval excludes 0."""

    def to_json(self) -> dict[str, float]:
        """As stored in metrics.json."""
        return {**Estimate.to_json(self), "p_value": self.p_value}


def mean_estimates(values_PM: Floats, *, seed: int = 0, resamples: int = RESAMPLES) -> list[Estimate]:
    """Mean over problems, and training runs, of each of M columns.

    Args:
        values_PM: `[P, M]`, one row per problem; or `[T, P, M]`, the same of T training runs.
        seed: Of the resamples; equal seeds resample the same problems. Several runs need none.
        resamples: At least 2,000 for percentiles that can be quoted.

    Raises:
        ShapeError: No problems, or values that are not finite.
    """
    return [
        Estimate(value=each.value, low=each.low, high=each.high, n=each.n)
        for each in _means(values_PM, LEVEL, seed, resamples)
    ]


def share_estimates(shares_PM: Floats, *, seed: int = 0, resamples: int = RESAMPLES) -> list[Estimate]:
    """`mean_estimates` for values in [0, 1], as are the ends; never certain of 0 or 1 (see `_not_certain`)."""
    found = mean_estimates(shares_PM, seed=seed, resamples=resamples)
    return [_not_certain(replace(each, low=max(0.0, each.low), high=min(1.0, each.high)), each.n) for each in found]


def paired_differences(
    first_PM: Floats, second_PM: Floats, *, seed: int = 0, resamples: int = RESAMPLES, chosen_of: int = 1
) -> list[Difference]:
    """Mean over problems, and training runs, of `first - second`, shares in [0, 1], for each of M columns.

    Where no problem differs, or all that differ do so in one direction, resamples show little spread or none. The
    p-value is then at least that of the exact sign test, 2 * 2^-k with k problems that differ, and where that is 0.05
    or more, or all differences are equal, the interval reaches to where the sign test would put its end; where none
    differs, as far as so many problems allow (see `_sign_tested`).

    Args:
        first_PM: `[P, M]` or `[T, P, M]`. Row i of both is the same problem, and run i of both the same run.
        second_PM: The same; of a single run, or none, it is held against every run of the other.
        seed: Of the resamples.
        resamples: As of `mean_estimates`.
        chosen_of: Among how many comparisons this one was chosen for its outcome. Interval and p-value are corrected
            for that (Bonferroni), so that the chosen one still misses the truth in at most 5 of 100 cases.

    Raises:
        ShapeError: The arrays do not fit, hold no problems, or values that are not finite.
    """
    runs = {shape[0] for shape in (first_PM.shape, second_PM.shape) if len(shape) == 3} - {1}
    if first_PM.shape[-2:] != second_PM.shape[-2:] or len(runs) > 1:
        raise ShapeError(f"paired values must have one shape, got {first_PM.shape} and {second_PM.shape}")
    differences_PM = np.round(first_PM - second_PM, 12)  # rounding errors are no differences
    level = 1 - (1 - LEVEL) / chosen_of
    found = [
        replace(each, low=max(-1.0, each.low), high=min(1.0, each.high), p_value=min(1.0, chosen_of * each.p_value))
        for each in _means(differences_PM, level, seed, resamples)
    ]
    return [
        _sign_tested(each, differences_PM[..., column].reshape(-1, each.n), chosen_of)
        for column, each in enumerate(found)
    ]


def ratio_estimates(
    numerators_PM: Floats, denominators_PM: Floats, *, seed: int = 0, resamples: int = RESAMPLES
) -> list[Estimate | None]:
    """Sum over problems of each numerator column by that of its denominator: precision, recall, F1, shares in [0, 1].

    Args:
        numerators_PM: `[P, M]`, one row per problem.
        denominators_PM: `[P, M]`, not negative.
        seed: Of the resamples.
        resamples: Those that leave a denominator of 0 do not count for that column.

    Returns:
        None for a column whose denominator is 0 everywhere: there is nothing to estimate.
    """
    if numerators_PM.shape != denominators_PM.shape:
        raise ShapeError(f"ratios need one shape, got {numerators_PM.shape} and {denominators_PM.shape}")
    above_RM = _resampled_means(numerators_PM, seed, resamples)
    below_RM = _resampled_means(denominators_PM, seed, resamples)
    estimates: list[Estimate | None] = []
    for column, total in enumerate(denominators_PM.sum(axis=0)):
        if total == 0:
            estimates.append(None)
            continue
        kept = below_RM[:, column] > 0
        low, high = _percentiles(above_RM[kept, column] / below_RM[kept, column])
        value = float(numerators_PM[:, column].sum() / total)
        estimate = Estimate(value=value, low=float(low), high=float(high), n=round(float(total)))
        estimates.append(_not_certain(estimate, int((denominators_PM[:, column] > 0).sum())))
    return estimates


def statistic_estimates(
    statistic: Callable[[Floats], Floats], rests_on_PM: Floats, *, seed: int = 0, resamples: int = RESAMPLES
) -> list[Estimate | None]:
    """Any figures in [0, 1] that can be computed from weighted problems, all from the same resamples.

    Args:
        statistic: From weights `[R, P]` of the problems to `[R, M]` values; NaN where one is undefined.
        rests_on_PM: `[P, M]`, how much of each problem (steps, solutions) each figure rests on; the sum is its n.
        seed: Of the resamples.
        resamples: Those in which a figure is undefined do not count for it.

    Returns:
        None for a figure that is undefined on the problems as they are.
    """
    values_M = statistic(np.ones((1, len(rests_on_PM))))[0]
    values_RM = np.concatenate([statistic(weights) for weights in bootstrap_weights(len(rests_on_PM), seed, resamples)])
    estimates: list[Estimate | None] = []
    for column, (value, rests_on_P) in enumerate(zip(values_M, rests_on_PM.T, strict=True)):
        if np.isnan(value):
            estimates.append(None)
            continue
        low, high = _percentiles(values_RM[~np.isnan(values_RM[:, column]), column])
        estimate = Estimate(value=float(value), low=float(low), high=float(high), n=round(float(rests_on_P.sum())))
        estimates.append(_not_certain(estimate, max(1, int((rests_on_P > 0).sum()))))
    return estimates


def statistic_estimate(
    statistic: Callable[[Floats], Floats], *, problems: int, n: int, seed: int = 0, resamples: int = RESAMPLES
) -> Estimate | None:
    """`statistic_estimates` for a single figure, of which the statistic returns `[R]`; `n` is what it rests on."""
    rests_on_P1 = np.full((problems, 1), n / max(1, problems))
    (found,) = statistic_estimates(lambda w_RP: statistic(w_RP)[:, None], rests_on_P1, seed=seed, resamples=resamples)
    return found


def wilson(successes: int, trials: int) -> Estimate:
    """Share of successes in independent trials with Wilson's score interval.

    Raises:
        ShapeError: No trials, or more successes than trials.
    """
    if not 0 <= successes <= trials or trials < 1:
        raise ShapeError(f"need 0 <= successes <= trials and trials >= 1, got {successes} of {trials}")
    share = successes / trials
    denominator = 1 + _Z**2 / trials
    centre = (share + _Z**2 / (2 * trials)) / denominator
    half = _Z / denominator * (share * (1 - share) / trials + _Z**2 / (4 * trials**2)) ** 0.5
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    return Estimate(value=share, low=min(low, share), high=max(high, share), n=trials)


def _not_certain(estimate: Estimate, problems: int) -> Estimate:
    """Where all problems give 0, or all give 1, or there is one, resampling shows no spread; Wilson's ends stand in."""
    if not estimate.low == estimate.value == estimate.high or (problems > 1 and estimate.value not in (0.0, 1.0)):
        return estimate
    ones = problems * min(1.0, max(0.0, estimate.value))
    least, most = (wilson(int(edge(ones)), problems) for edge in (np.floor, np.ceil))
    return replace(estimate, low=least.low, high=most.high)


def _sign_tested(found: Difference, differences_TP: Floats, chosen_of: int) -> Difference:
    """Where all differences have one sign, or there is none, no more certain than the k problems that differ allow.

    Where none of P problems differs, with 1 - alpha confidence at most a share 1 - (alpha / 2)^(1/P) of all does, each
    by 1 at most. Where k differ, at least a share s = (alpha / 2)^(1/k) of those that do so differ in that direction
    (Clopper and Pearson 1934, Biometrika 26). If the others differ as much in the other one, the mean is 2 s - 1 times
    what was seen: an end that reaches 0 exactly where the sign test's p-value is alpha or more.
    """
    differ = int((differences_TP != 0).any(axis=0).sum())
    if not differ:
        most = 1 - ((1 - LEVEL) / chosen_of / 2) ** (1 / differences_TP.shape[1])
        return replace(found, low=-most, high=most)
    if differences_TP.min() < 0 < differences_TP.max():
        return found
    least = min(1.0, chosen_of * 2 * 0.5**differ)
    low, high = found.low, found.high
    if least >= 1 - LEVEL or np.ptp(differences_TP) == 0:
        end = found.value * (2 * ((1 - LEVEL) / chosen_of / 2) ** (1 / differ) - 1)
        low, high = min(low, end), max(high, end)
    return replace(found, low=low, high=high, p_value=max(least, found.p_value))


def bootstrap_weights(problems: int, seed: int, resamples: int) -> Iterator[Floats]:
    """How often each problem is in each bootstrap sample: chunks `[<= 500, P]` with rows that sum to P.

    Raises:
        ShapeError: No problems or no resamples.
    """
    if problems < 1 or resamples < 1:
        raise ShapeError(f"a bootstrap needs problems and resamples, got {problems} and {resamples}")
    rng = np.random.default_rng(seed)
    even = np.full(problems, 1.0 / problems)
    for start in range(0, resamples, _CHUNK):
        yield rng.multinomial(problems, even, size=min(_CHUNK, resamples - start)).astype(np.float64)


def _resampled_means(values_PM: Floats, seed: int, resamples: int) -> Floats:
    """`[R, M]` of values `[P, M]`."""
    problems = len(values_PM)
    return np.concatenate(
        [weights_RP @ values_PM / problems for weights_RP in bootstrap_weights(problems, seed, resamples)]
    )


def _means(values_PM: Floats, level: float, seed: int, resamples: int) -> list[Difference]:
    """Mean of each of M columns of `[P, M]` or `[T, P, M]`, as a difference from 0."""
    if values_PM.ndim not in (2, 3) or not values_PM.size or not np.isfinite(values_PM).all():
        raise ShapeError(f"need finite values with axes ([run,] problem, column), got shape {values_PM.shape}")
    problems = values_PM.shape[-2]
    if values_PM.ndim == 3 and len(values_PM) > 1:
        ends = over_runs([values_PM], level)
        values_PM = values_PM.mean(axis=0)
    else:
        values_PM = values_PM.reshape(values_PM.shape[-2:])
        means_RM = _resampled_means(values_PM, seed, resamples)
        tail_M = 1 + np.minimum((means_RM <= 0).sum(axis=0), (means_RM >= 0).sum(axis=0))
        ends = (*_percentiles(means_RM, level), np.minimum(1.0, 2 * tail_M / (resamples + 1)))
    return [
        Difference(value=float(mean), low=float(low), high=float(high), n=problems, p_value=float(p))
        for mean, low, high, p in zip(values_PM.mean(axis=0), *ends, strict=True)
    ]


def _percentiles(samples: Floats, level: float = LEVEL) -> tuple[Floats, Floats]:
    low, high = np.percentile(samples, [50 * (1 - level), 50 * (1 + level)], axis=0)
    return low, high
