"""Intervals over problems and training runs cover what they claim, and say what a t-test says where runs are all."""

import numpy as np
import pytest
from scipy.stats import norm, ttest_1samp, ttest_ind

from prmkit.evaluation.crossed import over_runs, over_unpaired_runs
from prmkit.evaluation.intervals import mean_estimates, paired_differences


def crossed(rng, runs, problems, columns, run_spread):
    """Values `[T, P, columns]` of a crossed design with mean 0, one column per experiment."""
    return (
        rng.normal(size=(1, problems, columns)) * 0.5
        + rng.normal(size=(runs, 1, columns)) * run_spread
        + rng.normal(size=(runs, problems, columns)) * 0.3
    )


def covered(values) -> float:
    """Share of columns whose interval holds 0."""
    return float(np.mean([each.low <= 0 <= each.high for each in mean_estimates(values, resamples=500)]))


@pytest.mark.parametrize(("share", "alone"), [(0.0, 0.945), (0.5, 0.845), (0.8, 0.64), (0.9, 0.485)])
@pytest.mark.parametrize("runs", [2, 3, 5])
def test_whatever_share_of_the_variance_is_between_runs_intervals_cover_and_those_over_problems_do_not(
    runs, share, alone
) -> None:
    """The table of docs/comparison.md."""
    run_spread = 0.5 * (runs / 200 * share / (1 - share)) ** 0.5
    values = crossed(np.random.default_rng(11), runs, 200, 400, run_spread)
    assert 0.93 <= covered(values) <= 0.995
    assert covered(values.mean(axis=0)) == pytest.approx(alone, abs=0.07)


@pytest.mark.parametrize(
    ("runs", "share", "expected"), [(5, 0.5, 0.94), (5, 0.9, 0.69), (3, 0.5, 0.92), (3, 0.9, 0.60)]
)
def test_runs_of_a_training_that_fails_now_and_then_are_covered_less_often_than_promised(runs, share, expected) -> None:
    """As docs/comparison.md says of five runs and of three, with half of the variance between runs and with 90 %."""
    rng = np.random.default_rng(5)
    spread = np.sqrt(share / (1 - share) * 0.5**2 / 200 * runs / (0.2 * 0.8))
    effects = np.where(rng.random((runs, 1, 600)) < 0.2, -0.8 * spread, 0.2 * spread)
    values = rng.normal(size=(1, 200, 600)) * 0.5 + effects
    assert covered(values) == pytest.approx(expected, abs=0.04)


@pytest.mark.parametrize("runs", [2, 3, 5])
def test_the_p_value_of_no_difference_is_below_5_percent_5_times_in_100_at_most(runs) -> None:
    values = crossed(np.random.default_rng(16), runs, 100, 400, run_spread=0.1)
    found = paired_differences(values, np.zeros((100, 400)))
    assert np.mean([each.p_value < 0.05 for each in found]) <= 0.06


def test_the_p_value_is_below_5_percent_exactly_where_the_interval_leaves_0_out() -> None:
    values = crossed(np.random.default_rng(1), 3, 100, 400, run_spread=0.1) + np.linspace(-0.5, 0.5, 400)
    found = paired_differences(values, np.zeros((100, 400)))
    assert [each.p_value < 0.05 for each in found] == [each.low > 0 or each.high < 0 for each in found]
    assert 50 < sum(each.p_value < 0.05 for each in found) < 350


def test_where_problems_agree_it_is_the_t_test_over_runs_and_where_runs_agree_the_normal_one_over_problems() -> None:
    runs = np.array([0.02, 0.03, 0.6])
    for level in (0.95, 0.99):
        ends = over_runs([runs[:, None, None].repeat(50, axis=1)], level)
        test = ttest_1samp(runs, 0)
        assert [each[0] for each in ends] == pytest.approx([*test.confidence_interval(level), test.pvalue])
    problems = np.random.default_rng(2).random(50) - 0.4
    low, high, p = over_runs([problems[None, :, None].repeat(3, axis=0)], 0.95)
    error = problems.std() / 50**0.5
    assert (low[0], high[0]) == pytest.approx(norm.interval(0.95, problems.mean(), error))
    assert p[0] == pytest.approx(2 * norm.sf(abs(problems.mean()) / error))


@pytest.mark.parametrize("runs", [(5, 3), (3, 3), (2, 5)])
def test_intervals_of_unpaired_runs_cover_whichever_side_has_more(runs) -> None:
    rng = np.random.default_rng(21)
    problems = rng.normal(size=(1, 200, 400))
    first, second = (
        problems * size + crossed(rng, each, 200, 400, run_spread=spread)
        for each, size, spread in zip(runs, (0.2, 0.5), (0.03, 0.1), strict=True)
    )
    low, high, p = over_unpaired_runs(first, second, 0.95)
    assert 0.93 <= np.mean((low <= 0) & (high >= 0)) <= 0.99
    assert ((p < 0.05) == ((low > 0) | (high < 0))).all()


def test_where_problems_agree_unpaired_runs_are_welchs_t_test() -> None:
    first, second = np.array([0.9, 0.8, 0.7, 0.85, 0.9]), np.array([0.6, 0.1, 0.8])
    values = [each[:, None, None].repeat(50, axis=1) for each in (first, second)]
    test = ttest_ind(first, second, equal_var=False)
    found = [each[0] for each in over_unpaired_runs(*values, 0.95)]
    assert found == pytest.approx([*test.confidence_interval(), test.pvalue])


def test_nothing_that_differs_has_p_value_1_and_what_always_differs_alike_a_very_small_one() -> None:
    _, _, p = over_runs([np.array([0.0, 0.3]) * np.ones((3, 4, 1))], 0.95)
    assert p[0] == 1 and 0 < p[1] < 1e-5
