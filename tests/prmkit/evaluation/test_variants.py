"""Spoilt versions of right solutions."""

import random
import re

import pytest

from prmkit.demo.oracle import judge_solution
from prmkit.demo.stories import LEVELS, make_stories
from prmkit.evaluation import variants
from prmkit.evaluation.variants import VARIANTS, padded, variant_chance

STEPS = ("Ann has 3.", "Then 3 + 4 = 7. So 7.", "Twice 7 is 14.", "The answer is 14.")


def chance(seed: int = 0) -> random.Random:
    return random.Random(seed)


def test_variants_that_need_no_numbers() -> None:
    assert variants.answer_only(STEPS, chance()) == ("The answer is 14.",)
    assert variants.empty(STEPS, chance()) == ("...",)
    assert variants.template(STEPS, chance()) == variants.template(("Other.",), chance())


@pytest.mark.parametrize("seed", range(8))
def test_one_step_before_the_last_is_repeated_or_deleted(seed: int) -> None:
    twice, less = variants.repeated(STEPS, chance(seed)), variants.deleted(STEPS, chance(seed))
    (at,) = [at for at in range(len(twice) - 1) if twice[at] == twice[at + 1]]
    assert twice[:at] + twice[at + 1 :] == STEPS and at < 3
    assert less is not None and less[-1] == STEPS[-1] and len(less) == 3 and set(less) < set(STEPS)


@pytest.mark.parametrize("seed", range(8))
def test_shuffled_steps_are_never_in_the_old_order_and_the_last_stays_last(seed: int) -> None:
    mixed = variants.shuffled(STEPS, chance(seed))
    assert mixed is not None and mixed != STEPS and mixed[-1] == STEPS[-1] and sorted(mixed) == sorted(STEPS)


class Picks(random.Random):
    """Chooses by place instead of by chance."""

    def __init__(self, place: int) -> None:
        super().__init__(0)
        self.place = place

    def choice(self, options):
        return options[self.place]


def test_a_wrong_result_is_used_by_all_later_steps_so_that_the_text_stays_fluent() -> None:
    assert variants.wrong_number(STEPS, Picks(0)) == (  # the only step with `=`
        "Ann has 3.",
        "Then 3 + 4 = 8. So 8.",
        "Twice 8 is 14.",
        "The answer is 14.",
    )


@pytest.mark.parametrize(
    "heading", ["{}. ", "{}) ", "Step {}: ", "step {}. ", "### Step {}:\n", "**Step {}:** ", "## {}. "]
)
def test_the_number_of_a_step_is_no_result_and_stays_as_it_is(heading: str) -> None:
    plain = ("Let x be what is left.", "Now 1 + 1 = 2.", "Twice 2 is 4.", "The answer is 4.")
    numbered = tuple(heading.format(at) + step for at, step in enumerate(plain))
    for seed in range(8):
        changed = variants.wrong_number(numbered, chance(seed))
        spoilt = variants.wrong_number(plain, chance(seed))
        assert changed is not None and spoilt is not None and spoilt != plain
        assert changed == tuple(heading.format(at) + step for at, step in enumerate(spoilt))
    assert variants.wrong_number((heading.format(1) + "Let x be.", heading.format(2) + "So."), chance()) is None


def test_a_number_that_begins_a_step_is_a_number() -> None:
    assert variants.wrong_number(("7.5 is 3 + 4.5 rounded to 8", "8"), Picks(0)) == ("7.5 is 3 + 4.5 rounded to 9", "9")
    assert variants.wrong_number(("12 apples", "12"), Picks(0)) == ("13 apples", "13")


def test_a_step_that_computes_is_spoilt_rather_than_one_that_only_names_a_number() -> None:
    steps = ("Ann has 3.", "Bob has 5.", "Together 3 + 5 = 8.", "Half is 4.", "The answer is 4.")
    for seed in range(8):
        changed = variants.wrong_number(steps, chance(seed))
        assert changed is not None and changed[:2] == steps[:2] and changed[2].startswith("Together 3 + 5 = ")
        assert changed[2] != steps[2]


def test_parts_of_other_numbers_and_of_names_stay_as_they_are() -> None:
    changed = variants.wrong_number(("x1 is 2 + 3 = 5.", "Take 5, 15, 5.5, 1,005 and x5.", "5"), Picks(0))
    assert changed == ("x1 is 2 + 3 = 6.", "Take 6, 15, 5.5, 1,005 and x5.", "6")


def test_the_wrong_number_makes_every_story_wrong_and_leaves_it_readable() -> None:
    for story in make_stories(40, 0, LEVELS["default"]):
        steps = tuple(story.steps())
        changed = variants.wrong_number(steps, variant_chance(0, "wrong", story.text, steps))
        assert changed is not None and len(changed) == len(steps)
        assert judge_solution(story.text, changed).first_error >= 0
        assert [re.sub(r"\d+", "#", each) for each in changed] == [re.sub(r"\d+", "#", each) for each in steps]


def test_solutions_that_are_too_short_have_no_such_variant() -> None:
    assert variants.answer_only(("a",), chance()) is None
    assert variants.deleted(("a", "b"), chance()) is None
    assert variants.shuffled(("a", "b"), chance()) is None and variants.shuffled(("a", "a", "b"), chance()) is None
    assert variants.wrong_number(("no number", "none either"), chance()) is None
    assert variants.repeated(("a",), chance()) == ("a", "a")
    assert variants.wrong_number(("1 + 1 = 2",), chance()) is not None


def test_padding_is_true_and_stands_before_the_answer() -> None:
    long = padded(STEPS, chance(), 20)
    assert len(long) == 24 and long[-1] == STEPS[-1] and long[:3] == STEPS[:3]
    for each in long[3:-1]:
        a, b, total = map(int, re.findall(r"\d+", each))
        assert a + b == total


def test_chance_depends_on_the_seed_and_the_solution_alone() -> None:
    def draw(*address) -> float:
        return variant_chance(*address).random()

    assert draw(0, "wrong", "p", STEPS) == draw(0, "wrong", "p", STEPS)
    others = [(1, "wrong", "p", STEPS), (0, "long", "p", STEPS), (0, "wrong", "q", STEPS), (0, "wrong", "p", STEPS[1:])]
    assert len({draw(0, "wrong", "p", STEPS), *(draw(*each) for each in others)}) == 5


def test_every_variant_has_a_name_of_its_own() -> None:
    assert len({each.name for each in VARIANTS} | {variants.LONG}) == len(VARIANTS) + 1 == 8
