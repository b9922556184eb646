import pytest

from prmkit.errors import InputError
from prmkit.training.groups import Group, Ranking, groups_per_batch, outcome_groups, split_group

PAIR = Ranking((0, 1), (0, 1))
PAIR_UNKNOWN = Ranking((0, 1), (0, None))
FOUR = Ranking((0, 1, 2, 3), (0, 1, 2, 3))


def test_a_ranking_is_never_cut():
    long = Ranking((4, 0, 2), (0, 1, 2), margin=1.0)
    short, rest = split_group(Group((10, 11, 12, 13, 14), (PAIR, long)), most=2)
    assert short == Group((10, 11), (PAIR,), 0.25)
    assert rest == Group((14, 10, 12), (Ranking((0, 1, 2), (0, 1, 2), margin=1.0),), 0.75)
    assert split_group(Group((10, 11, 12, 13, 14), (PAIR, long)), most=8) == [
        Group((10, 11, 14, 12), (PAIR, Ranking((2, 0, 3), (0, 1, 2), margin=1.0)))
    ]


def test_every_right_solution_is_compared_with_every_wrong_one_of_its_problem_and_with_no_other():
    found = outcome_groups(["a", "b", "a", "a", "b", "a"], [True, False, False, True, True, False])
    assert (found.one_kind, found.left_out) == (0, 0)
    first, second = found.groups
    assert first.rows == (0, 3, 2, 5)
    assert first.rankings == (Ranking((0, 2, 3), (0, None, None)), Ranking((1, 2, 3), (0, None, None)))
    assert second == Group((4, 1), (PAIR_UNKNOWN,))


def test_problems_whose_solutions_are_all_right_or_all_wrong_teach_nothing_and_are_counted():
    found = outcome_groups(list("aabbcd"), [True, True, True, False, False, None])
    assert [each.rows for each in found.groups] == [(2, 3)]
    assert found.one_kind == 2
    assert found.left_out == 4


def test_the_margin_reaches_every_ranking_of_solutions():
    (only,) = outcome_groups("aaa", [True, True, False], margin=2.0).groups
    assert [each.margin for each in only.rankings] == [2.0, 2.0]


@pytest.mark.parametrize(("right", "wrong"), [(2, 30), (30, 2), (9, 7), (4, 4), (1, 1)])
def test_a_problem_with_many_solutions_is_dealt_into_groups_that_have_both_kinds(right, wrong):
    correct = [True] * right + [False] * wrong
    found = outcome_groups(["a"] * len(correct), correct, most=8)
    assert found.left_out == 0
    for each in found.groups:
        assert 2 <= len(each.rows) <= 8
        assert {correct[row] for row in each.rows} == {True, False}
        assert all(correct[each.rows[ranking.items[0]]] for ranking in each.rankings)
    assert sum(each.weight for each in found.groups) == pytest.approx(len(found.groups))


def test_problems_weigh_alike_however_many_groups_they_are_dealt_into():
    problems = ["a"] * 32 + ["b"] * 2
    groups = outcome_groups(problems, [True, False] * 17, most=4).groups
    weights = {name: sum(each.weight for each in groups if problems[each.rows[0]] == name) for name in "ab"}
    assert weights["a"] == pytest.approx(weights["b"])


def test_dealing_depends_on_the_seed_alone():
    correct = [True, False] * 16
    deal = [outcome_groups(["a"] * 32, correct, most=4, seed=seed).groups for seed in (0, 0, 1)]
    assert deal[0] == deal[1] != deal[2]


def test_a_pool_without_anything_to_compare_is_refused():
    with pytest.raises(InputError, match="not one of 2 problems has both right and wrong solutions"):
        outcome_groups("ab", [True, False])
    with pytest.raises(InputError, match="at least two solutions of a problem must fit into a group, got 1"):
        outcome_groups("aa", [True, False], most=1)


@pytest.mark.parametrize(
    "arguments", [((0,), (0,)), ((0, 0), (0, 1)), ((0, 1), (0,)), ((0, 0, 1), (0, 1, 2)), ((0, 1), (None, None))]
)
def test_a_ranking_that_orders_nothing_is_refused(arguments):
    with pytest.raises(InputError, match="a ranking needs"):
        Ranking(*arguments)


def test_a_batch_has_about_the_rows_that_were_asked_for_and_at_least_one_group():
    groups = [Group((0, 1), (PAIR,)), Group((2, 3, 4, 5), (FOUR,))]
    assert groups_per_batch(groups, 12) == 4
    assert groups_per_batch(groups, 1) == 1
