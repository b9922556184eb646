"""The grading benchmark's own parts: whether its pairs are what their labels say, and what a run counts."""

from fractions import Fraction

import pytest

from benchmarks.grading_families import FAMILIES
from benchmarks.grading_near_misses import near_misses
from benchmarks.grading_notations import notations
from benchmarks.grading_reading import different_values, exact_decimal, expression, number
from benchmarks.grading_runs import CPU_SECONDS, run


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-7", Fraction(-7)),
        (".25", Fraction(1, 4)),
        (r"-\frac43", Fraction(-4, 3)),
        (r"1\frac{4}{5}", Fraction(9, 5)),
        (r"11,\! 111", Fraction(11111)),
        (r"\frac{1}{0}", None),
        ("5x", None),
    ],
)
def test_numbers_of_latex_are_read_exactly(text: str, value: Fraction | None) -> None:
    assert number(text) == value


def test_only_decimals_that_end_are_written_as_decimals() -> None:
    assert exact_decimal(Fraction(-1, 8)) == "-0.125"
    assert exact_decimal(Fraction(1, 3)) is None


def test_an_expression_is_read_only_where_two_parsers_agree() -> None:
    assert str(expression(r"\frac{3\sqrt{3}}{4}")) == "3*sqrt(3)/4"
    assert expression(r"\{1,2\}") is None


def test_rewritten_answers_have_other_notations_of_the_same_value() -> None:
    texts = {text for _, text in notations(r"\frac{3}{2}")}
    assert {r"\dfrac{3}{2}", "3/2", "1.5", r"1\frac{1}{2}", r"\frac{6}{4}", r"x = \frac{3}{2}"} <= texts
    assert r"\frac{3}{2}" not in texts
    assert {number(text) for text in texts} - {None} == {Fraction(3, 2)}


def test_near_misses_are_confirmed_to_differ_and_notations_are_not() -> None:
    for gold in (r"\frac{3}{2}", "(3,4]", r"2\sqrt{5}", "x^3+3x-6", "-2,1"):
        assert all(different_values(gold, text) for _, text in near_misses(gold)), gold
    assert not any(different_values(r"2\sqrt{5}", text) for text in (r"\sqrt{20}", r"2 \cdot 5^{1/2}", r"2\sqrt{5}"))
    assert not different_values("52_8", "52")


def test_no_hand_written_answer_stands_on_both_sides() -> None:
    cases = [case for family in FAMILIES.values() for case in family]
    assert [gold for gold, equal, different in cases if {gold, *equal} & set(different)] == []


@pytest.mark.slow
@pytest.mark.parametrize("grader", ["ours", "ours-single", "math-verify"])
def test_a_run_gives_a_verdict_per_pair_and_counts_cpu_time(grader: str) -> None:
    done = run(grader, [("18", "A: 18"), (r"3\sqrt{2}", r"\boxed{\sqrt{18}}"), (r"3\sqrt{2}", r"\boxed{\sqrt{12}}")])
    assert done.equal == [True, True, False]
    assert 0 < done.cpu_seconds < 5
    assert done.fast == ([True, False, False] if grader != "math-verify" else [False] * 3)


@pytest.mark.slow
def test_a_pair_that_hangs_the_peer_is_given_up_and_the_run_goes_on() -> None:
    done = run("math-verify", [("1", "1"), ("9^{9^{9}}", r"\boxed{8^{8^{8^{8}}}}"), ("2", "2")])
    assert done.equal == [True, False, True]
    assert done.rules == ["", "killed", ""]
    assert done.cpu_seconds >= CPU_SECONDS
