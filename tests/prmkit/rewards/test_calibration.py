import json

import numpy as np
import pytest
from scipy.special import expit, logit, softmax

from prmkit.errors import InputError, ShapeError
from prmkit.evaluation.calibration_error import ece
from prmkit.rewards.calibration import (
    Calibration,
    CalibrationMethod,
    Normalisation,
    fit_scores,
    fit_temperature,
)

PLATT, ISOTONIC, TEMPERATURE = CalibrationMethod.PLATT, CalibrationMethod.ISOTONIC, CalibrationMethod.TEMPERATURE


def overconfident(count, seed=0):
    """Scores whose log-odds are twice the true ones and one too low, and outcomes."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(size=count) * 1.5
    return expit(2 * odds - 1), (rng.random(count) < expit(odds)).astype(float)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_a_known_temperature_is_recovered_from_three_classes(temperature):
    rng = np.random.default_rng(0)
    logits_NC = rng.normal(size=(20_000, 3)) * 2
    classes = [rng.choice(3, p=each) for each in softmax(logits_NC, axis=1)]
    fitted = fit_temperature(logits_NC * temperature, np.eye(3)[classes])
    assert fitted.temperature == pytest.approx(temperature, rel=0.05)


def test_a_known_temperature_is_recovered_from_one_logit_and_monte_carlo_rates():
    rng = np.random.default_rng(0)
    logits_N = rng.normal(size=10_000) * 2
    rates = rng.binomial(8, expit(logits_N)) / 8
    assert fit_temperature(2.5 * logits_N[:, None], rates[:, None]).temperature == pytest.approx(2.5, rel=0.05)


def test_platt_scaling_recovers_slope_and_intercept():
    scores, outcomes = overconfident(20_000)
    fitted = fit_scores(PLATT, scores, outcomes)
    assert fitted.parameters["slope"] == pytest.approx(0.5, rel=0.1)
    assert fitted.parameters["intercept"] == pytest.approx(0.5, rel=0.1)


@pytest.mark.parametrize("method", [PLATT, ISOTONIC])
def test_a_calibration_makes_scores_come_true_on_other_draws(method):
    fitted = fit_scores(method, *overconfident(20_000))
    scores, outcomes = overconfident(20_000, seed=1)
    assert ece(scores, outcomes) > 0.1
    assert ece(fitted.apply(scores), outcomes) < 0.015


@pytest.mark.parametrize("method", [PLATT, ISOTONIC])
def test_a_calibration_never_turns_the_order_of_two_scores_round(method):
    fitted = fit_scores(method, *overconfident(300))
    mapped = fitted.apply(np.linspace(0, 1, 1001))
    assert (np.diff(mapped) >= 0).all()
    assert 0 <= mapped[0] < mapped[-1] <= 1


def test_a_rate_counts_as_so_many_draws():
    scores, _ = overconfident(50)
    rates = np.random.default_rng(2).binomial(4, scores) / 4
    draws = np.concatenate([[1.0] * round(4 * rate) + [0.0] * round(4 - 4 * rate) for rate in rates])
    for method in (PLATT, ISOTONIC):
        one, many = fit_scores(method, scores, rates), fit_scores(method, np.repeat(scores, 4), draws)
        assert one.apply(scores) == pytest.approx(many.apply(scores), abs=1e-3)


def test_scores_of_zero_and_one_stay_finite():
    fitted = fit_scores(PLATT, np.array([0.0, 0.2, 0.5, 0.8, 1.0]), np.array([0.0, 1.0, 0.0, 1.0, 1.0]))
    assert np.isfinite(fitted.apply(np.array([0.0, 1.0]))).all()


def test_a_temperature_leaves_scores_alone_and_the_others_have_none():
    cooled = Calibration(method=TEMPERATURE, parameters={"temperature": 2.0})
    assert cooled.temperature == 2.0
    assert cooled.apply(np.array([0.3])).tolist() == [0.3]
    assert fit_scores(PLATT, *overconfident(100)).temperature == 1.0


def test_scores_that_fall_where_outcomes_rise_are_refused():
    scores, outcomes = overconfident(200)
    with pytest.raises(InputError, match="no better than chance"):
        fit_scores(PLATT, scores, 1 - outcomes)
    with pytest.raises(InputError, match="no temperature between"):
        fit_temperature(logit(scores)[:, None], 1 - outcomes[:, None])


@pytest.mark.parametrize("method", [PLATT, ISOTONIC])
def test_outcomes_that_are_all_alike_are_refused(method):
    with pytest.raises(InputError, match="all 3 outcomes are 1"):
        fit_scores(method, np.array([0.1, 0.5, 0.9]), np.ones(3))


def test_a_temperature_is_not_fitted_to_scores():
    with pytest.raises(InputError, match="use platt or isotonic"):
        fit_scores(TEMPERATURE, *overconfident(10))


def test_arrays_that_do_not_fit_together_are_refused():
    with pytest.raises(ShapeError, match="as many scores as outcomes"):
        fit_scores(PLATT, np.array([0.5]), np.array([1.0, 0.0]))
    with pytest.raises(ShapeError, match="must have one shape"):
        fit_temperature(np.zeros((2, 3)), np.zeros((2, 1)))


@pytest.mark.parametrize("method", [PLATT, ISOTONIC])
def test_a_calibration_survives_json(method):
    fitted = fit_scores(method, *overconfident(100))
    again = Calibration.from_json(json.loads(json.dumps(fitted.to_json())))
    grid = np.linspace(0, 1, 50)
    assert again == fitted
    assert again.apply(grid).tolist() == fitted.apply(grid).tolist()


@pytest.mark.parametrize(
    ("method", "parameters", "message"),
    [
        (TEMPERATURE, {}, "needs temperature, got"),
        (TEMPERATURE, {"temperature": 0.0}, "turn the order of scores round"),
        (PLATT, {"slope": -1.0, "intercept": 0.0}, "turn the order of scores round"),
        (PLATT, {"slope": float("nan"), "intercept": 0.0}, "cannot use"),
        (ISOTONIC, {"scores": [0.0, 1.0], "values": [0.5]}, "cannot use"),
        (ISOTONIC, {"scores": [0.0, 1.0], "values": [0.5, 0.2]}, "turn the order of scores round"),
        (ISOTONIC, {"scores": [0.0, 1.0], "values": [0.5, 1.2]}, "cannot use"),
    ],
)
def test_parameters_that_are_no_calibration_are_refused(method, parameters, message):
    with pytest.raises(InputError, match=message):
        Calibration(method=method, parameters=parameters)


def test_normalised_rewards_have_mean_zero_and_spread_one():
    rewards = np.array([0.2, 0.4, 0.9])
    found = Normalisation.of(rewards)
    assert found.apply(rewards).mean() == pytest.approx(0)
    assert found.apply(rewards).std() == pytest.approx(1)
    assert found.solutions == 3


@pytest.mark.parametrize("rewards", [[], [0.5], [0.5, 0.5]])
def test_rewards_without_spread_cannot_be_normalised(rewards):
    with pytest.raises(InputError, match="cannot be normalised"):
        Normalisation.of(np.array(rewards))
