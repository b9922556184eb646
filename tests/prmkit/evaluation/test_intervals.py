"""Intervals cover what they claim, and pairing pays."""

import numpy as np
import pytest

from prmkit.errors import ShapeError
from prmkit.evaluation.intervals import (
    Difference,
    Estimate,
    bootstrap_weights,
    mean_estimates,
    paired_differences,
    ratio_estimates,
    share_estimates,
    statistic_estimate,
    statistic_estimates,
    wilson,
)


def test_ninety_five_of_a_hundred_intervals_cover_the_mean() -> None:
    rng = np.random.default_rng(1)
    values = rng.beta(0.5, 0.8, size=(80, 300))  # 300 experiments of 80 problems
    covered = np.mean([each.low <= 0.5 / 1.3 <= each.high for each in mean_estimates(values, resamples=2000)])
    assert 0.91 <= covered <= 0.98


def test_ninety_five_of_a_hundred_intervals_cover_a_ratio_of_clustered_steps() -> None:
    rng = np.random.default_rng(2)
    steps = rng.integers(1, 9, size=(80, 300)).astype(float)
    right = rng.binomial(steps.astype(int), rng.beta(2, 2, size=(80, 300))).astype(float)
    estimates = ratio_estimates(right, steps, resamples=2000)
    assert 0.91 <= np.mean([each is not None and each.low <= 0.5 <= each.high for each in estimates]) <= 0.98


def test_the_p_value_of_no_difference_is_below_5_percent_5_times_in_100() -> None:
    rng = np.random.default_rng(3)
    both = rng.random((80, 300))
    differences = paired_differences(both, both + rng.normal(size=both.shape), resamples=2000)
    assert 0.02 <= np.mean([each.p_value < 0.05 for each in differences]) <= 0.09


def test_wilson_covers_small_shares() -> None:
    draws = np.random.default_rng(4).binomial(50, 0.04, size=2000)
    assert np.mean([wilson(k, 50).low <= 0.04 <= wilson(k, 50).high for k in draws]) >= 0.93


def test_wilson_never_claims_certainty_and_keeps_its_value_inside() -> None:
    none, all_ = wilson(0, 20), wilson(20, 20)
    assert none.low == 0 and none.high == pytest.approx(0.1611, abs=1e-4)
    assert all_.high == 1 and all_.low == pytest.approx(0.8389, abs=1e-4)


def test_pairing_gives_a_narrower_interval_than_two_separate_ones() -> None:
    rng = np.random.default_rng(5)
    hardness = rng.random((100, 1))
    first, second = hardness + rng.normal(0.02, 0.02, (100, 1)), hardness
    (difference,) = paired_differences(first, second)
    separate = mean_estimates(first)[0]
    assert difference.high - difference.low < 0.2 * (separate.high - separate.low)
    assert difference.p_value < 0.01


def test_a_difference_and_its_reverse_mirror_each_other() -> None:
    rng = np.random.default_rng(6)
    first, second = rng.random((30, 2)), rng.random((30, 2))
    for a, b in zip(paired_differences(first, second), paired_differences(second, first), strict=True):
        assert (a.value, a.low, a.high) == pytest.approx((-b.value, -b.high, -b.low))
        assert a.p_value == b.p_value


@pytest.mark.parametrize("problems", [1, 20, 500])
def test_methods_that_never_differ_have_p_value_1_and_as_wide_an_interval_as_so_few_problems_allow(problems) -> None:
    values = np.random.default_rng(7).random((problems, 1))
    (difference,) = paired_differences(values, values)
    assert (difference.value, difference.p_value) == (0, 1)
    assert difference.high == -difference.low == pytest.approx(1 - 0.025 ** (1 / problems))


def test_intervals_cover_differences_that_are_too_rare_to_be_seen() -> None:
    """30 problems of which 3 % differ, and always in one direction."""
    first = (np.random.default_rng(8).random((30, 400)) < 0.03).astype(float)
    found = paired_differences(first, np.zeros_like(first), resamples=500)
    assert np.mean([each.low <= 0.03 <= each.high for each in found]) >= 0.93


def test_seeds_repeat_and_differ() -> None:
    values = np.random.default_rng(8).random((20, 1))
    assert mean_estimates(values, seed=1) == mean_estimates(values, seed=1)
    assert mean_estimates(values, seed=1) != mean_estimates(values, seed=2)


def test_every_resample_holds_as_many_problems_as_there_are() -> None:
    weights = np.concatenate(list(bootstrap_weights(7, seed=0, resamples=1203)))
    assert weights.shape == (1203, 7) and (weights.sum(axis=1) == 7).all()


def test_a_single_problem_says_next_to_nothing_about_others() -> None:
    for share in (0.0, 0.5, 1.0):
        (one,) = share_estimates(np.array([[share]]))
        assert one.value == share and one.high - one.low >= wilson(0, 1).high
    (several,) = share_estimates(np.full((40, 1), 0.5))
    assert several.low == several.high == 0.5


def test_a_ratio_weighs_problems_by_their_denominator_and_is_none_without_one() -> None:
    ratio, empty = ratio_estimates(np.array([[1.0, 0], [0, 0]]), np.array([[1.0, 0], [3, 0]]))
    assert ratio is not None and ratio.value == 0.25 and ratio.n == 4
    assert empty is None


def test_any_statistic_of_weighted_problems_gets_the_interval_of_the_mean() -> None:
    values = np.random.default_rng(9).random(40)
    general = statistic_estimate(lambda weights: weights @ values / weights.sum(axis=1), problems=40, n=40)
    (mean,) = mean_estimates(values[:, None])
    assert general is not None
    assert (general.value, general.low, general.high) == pytest.approx((mean.value, mean.low, mean.high))


def test_a_statistic_that_is_undefined_has_no_estimate() -> None:
    assert statistic_estimate(lambda weights: np.full(len(weights), np.nan), problems=3, n=3) is None


def test_the_spread_of_a_few_runs_does_not_take_shares_beyond_0_and_1_nor_differences_beyond_1() -> None:
    apart = np.array([0.2, 0.9])[:, None, None].repeat(30, axis=1)
    (share,), (difference,) = share_estimates(apart), paired_differences(apart, np.zeros((30, 1)))
    assert (share.low, share.high, difference.low, difference.high) == (0, 1, -1, 1)


def test_several_runs_need_no_resamples_and_a_single_one_does() -> None:
    values = np.random.default_rng(17).random((3, 30, 1))
    assert mean_estimates(values, seed=1) == mean_estimates(values, seed=2)
    assert mean_estimates(values[:1], seed=1) != mean_estimates(values[:1], seed=2)


@pytest.mark.parametrize(("differ", "shown"), [(1, False), (2, False), (5, False), (6, True), (9, True)])
@pytest.mark.parametrize("sign", [1, -1])
def test_few_problems_that_all_differ_in_one_direction_show_what_the_exact_sign_test_shows(differ, shown, sign) -> None:
    for others in (0, 3):
        first = np.array([1.0] * differ + [0.0] * others)[:, None] * max(sign, 0)
        (found,) = paired_differences(first, first - sign * np.array([1.0] * differ + [0.0] * others)[:, None])
        assert found.p_value >= 2 * 0.5**differ
        assert (found.p_value < 0.05) == shown
        if differ < 6 or not others:
            assert (found.low > 0 or found.high < 0) == shown
        assert min(abs(found.low), abs(found.high)) < abs(found.value) < 2


def test_one_problem_shows_nothing_and_200_equal_differences_little_less_than_they_are() -> None:
    (one,), (many,) = (paired_differences(np.ones((number, 1)), np.zeros((number, 1))) for number in (1, 200))
    assert (one.value, one.low, one.high, one.p_value) == pytest.approx((1, -0.95, 1, 1))
    assert (many.low, many.high) == pytest.approx((2 * 0.025 ** (1 / 200) - 1, 1)) and many.p_value < 0.001
    (runs,) = paired_differences(np.ones((3, 1, 1)), np.zeros((3, 1, 1)))
    assert (runs.low, runs.high, runs.p_value) == (one.low, one.high, one.p_value)


def test_one_that_was_chosen_among_several_needs_more_problems_in_its_favour() -> None:
    ones = np.ones((7, 1))
    assert paired_differences(ones, 0 * ones)[0].low > 0 > paired_differences(ones, 0 * ones, chosen_of=4)[0].low


def test_where_resamples_show_the_spread_the_sign_test_changes_nothing() -> None:
    rng = np.random.default_rng(18)
    values = rng.random((60, 1)) + 0.2
    (found,) = paired_differences(values, np.zeros((60, 1)))
    (mean,) = mean_estimates(values.round(12))
    assert (found.low, found.high, found.p_value) == (mean.low, mean.high, 2 / 4001)
    mixed = np.array([1.0, 1.0, -0.01])[:, None]
    assert paired_differences(mixed, 0 * mixed)[0].low == mean_estimates(mixed)[0].low


def test_a_single_run_gives_the_numbers_of_its_problems_to_the_last_digit() -> None:
    values, others = np.random.default_rng(12).random((2, 30, 3))
    assert mean_estimates(values[None]) == mean_estimates(values)
    assert paired_differences(values[None], others) == paired_differences(values, others)


def test_run_i_of_one_method_is_held_against_run_i_of_the_other() -> None:
    """A spread between runs that both share is no part of their difference."""
    rng = np.random.default_rng(13)
    shared = rng.normal(size=(4, 1, 1))
    first, second = rng.random((2, 4, 50, 1)) + shared
    (paired,), (crossed_over,) = paired_differences(first, second), paired_differences(first, second[::-1])
    assert paired.value == pytest.approx(crossed_over.value)
    assert paired.high - paired.low < 0.5 * (crossed_over.high - crossed_over.low)


def test_several_runs_are_held_against_a_method_without_training() -> None:
    rng = np.random.default_rng(14)
    runs, fixed = rng.random((3, 40, 2)), rng.random((40, 2))
    for other in (fixed, fixed[None]):
        found = paired_differences(runs, other)
        assert [each.value for each in found] == pytest.approx(list((runs.mean(axis=0) - fixed).mean(axis=0)))
    with pytest.raises(ShapeError, match="one shape"):
        paired_differences(runs, runs[:2])


def test_a_difference_chosen_for_its_size_gets_a_wider_interval_and_a_larger_p_value() -> None:
    rng = np.random.default_rng(15)
    first, second = rng.random((40, 1)) + 0.1, rng.random((40, 1))
    (plain,), (chosen,) = paired_differences(first, second), paired_differences(first, second, chosen_of=6)
    assert chosen.low < plain.low and plain.high < chosen.high and chosen.value == plain.value
    assert chosen.p_value == pytest.approx(min(1.0, 6 * plain.p_value))


@pytest.mark.parametrize("values", [np.zeros((0, 1)), np.array([[np.inf]]), np.zeros(3)])
def test_no_problems_infinite_values_and_flat_arrays_are_refused(values) -> None:
    with pytest.raises(ShapeError):
        mean_estimates(values)


def test_impossible_counts_and_unpaired_values_are_refused() -> None:
    with pytest.raises(ShapeError, match="successes"):
        wilson(3, 2)
    with pytest.raises(ShapeError, match="one shape"):
        paired_differences(np.zeros((3, 1)), np.zeros((4, 1)))
    with pytest.raises(ShapeError, match="one shape"):
        ratio_estimates(np.zeros((3, 1)), np.zeros((4, 1)))


def test_json_holds_value_ends_and_n_and_a_difference_its_p_value() -> None:
    assert Estimate.exact(3.0).to_json() == {"value": 3.0, "low": 3.0, "high": 3.0, "n": 1}
    difference = Difference(value=0.1, low=0.0, high=0.2, n=5, p_value=0.04)
    assert difference.to_json() == {"value": 0.1, "low": 0.0, "high": 0.2, "n": 5, "p_value": 0.04}


def test_several_figures_come_from_the_same_resamples_and_rest_on_what_each_is_told() -> None:
    values = np.random.default_rng(0).random(40)
    rests_on = np.stack([np.ones(40), 2.0 * (np.arange(40) < 3), np.ones(40)], axis=1)

    def statistic(weights):
        mean = weights @ values / weights.sum(axis=1)
        return np.stack([mean, np.ones(len(weights)), np.full(len(weights), np.nan)], axis=1)

    first, second, third = statistic_estimates(statistic, rests_on)
    assert first == statistic_estimate(lambda weights: statistic(weights)[:, 0], problems=40, n=40)
    assert second is not None and (second.value, second.n) == (1.0, 6) and second.low == wilson(3, 3).low
    assert third is None
