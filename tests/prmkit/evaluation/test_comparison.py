"""Curves from pools, without any model."""

import numpy as np
import pytest

from prmkit.errors import ShapeError
from prmkit.evaluation.best_of_n import best_of_n, majority
from prmkit.evaluation.comparison import ProblemPool, compare_pool, compare_search


def make_pools(problems=60, size=8, seed=0, **quality):
    """Pools in which each method's score is its quality times the truth plus noise."""
    rng = np.random.default_rng(seed)
    pools = []
    for index in range(problems):
        correct = rng.random(size) < rng.beta(1, 1.5)
        scores = {name: how * correct + rng.normal(size=size) for name, how in quality.items()}
        classes = np.where(correct, 0, rng.integers(1, 5, size))
        pools.append(
            ProblemPool(
                problem_id=f"p{index}", correct=correct, classes=classes, scores=scores, tokens=np.full(size, 50)
            )
        )
    return pools


def test_outcomes_are_the_estimators_of_each_problem_and_accuracy_their_mean() -> None:
    pools = make_pools(problems=5, prm=1.0)
    comparison = compare_pool(pools)
    assert comparison.sizes == (1, 2, 4, 8)
    for row, pool in enumerate(pools):
        for column, n in enumerate(comparison.sizes):
            best, voted = best_of_n(pool.correct, pool.scores["prm"], n), majority(pool.correct, pool.classes, n)
            assert comparison.outcomes["prm"][row, column] == pytest.approx(best)
            assert comparison.outcomes["majority"][row, column] == pytest.approx(voted)
    assert comparison.accuracy["prm"][2].value == pytest.approx(comparison.outcomes["prm"][:, 2].mean())
    assert comparison.accuracy["prm"][2].n == 5


def test_all_methods_start_at_pass_at_1_and_none_beats_the_best_possible_choice() -> None:
    comparison = compare_pool(make_pools(prm=2.0, orm=1.0))
    starts = [curve[0] for curve in comparison.accuracy.values()]
    assert starts == [starts[0]] * 4
    for curve in comparison.accuracy.values():
        for mine, best in zip(curve, comparison.accuracy["pass"], strict=True):
            assert mine.value <= best.value + 1e-12


def test_a_better_reward_model_wins_and_the_difference_is_paired() -> None:
    comparison = compare_pool(make_pools(prm=4.0, orm=0.5))
    difference = comparison.differences["prm", "orm"][-1]
    assert difference.low > 0 and difference.p_value < 0.01
    prm, orm = comparison.outcomes["prm"][:, -1], comparison.outcomes["orm"][:, -1]
    assert difference.value == pytest.approx((prm - orm).mean())


def test_a_worse_reward_model_loses_with_its_sign() -> None:
    assert compare_pool(make_pools(prm=-2.0, orm=2.0)).differences["prm", "orm"][-1].high < 0


def test_without_an_orm_only_the_difference_to_the_vote_is_there() -> None:
    assert list(compare_pool(make_pools(prm=1.0)).differences) == [("prm", "majority")]


def test_the_seed_moves_intervals_and_nothing_else() -> None:
    first, second = (compare_pool(make_pools(prm=1.0), seed=seed).accuracy["prm"][1] for seed in (0, 1))
    assert first.value == second.value and (first.low, first.high) != (second.low, second.high)


def test_a_search_is_set_beside_best_of_n_for_the_same_tokens() -> None:
    comparison = compare_pool(make_pools(problems=20, prm=1.0))
    solved = {each: index % 4 > 0 for index, each in enumerate(comparison.problem_ids)}
    outcome = compare_search(comparison, "beam 2 x 2", solved, dict.fromkeys(comparison.problem_ids, 190))
    assert outcome.matched_n == 4  # 4 solutions of 50 tokens
    assert outcome.solved.value == 0.75 and outcome.tokens.value == 190
    expected = 0.75 - comparison.accuracy["prm"][2].value
    assert outcome.difference.value == pytest.approx(expected)


def test_a_search_that_left_problems_out_is_refused() -> None:
    comparison = compare_pool(make_pools(problems=3, prm=1.0))
    with pytest.raises(ShapeError, match="'p1' and 1 more"):
        compare_search(comparison, "beam", {"p0": True}, {"p0": 10})


def test_problems_with_fewer_solutions_or_other_methods_are_refused_by_name() -> None:
    eight, four = make_pools(problems=1, prm=1.0)[0], make_pools(problems=1, size=4, prm=1.0)[0]
    with pytest.raises(ShapeError, match="'p0' has 4 solutions"):
        compare_pool([eight, four])
    with pytest.raises(ShapeError, match=r"scored by \['orm'\]"):
        compare_pool([eight, make_pools(problems=1, orm=1.0)[0]])
    with pytest.raises(ShapeError, match="no problems"):
        compare_pool([])
