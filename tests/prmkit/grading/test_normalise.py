"""One notation for what means the same."""

import pytest

from prmkit.grading.normalise import is_words, key, notation, parser_text


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
        ("x <= 3", r"x \leq 3"),
        (r"10\%", "10 percent"),
        (r"10\%", r"10 \text{ percent}"),
        (r"\(\sqrt2\)", r"\sqrt{2}"),
        (r"\sqrt{5}", "√5"),
        ("√(x+1)", r"\sqrt{x+1}"),
        ("x²", "x^{2}"),
        ("x₁", "x_{1}"),
        ("π/2", r"\pi/2"),
        (r"\$5", "$5"),
        ("**7**", "7"),
        ("{7}", "7"),
        (r"1{,}000", "1,000"),
        (r"1\,000", "1,000"),
        (r"\mathbf{A}", "A"),
        (r"\underline{2020}", "2020"),
        (r"{2n \choose n}", r"\binom{2n}{n}"),
        (r"{1 \over 2}", r"\frac{1}{2}"),
        (r"1, 2, \dots, n", r"1,2,\ldots,n"),
        ("（1，2）", "(1,2)"),
        ("5。", "5"),
        ("２５", "25"),
    ],
)
def test_notations_of_the_same_thing_share_a_key(one: str, other: str) -> None:
    assert key(one) == key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1 1/2", "11/2"),
        ("x", "X"),
        ("2 3", "23"),
        ("AB", "ab"),
        ("(1,2)", "[1,2]"),
        ("1, 234", "1,234"),
        (r"\{1,2\}", "(1,2)"),
        ("x^2", "x2"),
        (r"\sin x", r"\cos x"),
    ],
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
        ("3√2", r"3\sqrt{2}"),
        ("x ∈ (0, ∞)", r"x \in (0, \infty )"),
    ],
)
def test_the_parser_gets_no_units_but_every_word_that_counts(text: str, parsed: str) -> None:
    assert parser_text(text) == parsed


def test_the_parser_keeps_matrix_rows_and_text_commands() -> None:
    matrix = r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}"
    assert parser_text(f"${matrix}$") == matrix
    assert parser_text(r"3 \text{ or } 4") == r"3 \text{ or } 4"


def test_words_of_text_commands_are_told_from_letters() -> None:
    assert notation(r"5\text{ m}") == '5 " m"'
    assert notation("5 m") == "5 m"


@pytest.mark.parametrize("text", ["east", "no solution", "Bob", "No", "the cat", '"ab"'])
def test_prose_is_known(text: str) -> None:
    assert is_words(text)


@pytest.mark.parametrize("text", ["x", "ab", "abc", "2 apples", r"\pi", "x = y", "sin x", "ABC", "infty"])
def test_products_of_letters_and_mathematics_are_no_prose(text: str) -> None:
    assert not is_words(text)
