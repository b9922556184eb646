"""Counts to classes."""

import pytest

from labelers.values import Thresholds, soft_label, step_label
from prmkit.errors import InputError
from prmkit.records import EstimateMethod, StepEstimate, StepLabel


def counted(k: int, n: int) -> StepEstimate:
    return StepEstimate(successes=k, rollouts=n)


@pytest.mark.parametrize(
    ("k", "label"), [(0, StepLabel.INCORRECT), (1, StepLabel.NEUTRAL), (3, StepLabel.NEUTRAL), (4, StepLabel.CORRECT)]
)
def test_no_right_rollout_is_incorrect_half_of_them_correct_and_neutral_between(k: int, label: StepLabel) -> None:
    assert step_label(counted(k, 8), Thresholds()) is label


def test_one_lucky_rollout_does_not_make_a_step_correct() -> None:
    assert step_label(counted(1, 64), Thresholds()) is StepLabel.NEUTRAL


def test_each_threshold_moves_its_class() -> None:
    assert step_label(counted(1, 8), Thresholds(incorrect=0.2)) is StepLabel.INCORRECT
    assert step_label(counted(3, 8), Thresholds(correct=0.3)) is StepLabel.CORRECT


def test_soft_labels_sum_to_one_and_sharpen_with_rollouts() -> None:
    few, many = soft_label(counted(1, 1), Thresholds()), soft_label(counted(64, 64), Thresholds())
    assert sum(few) == pytest.approx(1) and sum(many) == pytest.approx(1)
    assert few[2] < many[2]


def test_no_success_in_many_rollouts_is_surely_incorrect_in_few_not() -> None:
    assert soft_label(counted(0, 200), Thresholds())[0] > 0.99
    assert soft_label(counted(0, 2), Thresholds())[0] < 0.6


def test_the_negligible_value_moves_soft_mass_to_incorrect() -> None:
    assert soft_label(counted(0, 8), Thresholds(negligible=0.2))[0] > soft_label(counted(0, 8), Thresholds())[0]


def test_a_graded_step_is_known() -> None:
    right = StepEstimate(successes=1, rollouts=1, method=EstimateMethod.GRADED)
    assert soft_label(right, Thresholds()) == (0.0, 0.0, 1.0)


def test_thresholds_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(InputError, match="incorrect < correct"):
        Thresholds(incorrect=0.6, correct=0.5)


@pytest.mark.parametrize(("k", "n"), [(3, 2), (-1, 2), (0, 0)])
def test_impossible_counts_are_refused(k: int, n: int) -> None:
    with pytest.raises(InputError, match="successes"):
        counted(k, n)
