"""Over-optimisation: how far choosing harder by a score is worth it, and where it starts to do harm.

Best-of-n moves away from the policy by KL(n) = log n - (n - 1) / n nats. Gao, Schulman and Hilton 2022
(arXiv:2210.10760) set two curves against it: the proxy, what the score says of the solutions it chose, which can only
rise, and the gold one, what they are worth, which may turn. Here the gold curve is the accuracy that
`prmkit.evaluation.comparison` measured; nothing is measured anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from prmkit.errors import ShapeError
from prmkit.evaluation.best_of_n import highest_score
from prmkit.evaluation.comparison import Comparison, ProblemPool
from prmkit.evaluation.intervals import RESAMPLES, Difference, Estimate, Floats, mean_estimates, paired_differences


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """R(d) = d (alpha - beta d), the gain in accuracy over one solution at the distance d = sqrt(KL), in shares."""

    alpha: Estimate
    """Slope at the start, per square root of a nat."""
    beta: Estimate
    """How fast the slope falls, per nat; what over-optimisation costs where it is positive."""
    best: float | None
    """Distance d* = alpha / (2 beta) at which R is highest, an extrapolation beyond the largest d; None unless both are
    positive, for then R rises or falls throughout."""
    residual: float
    """Root mean square of what the fit misses, in shares of problems: whether the form suits the curve at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overoptimisation:
    """Gold and proxy curve of one score."""

    sizes: tuple[int, ...]
    """Those of the comparison."""
    kl: tuple[float, ...]
    """For each n: KL in nats; the mean over problems, where some have fewer solutions than n."""
    gold: tuple[Estimate, ...]
    """For each n: share of problems solved by best-of-n."""
    proxy: tuple[Estimate, ...]
    """For each n: expected highest score, over the problems that have a usable solution."""
    peak: int
    """The n with the highest accuracy, the smallest of several."""
    fall: Difference | None
    """Accuracy at the largest n minus that at the peak, paired over problems, with interval and p-value corrected for
    having chosen the peak by looking (Bonferroni); None where the peak is the largest n."""
    fit: Fit | None
    """Least squares over the n above 1; None where there are fewer than three."""

    @property
    def falls(self) -> bool:
        """Whether the accuracy is shown to fall after its peak."""
        return self.fall is not None and self.fall.high < 0


def kl(n: int) -> float:
    """KL divergence in nats of best-of-n from the policy that drew the n (an upper bound where scores tie).

    Raises:
        ShapeError: n is less than 1.
    """
    if n < 1:
        raise ShapeError(f"best-of-n needs n >= 1, got {n}")
    return log(n) - (n - 1) / n


def overoptimisation(
    pools: Sequence[ProblemPool], comparison: Comparison, *, seed: int = 0, resamples: int = RESAMPLES
) -> dict[str, Overoptimisation]:
    """Gold and proxy curve of every scored method.

    Args:
        pools: Those that were compared, in the same order.
        comparison: What `compare_pool` made of them.
        seed: Of the bootstrap.
        resamples: Of the bootstrap over problems.

    Returns:
        By method. One without any usable solution has no proxy curve and is left out.

    Raises:
        ShapeError: The pools are not those of the comparison.
    """
    if tuple(each.problem_id for each in pools) != comparison.problem_ids:
        raise ShapeError("over-optimisation needs the very pools that were compared, in the same order")
    distances = tuple(float(np.mean([kl(min(n, each.size)) for each in pools])) for n in comparison.sizes)
    single = np.array([each.correct.mean() for each in pools])
    found = {}
    for name in comparison.scored:
        proxy_TPS = np.stack([_proxy(each, name, comparison.sizes) for each in pools], axis=1)
        usable = np.isfinite(proxy_TPS).all(axis=(0, 2))
        if not usable.any():
            continue
        gold_TPS = comparison.run_outcomes[name]
        peak, fall = _fall(gold_TPS, seed, resamples)
        found[name] = Overoptimisation(
            sizes=comparison.sizes,
            kl=distances,
            gold=comparison.accuracy[name],
            proxy=tuple(mean_estimates(proxy_TPS[:, usable], seed=seed, resamples=resamples)),
            peak=comparison.sizes[peak],
            fall=fall,
            fit=_fit(gold_TPS - single[:, None], distances, seed, resamples),
        )
    return found


def _proxy(pool: ProblemPool, name: str, sizes: Sequence[int]) -> Floats:
    """`[T, S]`."""
    return np.array([[highest_score(one, min(n, pool.size)) for n in sizes] for one in pool.runs_of(name)])


def peak_column(gold_TPS: Floats) -> int:
    """Column of the n at which most problems are solved; of several the first."""
    return int(np.round(gold_TPS.mean(axis=(0, 1)), 12).argmax())


def _fall(gold_TPS: Floats, seed: int, resamples: int) -> tuple[int, Difference | None]:
    """Column of the peak, and what the last one lost against it."""
    columns, peak = gold_TPS.shape[-1], peak_column(gold_TPS)
    if peak == columns - 1:
        return peak, None
    last, highest = gold_TPS[:, :, [-1]], gold_TPS[:, :, [peak]]
    return peak, paired_differences(last, highest, seed=seed, resamples=resamples, chosen_of=columns - 1)[0]


def _fit(gain_TPS: Floats, distances: Sequence[float], seed: int, resamples: int) -> Fit | None:
    """Least squares are linear in the gains: each problem has its own alpha and beta, and their mean is the fit's."""
    d_S = np.sqrt(distances)
    away = d_S > 0
    if away.sum() < 3:
        return None
    forms_S2 = np.stack([d_S, -(d_S**2)], axis=1)[away]
    alpha, beta = mean_estimates(gain_TPS[:, :, away] @ np.linalg.pinv(forms_S2).T, seed=seed, resamples=resamples)
    missed = gain_TPS[:, :, away].mean(axis=(0, 1)) - forms_S2 @ [alpha.value, beta.value]
    turns = alpha.value > 0 and beta.value > 0
    return Fit(
        alpha=alpha,
        beta=beta,
        best=alpha.value / (2 * beta.value) if turns else None,
        residual=float(np.sqrt((missed**2).mean())),
    )
