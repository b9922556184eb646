"""Solutions and a reward model in, scored solutions out: what `prmkit score` stores and evaluation reads."""

from collections.abc import Sequence

from prmkit.errors import ShapeError
from prmkit.records import ScoredSolution, Solution
from prmkit.rewards.base import RewardModel
from prmkit.rewards.ensemble import EnsembleReward, disagreement
from prmkit.rewards.reading import StepReader


def score_solutions(model: RewardModel, solutions: Sequence[Solution]) -> list[ScoredSolution]:
    """Score every step of solutions, and the solutions themselves.

    Beside the scores, a classifier gives the probabilities of its classes, an ensemble how far its members disagree.

    Raises:
        ShapeError: The model returned something else than one score per step. An error is an error: nothing is filled
            in for a score that is not there.
    """
    texts = [(each.problem.problem, each.steps) for each in solutions]
    probabilities = members = None
    if isinstance(model, StepReader):
        probabilities = model.step_probabilities(texts)
        scores = [model.scores(each) for each in probabilities]
    elif isinstance(model, EnsembleReward):
        members = model.member_scores(texts)
        scores = [model.combine(each) for each in members]
    else:
        scores = model.score_steps(texts)
    if [len(each) for each in scores] != [len(each.steps) for each in solutions]:
        raise ShapeError(f"the reward model was given {len(solutions)} solutions and did not return a score per step")
    return [
        ScoredSolution(
            solution=solution,
            step_scores=tuple(scores[index]),
            score=model.solution_score(scores[index]),
            first_flagged=first_flagged(scores[index], model.threshold),
            step_probabilities=tuple(map(tuple, probabilities[index].tolist())) if probabilities else None,
            step_disagreement=tuple(disagreement(members[index])) if members else None,
        )
        for index, solution in enumerate(solutions)
    ]


def first_flagged(step_scores: Sequence[float], threshold: float) -> int:
    """Index of the first step that scores below the threshold; -1 where none does."""
    return next((index for index, score in enumerate(step_scores) if score < threshold), -1)
