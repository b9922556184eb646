"""Labels from outside, as records and as plain labels."""

from typing import Any

import pytest

from prmkit.errors import InputError
from prmkit.formats.options import Neutral, ReadOptions
from prmkit.formats.outside import Given, answer_right, given_value, labeled_as, sign_class, step_values, two_classes
from prmkit.records import EstimateMethod, StepEstimate, StepLabel

from .outside_rows import rolled, told


def test_a_class_from_outside_has_all_mass_and_no_counts() -> None:
    labeled = told("+0-")
    assert labeled.labels == (StepLabel.CORRECT, StepLabel.NEUTRAL, StepLabel.INCORRECT)
    assert labeled.soft_labels == ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
    assert {(each.method, each.rollouts) for each in labeled.estimates} == {(EstimateMethod.GIVEN, 0)}
    assert labeled.values == (1.0, 0.5, 0.0)


def test_a_value_from_outside_keeps_its_value_and_gets_its_class_by_the_thresholds() -> None:
    values = [0.0, 0.1, 0.4, 0.75, 1.0]
    labeled = told(values)
    assert labeled.labels == (-1, 0, 0, 1, 1)
    assert labeled.soft_labels[3] == (0.25, 0.0, 0.75)
    assert labeled.values == tuple(values)
    stricter = labeled_as(labeled.solution, values, ReadOptions(incorrect=0.1, correct=0.8), "here")
    assert stricter.labels == (-1, -1, 0, 0, 1)


def test_values_become_counts_only_where_the_number_of_rollouts_is_given() -> None:
    solution = told([0.75, 1.0]).solution
    (counted, _), (given, _) = (
        labeled_as(solution, [0.75, 1.0], ReadOptions(rollouts=number), "here").estimates for number in (32, None)
    )
    assert (counted.successes, counted.rollouts, counted.method) == (24, 32, EstimateMethod.ROLLOUTS)
    assert given.method is EstimateMethod.GIVEN
    with pytest.raises(InputError, match=r"here, step 0: the value 0.75 is no multiple of 1/30; leave --rollouts out"):
        labeled_as(solution, [0.75, 1.0], ReadOptions(rollouts=30), "here")


@pytest.mark.parametrize("rollouts", [0, -1])
def test_rollouts_per_value_are_at_least_one(rollouts: int) -> None:
    with pytest.raises(InputError, match=f"at least 1, got {rollouts}"):
        ReadOptions(rollouts=rollouts)


def test_thresholds_must_be_in_order() -> None:
    with pytest.raises(InputError, match=r"got 0.5 and 0.5"):
        ReadOptions(incorrect=0.5)


@pytest.mark.parametrize(
    ("value", "given"), [(True, 1), (False, -1), (1, 1), (0, -1), (0.75, 0.75), (1.0, 1.0), (0.0, 0.0)]
)
def test_a_soft_label_is_never_cast_to_an_integer(value: Any, given: float) -> None:
    """`int(0.75)` is 0 (TRL, PITFALLS 12)."""
    found = given_value(value, "here")
    assert found == given and isinstance(found, StepLabel) is isinstance(value, int)


@pytest.mark.parametrize("value", [-100, -1, 2, 1.5, -0.25, float("nan"), "+", None])
def test_an_ignore_index_or_another_number_is_no_label(value: Any) -> None:
    """A column cast to bool turns -100 into true (TRL #2127, PITFALLS 12)."""
    with pytest.raises(InputError, match=r"here: a label must be true, false or a number in \[0, 1\], found"):
        given_value(value, "here")


def test_signs_are_classes_and_nothing_else_is() -> None:
    assert [sign_class(sign, "here") for sign in "+-"] == [StepLabel.CORRECT, StepLabel.INCORRECT]
    with pytest.raises(InputError, match="here: a label must be '\\+' or '-', found 'o'"):
        sign_class("o", "here")


def test_a_neutral_step_is_not_silently_negative() -> None:
    """TRL's script for PRM800K makes it so (PITFALLS 7); the default is Lightman's and Qwen's."""
    labeled = told("+0-")
    assert two_classes(labeled, Neutral.CORRECT) == [True, True, False]
    assert two_classes(labeled, Neutral.INCORRECT) == [True, False, False]
    assert two_classes(labeled, Neutral.LEAVE_OUT) is None
    assert two_classes(told("+-"), Neutral.LEAVE_OUT) == [True, False]


@pytest.mark.parametrize(
    ("last", "right"),
    [
        (StepLabel.CORRECT, True),
        (StepLabel.INCORRECT, False),
        (StepLabel.NEUTRAL, None),
        (1.0, True),
        (0.0, False),
        (0.5, None),
        (StepEstimate(successes=0, rollouts=4), False),
        (StepEstimate(successes=1, rollouts=4), None),
    ],
)
def test_the_last_label_tells_of_the_answer_where_it_is_asked_to(last: Given, right: bool | None) -> None:
    assert answer_right(last, told=True) is right
    assert answer_right(last, told=False) is None


def test_values_are_written_without_the_noise_of_single_precision() -> None:
    assert step_values(told([0.10000000149, 0.5])) == [0.1, 0.5]
    assert step_values(rolled([(1, 3), (1, 1)])) == [0.333333, 1.0]
