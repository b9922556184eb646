import pytest

from prmkit.errors import InputError
from prmkit.formats.preferences import Preference, Rating
from prmkit.steps import encode_solution
from prmkit.training.base import open_base
from prmkit.training.config import TrainConfig
from prmkit.training.groups import Group, Ranking
from prmkit.training.preferences import preference_data, preference_groups, rating_data, response_row


def pair(number, chosen="It is fine.\n\nTwo.", rejected="It is wrong.", **fields):
    defaults = {"prompt": f"Problem {number}?", "where": f"row {number}", "ranks": (0, 1)}
    return Preference(responses=(chosen, rejected), **(defaults | fields))


def rating(number, value, response="It is fine."):
    return Rating(where=f"row {number}", prompt=f"Problem {number}?", response=response, rating=value)


@pytest.fixture
def base(tiny_base):
    return open_base(TrainConfig(base=str(tiny_base), max_length=100))


def test_a_response_is_cut_into_steps_and_encoded_like_a_solution(base):
    data = preference_data([pair(0)], base, validation=0, seed=0)
    encoded = data.encoded["Problem 0?", "It is fine.\n\nTwo."]
    assert encoded == encode_solution(base.tokenizer, base.text_format, "Problem 0?", ["It is fine.", "Two."])
    row = response_row(encoded, 0.25)
    assert row.positions == [encoded.ends[-1]] == [len(row.ids) - 1]
    assert row.prompt_length == encoded.prompt_length
    assert row.targets.tolist() == [[0.25]]
    assert row.targets.dtype == "float32"


def test_prompts_and_not_pairs_are_split_so_nothing_leaks(base):
    rows = [pair(number % 20, chosen=f"Answer {number}") for number in range(60)]
    data = preference_data(rows, base, validation=0.3, seed=0)
    prompts = [{each.prompt for each in part} for part in (data.training, data.validation)]
    assert not prompts[0] & prompts[1]
    assert len(data.training) + len(data.validation) == 60
    assert all(prompts)
    other = preference_data(rows, base, validation=0.3, seed=1)
    assert {each.prompt for each in other.validation} != prompts[1]
    assert preference_data(rows, base, validation=0, seed=0).validation == []


def test_a_response_that_does_not_fit_is_left_out_whole_and_counted(base):
    data = preference_data([pair(0), pair(1, rejected="long " * 100)], base, validation=0, seed=0)
    assert [each.where for each in data.training] == ["row 0"]
    assert data.too_long == 1
    counts = data.counts()
    assert (counts["too_long"], counts["training_preferences"], counts["training_pairs"]) == (1, 1, 1)
    with pytest.raises(InputError, match="nothing to train on: of 1 rows 1 are longer than 100 tokens"):
        preference_data([pair(1, rejected="long " * 100)], base, validation=0, seed=0)


def test_all_comparisons_of_a_prompt_are_one_group_and_each_response_is_computed_once():
    rows = [pair(0, "a", "b"), pair(1, "a", "b"), pair(0, "c", "a", margin=2.0), pair(0, "b", "c", ranks=(0, 0))]
    responses, groups = preference_groups(rows, margin_scale=0.5)
    assert responses == [
        ("Problem 0?", "a"),
        ("Problem 0?", "b"),
        ("Problem 0?", "c"),
        ("Problem 1?", "a"),
        ("Problem 1?", "b"),
    ]
    assert groups == [
        Group((0, 1, 2), (Ranking((0, 1), (0, 1)), Ranking((2, 0), (0, 1), 1.0), Ranking((1, 2), (0, 0)))),
        Group((3, 4), (Ranking((0, 1), (0, 1)),)),
    ]


def test_a_prompt_with_many_responses_is_divided():
    rows = [pair(0, f"good {number}", f"bad {number}") for number in range(5)]
    _, groups = preference_groups(rows, most=4)
    assert [len(each.rows) for each in groups] == [4, 4, 2]
    assert [each.weight for each in groups] == pytest.approx([1.2, 1.2, 0.6])  # by their pairs, on average 1
    _, (only,) = preference_groups(rows, most=10)
    assert len(only.rows) == 10
    with pytest.raises(InputError, match="at least two responses must fit into a group, got 1"):
        preference_groups(rows, most=1)


def test_ratings_are_scaled_to_their_range_in_the_training_split(base):
    data = rating_data([rating(0, 1.0), rating(1, 5.0), rating(2, 4.0)], base, validation=0, seed=0)
    assert data.scale == (1.0, 5.0)
    assert [data.target(each) for each in data.training] == [0.0, 1.0, 0.75]
    assert data.rating(0.75) == 4.0


def test_a_stated_scale_is_kept_and_ratings_outside_it_are_named(base):
    rows = [rating(0, 1.0), rating(1, 3.0)]
    data = rating_data(rows, base, validation=0, seed=0, scale=(1.0, 5.0))
    assert [data.target(each) for each in data.training] == [0.0, 0.5]
    with pytest.raises(InputError, match="row 1: the rating 3 is outside 1 to 2"):
        rating_data(rows, base, validation=0, seed=0, scale=(1.0, 2.0))
    with pytest.raises(InputError, match="ratings from 1 to 1 teach nothing"):
        rating_data(rows[:1], base, validation=0, seed=0)


def test_a_rating_of_the_validation_split_beyond_the_scale_counts_as_its_end(base):
    data = rating_data([rating(0, 1.0), rating(1, 5.0)], base, validation=0, seed=0)
    assert data.target(rating(2, 9.0)) == 1.0
    assert data.target(rating(2, -9.0)) == 0.0
