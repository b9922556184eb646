"""Intervals, unions and conditions are compared as sets of real numbers."""

import math

import pytest

from prmkit.grading.latex import read
from prmkit.grading.realsets import real_set, surely_set
from prmkit.grading.tokens import CannotRead
from prmkit.grading.values import equal


def same(gold: str, pred: str) -> bool:
    """By the likelier reading of both."""
    return equal(read(gold)[0], read(pred)[0])


@pytest.mark.parametrize(
    ("gold", "pred"),
    [
        (r"\{x | x \geq 2\}", r"[2,\infty)"),
        (r"\{x \mid x \ge 2\}", r"x \geq 2"),
        (r"\{x \in \mathbb{R} : x < 3\}", r"(-\infty, 3)"),
        (r"x<-2 \text{ or } x>1", r"(-\infty,-2)\cup(1,\infty)"),
        ("[1,2)", r"1\le x<2"),
        (r"(1,2)\cup(2,3)", r"(2,3) \cup (1,2)"),
        (r"(-\infty,\infty)", r"\mathbb{R}"),
        (r"\mathbb{R}", r"\text{all real numbers}"),
        (r"\mathbb{R}\setminus\{0\}", r"(-\infty,0)\cup(0,\infty)"),
        ("x>5", "5<x"),
        (r"x \geq -3", r"x+3\ge 0"),
        ("2x < 6", "x<3"),
        (r"\emptyset", r"\{\}"),
        (r"\varnothing", r"\emptyset"),
        (r"k\pi, k\in\mathbb{Z}", r"k\pi, k \in \mathbb{Z}"),
        (r"x\in(1,2)", "(1,2)"),
        ("1 < x < 2", "(1,2)"),
        (r"|x-25| \le 1", "[24,26]"),
        ("3 < |x|", r"(-\infty,-3)\cup(3,\infty)"),
        (r"|x| \ne 2", r"\mathbb{R}\setminus\{-2,2\}"),
        ("|2-x|<3", "-1<x<5"),
        (r"x \in [-2,7]", r"-2 \le x \le 7"),
        ("x > 5", r"x \in (5,\infty)"),
        (r"\infty", r"+\infty"),
        (r"\{1,2\}\cup\{3\}", r"\{1,2,3\}"),
        ("(1,3)", r"(1,2]\cup(1,3)"),
        ("[1,2]", r"[1,2)\cup\{2\}"),
        (r"(1,4)\cap(2,5)", "(2,4)"),
        ("x>1,x<3", "(1,3)"),
        ("(0.333333,1)", r"(\frac13,1)"),
    ],
)
def test_the_same_set_is_equal(gold: str, pred: str) -> None:
    assert same(gold, pred)


@pytest.mark.parametrize(
    ("gold", "pred"),
    [
        (r"x<-2 \text{ or } x>1", "(-2,1)"),
        ("[1,2)", "1<x<2"),
        (r"(0,\infty)", r"\mathbb{R}"),
        ("x>5", "x<5"),
        (r"\{0\}", r"\emptyset"),
        (r"\infty", r"-\infty"),
        ("[1,2]", "(1,2)"),
        (r"(1,2)\cup(2,3)", "(1,3)"),
        ("55", r"(-\infty,2)\cup(3,\infty)"),
    ],
)
def test_another_set_is_different(gold: str, pred: str) -> None:
    assert not same(gold, pred)


@pytest.mark.parametrize("text", ["(2,1)", "(1,x)", "x^2<4", "x<y", r"\{x\}", "(1,i)"])
def test_what_is_no_set_of_real_numbers_or_not_solved_is_none_or_not_read(text: str) -> None:
    try:
        found = real_set(read(text)[0])
    except CannotRead:
        found = None
    assert found is None


@pytest.mark.parametrize("text", ["(-1,oo)", "(-infinity,2]"])
def test_infinity_is_an_end_and_does_not_belong(text: str) -> None:
    node = read(text)[0]
    assert surely_set(node)
    (interval,) = real_set(node) or ()
    assert math.inf in (float(interval.high), -float(interval.low))
    assert not (interval.has_low and interval.has_high)


def test_touching_pieces_are_one() -> None:
    merged = real_set(read(r"[1,2)\cup[2,3]\cup\{4\}")[0])
    assert merged is not None
    assert [(float(piece.low), float(piece.high), piece.has_low, piece.has_high) for piece in merged] == [
        (1, 3, True, True),
        (4, 4, True, True),
    ]
