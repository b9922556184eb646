"""Weighted votes equal counting all subsets, and say how far a draw of subsets may be off."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prmkit.errors import ShapeError
from prmkit.evaluation.best_of_n import NO_ANSWER, majority
from prmkit.evaluation.weighted import SUBSETS, vote_weights, weighted_majority


def counted(correct, classes, weights, n):
    """The same by brute force, subset by subset."""
    votes = (classes != NO_ANSWER) & np.isfinite(weights)
    rightness = {name: correct[votes & (classes == name)].mean() for name in set(classes[votes])}
    outcomes = []
    for subset in combinations(range(len(correct)), n):
        sums = {}
        for index in subset:
            if votes[index]:
                sums[classes[index]] = sums.get(classes[index], 0.0) + weights[index]
        winners = [rightness[name] for name, total in sums.items() if total >= max(sums.values()) * (1 - 1e-9)]
        outcomes.append(np.mean(winners) if winners else 0.0)
    return np.mean(outcomes)


@st.composite
def pools(draw):
    size = draw(st.integers(1, 7))
    correct = draw(st.lists(st.booleans(), min_size=size, max_size=size))
    weight = st.sampled_from([-np.inf, 0.0, 0.1, 0.2, 0.3, 1.0])  # 0.1 + 0.2 ties with 0.3
    weights = draw(st.lists(weight, min_size=size, max_size=size))
    classes = draw(st.lists(st.integers(NO_ANSWER, 3), min_size=size, max_size=size))
    return np.array(correct), np.array(classes), np.array(weights)


@settings(max_examples=300, deadline=None)
@given(pools())
def test_a_weighted_vote_is_the_mean_over_all_subsets_with_ties_shared_and_silent_solutions_ignored(pool) -> None:
    correct, classes, weights = pool
    sizes = range(1, len(correct) + 1)
    values, errors = weighted_majority(correct, classes, weights[None], sizes)
    assert values[0] == pytest.approx([counted(correct, classes, weights, n) for n in sizes])
    assert (errors == 0).all()


@settings(max_examples=100, deadline=None)
@given(pools(), st.sampled_from([1.0, 0.3]))
def test_equal_weights_give_the_majority_vote(pool, weight) -> None:
    correct, classes, _ = pool
    values, _ = weighted_majority(correct, classes, np.full((1, len(correct)), weight), [len(correct), 1])
    assert values[0] == pytest.approx([majority(correct, classes, n) for n in (len(correct), 1)])


def large_pool(size=16, seed=0):
    rng = np.random.default_rng(seed)
    correct = rng.random(size) < 0.4
    return correct, np.where(correct, 0, rng.integers(1, 4, size)), rng.random((2, size)).round(3)


def test_with_more_subsets_than_are_enumerated_the_error_bars_cover_the_exact_value_as_often_as_they_claim() -> None:
    correct, classes, weights = large_pool(size=14)
    assert len(list(combinations(range(14), 7))) > SUBSETS
    exact = counted(correct, classes, weights[0], 7)
    assert 0.1 < exact < 0.9
    found = [weighted_majority(correct, classes, weights[:1], [7], seed=seed) for seed in range(300)]
    off = np.array([(values[0, 0] - exact) / errors[0, 0] for values, errors in found])
    assert 0.92 <= (np.abs(off) < 1.96).mean() <= 0.98
    assert abs(off.mean()) < 3 / 300**0.5
    assert 0.9 < off.std() < 1.1


def test_the_whole_pool_and_single_solutions_are_exact_whatever_the_size_of_the_pool() -> None:
    correct, classes, weights = large_pool(size=3000)
    values, errors = weighted_majority(correct, classes, weights, [1, 3000])
    assert (errors == 0).all()
    assert values[:, 0] == pytest.approx([correct.mean()] * 2)
    assert set(values[:, 1]) <= {0.0, 1.0}


def test_the_order_of_the_solutions_does_not_matter_where_subsets_are_drawn_either() -> None:
    correct, classes, weights = large_pool()
    order = np.random.default_rng(1).permutation(16)
    values, errors = weighted_majority(correct, classes, weights, [8])
    again, _ = weighted_majority(correct[order], classes[order], weights[:, order], [8])
    assert (errors > 0).all() and (values == again).all()


def test_the_seed_moves_what_is_drawn_and_nothing_that_is_enumerated() -> None:
    correct, classes, weights = large_pool()
    first, second = (weighted_majority(correct, classes, weights, [2, 8], seed=seed)[0] for seed in (0, 1))
    assert (first[:, 0] == second[:, 0]).all() and (first[:, 1] != second[:, 1]).all()


def test_weightings_are_judged_on_the_same_draws() -> None:
    """Two equal weightings differ by nothing, though each has an error of its own."""
    correct, classes, weights = large_pool()
    values, errors = weighted_majority(correct, classes, weights[[0, 0]], [8])
    assert values[0, 0] == values[1, 0] and errors[0, 0] > 0


def test_scores_in_0_to_1_vote_as_they_are_and_rewards_without_a_scale_through_the_sigmoid() -> None:
    bounded = [np.array([0.0, 0.25, -np.inf]), np.array([1.0])]
    assert [each.tolist() for each in vote_weights(bounded)] == [[0.0, 0.25, -np.inf], [1.0]]
    rewards = vote_weights([np.array([0.5, -np.inf]), np.array([-2.0])])  # one outside makes logits of all
    assert rewards[0].tolist() == pytest.approx([1 / (1 + np.exp(-0.5)), -np.inf])
    assert rewards[1].tolist() == pytest.approx([1 / (1 + np.exp(2.0))])


def test_weights_of_any_smallness_vote_in_the_same_way() -> None:
    correct, classes, weights = large_pool(size=10)
    values, _ = weighted_majority(correct, classes, np.concatenate([weights, weights * 1e-12]), [2, 5, 10])
    assert (values[:2] == values[2:]).all() and (values[0] != values[1]).any()


def test_impossible_weights_sizes_and_shapes_are_refused() -> None:
    correct, classes, weights = large_pool()
    for bad in (np.nan, np.inf, -0.5):
        with pytest.raises(ShapeError, match="finite and not negative"):
            weighted_majority(correct, classes, np.full((1, 16), bad), [2])
    with pytest.raises(ShapeError, match="within 1 and the 16 solutions"):
        weighted_majority(correct, classes, weights, [2, 17])
    with pytest.raises(ShapeError, match=r"weights \[K, N\]"):
        weighted_majority(correct, classes, weights[:, :3], [2])
