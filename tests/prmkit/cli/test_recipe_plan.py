"""What the recipe compares."""

from dataclasses import replace

from prmkit.cli.recipe_plan import STORIES, Regime
from prmkit.rewards.base import Aggregation

ALL = (STORIES.default, *STORIES.others)


def test_every_regime_has_a_name_and_a_label_of_its_own() -> None:
    assert len({each.name for each in ALL}) == len({each.label for each in ALL}) == len(ALL)
    assert STORIES.default not in STORIES.others


def test_three_sizes_on_stories_of_two_levels_and_equal_cost_of_the_smallest() -> None:
    levels, sizes = {each.level for each in ALL}, {each.labelled for each in ALL}
    assert len(levels) == 2 and len(sizes) == 3
    same = {(each.level, each.labelled) for each in ALL if not each.equal_cost and each.plainly_read}
    assert same == {(level, size) for level in levels for size in sizes}
    equal = [each for each in ALL if each.equal_cost]
    assert {each.level for each in equal} == levels and {each.labelled for each in equal} == {min(sizes)}
    assert not STORIES.default.equal_cost and STORIES.learned_level not in levels


def test_sizes_are_whole_numbers_of_stories() -> None:
    assert all(each.labelled % STORIES.per_problem == 0 for each in ALL)


def test_names_and_labels_tell_regimes_apart_that_differ_in_one_thing() -> None:
    plain = Regime(level="easy", labelled=2000)
    assert (plain.name, plain.label) == ("easy-2000", "easy stories, 2,000 labelled solutions")
    others = [replace(plain, level="default"), replace(plain, labelled=4000), replace(plain, equal_cost=True)]
    others.append(replace(plain, orm_aggregation=Aggregation.MIN))
    assert len({each.name for each in (plain, *others)}) == len({each.label for each in (plain, *others)}) == 5
    assert others[2].name == "easy-2000-equal-cost" and others[2].label.endswith("ORM at equal cost")
    assert others[3].name == "easy-2000-orm-min" and others[3].label.endswith("ORM read by min over its steps")


def test_the_headline_reads_the_orm_where_a_solution_ends_and_one_regime_reads_it_step_by_step() -> None:
    assert STORIES.default.plainly_read
    assert [each for each in ALL if not each.plainly_read] == [
        replace(STORIES.default, orm_aggregation=Aggregation.MIN)
    ]


def test_every_model_reads_about_as_many_solutions_and_each_at_least_once() -> None:
    for each in ALL:
        assert STORIES.epochs(each.labelled) * each.labelled == STORIES.presented
    assert STORIES.epochs(10 * STORIES.presented) == 1
