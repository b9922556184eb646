"""What every reward model is: steps in, one score per step out."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import numpy as np

from prmkit.errors import ShapeError, TooLongError

THRESHOLD = 0.5
"""A step that scores lower counts as flagged, unless a checkpoint says otherwise. Fixed beforehand."""


class Aggregation(StrEnum):
    """How step scores become the score of a solution.

    Monte-Carlo values work best with the last step (Snell et al. 2024), correctness-like labels with the minimum or the
    product (Lightman et al. 2023); the product favours short solutions.
    """

    LAST = "last"
    MIN = "min"
    PRODUCT = "product"
    MEAN = "mean"
    WEIGHTED = "weighted"
    """The mean with weights 1, 2, 3, ...: later steps count more."""
    MAX = "max"


def aggregate(step_scores: Sequence[float], how: Aggregation) -> float:
    """Score of a solution from the scores of its steps, each in [0, 1].

    Raises:
        ShapeError: There are no step scores.
    """
    if not len(step_scores):
        raise ShapeError("a solution without step scores has no score")
    scores = np.asarray(step_scores, dtype=np.float64)
    match how:
        case Aggregation.LAST:
            return float(scores[-1])
        case Aggregation.MIN:
            return float(scores.min())
        case Aggregation.PRODUCT:
            return float(scores.prod())
        case Aggregation.MEAN:
            return float(scores.mean())
        case Aggregation.WEIGHTED:
            return float(np.average(scores, weights=np.arange(1, len(scores) + 1)))
        case Aggregation.MAX:
            return float(scores.max())


def first_flagged(step_scores: Sequence[float], threshold: float) -> int:
    """Index of the first step that scores below the threshold; -1 where none does."""
    return next((index for index, score in enumerate(step_scores) if score < threshold), -1)


class RewardModel(Protocol):
    """Scores reasoning steps: a PRM, an ORM read at step ends, or anything that quacks like one."""

    aggregation: Aggregation
    """The model's own way from step scores to a solution score."""
    threshold: float
    """A step that scores lower is flagged as wrong; in [0, 1]."""

    def score_steps(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        """Score the steps of many solutions.

        Args:
            solutions: Pairs of problem text and step texts; every solution has at least one step.

        Returns:
            One list per solution with one score in [0, 1] per step. A step's score depends on the steps up to it only.
        """
        ...

    def solution_score(self, step_scores: Sequence[float]) -> float:
        """Score of a solution in [0, 1] from the scores of its steps.

        Raises:
            ShapeError: There are no step scores.
        """
        return aggregate(step_scores, self.aggregation)

    def prm_tokens(
        self,
        problem: str,  # noqa: ARG002
        steps: Sequence[str],  # noqa: ARG002
        known_steps: int | None = None,  # noqa: ARG002
    ) -> int | None:
        """What it costs to score a solution, in tokens that the model must run.

        Args:
            problem: Text of the problem.
            steps: Steps of the solution, at least one.
            known_steps: So many of them were scored before, which counts for models that keep prefixes; 0 where only
                the prompt was read, None where nothing was.

        Returns:
            Tokens; None where the model has no tokens, or does not say.

        Raises:
            ShapeError: `known_steps` is not in 0 to `len(steps)`, or as of `score_steps`.
        """
        return None

    def close(self) -> None:
        """Free what the model holds beside memory, such as an engine; a second call does nothing."""
        return


def score_fitting(model: RewardModel, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float] | None]:
    """Step scores of every solution; None where it does not fit the model's context.

    The model is asked for all at once, and for smaller and smaller parts where one in it is too long.

    Raises:
        ShapeError: The model returned scores of fewer or more solutions than it was given.
    """
    try:
        found = model.score_steps(solutions)
    except TooLongError:
        if len(solutions) == 1:
            return [None]
        middle = len(solutions) // 2
        return score_fitting(model, solutions[:middle]) + score_fitting(model, solutions[middle:])
    if len(found) != len(solutions):
        raise ShapeError(f"the reward model returned scores of {len(found)} solutions, it was given {len(solutions)}")
    return list(found)
