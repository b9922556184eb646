"""The fast path: what it decides, what it leaves to the parser."""

from fractions import Fraction

import pytest

from prmkit.grading.normalise import key, parse_number, parser_text, quick_compare, split_unit


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("18", Fraction(18)),
        ("-3", Fraction(-3)),
        ("+4", Fraction(4)),
        ("18.", Fraction(18)),
        (".5", Fraction(1, 2)),
        ("007", Fraction(7)),
        ("1,234,567.5", Fraction(12345675, 10)),
        ("$5", Fraction(5)),
        ("-$5", Fraction(-5)),
        ("3/4", Fraction(3, 4)),
        (r"\frac{3}{4}", Fraction(3, 4)),
        (r"-\frac{3}{4}", Fraction(-3, 4)),
        (r"\frac{-3}{4}", Fraction(-3, 4)),
        (r"2\frac{1}{2}", Fraction(5, 2)),
        ("2 1/2", Fraction(5, 2)),
        ("1e-7", Fraction(1, 10**7)),
        (r"1.5 \times 10^{3}", Fraction(1500)),
    ],
)
def test_numbers_are_read_exactly(text: str, value: Fraction) -> None:
    number = parse_number(text)
    assert number is not None
    assert number.value == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "-",
        "x",
        "1,23",
        "12,34,567",
        "1/0",
        r"\frac{1}{0}",
        "5%",
        "--5",
        "1 2",
        r"2\frac{3}{2}",
        "1e9999",
        "9" * 500,
    ],
)
def test_what_is_not_plainly_a_number_is_not_read_as_one(text: str) -> None:
    assert parse_number(text) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"$\dfrac12$", r"\frac{1}{2}"),
        (r"\left( 3, \frac{\pi}{2} \right)", r"(3,\frac{\pi}{2})"),
        (r"\text{Evelyn}", "evelyn"),
        (r"90^\circ", "90°"),
        (r"90^{\circ}", "90 degrees"),
        (r"x \le 3", r"x\leq3"),
        ("x ≤ 3", r"x \leqslant 3."),
        (r"10\%", "10 percent"),
        (r"\(\sqrt2\)", r"\sqrt{2}"),
        (r"\$5", "$5"),
        ("**7**", "7"),
        (r"1{,}000", "1,000"),
        (r"1\,000", "1,000"),
    ],
)
def test_notations_of_the_same_thing_share_a_key(one: str, other: str) -> None:
    assert key(one) == key(other)


@pytest.mark.parametrize(
    ("one", "other"), [("1 1/2", "11/2"), ("x", "X"), ("2 3", "23"), ("AB", "ab"), ("(1,2)", "[1,2]")]
)
def test_different_things_have_different_keys(one: str, other: str) -> None:
    assert key(one) != key(other)


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        (r"\sqrt{3}\text{ cm}^2", r"\sqrt{3}"),
        (r"2\pi inches", r"2\pi"),
        (r"\text{east}", r"\text{east}"),
        (r"3 \text{ or } 4", r"3 \text{ or } 4"),
        (r"12 \text{ thousand}", r"12 \text{ thousand}"),
        ("x + sin", "x + sin"),
    ],
)
def test_the_parser_gets_no_units_but_every_word_that_counts(text: str, parsed: str) -> None:
    assert parser_text(text) == parsed


def test_the_parser_keeps_matrix_rows_and_text_commands() -> None:
    matrix = r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}"
    assert parser_text(f"${matrix}$") == matrix
    assert parser_text(r"3 \text{ or } 4") == r"3 \text{ or } 4"


@pytest.mark.parametrize(
    ("text", "number", "unit"),
    [
        ("18 dollars", "18", "dollar"),
        ("5 square feet", "5", "square feet"),
        ("864 inches ^2", "864", "inche2"),
        ("5cm", "5", "cm"),
        ("5 million", "5 million", ""),
        ("5x", "5x", ""),
        ("2abc", "2abc", ""),
        ("3 or 4", "3 or 4", ""),
        ("5 pm", "5 pm", ""),
        ("dollars", "dollars", ""),
    ],
)
def test_only_units_that_leave_the_number_alone_are_split_off(text: str, number: str, unit: str) -> None:
    assert split_unit(text) == (number, unit)


@pytest.mark.parametrize(
    ("gold", "pred", "decided"),
    [
        ("18", "18.00", (True, "number")),
        ("18", "$18", (True, "number")),
        ("18", "18 dollars", (True, "number")),
        ("5 feet", "5 foot", None),
        ("5 feet", "6 feet", (False, "number")),
        ("1/2", "0.5", (True, "number")),
        ("1/3", "0.333333", (True, "number")),
        ("1/3", "0.33", (False, "number")),
        ("1/6", "0.166667", (True, "number")),
        ("18", "17.999999", (False, "number")),
        ("18", "18.0000001", (False, "number")),
        ("0.3", "0.30000000000000004", (True, "number")),
        ("0.0000001", "0.0000002", (False, "number")),
        ("3.141592", "3.141593", (False, "number")),
        ("5", "15 apples", (False, "number")),
        ("8", "Total = 5 + 3 = 8", (True, "number")),
        ("8", "x = 9", None),
        ("east", "seat", (False, "words")),
        (r"\text{east}", "East", (True, "text")),
        ("5", "five apples", (False, "words")),
        ("B", "(B)", (True, "choice")),
        ("B", "B) 5 apples", (True, "choice")),
        ("B", "C", (False, "choice")),
        ("(1,2)", "(2,1)", None),
        (r"\sqrt{12}", r"2\sqrt{3}", None),
        (r"10\%", "10", None),
        ("", "5", (False, "text")),
        ("$$", "$$", (False, "text")),
    ],
)
def test_the_fast_path_decides_what_is_certain_and_nothing_else(
    gold: str, pred: str, decided: tuple[bool, str] | None
) -> None:
    assert quick_compare(gold, pred) == decided
