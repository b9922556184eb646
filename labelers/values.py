"""Counts to posterior to classes: what `successes` right completions out of `rollouts` say about a step.

Everything a label holds beside its counts is derived here, when it is made and when it is derived again
(`prmkit relabel`). Pure functions of counts and thresholds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from scipy.special import betainc, betaincinv

from prmkit.errors import InputError
from prmkit.records import EstimateMethod, LabeledSolution, Solution, StepEstimate, StepLabel, Strategy

PRIOR = 0.2
"""Both parameters of the Beta prior of a step's value: most steps are nearly hopeless or nearly sure."""

Mass = tuple[float, float, float]
"""Probability of (incorrect, neutral, correct)."""


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

    def label(self, rate: float) -> StepLabel:
        """The class of a rate in [0, 1]."""
        if rate <= self.incorrect:
            return StepLabel.INCORRECT
        return StepLabel.CORRECT if rate >= self.correct else StepLabel.NEUTRAL


@dataclass(frozen=True, kw_only=True)
class Derivation:
    """How classes, soft labels and intervals are derived from counts."""

    thresholds: Thresholds
    """Where the classes meet."""
    level: float = 0.95
    """Share of the intervals that are to hold the value, in (0, 1)."""

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise InputError(f"level must lie between 0 and 1, got {self.level}")

    def labeled(
        self,
        solution: Solution,
        estimates: Sequence[StepEstimate],
        strategy: Strategy | None,
        problem_estimate: StepEstimate | None = None,
    ) -> LabeledSolution:
        """A solution with everything that its counts say."""
        return LabeledSolution(
            solution=solution,
            estimates=tuple(estimates),
            labels=step_labels(estimates, strategy, self.thresholds),
            soft_labels=soft_labels(estimates, self.thresholds),
            intervals=tuple(interval(each, self.level) for each in estimates),
            strategy=strategy,
            problem_estimate=problem_estimate,
        )

    def relabeled(self, labeled: LabeledSolution) -> LabeledSolution:
        """A labelled solution derived again from its counts.

        Raises:
            InputError: Its labels do not come from counts.
        """
        check_strategy(labeled.strategy, self.thresholds)
        *before, _ = labeled.estimates
        if any(each.method is EstimateMethod.GIVEN for each in labeled.estimates):
            raise InputError(
                f"solution {labeled.solution.name}: its labels were given from outside without counts; "
                "there is nothing to derive other labels from"
            )
        inferred = EstimateMethod.INFERRED if labeled.strategy is not Strategy.FIRST_ERROR else None
        if wrong := [each.method for each in before if each.method in (EstimateMethod.GRADED, inferred)]:
            raise InputError(
                f"solution {labeled.solution.name}: steps before the last are {wrong[0]}, not rolled out; "
                "there are no counts to derive other labels from"
            )
        return self.labeled(labeled.solution, labeled.estimates, labeled.strategy, labeled.problem_estimate)


def check_strategy(strategy: Strategy | None, thresholds: Thresholds) -> None:
    """Refuse thresholds that a strategy cannot honour.

    Raises:
        InputError: A search for the first error is to take a positive rate for an error.
    """
    if strategy is Strategy.FIRST_ERROR and thresholds.incorrect:
        raise InputError(
            "first-error looks for the first step without any value: "
            f"a rate of up to {thresholds.incorrect} cannot count as incorrect there (--incorrect)"
        )


def step_labels(
    estimates: Sequence[StepEstimate], strategy: Strategy | None, thresholds: Thresholds
) -> tuple[StepLabel, ...]:
    """The class of each step: by its rate, or, where the first error was searched for, by its side of it."""
    if strategy is Strategy.FIRST_ERROR:
        return tuple(StepLabel.CORRECT if each else StepLabel.INCORRECT for each in of_value(estimates))
    return tuple(thresholds.label(each.rate) for each in estimates)


def of_value(estimates: Sequence[StepEstimate]) -> list[bool]:
    """Whether each step has any value: a right completion of it or of a later step goes through it."""
    last = max((index for index, each in enumerate(estimates) if each.successes), default=-1)
    return [index <= last for index in range(len(estimates))]


def soft_labels(estimates: Sequence[StepEstimate], thresholds: Thresholds) -> tuple[Mass, ...]:
    """Probability of (incorrect, neutral, correct) for each step; each sums to 1.

    The posterior mass under Beta(k + PRIOR, n - k + PRIOR) where rollouts were drawn. A graded step is known: all mass
    is on its class. A step inferred to be of value counts as one success in one rollout, because one right completion
    goes through it; one inferred to have none counts as the step it was inferred from, the first error.
    """
    valuable = of_value(estimates)
    zeros = 0, 0
    masses: list[Mass] = []
    for each, positive in zip(estimates, valuable, strict=True):
        if each.method is EstimateMethod.GRADED:
            masses.append((1.0 - each.successes, 0.0, float(each.successes)))
        elif each.method is EstimateMethod.INFERRED:
            masses.append(class_mass(*((1, 1) if positive else zeros), thresholds))
        else:
            masses.append(class_mass(each.successes, each.rollouts, thresholds))
            if not positive and zeros == (0, 0):
                zeros = each.successes, each.rollouts
    return tuple(masses)


@lru_cache(maxsize=1 << 16)
def class_mass(successes: int, rollouts: int, thresholds: Thresholds) -> Mass:
    """Posterior mass of (incorrect, neutral, correct) after so many successes in so many rollouts."""
    a, b = successes + PRIOR, rollouts - successes + PRIOR
    low = float(betainc(a, b, max(thresholds.incorrect, thresholds.negligible)))
    high = 1.0 - float(betainc(a, b, thresholds.correct))
    return low, max(0.0, 1.0 - low - high), high


def interval(estimate: StepEstimate, level: float) -> tuple[float, float]:
    """Confidence interval of a step's value, in [0, 1].

    Clopper and Pearson's interval where rollouts were drawn: it holds the value at least as often as `level` says,
    whatever the value. A graded step's value is known; of one for which nothing was drawn (inferred or given) it is
    only known that it lies in [0, 1].
    """
    if not estimate.rollouts:
        return 0.0, 1.0
    if estimate.method is EstimateMethod.GRADED:
        return float(estimate.successes), float(estimate.successes)
    return _clopper_pearson(estimate.successes, estimate.rollouts, level)


@lru_cache(maxsize=1 << 16)
def _clopper_pearson(successes: int, rollouts: int, level: float) -> tuple[float, float]:
    failures, tail = rollouts - successes, (1 - level) / 2
    low = float(betaincinv(successes, failures + 1, tail)) if successes else 0.0
    return low, float(betaincinv(successes + 1, failures, 1 - tail)) if failures else 1.0
