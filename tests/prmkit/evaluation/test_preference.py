import math

import numpy as np
import pytest

from prmkit.errors import InputError, ShapeError
from prmkit.evaluation.preference import ScoredPreference, preference_quality, preference_samples
from prmkit.formats.preferences import Preference


def scored(number, chosen, rejected, lengths=(10, 10), **fields):
    defaults = {"prompt": f"p{number}", "where": f"row {number}", "ranks": (0, 1)}
    responses = tuple(letter * length for letter, length in zip("ab", lengths, strict=True))
    return ScoredPreference(Preference(responses=responses, **(defaults | fields)), (chosen, rejected))


def test_accuracy_counts_equal_rewards_half():
    found = preference_quality([scored(0, 2, 1), scored(1, 1, 1), scored(2, 0, 1), scored(3, 3, 0)])
    assert found.accuracy.value == pytest.approx(2.5 / 4)
    assert found.accuracy.n == 4
    assert found.accuracy.low < found.accuracy.value < found.accuracy.high


def test_intervals_resample_prompts_and_not_pairs():
    many = [scored(number % 2, 1 - 2 * (number % 2), 0) for number in range(100)]
    few = [scored(number, 1 - 2 * (number % 2), 0) for number in range(100)]
    wide, narrow = (preference_quality(each).accuracy for each in (many, few))
    assert (wide.value, wide.low, wide.high) == (0.5, 0.0, 1.0)
    assert narrow.value == 0.5
    assert narrow.high - narrow.low < 0.25


def test_a_ranking_counts_with_all_its_ordered_pairs_and_its_ties_apart():
    preference = Preference(where="row", prompt="p", responses=("a", "bb", "cc"), ranks=(0, 1, 1), listed=True)
    found = preference_quality([ScoredPreference(preference, (1.0, 2.0, -0.5))])
    assert found.accuracy.value == 0.5
    assert sorted(each.margin for each in found.pairs) == [-1.0, 1.5]
    assert (found.ties, found.tie_margin) == (1, 2.5)


def test_margins_are_told_by_mean_median_quantiles_and_histogram():
    margins = [-2.0, 0.0, 1.0, 2.0, 9.0]
    found = preference_quality([scored(number, margin, 0) for number, margin in enumerate(margins)])
    assert found.margin.value == pytest.approx(2.0)
    assert found.margin.low < 2.0 < found.margin.high
    assert found.quantiles[0.5] == 1.0
    assert found.quantiles[0.05] == pytest.approx(np.quantile(margins, 0.05))
    assert sum(count for *_, count in found.histogram) == 5
    assert (found.histogram[0][0], found.histogram[-1][1]) == (-2.0, 9.0)
    assert found.absolute_margin == 2.0
    assert found.tie_margin is None


def test_a_constant_model_has_no_margin_and_accuracy_one_half():
    found = preference_quality([scored(number, 1, 1) for number in range(5)])
    assert (found.margin.value, found.margin.low, found.margin.high) == (0.0, 0.0, 0.0)
    assert found.accuracy.value == 0.5
    assert found.length_correlation is None


def test_accuracy_is_told_for_each_domain():
    rows = [scored(0, 1, 0, domain="math"), scored(1, 0, 1, domain="code"), scored(2, 1, 0, domain="code")]
    found = preference_quality([*rows, scored(3, 1, 0)])
    assert {name: (each.value, each.n) for name, each in found.by_domain.items()} == {
        "code": (0.5, 2),
        "math": (1.0, 1),
    }


def long_lover():
    """Rewards that are lengths, and preferences that follow length four times in five."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(200):
        short, long = sorted(rng.integers(10, 100, 2).tolist())
        lengths = (long, short) if number % 5 else (short, long)
        rows.append(scored(number, lengths[0] / 10, lengths[1] / 10, lengths))
    return rows


def test_a_model_that_rewards_length_alone_loses_its_accuracy_when_length_is_controlled():
    found = preference_quality(long_lover())
    assert found.accuracy.value == pytest.approx(0.8, abs=0.02)
    assert found.if_longer.value == 1.0
    assert found.if_shorter.value == 0.0
    assert found.length_controlled.value == pytest.approx(0.5, abs=0.01)
    assert found.length_correlation.value == pytest.approx(1.0)
    assert found.length_correlation_within.value == pytest.approx(1.0)


def test_a_model_that_ignores_length_keeps_its_accuracy_when_length_is_controlled():
    rng = np.random.default_rng(0)
    rows = [
        scored(number, float(rng.random() < 0.8), 0.5, tuple(rng.integers(10, 100, 2).tolist()))
        for number in range(200)
    ]
    found = preference_quality(rows)
    assert found.length_controlled.value == pytest.approx(found.accuracy.value, abs=0.03)
    assert found.length_controlled.low < found.accuracy.value < found.length_controlled.high


def test_length_control_weighs_pairs_with_longer_and_with_shorter_better_responses_alike():
    rows = [scored(0, 1, 0, (9, 5)), scored(1, 1, 0, (9, 5)), scored(2, 0, 1, (9, 5)), scored(3, 0, 1, (5, 9))]
    found = preference_quality([*rows, scored(4, 1, 0)])
    assert found.accuracy.value == pytest.approx(3 / 5)
    assert found.length_controlled.value == pytest.approx((2.5 / 3.5 + 0.5 / 1.5) / 2)
    assert preference_quality(rows[:3]).length_controlled is None


def test_similar_lengths_differ_by_at_most_a_share_of_the_longer_one():
    rows = [scored(0, 1, 0, (100, 80)), scored(1, 0, 1, (79, 100)), scored(2, 1, 0, (50, 50))]
    assert preference_quality(rows).if_similar.n == 2
    assert preference_quality(rows, similar=0.3).if_similar.n == 3
    assert preference_quality(rows, similar=0.3).if_similar.value == pytest.approx(2 / 3)
    assert preference_quality(rows[:2], similar=0.0).if_similar is None
    with pytest.raises(InputError, match=r"must be in \[0, 1\], got 1.5"):
        preference_quality(rows, similar=1.5)


def test_the_correlation_within_prompts_does_not_see_that_some_prompts_have_long_answers():
    rows = [scored(number, 10 * number + 1, 10 * number, (number + 5, number + 6)) for number in range(30)]
    found = preference_quality(rows)
    assert found.length_correlation.value > 0.9
    assert found.length_correlation_within.value == pytest.approx(-1.0)


def test_calibration_holds_confidence_against_being_right():
    sure, unsure = 20.0, math.log(3)
    rows = [scored(n, sure, 0) for n in range(40)] + [
        scored(40 + n, unsure * (1 if n % 4 else -1), 0) for n in range(60)
    ]
    good = preference_quality(rows, bins=2)
    assert good.calibration["ece"].value == pytest.approx(0.0, abs=1e-6)
    assert [round(each.mean_score, 3) for each in good.bins] == [0.75, 1.0]
    assert [each.outcome.value for each in good.bins] == [0.75, 1.0]
    bad = preference_quality([scored(n, sure * (1 if n % 2 else -1), 0) for n in range(40)])
    assert bad.calibration["ece"].value == pytest.approx(0.5)
    assert bad.calibration["brier"].value == pytest.approx(0.5)


def test_samples_are_the_worst_mistakes_and_the_nearest_ties():
    rows = [scored(n, margin, 0, domain="d") for n, margin in enumerate([3, -5, 0.1, -0.2, -1])]
    samples = preference_samples(preference_quality(rows).pairs, 2)
    assert [(each["kind"], each["margin"]) for each in samples] == [
        ("mistake", -5),
        ("mistake", -1),
        ("near tie", 0.1),
        ("near tie", -0.2),
    ]
    assert samples[0] == {
        "kind": "mistake",
        "margin": -5,
        "prompt": "p1",
        "better": "a" * 10,
        "worse": "b" * 10,
        "domain": "d",
        "where": "row 1",
    }
    assert preference_samples(preference_quality(rows).pairs, 0) == []


def test_preferences_without_an_ordered_pair_cannot_be_evaluated():
    with pytest.raises(InputError, match="no pair of 1 preferences is ordered"):
        preference_quality([scored(0, 1, 0, ranks=(0, 0))])


def test_every_response_needs_a_reward():
    preference = scored(0, 1, 0).preference
    with pytest.raises(ShapeError, match="row 0: 2 responses, 1 rewards"):
        ScoredPreference(preference, (1.0,))


def test_the_seed_moves_intervals_and_no_figure():
    rows = [scored(number, number % 3, 1, (number % 4 + 1, number % 5 + 1)) for number in range(50)]
    one, same, other = (preference_quality(rows, seed=seed) for seed in (0, 0, 1))
    assert one.accuracy == same.accuracy
    assert one.length_controlled == same.length_controlled
    assert one.length_correlation.low != other.length_correlation.low
    assert one.length_controlled.value == other.length_controlled.value
    assert one.length_controlled.low != other.length_controlled.low
