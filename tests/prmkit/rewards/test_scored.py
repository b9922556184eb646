from dataclasses import replace

import numpy as np
import pytest

from prmkit.errors import InputError, ShapeError
from prmkit.rewards.base import Aggregation, RewardModel, first_flagged
from prmkit.rewards.ensemble import EnsembleReward
from prmkit.rewards.scored import score_solutions
from prmkit.rewards.scorer import load_reward_model


@pytest.fixture
def solutions(labeled_pool):
    return [each.solution for each in labeled_pool(4)]


class Silent(RewardModel):
    """A server that answered every request with an error, and whose client made lists of zeros of it."""

    aggregation, threshold = Aggregation.LAST, 0.5

    def score_steps(self, solutions):
        return [[0.0] for _ in solutions]


def test_zeros_of_the_wrong_length_are_an_error_and_not_scores(solutions):
    with pytest.raises(ShapeError, match="did not return a score per step"):
        score_solutions(Silent(), solutions)


class Broken(Silent):
    """Weights that are not numbers, in one place."""

    def score_steps(self, solutions):
        return [[*[0.5] * (len(steps) - 1), float("nan")] for _, steps in solutions]


class Counting(RewardModel):
    """Scores by length, and keeps what it was asked."""

    aggregation, threshold = Aggregation.LAST, 0.5

    def __init__(self):
        self.asked = []

    def score_steps(self, solutions):
        self.asked += solutions
        return [[len(step) / 100 for step in steps] for _, steps in solutions]


def test_solutions_that_say_the_same_are_read_once_and_all_scored(solutions):
    model, again = Counting(), [replace(each, solution_id=f"again {each.solution_id}") for each in solutions]
    scored = score_solutions(model, [*solutions, *again])
    assert [each.solution for each in scored] == [*solutions, *again]
    texts = [(each.problem.problem, each.steps) for each in solutions]
    assert model.asked == list(dict.fromkeys(texts)) and len(model.asked) <= len(solutions)
    for each in scored:
        assert each.step_scores == tuple(len(step) / 100 for step in each.solution.steps)
        assert each.score == each.step_scores[-1]


def test_scores_that_are_not_numbers_are_an_error_and_not_scores(solutions):
    for model in (Broken(), EnsembleReward([Broken(), Broken()])):
        with pytest.raises(InputError, match=r"solution .*: the reward model gives scores that are not numbers"):
            score_solutions(model, solutions)


def test_a_classifier_adds_its_probabilities_and_the_first_flagged_step(make_reward, solutions):
    model = load_reward_model(make_reward("prm", aggregation=Aggregation.MIN))
    for each in score_solutions(model, solutions):
        assert np.array(each.step_probabilities).shape == (len(each.solution.steps), 3)
        rows = np.array(each.step_probabilities)
        assert each.step_scores == pytest.approx((rows[:, 2] + 0.5 * rows[:, 1]).tolist())
        assert each.score == pytest.approx(min(each.step_scores))
        assert each.first_flagged == first_flagged(each.step_scores, 0.5)
        assert each.step_disagreement is None


def test_an_ensemble_adds_how_far_its_members_disagree(make_reward, solutions):
    models = [load_reward_model(make_reward("prm", neutral_weight=0.0)), load_reward_model(make_reward("orm"))]
    one, two = (score_solutions(model, solutions) for model in models)
    for each, first, second in zip(score_solutions(EnsembleReward(models), solutions), one, two, strict=True):
        gaps = np.abs(np.array(first.step_scores) - np.array(second.step_scores))
        assert each.step_disagreement == pytest.approx((gaps / 2).tolist())
        assert each.step_probabilities is None


def test_the_first_step_below_the_threshold_is_flagged_and_one_at_it_is_not():
    assert first_flagged([0.9, 0.5, 0.4, 0.1], 0.5) == 2
    assert first_flagged([0.9, 0.5, 0.4, 0.1], 0.95) == 0
    assert first_flagged([0.9, 0.5, 0.4, 0.1], 0.1) == -1
