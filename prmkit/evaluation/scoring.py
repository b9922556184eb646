"""Scores for evaluation: solutions that do not fit a model's context are told apart, not errors."""

import math
from collections.abc import Callable, Sequence

from prmkit.errors import ShapeError
from prmkit.evaluation.judged import JudgedScores
from prmkit.formats.verdicts import JudgedSolution
from prmkit.rewards.base import RewardModel, score_fitting
from prmkit.steps import TextFormat, split_text

CHUNK = 256
"""Solutions that are given to a model at once."""
TINY = 1e-12
"""Log-odds are taken as if scores were this far from 0 and 1 at least: they end at 27.6."""

Texts = tuple[str, Sequence[str]]


def score_texts(
    model: RewardModel, solutions: Sequence[Texts], advance: Callable[[int], object] = lambda _: None
) -> list[list[float] | None]:
    """Step scores of every solution; None where it does not fit the model's context.

    Args:
        model: Any reward model.
        solutions: Pairs of problem text and step texts.
        advance: Told how many solutions were done since it was last called.

    Raises:
        ShapeError: The model returned something else than one score per step.
    """
    scores: list[list[float] | None] = []
    for start in range(0, len(solutions), CHUNK):
        chunk = solutions[start : start + CHUNK]
        scores += score_fitting(model, chunk)
        advance(len(chunk))
    for (_, steps), found in zip(solutions, scores, strict=True):
        if found is not None and len(found) != len(steps):
            raise ShapeError(f"the reward model returned {len(found)} scores for a solution of {len(steps)} steps")
    return scores


def score_judged(
    model: RewardModel, judged: Sequence[JudgedSolution], advance: Callable[[int], object] = lambda _: None
) -> tuple[list[JudgedScores], list[JudgedSolution]]:
    """Judged solutions with their scores, and those that do not fit the model's context; as of `score_texts`."""
    scores = score_texts(model, [(each.problem, each.steps) for each in judged], advance)
    scored = [
        JudgedScores(judged=each, step_scores=tuple(found), score=model.solution_score(found))
        for each, found in zip(judged, scores, strict=True)
        if found is not None
    ]
    return scored, [each for each, found in zip(judged, scores, strict=True) if found is None]


def response_rewards(
    model: RewardModel, responses: Sequence[tuple[str, str]], advance: Callable[[int], object] = lambda _: None
) -> list[float | None]:
    """Rewards of whole responses in logits: the log-odds of their scores; None where one does not fit the context.

    Of a preference model (or an ORM) that is read at the last step and not calibrated, this is the logit of the head.

    Args:
        model: Any reward model; responses are cut into steps at its separator, or at blank lines if it has none.
        responses: Pairs of prompt and response; no response is blank.
        advance: As of `score_texts`.
    """
    metadata = getattr(model, "metadata", None)
    separator = TextFormat().separator if metadata is None else metadata.text_format.separator
    texts = [(prompt, split_text(response, separator)) for prompt, response in responses]
    found = score_texts(model, texts, advance)
    return [None if each is None else _log_odds(model.solution_score(each)) for each in found]


def _log_odds(score: float) -> float:
    return math.log(max(score, TINY)) - math.log(max(1 - score, TINY))
