"""Units behind numbers."""

from fractions import Fraction

import pytest

from prmkit.grading.units import NOUN, Unit, conflict, read_unit


def _unit(text: str) -> Unit:
    unit = read_unit(text)
    assert unit is not None
    return unit


@pytest.mark.parametrize(
    ("text", "kinds", "factor"),
    [
        ("cm", (("length", 1),), Fraction(1, 100)),
        ("inches", (("length", 1),), Fraction(127, 5000)),
        ("feet", (("length", 1),), Fraction(381, 1250)),
        ('" m"', (("length", 1),), Fraction(1)),
        ("square feet", (("length", 2),), Fraction(381, 1250) ** 2),
        ("cubic cm", (("length", 3),), Fraction(1, 10**6)),
        ("cm^2", (("length", 2),), Fraction(1, 10**4)),
        ('" m"^{2}', (("length", 2),), Fraction(1)),
        ('"m/s"', (("length", 1), ("time", -1)), Fraction(1)),
        ("miles per hour", (("length", 1), ("time", -1)), Fraction(201168, 125 * 3600)),
        ("mph", (("length", 1), ("time", -1)), Fraction(201168, 125 * 3600)),
        ("degrees Celsius", (("celsius", 1),), Fraction(1)),
        ("degrees", (("degree", 1),), Fraction(1)),
        ("cents", (("money", 1),), Fraction(1, 100)),
        ("hrs", (("time", 1),), Fraction(3600)),
    ],
)
def test_known_units_are_read(text: str, kinds: tuple[tuple[str, int], ...], factor: Fraction) -> None:
    assert _unit(text) == Unit(kinds, factor)


@pytest.mark.parametrize("text", ["apples", "red apples", "eggs every day", "units", "dollars per apple", '"in total"'])
def test_unknown_words_are_nouns(text: str) -> None:
    assert _unit(text) == NOUN


@pytest.mark.parametrize(
    "text",
    ["x", "m", "ab", "or more", "million", "squared", "pi", "times as many", r"\pi", "+ 3", "sin", "a b c d e f g h i"],
)
def test_what_may_change_the_value_is_no_unit(text: str) -> None:
    assert read_unit(text) is None


def test_letters_glued_to_a_number_may_be_variables() -> None:
    assert read_unit("abc", glued=True) is None
    assert read_unit("cm", glued=True) is not None


def test_units_conflict_only_if_both_are_known_and_of_different_kinds() -> None:
    assert conflict(_unit("feet"), _unit("hours"))
    assert conflict(_unit("feet"), _unit("square feet"))
    assert not conflict(_unit("feet"), _unit("inches"))
    assert not conflict(_unit("feet"), NOUN)
    assert not conflict(_unit("degrees"), _unit("degrees Celsius"))
    assert conflict(_unit("degrees Fahrenheit"), _unit("degrees Celsius"))
