"""The fewest rollouts that any stopping rule could need for an accuracy: what no rule can beat.

For `benchmarks.label_efficiency`. A rule sees the counts of one step and decides: another rollout, or the class that
the thresholds give to the rate so far. Knowing the distribution of the true values, the best rule of this kind is found
by dynamic programming over (successes, rollouts), for a price of a rollout; the price is varied until the accuracy
fits.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from labelers.values import Thresholds
from prmkit.records import StepLabel

MOST = 64
"""Rollouts of a step at most."""
_TURNS = 20

Floats = NDArray[np.float64]


def accuracy_of_fixed(values: Floats, truth: Sequence[StepLabel], rollouts: int, thresholds: Thresholds) -> float:
    """Expected class accuracy of a fixed number of rollouts.

    Args:
        values: `[S]`, true value of each step.
        truth: Class of each.
        rollouts: Of each.
        thresholds: Where the classes meet.
    """
    hits = np.zeros(len(values))
    for successes in range(rollouts + 1):
        label = thresholds.label(successes / rollouts)
        hits += binom.pmf(successes, rollouts, values) * np.array([each is label for each in truth])
    return float(hits.mean())


def fewest_rollouts(values: Floats, truth: Sequence[StepLabel], accuracy: float, thresholds: Thresholds) -> float:
    """Mean rollouts per step of the best rule that reaches an accuracy, for these values; infinite if none does."""
    pairs = [(round(value, 4), int(label)) for value, label in zip(values, truth, strict=True)]
    kinds, counts = np.unique(pairs, axis=0, return_counts=True)
    rates, labels, weights = kinds[:, 0], kinds[:, 1].astype(int), counts / counts.sum()
    low, high = 1e-6, 10.0
    best = _best_rule(rates, labels, weights, low, thresholds)
    if best[1] < accuracy:
        return float("inf")
    worse = _best_rule(rates, labels, weights, high, thresholds)
    for _ in range(_TURNS):
        price = float(np.sqrt(low * high))
        found = _best_rule(rates, labels, weights, price, thresholds)
        if found[1] >= accuracy:
            low, best = price, found
        else:
            high, worse = price, found
    share = (accuracy - worse[1]) / (best[1] - worse[1])  # a rule may also toss between the two
    return float(worse[0] + share * (best[0] - worse[0]))


def _best_rule(
    rates: Floats, labels: NDArray[np.int_], weights: Floats, price: float, thresholds: Thresholds
) -> tuple[float, float]:
    """Mean rollouts and accuracy of the rule that makes the most of accuracy minus price per rollout.

    The state after `rollouts` with `successes` weighs as one path to it; how many paths there are does not matter to
    the decision, and is carried along in what is expected from there on.
    """
    after: dict[int, tuple[float, float]] = {}
    for rollouts in range(MOST, -1, -1):
        here: dict[int, tuple[float, float]] = {}
        for successes in range(rollouts + 1):
            mass = weights * rates**successes * (1 - rates) ** (rollouts - successes)
            label = int(thresholds.label(successes / rollouts)) if rollouts else None
            stop = 0.0, float(mass[labels == label].sum()) if rollouts else 0.0
            if rollouts == MOST:
                here[successes] = stop
                continue
            drawn, right = np.add(after[successes], after[successes + 1])
            go = float(drawn + mass.sum()), float(right)
            here[successes] = max(stop, go, key=lambda each: each[1] - price * each[0])
        after = here
    return after[0]
