import numpy as np
import pytest

from prmkit.errors import InputError, ShapeError
from prmkit.rewards.base import Aggregation, RewardModel
from prmkit.rewards.ensemble import Combination, EnsembleReward, disagreement
from prmkit.rewards.scorer import load_reward_model


class Fixed(RewardModel):
    """Gives every solution the same step scores."""

    def __init__(self, *scores, aggregation=Aggregation.LAST, threshold=0.5):
        self.scores, self.aggregation, self.threshold = list(scores), aggregation, threshold

    def score_steps(self, solutions):
        return [self.scores for _ in solutions]


TEXTS = [("What?", ("one", "two")), ("Why?", ("three", "four"))]
MEMBERS = [Fixed(0.2, 0.9), Fixed(0.4, 0.5), Fixed(0.6, 0.1)]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (Combination.MEAN, [0.4, 0.5]),
        (Combination.MIN, [0.2, 0.1]),
        (Combination.LOWER, [0.4 - np.std([0.2, 0.4, 0.6]), 0.5 - np.std([0.9, 0.5, 0.1])]),
    ],
)
def test_members_are_combined_step_by_step(how, expected):
    scores = EnsembleReward(MEMBERS, how).score_steps(TEXTS)
    assert len(scores) == 2
    assert scores[0] == scores[1] == pytest.approx(expected)


def test_more_deviations_lower_the_bound_but_never_below_zero():
    bounds = [EnsembleReward(MEMBERS, Combination.LOWER, deviations=c).score_steps(TEXTS)[0] for c in (0, 1, 5)]
    assert bounds[0] == pytest.approx([0.4, 0.5])
    assert bounds[1][1] < bounds[0][1]
    assert bounds[2] == [0.0, 0.0]


def test_disagreement_is_the_spread_over_the_members():
    (first, _) = EnsembleReward(MEMBERS).member_scores(TEXTS)
    assert first.tolist() == [[0.2, 0.9], [0.4, 0.5], [0.6, 0.1]]
    assert disagreement(first) == pytest.approx([np.std([0.2, 0.4, 0.6]), np.std([0.9, 0.5, 0.1])])
    (same, _) = EnsembleReward([MEMBERS[0], MEMBERS[0]]).member_scores(TEXTS)
    assert disagreement(same) == [0, 0]


def test_a_prm_and_an_orm_make_an_ensemble(make_reward, labeled_pool):
    texts = [(each.solution.problem.problem, each.solution.steps) for each in labeled_pool(2)]
    models = [load_reward_model(make_reward(kind)) for kind in ("prm", "orm")]
    one, two = (model.score_steps(texts) for model in models)
    for first, second, both in zip(one, two, EnsembleReward(models).score_steps(texts), strict=True):
        assert both == pytest.approx([(a + b) / 2 for a, b in zip(first, second, strict=True)])


def test_members_that_are_read_differently_need_to_be_told_how():
    members = [Fixed(0.1, 0.9, aggregation=Aggregation.MIN), Fixed(0.1, 0.9, threshold=0.3)]
    with pytest.raises(InputError, match=r"differ in aggregation \(min, last\); say which with --aggregation"):
        EnsembleReward(members)
    with pytest.raises(InputError, match="differ in threshold"):
        EnsembleReward(members, aggregation=Aggregation.MIN)
    ensemble = EnsembleReward(members, aggregation=Aggregation.MIN, threshold=0.2)
    assert (ensemble.solution_score([0.1, 0.9]), ensemble.threshold) == (0.1, 0.2)
    assert EnsembleReward([members[0], members[0]]).solution_score([0.1, 0.9]) == 0.1


def test_one_model_is_no_ensemble_and_deviations_are_not_negative():
    with pytest.raises(InputError, match="two models or more"):
        EnsembleReward([Fixed(0.1)])
    for deviations in (-1, float("nan"), float("inf")):
        with pytest.raises(InputError, match="deviations of at least 0"):
            EnsembleReward(MEMBERS, Combination.LOWER, deviations=deviations)


def test_a_member_that_skips_steps_is_an_error_and_not_a_shorter_score():
    with pytest.raises(ShapeError, match="model 1 of the ensemble did not return one score per step"):
        EnsembleReward([Fixed(0.1, 0.2), Fixed(0.1)]).score_steps(TEXTS)


def test_closing_an_ensemble_closes_its_members():
    closed = []

    class Engine(Fixed):
        def close(self):
            closed.append(self.scores)

    EnsembleReward([Engine(0.1), Engine(0.2), Fixed(0.3)]).close()
    assert closed == [[0.1], [0.2]]
