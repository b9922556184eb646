"""How many rollouts a prefix needs, decided from its own counts alone.

So neither the order of the work nor the company of other prefixes can change a count. Pure functions of
(successes, rollouts); `labelers.monte_carlo` draws.
"""

from dataclasses import dataclass
from functools import lru_cache

from labelers.values import Thresholds, class_mass
from prmkit.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """The same number after every step (Math-Shepherd)."""

    rollouts: int = 8
    """At least 1."""

    def __post_init__(self) -> None:
        if self.rollouts < 1:
            raise InputError(f"rollouts must be at least 1, got {self.rollouts}")

    @property
    def most(self) -> int:
        """Rollouts of a prefix at most."""
        return self.rollouts

    def more(self, rollouts: int) -> int:
        """How many more a prefix with so many rollouts needs: all at once."""
        return self.rollouts - rollouts


@dataclass(frozen=True, kw_only=True)
class Limited:
    """What rules that stop once enough is known have in common."""

    confidence: float
    """Between 0 and 1."""
    min_rollouts: int
    """Before anything is decided of a step; at least 1."""
    max_rollouts: int = 16
    """Of a step in any case; at least `min_rollouts`."""

    def __post_init__(self) -> None:
        if not 0 < self.confidence < 1 or not 1 <= self.min_rollouts <= self.max_rollouts:
            raise InputError(
                "need 0 < confidence < 1 and 1 <= min-rollouts <= max-rollouts, "
                f"got {self.confidence}, {self.min_rollouts} and {self.max_rollouts}"
            )

    @property
    def most(self) -> int:
        """Rollouts of a prefix at most."""
        return self.max_rollouts


@dataclass(frozen=True, kw_only=True)
class Sequential(Limited):
    """Until the class of the step is certain enough.

    A step is certain when the posterior mass of the class it would be given now, under Beta(k + PRIOR, n - k + PRIOR),
    reaches `confidence`, or when no outcome of the rollouts that are left could change that class. A round is as long
    as it can be without drawing a rollout that might turn out to be one too many.
    """

    confidence: float = 0.85
    min_rollouts: int = 4

    def certain(self, successes: int, rollouts: int, thresholds: Thresholds) -> bool:
        """Whether the class of a step with these counts (at least one rollout) is certain enough."""
        label = thresholds.label(successes / rollouts)
        if class_mass(successes, rollouts, thresholds)[label + 1] >= self.confidence:
            return True
        left = self.max_rollouts - rollouts
        ends = (successes / self.max_rollouts, (successes + left) / self.max_rollouts)
        return all(thresholds.label(rate) is label for rate in ends)

    def more(self, successes: int, rollouts: int, thresholds: Thresholds) -> int:
        """How many more a prefix with these counts needs: up to the next counts that may be certain."""
        return _next_round(self, successes, rollouts, thresholds)


@lru_cache(maxsize=1 << 16)
def _next_round(rule: Sequential, successes: int, rollouts: int, thresholds: Thresholds) -> int:
    if rollouts < rule.min_rollouts:
        return rule.min_rollouts - rollouts
    left = rule.max_rollouts - rollouts
    if left <= 0 or rule.certain(successes, rollouts, thresholds):
        return 0
    for size in range(1, left):
        if any(rule.certain(successes + right, rollouts + size, thresholds) for right in range(size + 1)):
            return size
    return left


def until_mixed(successes: int, rollouts: int, most: int) -> int:
    """How many more rollouts (at least one is there) tell whether all are alike: as many again, `most` in all."""
    return min(rollouts, most - rollouts) if successes in (0, rollouts) else 0
