"""Binary search for the first step after which the policy no longer finds the right answer (OmegaPRM).

Luo et al. 2024 (arXiv:2406.06592). A right completion of a step goes through all steps before it, so it proves that
each of these has some value: that half of the search is exact. Wrong completions prove nothing; they are evidence only.
Therefore the step at which the search arrives is rolled out again, until it would be too unlikely that it is of value:
as unlikely as `confidence` asks for if it were worth as much as the step before it is by its own counts (neighbours
borrow strength), `max_rollouts` at most. Where these are too few, the steps behind it are looked at too, nearest first,
until as many rollouts again have failed: values need not fall for good, and each later success proves the step alive.
A success moves the search to the right. Beyond that, that values stay at zero after the first error is assumed.

A pure function of the counts of one solution; `labelers.monte_carlo` draws.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp, log

from scipy.special import betaincc, betaln

from labelers.stopping import Limited
from labelers.values import PRIOR

Counts = tuple[int, int]
"""Successes and rollouts; (0, 0) where nothing was drawn."""


@dataclass(frozen=True, kw_only=True)
class FirstError(Limited):
    """The search in a solution whose own answer is wrong; a right one is itself the proof that no step is lost."""

    confidence: float = 0.97
    min_rollouts: int = 8
    """Of a first look at a step; at least 1."""

    def more(self, rollouts: int) -> int:
        """How many more a prefix outside the search needs, the bare problem: a first look."""
        return max(0, self.min_rollouts - rollouts)

    def look(self, counts: Sequence[Counts], negligible: float) -> tuple[int, int] | None:
        """Where to look next.

        Args:
            counts: Of every step but the last, whose answer is known to be wrong.
            negligible: The value in (0, 1) up to which a step counts as lost.

        Returns:
            Index of a step and how many rollouts it is to have in all; None when the first error is found: it is the
            first step after the last one with a success (the last step of the solution, if that is all there is).
        """
        low = max((index for index, (successes, _) in enumerate(counts) if successes), default=-1)
        lost = (index for index, (_, rollouts) in enumerate(counts) if index > low and rollouts)
        high = min(lost, default=len(counts))
        if high - low > 1:
            return (low + high) // 2, self.min_rollouts
        if high == len(counts):
            return None
        wanted = _enough_zeros(self, *(counts[low] if low >= 0 else (0, 0)), negligible)
        if counts[high][1] < min(wanted, self.max_rollouts):
            return high, min(wanted, self.max_rollouts)
        behind = next((at for at in range(high + 1, len(counts)) if counts[at][1] < self.min_rollouts), None)
        failed = sum(rollouts for _, rollouts in counts[high:])
        return None if behind is None or failed >= wanted else (behind, self.min_rollouts)


@lru_cache(maxsize=1 << 16)
def _enough_zeros(search: FirstError, successes: int, rollouts: int, negligible: float) -> int:
    """Rollouts without success after which a step is believed lost, given the counts of the step before it.

    The step is either lost or worth as much as the one before, with even odds before its first rollout. Twice
    `max_rollouts` at most.
    """
    odds = (1 - search.confidence) / search.confidence
    for zeros in range(search.min_rollouts, 2 * search.max_rollouts):
        if _chance_of_zeros(successes, rollouts, zeros, negligible) <= odds:
            return zeros
    return 2 * search.max_rollouts


def _chance_of_zeros(successes: int, rollouts: int, zeros: int, negligible: float) -> float:
    """Chance of `zeros` failures in a row under the posterior of these counts, given a value above `negligible`."""
    a, b = successes + PRIOR, rollouts - successes + PRIOR
    above, after = float(betaincc(a, b, negligible)), float(betaincc(a, b + zeros, negligible))
    return exp(float(betaln(a, b + zeros) - betaln(a, b)) + log(max(after, 1e-300)) - log(above))
