"""How a label from outside becomes a record, and a record a plain label: what the formats of other tools share.

Read, every step is given as a class, as a value in [0, 1], or as counts (`Given`); written, it becomes a sign or a
value. Files and rows are `prmkit.formats.rowwise`'s; the table of the formats is `prmkit.formats.convert`.
"""

from collections.abc import Sequence
from typing import Any

from prmkit.errors import InputError
from prmkit.formats.options import Neutral, ReadOptions
from prmkit.records import EstimateMethod, LabeledSolution, Solution, StepEstimate, StepLabel

Given = StepLabel | float | StepEstimate
"""What a source says of a step: its class, its value in [0, 1], or outcomes that were counted."""

_COUNT_TOLERANCE = 1e-3
"""A value times its number of rollouts must be this near to a whole number: files hold rounded decimals."""
NEUTRAL_LEFT_OUT = "a step of theirs is neutral"
"""Why `Neutral.LEAVE_OUT` leaves solutions out."""


def labeled_as(solution: Solution, given: Sequence[Given], options: ReadOptions, where: str) -> LabeledSolution:
    """A solution with the labels that its source gives.

    A class has all mass of its soft label. A value v has the soft label (1 - v, 0, v), and its class by the thresholds;
    with `options.rollouts` it is stored as counts too, from which `prmkit relabel` derives other labels.

    Raises:
        InputError: A value lies outside [0, 1], or is no multiple of 1 / rollouts.
    """
    told = [_told(each, options, f"{where}, step {index}") for index, each in enumerate(given)]
    return LabeledSolution(
        solution=solution,
        estimates=tuple(estimate for estimate, _, _ in told),
        labels=tuple(label for _, label, _ in told),
        soft_labels=tuple(soft for _, _, soft in told),
    )


_Told = tuple[StepEstimate, StepLabel, tuple[float, float, float]]
_GIVEN = StepEstimate(successes=0, rollouts=0, method=EstimateMethod.GIVEN)
GRADED_RIGHT = StepEstimate(successes=1, rollouts=1, method=EstimateMethod.GRADED)
"""The last step of a solution whose answer the source graded as right."""


def _told(given: Given, options: ReadOptions, where: str) -> _Told:
    if isinstance(given, StepLabel):
        wrong, neutral, right = (float(given is each) for each in StepLabel)
        return _GIVEN, given, (wrong, neutral, right)
    value = given.rate if isinstance(given, StepEstimate) else given
    if not 0 <= value <= 1:
        raise InputError(f"{where}: a value must lie in [0, 1], found {value!r}")
    label = StepLabel.NEUTRAL
    if value <= options.incorrect:
        label = StepLabel.INCORRECT
    elif value >= options.correct:
        label = StepLabel.CORRECT
    if isinstance(given, StepEstimate):
        estimate = given
    else:
        estimate = _GIVEN if options.rollouts is None else counted(value, options.rollouts, where)
    return estimate, label, (1.0 - value, 0.0, value)


def counted(value: float, rollouts: int, where: str) -> StepEstimate:
    """The counts behind a value, where it is known how many rollouts it stands for.

    Raises:
        InputError: It is no multiple of 1 / rollouts.
    """
    successes = round(value * rollouts)
    if abs(successes - value * rollouts) > _COUNT_TOLERANCE:
        raise InputError(
            f"{where}: the value {value!r} is no multiple of 1/{rollouts}; "
            "leave --rollouts out, or give the number of rollouts that the values stand for"
        )
    return StepEstimate(successes=successes, rollouts=rollouts)


def given_value(value: Any, where: str) -> Given:
    """A label as JSON holds it: true and false are classes, as are 1 and 0; other numbers in [0, 1] are values.

    Raises:
        InputError: It is something else. (-100 and -1 are no labels, and nothing is cast: `int(0.75)` would be 0.)
    """
    if isinstance(value, bool | int) and value in (0, 1):
        return StepLabel.CORRECT if value else StepLabel.INCORRECT
    if isinstance(value, float) and 0 <= value <= 1:
        return value
    raise InputError(f"{where}: a label must be true, false or a number in [0, 1], found {value!r}")


def sign_class(sign: Any, where: str) -> StepLabel:
    """The class that `+` or `-` stands for.

    Raises:
        InputError: It is neither.
    """
    if sign not in ("+", "-"):
        raise InputError(f"{where}: a label must be '+' or '-', found {sign!r}")
    return StepLabel.CORRECT if sign == "+" else StepLabel.INCORRECT


def answer_right(last: Given, *, told: bool) -> bool | None:
    """Whether a solution's answer is right by the label of its last step; None where that does not tell."""
    if not told or last is StepLabel.NEUTRAL:
        return None
    if isinstance(last, StepLabel):
        return last is StepLabel.CORRECT
    value = last.rate if isinstance(last, StepEstimate) else last
    return bool(value) if value in (0, 1) else None


def two_classes(labeled: LabeledSolution, neutral: Neutral) -> list[bool] | None:
    """Whether each step is correct, neutral ones as asked; None where the solution is to be left out for them."""
    if neutral is Neutral.LEAVE_OUT and StepLabel.NEUTRAL in labeled.labels:
        return None
    positive = (StepLabel.CORRECT,) if neutral is Neutral.INCORRECT else (StepLabel.CORRECT, StepLabel.NEUTRAL)
    return [label in positive for label in labeled.labels]


def step_values(labeled: LabeledSolution) -> list[float]:
    """`labeled.values` without the noise of float32 tables (0.1, not 0.10000000149)."""
    return [round(value, 6) for value in labeled.values]
