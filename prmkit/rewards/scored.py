"""Solutions and a reward model in, scored solutions out: what `prmkit score` stores and evaluation reads."""

import math
from collections.abc import Sequence

from prmkit.errors import InputError, ShapeError
from prmkit.records import ScoredSolution, Solution
from prmkit.rewards.base import RewardModel, first_flagged
from prmkit.rewards.ensemble import EnsembleReward, disagreement
from prmkit.rewards.reading import StepReader


def score_solutions(model: RewardModel, solutions: Sequence[Solution]) -> list[ScoredSolution]:
    """Score every step of solutions, and the solutions themselves.

    What stands there several times is read once. Beside the scores, a classifier gives the probabilities of its
    classes, an ensemble how far its members disagree.

    Raises:
        ShapeError: The model returned something else than one score per step. An error is an error: nothing is filled
            in for a score that is not there.
        InputError: A score is not a number, as those of broken weights are.
    """
    texts = [(each.problem.problem, each.steps) for each in solutions]
    distinct = list(dict.fromkeys(texts))  # a policy repeats itself: each is read once
    probabilities = members = None
    if isinstance(model, StepReader):
        probabilities = model.step_probabilities(distinct)
        scores = [model.scores(each) for each in probabilities]
    elif isinstance(model, EnsembleReward):
        members = model.member_scores(distinct)
        scores = [model.combine(each) for each in members]
    else:
        scores = model.score_steps(distinct)
    if [len(each) for each in scores] != [len(steps) for _, steps in distinct]:
        raise ShapeError(f"the reward model was given {len(distinct)} solutions and did not return a score per step")
    places = {text: place for place, text in enumerate(distinct)}
    scored = []
    for solution, at in zip(solutions, [places[text] for text in texts], strict=True):
        if not all(map(math.isfinite, scores[at])):
            raise InputError(
                f"solution {solution.name}: the reward model gives scores that are not numbers; its weights are broken"
            )
        scored.append(
            ScoredSolution(
                solution=solution,
                step_scores=tuple(scores[at]),
                score=model.solution_score(scores[at]),
                first_flagged=first_flagged(scores[at], model.threshold),
                step_probabilities=tuple(map(tuple, probabilities[at].tolist())) if probabilities else None,
                step_disagreement=tuple(disagreement(members[at])) if members else None,
            )
        )
    return scored
