"""Counts to posterior to classes: what `successes` right completions out of `rollouts` say about a step."""

from dataclasses import dataclass

from scipy.stats import beta

from prmkit.errors import InputError
from prmkit.records import EstimateMethod, StepEstimate, StepLabel

PRIOR = 0.5
"""Both parameters of the Beta prior of a step's value (Jeffreys)."""


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Where the three classes of a step meet, on the scale of its value in [0, 1]."""

    incorrect: float = 0.0
    """A step is incorrect if its rate is at most this: by default if no completion was right."""
    correct: float = 0.5
    """A step is correct if its rate is at least this, and neutral between the two."""
    negligible: float = 0.05
    """For soft labels, values below this count as incorrect when `incorrect` is smaller: no finite number of rollouts
    gives a value of exactly zero any probability."""

    def __post_init__(self) -> None:
        if not 0 <= self.incorrect < self.correct <= 1 or not 0 < self.negligible < self.correct:
            raise InputError(
                "thresholds must satisfy 0 <= incorrect < correct <= 1 and 0 < negligible < correct, "
                f"got {self.incorrect}, {self.correct}, {self.negligible}"
            )


def step_label(estimate: StepEstimate, thresholds: Thresholds) -> StepLabel:
    """The class of a step by its empirical rate (Math-Shepherd's estimate, in three classes)."""
    if estimate.rate <= thresholds.incorrect:
        return StepLabel.INCORRECT
    return StepLabel.CORRECT if estimate.rate >= thresholds.correct else StepLabel.NEUTRAL


def soft_label(estimate: StepEstimate, thresholds: Thresholds) -> tuple[float, float, float]:
    """Posterior mass of (incorrect, neutral, correct) under Beta(k + 1/2, n - k + 1/2); sums to 1.

    A graded step is known, not estimated: all mass is on its class.
    """
    if estimate.method is EstimateMethod.GRADED:
        right = float(estimate.successes)
        return 1.0 - right, 0.0, right
    k, n = estimate.successes, estimate.rollouts
    posterior = beta(k + PRIOR, n - k + PRIOR)
    low = float(posterior.cdf(max(thresholds.incorrect, thresholds.negligible)))
    high = float(posterior.sf(thresholds.correct))
    return low, 1.0 - low - high, high
