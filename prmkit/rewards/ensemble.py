"""Several reward models as one: the mean, the minimum or a lower bound of their step scores, and how far they disagree.

Where policies are trained or searched against a reward model, the minimum and the lower bound keep what only one model
likes from winning (Coste et al. 2023, arXiv:2310.02743).
"""

import math
from collections.abc import Sequence
from enum import StrEnum
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from prmkit.errors import InputError, ShapeError
from prmkit.rewards.base import Aggregation, RewardModel

Floats = NDArray[np.float64]
T = TypeVar("T")


class Combination(StrEnum):
    """How the scores of several models become one."""

    MEAN = "mean"
    MIN = "min"
    LOWER = "lower"
    """The mean less some standard deviations."""


class EnsembleReward(RewardModel):
    """A `RewardModel` made of several."""

    def __init__(
        self,
        models: Sequence[RewardModel],
        how: Combination = Combination.MEAN,
        *,
        deviations: float = 1.0,
        aggregation: Aggregation | None = None,
        threshold: float | None = None,
    ) -> None:
        """Take the members.

        Args:
            models: At least two; any kinds, tokenizers and sizes.
            how: What becomes of their step scores.
            deviations: Of the lower bound; at least 0, finite.
            aggregation: Of the combined scores; None takes the one that all members share.
            threshold: Of the combined scores; None takes the one that all members share.

        Raises:
            InputError: Fewer than two members, deviations below 0 or not finite, or members that share no aggregation
                or threshold where none is given.
        """
        if len(models) < 2 or not 0 <= deviations < math.inf:
            raise InputError(
                f"an ensemble needs two models or more and deviations of at least 0, got {len(models)} and {deviations}"
            )
        self.models = tuple(models)
        self.how = how
        self.deviations = deviations
        self.aggregation = aggregation or _shared("aggregation", [each.aggregation for each in models])
        self.threshold = _shared("threshold", [each.threshold for each in models]) if threshold is None else threshold

    def member_scores(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[Floats]:
        """Step scores of every member: for each solution `[M, S]`.

        Raises:
            ShapeError: A member scored other solutions or steps than it was given.
        """
        by_model = [model.score_steps(solutions) for model in self.models]
        lengths = [len(steps) for _, steps in solutions]
        for number, scores in enumerate(by_model):
            if [len(each) for each in scores] != lengths:
                raise ShapeError(f"model {number} of the ensemble did not return one score per step")
        return [np.array(members, dtype=np.float64) for members in zip(*by_model, strict=True)]

    def combine(self, scores_MS: Floats) -> list[float]:
        """Combined step scores in [0, 1] of one solution, from those of the members `[M, S]`."""
        match self.how:
            case Combination.MEAN:
                combined_S = scores_MS.mean(axis=0)
            case Combination.MIN:
                combined_S = scores_MS.min(axis=0)
            case Combination.LOWER:
                combined_S = scores_MS.mean(axis=0) - self.deviations * scores_MS.std(axis=0)
        return list(np.clip(combined_S, 0.0, 1.0).tolist())

    def score_steps(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        """Score the steps of many solutions; see `prmkit.rewards.base.RewardModel`."""
        return [self.combine(each) for each in self.member_scores(solutions)]

    def prm_tokens(self, problem: str, steps: Sequence[str], known_steps: int | None = None) -> int | None:
        """The sum over the members; None where one does not say."""
        tokens = [model.prm_tokens(problem, steps, known_steps) for model in self.models]
        return None if None in tokens else sum(filter(None, tokens))

    def close(self) -> None:
        """Close the members."""
        for model in self.models:
            model.close()


def disagreement(scores_MS: Floats) -> list[float]:
    """Standard deviation over the members at every step, in [0, 0.5]; from their scores `[M, S]`."""
    return list(scores_MS.std(axis=0).tolist())


def _shared(name: str, values: Sequence[T]) -> T:
    if len(set(values)) > 1:
        raise InputError(
            f"the models of the ensemble differ in {name} ({', '.join(map(str, values))}); say which with --{name}"
        )
    return values[0]
