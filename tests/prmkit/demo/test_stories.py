"""The stories and their exact oracle."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmkit.demo.oracle import StepTruth, judge_solution
from prmkit.demo.stories import LARGEST_VALUE, LEVELS, Difficulty, Story, make_stories, make_story

STORY = Story.parse(
    "Eli has 12 books. Ora has 19 more than Eli. Cal has 15 less than Ora. Ann has 2 less than Eli. "
    "How many books has Cal?"
)
RIGHT = STORY.steps()


@given(seed=st.integers(), level=st.sampled_from(sorted(LEVELS)))
def test_the_reference_solution_of_any_story_is_right_in_every_step(seed: int, level: str) -> None:
    story = make_story(random.Random(seed), LEVELS[level])
    verdict = judge_solution(story.text, story.steps())
    assert verdict.answer_right and verdict.first_error == -1
    assert verdict.steps.count(StepTruth.NEEDED) == len(story.needed) + 1  # and the answer


@given(seed=st.integers(), level=st.sampled_from(sorted(LEVELS)))
def test_a_story_reads_back_from_its_text(seed: int, level: str) -> None:
    story = make_story(random.Random(seed), LEVELS[level])
    assert Story.parse(story.text) == story


@given(seed=st.integers(), level=st.sampled_from(sorted(LEVELS)))
def test_values_stay_in_range(seed: int, level: str) -> None:
    values = make_story(random.Random(seed), LEVELS[level]).values.values()
    assert all(1 <= value <= LARGEST_VALUE for value in values)


def test_more_stories_begin_with_the_fewer() -> None:
    few, many = list(make_stories(5, 3, Difficulty())), list(make_stories(9, 3, Difficulty()))
    assert many[:5] == few
    assert len({story.text for story in many}) == 9


def test_another_seed_gives_other_stories() -> None:
    assert list(make_stories(5, 3, Difficulty())) != list(make_stories(5, 4, Difficulty()))


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def steps_back(story: Story) -> float:
    """How far back in the text facts refer, on average."""
    at = {fact.name: index for index, fact in enumerate(story.facts)}
    return mean([index - at[fact.base] for index, fact in enumerate(story.facts) if fact.base])


def underivable(story: Story) -> float:
    """Facts that refer to one stated later."""
    at = {fact.name: index for index, fact in enumerate(story.facts)}
    return sum(bool(fact.base) and at[fact.base] > index for index, fact in enumerate(story.facts))


@pytest.mark.parametrize(
    ("change", "measure"),
    [
        ({"needed": (6, 8)}, lambda story: len(story.needed)),
        ({"unneeded": (4, 6)}, lambda story: len(story.facts) - len(story.needed)),
        ({"given": 1.0}, lambda story: sum(fact.base is None for fact in story.facts)),
        ({"largest": 20}, lambda story: -max(story.values.values())),
        ({"branching": 1.0}, steps_back),
        ({"shuffled": True}, underivable),
    ],
)
def test_every_dial_of_difficulty_moves_what_it_names(change: dict[str, object], measure: object) -> None:
    easy = Difficulty(needed=(3, 5), unneeded=(2, 3), branching=0.0, given=0.0)
    before = mean([measure(story) for story in make_stories(200, 0, easy)])
    after = mean([measure(story) for story in make_stories(200, 0, replace(easy, **change))])
    assert after > before + 0.2


def test_a_difficulty_that_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 16 quantities"):
        Difficulty(needed=(3, 12), unneeded=(0, 5))
    with pytest.raises(ValueError, match="ordered"):
        Difficulty(needed=(5, 3))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("What is 2 + 2?", "no question"),
        ("Eli has many books. How many books has Eli?", "cannot read"),
        ("Eli has 2 books. Eli has 3 books. How many books has Eli?", "stated twice"),
        ("Eli has 2 more than Ora. Ora has 1 more than Eli. How many books has Eli?", "cannot be derived"),
    ],
)
def test_other_texts_are_no_stories(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Story.parse(text)


def truths(*steps: str) -> list[StepTruth]:
    return list(judge_solution(STORY.text, steps).steps)


def test_a_distractor_is_true_but_unneeded() -> None:
    assert truths(RIGHT[0], "Ann has 2 less than Eli: 12 - 2 = 10. Ann: 10.") == [StepTruth.NEEDED, StepTruth.UNNEEDED]


def test_a_repeated_step_is_unneeded() -> None:
    assert truths(RIGHT[0], RIGHT[0]) == [StepTruth.NEEDED, StepTruth.UNNEEDED]


@pytest.mark.parametrize(
    "step",
    [
        "Ora has 19 more than Eli: 12 + 19 = 32. Ora: 32.",  # arithmetic
        "Ora has 19 more than Eli: 13 + 19 = 32. Ora: 32.",  # another quantity's value
        "Ora has 19 more than Cal: 12 + 19 = 31. Ora: 31.",  # two facts mixed
        "Ora has 18 more than Eli: 12 + 19 = 31. Ora: 31.",  # number copied wrongly
        "Ora has 19 more than Eli: 12 + 19 = 31. Ora: 13.",  # result copied wrongly
        "Ora has 19 more than Eli: 12 + 19 = 32. Ora: 31.",  # right by luck, the sum is wrong
        "Zoe: 3.",  # not in the story
        "I think so.",  # nothing to check
        "The answer is 15.",
    ],
)
def test_a_step_with_anything_false_in_it_is_wrong(step: str) -> None:
    assert truths(RIGHT[0], step)[-1] is StepTruth.WRONG


def test_a_consequence_of_an_error_is_wrong_too_and_the_first_error_is_the_first() -> None:
    verdict = judge_solution(STORY.text, [RIGHT[0], "Ora: 30.", "Cal has 15 less than Ora: 30 - 15 = 15. Cal: 15."])
    assert verdict.steps[1:] == (StepTruth.WRONG, StepTruth.WRONG)
    assert verdict.first_error == 1
    assert not verdict.answer_right


def test_a_bare_true_value_counts_as_its_derivation() -> None:
    assert truths(RIGHT[0], "Ora: 31.") == [StepTruth.NEEDED, StepTruth.NEEDED]
