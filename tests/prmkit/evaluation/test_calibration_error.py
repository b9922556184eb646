import numpy as np
import pytest

from prmkit.errors import ShapeError
from prmkit.evaluation.calibration_error import brier, calibration_estimates, ece, mass_bins, reliability


def honest(count, seed=0):
    """Scores, and outcomes that come true exactly as often as the scores say."""
    rng = np.random.default_rng(seed)
    scores = rng.random(count)
    return scores, (rng.random(count) < scores).astype(float)


def test_the_ece_of_two_bins_is_what_one_computes_by_hand():
    scores, outcomes = [0.1, 0.3, 0.6, 0.8], [0, 0, 1, 0]
    assert ece(scores, outcomes, bins=2) == pytest.approx(0.5 * 0.2 + 0.5 * 0.2)  # 0.2 against 0, 0.7 against 0.5
    assert ece(scores, outcomes, bins=1) == pytest.approx(0.45 - 0.25)
    assert ece(scores, outcomes, bins=100) == pytest.approx((0.1 + 0.3 + 0.4 + 0.8) / 4)  # every score a bin


def test_the_brier_score_of_a_rate_is_that_of_its_draws():
    assert brier([0.8, 0.3], [1, 0]) == pytest.approx((0.04 + 0.09) / 2)
    assert brier([0.8], [0.75]) == pytest.approx(brier([0.8] * 4, [1, 1, 1, 0]))
    assert brier([0.75], [0.75]) == pytest.approx(0.75 * 0.25)  # a single draw stays uncertain


def test_calibrated_scores_leave_what_chance_leaves_and_overconfident_ones_more():
    scores, outcomes = honest(20_000)
    chance = np.sqrt(2 * 10 / np.pi / 20_000 * np.mean(scores * (1 - scores)))
    assert ece(scores, outcomes) == pytest.approx(chance, rel=0.5)
    bold = scores**3 / (scores**3 + (1 - scores) ** 3)
    assert ece(bold, outcomes) > 0.1
    assert brier(bold, outcomes) > brier(scores, outcomes)


def test_bins_hold_about_as_many_scores_each_and_equal_scores_share_one():
    scores = np.random.default_rng(1).random(1000) ** 4  # crowded near 0, where bins of equal width would be full
    assert set(np.bincount(mass_bins(scores, 10))) <= {99, 100, 101}
    assert mass_bins(np.array([0.5] * 7 + [0.9]), 4).tolist() == [0] * 7 + [1]


def test_the_reliability_diagram_follows_the_diagonal_for_honest_scores():
    scores, outcomes = honest(8_000)
    bins = reliability(scores, outcomes, np.arange(8_000) // 4)
    assert sum(each.count for each in bins) == 8_000
    assert [each.mean_score for each in bins] == sorted(each.mean_score for each in bins)
    assert all(each.low <= each.mean_score <= each.high for each in bins)
    inside = [each.outcome.low <= each.mean_score <= each.outcome.high for each in bins]
    assert sum(inside) >= 8  # of ten 95 % intervals
    assert sum(bin_.count * abs(bin_.mean_score - bin_.outcome.value) for bin_ in bins) / 8_000 == pytest.approx(
        ece(scores, outcomes)
    )


def test_intervals_resample_problems_and_not_steps():
    scores, outcomes = honest(80)
    scores, outcomes = np.repeat(scores, 10), np.repeat(outcomes, 10)  # ten steps that all go the same way
    by_step = calibration_estimates(scores, outcomes)["brier"]
    by_problem = calibration_estimates(scores, outcomes, np.arange(800) // 10)["brier"]
    assert by_problem.value == pytest.approx(brier(scores, outcomes))
    assert by_step.value == pytest.approx(brier(scores, outcomes))
    assert by_problem.high - by_problem.low > 2 * (by_step.high - by_step.low)
    assert calibration_estimates(scores, outcomes)["ece"].value == pytest.approx(ece(scores, outcomes))


def test_the_number_of_bins_changes_the_estimates():
    scores, outcomes = honest(500)
    coarse, fine = (calibration_estimates(scores, outcomes, bins=bins)["ece"].value for bins in (1, 50))
    assert coarse < fine
    assert len(reliability(scores, outcomes, bins=3)) == 3


@pytest.mark.parametrize(
    ("scores", "outcomes", "message"),
    [
        ([0.5], [1, 0], "as many scores as outcomes"),
        ([], [], "at least one"),
        ([1.2], [1], r"a score must be in \[0, 1\], found 1.2"),
        ([0.5], [-1], r"an? outcome must be in \[0, 1\], found -1"),
        ([float("nan")], [1], "found nan"),
    ],
)
def test_what_is_no_probability_is_refused(scores, outcomes, message):
    with pytest.raises(ShapeError, match=message):
        ece(scores, outcomes)


def test_problems_must_be_as_many_as_scores_and_bins_at_least_one():
    with pytest.raises(ShapeError, match="2 scores but 3 problems"):
        reliability([0.5, 0.5], [0, 1], np.arange(3))
    with pytest.raises(ShapeError, match="at least one bin"):
        ece([0.5], [1], bins=0)
