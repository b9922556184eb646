"""The comparison by kind of problem."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmkit.errors import ShapeError
from prmkit.evaluation.comparison import ProblemPool, compare_pool
from prmkit.evaluation.groups import by_difficulty, by_length, length_correlations, quintiles


def make_pool(name, right, size=10, *, length=50, scores=None):
    correct = np.arange(size) < right
    return ProblemPool(
        problem_id=name,
        correct=correct,
        classes=np.where(correct, 0, 1),
        scores={"prm": np.linspace(1, 0, size) if scores is None else scores},
        tokens=np.full(size, length),
    )


@given(st.lists(st.integers(0, 6), min_size=1, max_size=40))
def test_groups_ascend_never_part_equal_values_and_ignore_the_order(values) -> None:
    groups = quintiles(np.array(values, dtype=float))
    assert sorted(set(groups)) == list(range(max(groups) + 1)) and max(groups) < 5
    by_value = sorted(zip(values, groups, strict=True))
    assert [group for _, group in by_value] == sorted(groups)
    assert len(set(by_value)) == len(set(values))
    assert (quintiles(np.array(values[::-1], dtype=float)) == groups[::-1]).all()


@given(st.integers(5, 60))
def test_without_equal_values_groups_differ_in_size_by_one_at_most(problems) -> None:
    sizes = np.bincount(quintiles(np.random.default_rng(problems).random(problems)))
    assert len(sizes) == 5 and sizes.max() - sizes.min() <= 1


def test_problems_of_equal_difficulty_are_one_group() -> None:
    assert quintiles(np.zeros(7)).tolist() == [0] * 7
    assert quintiles(np.array([0.0] * 8 + [0.5, 1.0])).tolist() == [0] * 8 + [1] * 2


def test_each_group_says_at_which_n_most_of_it_is_solved() -> None:
    """The truth as score, and one that likes one wrong solution even better."""
    pools = []
    for index, right in enumerate([2] * 10 + [9] * 10):
        pool = make_pool(f"p{index}", right=right)
        truth, trap = pool.correct.astype(float), np.arange(10) == 9
        pools.append(replace(pool, scores={"prm": truth, "orm": truth + 2.0 * trap}))
    comparison = compare_pool(pools)
    found = by_difficulty(pools, comparison).groups
    assert [each.peaks["prm"] for each in found] == [10, 2], "the first n that never misses"
    for group, rows in zip(found, (slice(0, 10), slice(10, 20)), strict=True):
        curve = comparison.outcomes["orm"][rows].mean(axis=0)
        assert group.peaks["orm"] == comparison.sizes[int(curve.argmax())] < comparison.largest
    assert found[0].peaks["orm"] > found[1].peaks["orm"] == 1


def test_each_group_holds_its_problems_with_their_accuracies_and_paired_differences() -> None:
    pools = [make_pool(f"p{index}", right=index % 10) for index in range(20)]
    comparison = compare_pool(pools)
    found = by_difficulty(pools, comparison)
    assert (found.unit, found.n) == ("pass rate", 10)
    assert [(each.low, each.high) for each in found.groups] == [
        (0.0, 0.1),
        (0.2, 0.3),
        (0.4, 0.5),
        (0.6, 0.7),
        (0.8, 0.9),
    ]
    assert [each.problems for each in found.groups] == [4] * 5
    hardest, middle = found.groups[0], found.groups[2]
    assert hardest.accuracy["prm"].value == 0.5  # of 0 and 1 right, the best score finds the one that is there
    assert hardest.accuracy["prm"].n == 4
    assert middle.differences["prm", "majority"].value == pytest.approx(1 - 0.25)  # 5 of 10 votes are a tie
    rows = [4, 5, 14, 15]
    outcomes = comparison.outcomes["prm"][rows, -1] - comparison.outcomes["majority"][rows, -1]
    assert middle.differences["prm", "majority"].value == pytest.approx(outcomes.mean())
    assert middle.differences.keys() == comparison.differences.keys()


def test_lengths_are_tokens_and_where_some_are_unknown_characters() -> None:
    pools = [make_pool(f"p{index}", right=5, length=100 - index) for index in range(10)]
    comparison = compare_pool(pools)
    found = by_length(pools, comparison)
    assert found is not None and found.unit == "tokens"
    assert (found.groups[0].low, found.groups[0].high) == (91, 92)
    texts = [replace(each, characters=np.full(10, 7)) for each in pools]
    texts[0] = replace(texts[0], tokens=None)
    by_characters = by_length(texts, comparison)
    assert by_characters is not None and by_characters.unit == "characters" and len(by_characters.groups) == 1
    assert by_length([replace(each, tokens=None) for each in pools], comparison) is None
    assert length_correlations([replace(each, tokens=None) for each in pools]) == {}


def test_draws_that_wrote_nothing_have_no_length() -> None:
    blank = replace(make_pool("a", right=1, size=4), tokens=np.array([30, 50, 0, 0]))
    found = by_length([blank], compare_pool([blank]))
    assert found is not None and found.groups[0].low == 40


def test_scores_that_follow_length_are_told_from_being_right_and_only_within_problems() -> None:
    rng = np.random.default_rng(0)
    pools = []
    for index in range(60):
        length = rng.integers(10, 20, 32) + 100 * index  # across problems length follows difficulty
        correct = rng.random(32) < 0.5
        scores = {"prm": -length + 100.0 * index, "orm": rng.random(32) - index}
        base = make_pool(f"p{index}", right=0, size=32)
        pools.append(replace(base, correct=correct, tokens=length, scores=scores))
    found = length_correlations(pools)
    prm, orm = found["prm"], found["orm"]
    assert prm is not None and prm.score.value == pytest.approx(-1)
    assert orm is not None and orm.score.low < 0 < orm.score.high and abs(orm.score.value) < 0.1
    assert prm.correct == orm.correct and prm.correct.low < 0 < prm.correct.high


def test_problems_without_a_correlation_do_not_count_and_unusable_solutions_neither() -> None:
    lengths = np.array([10, 20, 30, 0])
    rising = replace(make_pool("a", 1, 4, scores=np.array([0.1, 0.2, 0.3, -np.inf])), tokens=lengths)
    equal = replace(make_pool("b", 0, 4, scores=np.full(4, 0.5)), tokens=lengths)
    found = length_correlations([rising, equal])
    assert found["prm"] is not None and (found["prm"].score.value, found["prm"].score.n) == (pytest.approx(1), 1)
    assert length_correlations([equal])["prm"] is None


def test_correctness_is_held_against_length_on_the_solutions_and_problems_that_the_method_scored() -> None:
    """Cut solutions are long, wrong and without a score: they are no reason for scores to go with shortness."""
    rng = np.random.default_rng(1)
    pools = []
    for index in range(80):
        correct, cut = rng.random(16) < 0.5, rng.random(16) < 0.25
        truth = np.where(correct & ~cut, 1.0, 0.0)
        base = make_pool(f"p{index}", right=0, size=16)
        scores = {"prm": np.where(cut, -np.inf, truth), "orm": truth}
        length = np.where(cut, 400, rng.integers(10, 100, 16))
        pools.append(replace(base, correct=truth > 0, tokens=length, scores=scores))
    all_right = replace(make_pool("right", right=3, size=3, scores=np.array([3.0, 2, 1])), tokens=np.array([1, 2, 3]))
    pools.append(replace(all_right, scores={"prm": all_right.scores["prm"], "orm": all_right.scores["prm"]}))
    found = length_correlations(pools)
    prm, orm = found["prm"], found["orm"]
    assert prm is not None and orm is not None
    assert prm.score == prm.correct and abs(prm.correct.value) < 0.1
    assert orm.score == orm.correct and orm.correct.value < -0.2


def test_the_mean_of_several_training_runs_counts() -> None:
    scores = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])
    pool = replace(make_pool("a", 1, 3, scores=scores), tokens=np.array([5, 6, 7]))
    found = length_correlations([pool])["prm"]
    assert found is not None and found.score.value == pytest.approx(0) and found.score.low <= -1


def test_the_seed_moves_intervals_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    pools = [
        make_pool(f"p{index}", right=index % 10, length=index % 7, scores=rng.random(10).round(1))
        for index in range(60)
    ]
    comparison = compare_pool(pools)
    for split in (by_difficulty, by_length):
        first, second = (
            [each.accuracy["prm"] for each in split(pools, comparison, seed=seed).groups] for seed in (0, 1)
        )
        assert [each.value for each in first] == [each.value for each in second] and first != second
    pools = [replace(each, tokens=np.random.default_rng(row).permutation(10)) for row, each in enumerate(pools)]
    first, second = (length_correlations(pools, seed=seed)["prm"] for seed in (0, 1))
    assert first.score.value == second.score.value and first.score.low != second.score.low


def test_other_pools_than_those_compared_are_refused() -> None:
    pools = [make_pool("a", 1), make_pool("b", 2)]
    with pytest.raises(ShapeError, match="the very pools"):
        by_difficulty(pools[::-1], compare_pool(pools))
