"""What an answer plainly is."""

from fractions import Fraction

import pytest

from prmkit.grading.readings import LONGEST, Kind, read


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("18 apples", Kind.NUMBER),
        ("twelve", Kind.NUMBER),
        (r"x = 10\%", Kind.NUMBER),
        ("3:30 pm", Kind.TIME),
        ("midnight", Kind.TIME),
        ("3:65", Kind.RATIO),
        ("11_2", Kind.BASED),
        ("(B) 12", Kind.CHOICE),
        ("no solution", Kind.WORDS),
        (r"\varnothing", Kind.WORDS),
    ],
)
def test_kinds_are_told_apart(text: str, kind: Kind) -> None:
    reading = read(text)
    assert reading is not None
    assert reading.kind is kind


@pytest.mark.parametrize(
    "text",
    ["", "x", "2x", "(1,2)", "3 + 4", r"\sqrt{2}", "x > 3", "13_2", "x_2", "25:61 pm", "y = no", "1" * (LONGEST + 1)],
)
def test_what_holds_an_expression_is_not_read(text: str) -> None:
    assert read(text) is None


def test_a_number_is_read_with_all_that_belongs_to_it() -> None:
    reading = read(r"x = -\$2.50 \text{ per hour}")
    assert reading is not None
    assert reading.number is not None
    assert (reading.number.value, reading.number.places, reading.name) == (Fraction(-5, 2), 2, "x")
    assert reading.unit.kinds == (("money", 1),)
    percentage = read("12.5%")
    assert percentage is not None
    assert percentage.percent


@pytest.mark.parametrize(
    ("text", "sure"),
    [
        ("1 000", False),
        ("There are 5 apples", False),
        ("She has twelve apples", False),
        ("3:30", False),
        ("3:30 pm", True),
    ],
)
def test_a_reading_that_might_be_another_is_marked(text: str, sure: bool) -> None:
    reading = read(text)
    assert reading is not None
    assert reading.sure is sure
