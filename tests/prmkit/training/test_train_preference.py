import math

import pytest
import torch

from prmkit.errors import InputError
from prmkit.evaluation.preference_data import check_preferences, check_ratings
from prmkit.formats.preferences import Preference, Rating
from prmkit.rewards.base import Aggregation
from prmkit.steps import EncodedSolution
from prmkit.training.preferences import PreferenceData, PreferenceObjective, RatingData
from prmkit.training.train_preference import preference_task, rating_task


def preference(prompt, responses, ranks, margin=0.0):
    return Preference(where=prompt, prompt=prompt, responses=tuple(responses), ranks=ranks, margin=margin)


def preference_parts(*validation, **options):
    """The task of two prompts to learn from and these to be validated on."""
    training = [preference("t1", "ab", (0, 1), 2.0), preference("t2", "ab", (0, 0))]
    rows = [*training, *validation]
    encoded = {(each.prompt, text): EncodedSolution([1, 2, 3], [1, 2], 1) for each in rows for text in each.responses}
    data = PreferenceData(training=training, validation=list(validation), encoded=encoded, too_long=1)
    return preference_task(data, PreferenceObjective(**options), check_preferences(rows))


def logits(*rewards):
    return [torch.tensor([[-9.0], [reward]]) for reward in rewards]


def test_preferences_are_validated_at_the_last_step_of_each_response():
    task = preference_parts(preference("v1", "ab", (0, 1)), preference("v2", "ab", (1, 0)))
    metrics, aggregation = task.validate(logits(2.0, 0.0, 1.0, 0.5))
    assert aggregation is Aggregation.LAST
    assert metrics["pair_accuracy"] == 0.5
    assert metrics["mean_margin"] == pytest.approx((2.0 - 0.5) / 2)
    assert metrics["loss"] == pytest.approx((math.log1p(math.exp(-2)) + math.log1p(math.exp(0.5))) / 2, abs=1e-6)


def test_ties_have_a_loss_and_no_accuracy():
    metrics, _ = preference_parts(preference("v", "ab", (0, 0))).validate(logits(0.0, 0.0))
    assert metrics == {"loss": pytest.approx(math.log(2))}


def test_prompts_weigh_alike_in_the_validation_loss_unless_they_should_not():
    rows = [preference("v1", "abc", (0, 1, 2)), preference("v2", "ab", (0, 1))]
    rewards = logits(0.0, 0.0, 0.0, 0.0, 3.0)
    lost = math.log1p(math.exp(3.0))
    balanced, every = (
        preference_parts(*rows, balance=balance).validate(rewards)[0]["loss"] for balance in (True, False)
    )
    assert balanced == pytest.approx((math.log(2) + lost) / 2, abs=1e-6)
    assert every == pytest.approx((3 * math.log(2) + lost) / 4, abs=1e-6)


def test_margins_are_scaled_and_counted():
    task = preference_parts(margin_scale=0.5)
    assert [ranking.margin for group in task.groups for ranking in group.rankings] == [1.0, 0.0]
    assert task.facts["training_margins"] == 1
    assert "1 training rows have margins, with them" in task.notes
    listwise = preference_parts(loss="listwise")
    assert "1 training rows have margins, none of them used by this loss" in listwise.notes


def test_the_identity_of_a_run_names_objective_and_data_but_no_places():
    one, same = preference_parts(), preference_parts()
    assert one.identity == same.identity
    assert one.identity["objective"]["learns"] == "preferences"
    assert preference_parts(group_size=4).identity["objective"]["group_size"] == 4
    assert preference_parts(preference("v", "ab", (0, 1))).identity["data"] != one.identity["data"]
    assert one.problems == ["t1", "t1", "t2", "t2"]
    assert "of 2 preferences 1 are left out: a response is too long" in one.notes


def test_ratings_are_validated_in_their_own_units():
    rows = [Rating(where=f"{n}", prompt=f"p{n}", response="a", rating=float(n)) for n in range(5)]
    encoded = {(each.prompt, "a"): EncodedSolution([1, 2], [1], 1) for each in rows}
    data = RatingData(training=rows[:2], validation=rows[2:], encoded=encoded, too_long=0, scale=(0.0, 4.0))
    task = rating_task(data, PreferenceObjective(), check_ratings(rows))
    assert [row.targets.tolist() for row in task.rows] == [[[0.0]], [[0.25]]]
    metrics, _ = task.validate(logits(0.0, math.log(3), 1.0))
    found = [2.0, 3.0, 4.0 / (1 + math.exp(-1))]
    assert metrics["rmse"] == pytest.approx(math.sqrt((found[2] - 4.0) ** 2 / 3), abs=1e-5)
    assert metrics["spearman"] == pytest.approx(0.5)
    entropy = [math.log(2), -(0.75 * math.log(0.75) + 0.25 * math.log(0.25)), math.log1p(math.exp(-1))]
    assert metrics["loss"] == pytest.approx(sum(entropy) / 3, abs=1e-6)
    assert (task.facts["rating_low"], task.facts["rating_high"]) == (0.0, 4.0)
    assert "spearman" not in task.validate(logits(1.0, 1.0, 1.0))[0]


@pytest.mark.parametrize(
    "options", [{"margin_scale": -1.0}, {"group_size": 1}, {"loss": "listwise", "margin_scale": 0.5}]
)
def test_an_objective_that_cannot_be_is_refused(options):
    with pytest.raises(InputError, match="--margin-scale"):
        PreferenceObjective(**options)
