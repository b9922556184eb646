"""Numbers at the head of a text."""

from fractions import Fraction

import pytest

from prmkit.grading.numbers import Number, equal_numbers, leading_number, number_in_words, scaled, spaced_number


@pytest.mark.parametrize(
    ("text", "value", "rest"),
    [
        ("18", Fraction(18), ""),
        ("18.", Fraction(18), ""),
        (".5", Fraction(1, 2), ""),
        ("007", Fraction(7), ""),
        ("1,234,567.5", Fraction(12345675, 10), ""),
        ("3/4", Fraction(3, 4), ""),
        ("1,000/3 cups", Fraction(1000, 3), " cups"),
        (r"\frac{3}{4}", Fraction(3, 4), ""),
        (r"\frac{-3}{4}", Fraction(-3, 4), ""),
        (r"\frac{3}{-4}", Fraction(-3, 4), ""),
        (r"\frac{1.5}{2}", Fraction(3, 4), ""),
        (r"2\frac{1}{2}", Fraction(5, 2), ""),
        ("2 1/2", Fraction(5, 2), ""),
        ("2 and 1/2", Fraction(5, 2), ""),
        ("1e-7", Fraction(1, 10**7), ""),
        ("1.5E+3", Fraction(1500), ""),
        (r"1.5 \times 10^{3}", Fraction(1500), ""),
        (r"1.5 \cdot 10^3", Fraction(1500), ""),
        ("1.5*10**3", Fraction(1500), ""),
        ("10^{-2}", Fraction(1, 100), ""),
        ("2^{10}", Fraction(1024), ""),
        (r"0.1\overline{6}", Fraction(1, 6), ""),
        ("18 apples", Fraction(18), " apples"),
        ("18x", Fraction(18), "x"),
        ("1,23", Fraction(1), ",23"),
        ("12,34,567", Fraction(12), ",34,567"),
    ],
)
def test_numbers_are_read_exactly_up_to_their_end(text: str, value: Fraction, rest: str) -> None:
    found = leading_number(text)
    assert found is not None
    assert (found[0].value, text[found[1] :]) == (value, rest)


@pytest.mark.parametrize(
    "text",
    ["", ".", "x", "-5", "1/0", r"\frac{1}{0}", r"\frac{x}{2}", r"2\frac{3}{2}", "1e9999", "9" * 500, "0^0", "9^{999}"],
)
def test_what_is_no_number_or_too_large_is_not_read(text: str) -> None:
    assert leading_number(text) is None


@pytest.mark.parametrize(
    ("text", "places", "digits"),
    [("0.0125", 4, 3), ("12.50", 2, 4), ("1.5e-3", 4, 2), ("1.25e1", 1, 3), ("1500", 0, 4)],
)
def test_places_and_digits_are_those_written(text: str, places: int, digits: int) -> None:
    found = leading_number(text)
    assert found is not None
    assert (found[0].places, found[0].digits) == (places, digits)


@pytest.mark.parametrize(
    ("text", "value", "rest"),
    [
        ("twelve", Fraction(12), ""),
        ("Twenty-one apples", Fraction(21), " apples"),
        ("one hundred and five", Fraction(105), ""),
        ("two thousand three hundred", Fraction(2300), ""),
        ("three hundred thousand", Fraction(300_000), ""),
        ("one million two hundred thousand and one", Fraction(1_200_001), ""),
        ("a hundred", Fraction(100), ""),
        ("a dozen", Fraction(12), ""),
        ("half", Fraction(1, 2), ""),
        ("a half", Fraction(1, 2), ""),
        ("one half", Fraction(1, 2), ""),
        ("one third of it", Fraction(1, 3), " of it"),
        ("three quarters", Fraction(3, 4), ""),
        ("two and a half hours", Fraction(5, 2), " hours"),
        ("five and x", Fraction(5), " and x"),
        ("six seven", Fraction(6), " seven"),
    ],
)
def test_numbers_in_words_are_read_up_to_their_end(text: str, value: Fraction, rest: str) -> None:
    found = number_in_words(text)
    assert found is not None
    assert (found[0].value, text[found[1] :]) == (value, rest)


@pytest.mark.parametrize("text", ["", "third", "and five", "a cat", "hundred", "thirds", "apples five"])
def test_other_words_are_no_numbers(text: str) -> None:
    assert number_in_words(text) is None


def test_a_scale_word_multiplies_only_behind_a_blank() -> None:
    number = Number(Fraction(3, 2), 1, 2)
    assert scaled(number, "1.5 million", 3) == (Number(Fraction(1_500_000), 0, 2), 11)
    assert scaled(number, "1.5million", 3) == (number, 3)
    assert scaled(number, "1.5 apples", 3) == (number, 3)


def test_blanks_between_thousands_are_a_reading_of_their_own() -> None:
    assert spaced_number("12 345 678") == Number(Fraction(12_345_678), 0, 8)
    assert spaced_number("12 34") is None
    assert spaced_number("345678") is None


def test_rounding_is_allowed_only_from_six_places_and_digits() -> None:
    third = Number(Fraction(1, 3))
    assert equal_numbers(third, Number(Fraction(333_333, 10**6), 6, 6))
    assert not equal_numbers(third, Number(Fraction(33_333, 10**5), 5, 5))
    assert not equal_numbers(Number(Fraction(1, 3 * 10**6)), Number(Fraction(0), 6, 0))
    assert not equal_numbers(Number(Fraction(18)), Number(Fraction(17_999_999, 10**6), 6, 8))
