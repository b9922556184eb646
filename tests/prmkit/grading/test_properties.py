"""Laws that verdicts obey: on every reference answer of GSM8K and MATH-500, and on numbers that hypothesis draws."""

import json
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from benchmarks.grading_near_misses import near_misses
from benchmarks.grading_notations import notations
from benchmarks.grading_reading import different_values, exact_decimal
from prmkit.grading import equivalent, grade_many
from prmkit.grading.normalise import parser_text
from prmkit.grading.quick import quick_compare
from prmkit.grading.symbolic import parsed

ASYMMETRIC = {"named", "equation"}
"""Notations that only the reference answer decides whether to accept: `3` for `x = 3`."""
WORDS = ("Evelyn", "east", "even", "ellipse", "Navin")


def rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def share(verdicts: list[bool]) -> float:
    return sum(verdicts) / len(verdicts)


@pytest.fixture(scope="module")
def math500(data_dir: Path) -> list[str]:
    """All reference answers of MATH-500, each once."""
    return list(dict.fromkeys(row["answer"] for row in rows(data_dir / "math500" / "test.jsonl")))


@pytest.fixture(scope="module")
def gsm8k(data_dir: Path) -> list[str]:
    """All 8,792 reference answers of GSM8K."""
    answers = (row["answer"] for part in ("train", "test") for row in rows(data_dir / "gsm8k" / f"{part}.jsonl"))
    return [answer.rpartition("####")[2].strip() for answer in answers]


@pytest.fixture(scope="module")
def rewritten(math500: list[str]) -> list[tuple[str, str, str]]:
    """Reference answers of MATH-500, kinds of notation and the answers so written; about 4,000."""
    return [(gold, kind, text) for gold in math500 for kind, text in notations(gold)]


def test_every_reference_answer_equals_itself(gsm8k: list[str], math500: list[str]) -> None:
    assert [gold for gold in gsm8k + math500 if not equivalent(gold, gold)] == []


def test_every_reference_answer_equals_itself_as_a_formula_in_a_sentence(gsm8k: list[str], math500: list[str]) -> None:
    golds = [*dict.fromkeys(gsm8k), *math500]
    verdicts = grade_many(
        [(gold, rf"So we find that the answer is $\boxed{{{gold}}}$, which was asked.") for gold in golds]
    )
    assert [gold for gold, verdict in zip(golds, verdicts, strict=True) if not verdict.equal] == []


def test_the_parser_alone_finds_every_reference_answer_equal_to_itself(math500: list[str]) -> None:
    formulas = [gold for gold in math500 if not any(word in gold for word in WORDS)]
    assert [gold for gold in formulas if parsed(parser_text(gold), parser_text(gold)) != ("equal", "parsed")] == []


@pytest.mark.slow
def test_verdicts_are_stable_under_changes_of_notation(rewritten: list[tuple[str, str, str]]) -> None:
    verdicts = grade_many([(gold, rf"\boxed{{{text}}}") for gold, _, text in rewritten])
    equal = [verdict.equal for verdict in verdicts]
    lost = [change for change, same in zip(rewritten, equal, strict=True) if not same]
    assert len(rewritten) > 3000
    assert share(equal) > 0.99, f"{share(equal):.2%} stable; lost: {Counter(kind for _, kind, _ in lost)}, {lost[:10]}"


@pytest.mark.slow
def test_near_misses_are_different(math500: list[str]) -> None:
    pairs = [(gold, text) for gold in math500 for _, text in near_misses(gold) if different_values(gold, text)]
    verdicts = grade_many([(gold, rf"\boxed{{{text}}}") for gold, text in pairs])
    assert len(pairs) > 1500
    assert [pair for pair, verdict in zip(pairs, verdicts, strict=True) if verdict.equal] == []


@pytest.mark.slow
def test_verdicts_are_symmetric_where_no_name_is_asked_for(rewritten: list[tuple[str, str, str]]) -> None:
    pairs = [(gold, text) for gold, kind, text in rewritten if kind not in ASYMMETRIC]
    there = grade_many([(gold, rf"\boxed{{{text}}}") for gold, text in pairs])
    back = grade_many([(text, rf"\boxed{{{gold}}}") for gold, text in pairs])
    same = [one.equal == other.equal for one, other in zip(there, back, strict=True)]
    odd = [pair for pair, equal in zip(pairs, same, strict=True) if not equal]
    assert share(same) > 0.99, f"{share(same):.2%} symmetric; not: {odd[:10]}"


# ---- numbers -------------------------------------------------------------------------------------------------------


def decimals(value: Fraction) -> list[str]:
    digits = exact_decimal(value)
    if digits is None or len(digits.partition(".")[2]) > 5:  # from six places on decimals may stand for what they round
        return []
    padded = digits + ("0" if "." in digits else ".0")
    return [digits, padded, digits.replace("0.", ".", 1) if digits.startswith("0.") else digits]


def grouped(value: Fraction) -> list[str]:
    if value.denominator > 1:
        return []
    return [f"{value.numerator:,}".replace(",", mark) for mark in (",", "{,}", r",\!", r"\,", "")]


def fractions(value: Fraction) -> list[str]:
    top, bottom = value.numerator, value.denominator
    commands = [rf"{command}{{{top}}}{{{bottom}}}" for command in (r"\frac", r"\dfrac", r"\tfrac", r"\cfrac")]
    doubled = rf"\frac{{{3 * top}}}{{{3 * bottom}}}"
    short = [rf"\frac{top}{bottom}", rf"\frac{top}{{{bottom}}}"] if 0 <= top < 10 and bottom < 10 else []
    return [*commands, doubled, *short, f"{top}/{bottom}", f"{top} / {bottom}"]


def mixed(value: Fraction) -> list[str]:
    whole, rest = divmod(value, 1)
    if not whole or not rest:
        return []
    return [rf"{whole}\frac{{{rest.numerator}}}{{{rest.denominator}}}", f"{whole} {rest.numerator}/{rest.denominator}"]


def powers(value: Fraction) -> list[str]:
    shifted = [(exponent, exact_decimal(value / Fraction(10) ** exponent)) for exponent in (-3, 2, 4)]
    written = [(exponent, digits) for exponent, digits in shifted if digits and len(digits.partition(".")[2]) < 4]
    forms = (r"{} \times 10^{{{}}}", r"{}\cdot 10^{{{}}}", "{}e{}", "{}E{}")
    return [form.format(digits, exponent) for exponent, digits in written for form in forms]


def dressed(text: str) -> list[str]:
    return [
        text,
        f" {text} ",
        f"${text}$",
        rf"\({text}\)",
        f"{text}.",
        rf"\displaystyle {text}",
        rf"{text}\text{{ cm}}",
    ]


@st.composite
def written_numbers(draw: st.DrawFn, values: st.SearchStrategy[Fraction]) -> tuple[Fraction, str]:
    """A rational number and one of its notations."""
    value = draw(values)
    size = abs(value)
    text = draw(st.sampled_from(decimals(size) + grouped(size) + fractions(size) + mixed(size) + powers(size)))
    sign = draw(st.sampled_from(["-", "−", "- "])) if value < 0 else draw(st.sampled_from(["", "", "+"]))
    return value, draw(st.sampled_from(dressed(sign + text)))


SMALL = st.fractions(min_value=-20, max_value=20, max_denominator=12)
LARGE = st.integers(-(10**9), 10**9).map(Fraction)
TENTHS = st.builds(Fraction, st.integers(-(10**6), 10**6), st.sampled_from([1, 10, 100, 1000]))
NUMBERS = written_numbers(SMALL | LARGE | TENTHS)


@given(NUMBERS, NUMBERS)
@example((Fraction(1, 2), r"\frac12"), (Fraction(1, 2), ".5"))
@example((Fraction(-3, 2), r"-1\frac{1}{2}"), (Fraction(-1, 2), r"-\frac{1}{2}"))
def test_the_fast_path_decides_numbers_as_fraction_arithmetic_does(
    left: tuple[Fraction, str], right: tuple[Fraction, str]
) -> None:
    verdict = quick_compare(left[1], right[1])
    assert verdict is not None
    assert verdict[0] == (left[0] == right[0])
    assert verdict[1] in ("text", "number")


@given(st.data(), SMALL | LARGE | TENTHS)
def test_the_fast_path_finds_two_notations_of_a_number_equal(data: st.DataObject, value: Fraction) -> None:
    (_, left), (_, right) = (data.draw(written_numbers(st.just(value))) for _ in range(2))
    verdict = quick_compare(left, right)
    assert verdict is not None
    assert verdict[0]


@given(NUMBERS, NUMBERS)
def test_the_fast_path_is_symmetric_on_numbers(left: tuple[Fraction, str], right: tuple[Fraction, str]) -> None:
    assert quick_compare(left[1], right[1]) == quick_compare(right[1], left[1])


@given(st.fractions(min_value=-1000, max_value=1000, max_denominator=997), st.integers(6, 11), st.integers(-1, 1))
def test_a_decimal_of_six_places_equals_just_the_fractions_that_it_rounds_or_cuts(
    value: Fraction, places: int, wrong: int
) -> None:
    assume(exact_decimal(value) is None and abs(value) > 1)
    nearest = round(value * 10**places)
    digits = exact_decimal(Fraction(nearest + 2 * wrong, 10**places))
    assert digits is not None
    padded = digits + "0" * (places - len(digits.partition(".")[2]))
    assume("." in padded)
    fraction = rf"\frac{{{value.numerator}}}{{{value.denominator}}}"
    assert quick_compare(fraction, padded) == (wrong == 0, "number")
    assert quick_compare(padded, fraction) == (wrong == 0, "number")
