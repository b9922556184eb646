"""Intervals beside the values they estimate."""

from dataclasses import replace

import numpy as np
import pytest

from labelers.coverage import coverage_table, exact_values, intervals, reference_values
from prmkit.errors import ShapeError

from .audited_solutions import labeled
from .test_audit import values


def test_intervals_hold_the_rate_and_narrow_with_rollouts() -> None:
    (low, high), _ = intervals(labeled([4, 1]))
    (lower, higher), _ = intervals(labeled([32, 1], rollouts=64))
    assert low < lower < 0.5 < higher < high


def test_intervals_stored_with_the_labels_are_the_ones_judged() -> None:
    stored = replace(labeled([4, 1]), intervals=((0.4, 0.6), (1.0, 1.0)))
    assert intervals(stored) == ((0.4, 0.6), (1.0, 1.0))
    for value, covered in ((0.5, 1.0), (0.65, 0.0)):
        assert values(coverage_table([stored], [[value, None]], 0), "all")["covered"] == covered


def test_coverage_width_and_bias_are_told_by_value() -> None:
    solutions = [labeled([0, 8, 1]), labeled([4, 4, 1], problem="q")]
    table = coverage_table(solutions, [[0.01, 0.2, None], [0.3, 0.9, None]], 0)
    assert values(table, "all")["steps"] == 4 and values(table, "all")["covered"] == 0.5
    assert values(table, "0-0.05") == {"steps": 1, "covered": 1.0} | {
        "width": pytest.approx(intervals(solutions[0])[0][1]),
        "bias": pytest.approx(-0.01),
    }
    assert values(table, "0.05-0.5")["covered"] == 0.5
    assert values(table, "0.5-0.95") == {"steps": 1, "covered": 0.0} | {
        "width": pytest.approx(1 - intervals(solutions[1])[0][0] * 2),
        "bias": pytest.approx(-0.4),
    }
    assert values(table, "0.95-1")["covered"] is None


def test_intervals_of_many_simulated_steps_hold_their_value_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    true = rng.uniform(size=4000)
    solutions = [labeled([int(rng.binomial(16, value)), 1], 16, str(number)) for number, value in enumerate(true)]
    covered = coverage_table(solutions, [[float(value), None] for value in true], 0).to_json()["all"]["covered"]
    assert 0.94 < covered["value"] < 0.99


def test_exact_values_are_asked_for_drawn_steps_only_with_the_steps_so_far() -> None:
    asked = exact_values([labeled([4, 4, 1])], lambda problem, steps: len(steps) / 10 + (problem == "Why?"))
    assert asked == [[1.1, 1.2, None]]


def test_reference_values_are_the_rates_of_the_same_steps() -> None:
    solutions = [labeled([4, 1]), labeled([4, 1], problem="q")]
    assert reference_values(solutions, [labeled([128, 1], 512)]) == [[0.25, None], [None, None]]
    with pytest.raises(ShapeError, match="p/s: the tables hold different steps"):
        reference_values(solutions, [labeled([128, 128, 1], 512)])
