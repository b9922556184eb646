"""Every estimator equals counting all subsets."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prmkit.errors import ShapeError
from prmkit.evaluation.best_of_n import NO_ANSWER, best_of_n, highest_score, majority, pass_at, subset_sizes


@st.composite
def pools(draw):
    size = draw(st.integers(1, 7))
    correct = draw(st.lists(st.booleans(), min_size=size, max_size=size))
    scores = draw(st.lists(st.sampled_from([-np.inf, 0.0, 0.25, 0.5, 1.0]), min_size=size, max_size=size))
    classes = draw(st.lists(st.integers(NO_ANSWER, 3), min_size=size, max_size=size))
    n = draw(st.integers(1, size))
    return np.array(correct), np.array(scores), np.array(classes), n


def over_subsets(size, n, value):
    return np.mean([value(list(subset)) for subset in combinations(range(size), n)])


@settings(max_examples=150, deadline=None)
@given(pools())
def test_best_of_n_is_the_mean_over_all_subsets_with_ties_shared(pool) -> None:
    correct, scores, _, n = pool

    def chosen(subset):
        return correct[subset][scores[subset] == scores[subset].max()].mean()

    assert best_of_n(correct, scores, n) == pytest.approx(over_subsets(len(correct), n, chosen))


@settings(max_examples=150, deadline=None)
@given(pools())
def test_pass_at_n_is_the_share_of_subsets_with_a_right_solution(pool) -> None:
    correct, _, _, n = pool
    assert pass_at(correct, n) == pytest.approx(over_subsets(len(correct), n, lambda subset: correct[subset].any()))


@settings(max_examples=300, deadline=None)
@given(pools())
def test_majority_is_the_mean_over_all_subsets_with_ties_shared_and_silent_solutions_ignored(pool) -> None:
    correct, _, classes, n = pool

    def voted(subset):
        names, votes = np.unique(classes[subset][classes[subset] != NO_ANSWER], return_counts=True)
        winners = names[votes == votes.max()] if len(votes) else []
        return np.mean([correct[classes == name].mean() for name in winners]) if len(winners) else 0.0

    assert majority(correct, classes, n) == pytest.approx(over_subsets(len(correct), n, voted))


@settings(max_examples=150, deadline=None)
@given(pools())
def test_the_highest_score_is_the_mean_over_all_subsets_with_a_usable_solution(pool) -> None:
    _, scores, _, n = pool
    highest = [max(subset) for subset in combinations(scores, n)]
    usable = [each for each in highest if np.isfinite(each)]
    found = highest_score(scores, n)
    assert found == pytest.approx(np.mean(usable)) if usable else np.isnan(found)


@settings(max_examples=50, deadline=None)
@given(pools(), st.randoms())
def test_the_order_of_the_solutions_does_not_matter(pool, random) -> None:
    correct, scores, classes, n = pool
    order = list(range(len(correct)))
    random.shuffle(order)
    assert best_of_n(correct[order], scores[order], n) == pytest.approx(best_of_n(correct, scores, n))
    assert majority(correct[order], classes[order], n) == pytest.approx(majority(correct, classes, n))
    if np.isfinite(scores).any():
        assert highest_score(scores[order], n) == pytest.approx(highest_score(scores, n))


def test_with_one_solution_every_method_is_the_mean_correctness() -> None:
    correct, classes = np.array([True, False, False, True, False]), np.array([2, 0, NO_ANSWER, 2, 1])
    for value in (pass_at(correct, 1), best_of_n(correct, np.arange(5.0), 1), majority(correct, classes, 1)):
        assert value == pytest.approx(0.4)


def test_equal_scores_choose_at_random_whatever_n() -> None:
    correct = np.array([True, False, False, False])
    assert [best_of_n(correct, np.zeros(4), n) for n in (1, 2, 3, 4)] == pytest.approx([0.25] * 4)


def test_the_whole_pool_gives_the_best_scored_and_the_most_frequent_answer() -> None:
    correct, classes = np.array([True, True, False, False, False]), np.array([7, 7, 1, 2, 3])
    assert majority(correct, classes, 5) == pytest.approx(1.0)
    assert best_of_n(correct, np.array([0.1, 0.2, 0.9, 0.3, 0.4]), 5) == 0.0


def test_a_pool_where_nothing_was_answered_solves_nothing_by_vote() -> None:
    assert majority(np.array([True, False]), np.array([NO_ANSWER, NO_ANSWER]), 2) == 0.0


def test_large_pools_stay_exact() -> None:
    """All answers different: the vote is a draw among n, so its value is the mean correctness for every n."""
    correct = np.arange(1500) % 3 == 0
    for n in (2, 64):
        assert majority(correct, np.arange(1500), n) == pytest.approx(1 / 3, rel=1e-9)
    assert best_of_n(correct, np.zeros(1500), 930) == pytest.approx(1 / 3, rel=1e-9)
    assert pass_at(correct, 3) == pytest.approx(1 - 1000 * 999 * 998 / (1500 * 1499 * 1498))


def test_sizes_double_up_to_the_pool_and_end_with_it() -> None:
    assert subset_sizes(64) == (1, 2, 4, 8, 16, 32, 64)
    assert subset_sizes(6) == (1, 2, 4, 6)
    assert subset_sizes(1) == (1,)
    with pytest.raises(ShapeError, match="at least one"):
        subset_sizes(0)


@pytest.mark.parametrize("n", [0, 3])
def test_a_subset_larger_than_the_pool_or_empty_is_refused(n: int) -> None:
    two = np.array([True, False])
    for call in (
        lambda: pass_at(two, n),
        lambda: best_of_n(two, np.zeros(2), n),
        lambda: highest_score(np.zeros(2), n),
        lambda: majority(two, np.zeros(2, int), n),
    ):
        with pytest.raises(ShapeError, match="within 1 and the 2 solutions"):
            call()


def test_arrays_of_different_lengths_and_missing_scores_are_refused() -> None:
    with pytest.raises(ShapeError, match="one length"):
        best_of_n(np.array([True, False]), np.zeros(3), 1)
    with pytest.raises(ShapeError, match=r"solutions \[1\] have no score"):
        best_of_n(np.array([True, False]), np.array([0.5, np.nan]), 1)
    with pytest.raises(ShapeError, match=r"solutions \[0\] have no score"):
        highest_score(np.array([np.inf, 0.5]), 1)
