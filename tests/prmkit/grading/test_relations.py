"""Equations, inequalities and congruences, alone and against answers without a relation."""

import pytest

from prmkit.grading.latex import read
from prmkit.grading.tokens import CannotRead
from prmkit.grading.values import equal


def same(gold: str, pred: str) -> bool:
    """By the likelier reading of both."""
    return equal(read(gold)[0], read(pred)[0])


@pytest.mark.parametrize(
    ("gold", "pred"),
    [
        (r"E_{n}=E_{0} \sqrt{n}", r"\sqrt{n}E_0"),
        (r"y = \frac{1}{2}x+3", "x-2y+6=0"),
        ("x^2+y^2=25", "x^2+y^2-25=0"),
        ("(x-1)^2+(y+2)^2=9", "x^2-2x+1+y^2+4y+4=9"),
        ("5", "x=5"),
        ("5", r"\text{The answer} = 5"),
        (r"\sum_{i=1}^{n} i = 5", "5"),
        ("y=Ce^{x}", "y = C e^x"),
        ("y=e^{2x}+c", "e^{2x}+c"),
        ("f(x)=2x+1", "2x+1"),
        (r"f^{-1}(x)=\frac{x-1}{2}", r"\frac{x-1}{2}"),
        (r"(f\circ g)(x)=x+1", "x+1"),
        (r"A=\pi r^2", r"\pi r^2"),
        ("3x+2y=6", r"y=3-\frac{3}{2}x"),
        ("x=5", "5=x"),
        ("13", "x^2+y^2=13"),
        ("10", "P(3)=3^2+1=10"),
        ("5050", r"\frac{n(n+1)}{2}=\frac{100(101)}{2}=5050"),
        (r"\frac{5}{3}", r"x=\frac{5}{3}\approx 1.67"),
        ("64.285714", r"x=64.285714\ldots"),
        ("x+y=5", "y=5-x"),
    ],
)
def test_the_same_equation_or_result_is_equal(gold: str, pred: str) -> None:
    assert same(gold, pred)


@pytest.mark.parametrize(
    ("gold", "pred"),
    [
        (r"y = \frac12 x+3", r"y=\frac12 x-3"),
        ("x^2+y^2=25", "25"),
        ("(x-1)^2+(y+2)^2=9", "(x+1)^2+(y-2)^2=9"),
        ("x=5", "y=5"),
        ("x=5", "x<5"),
        ("a+b=9", "9"),
        ("0", "5x-7y+4=0"),
        ("1", r"\frac{y^2}{4}-\frac{x^2}{9}=1"),
        (r"\sqrt{3}", r"2x=\sqrt{3}"),
        ("14*2=28", "14*3=42"),
        ("x^2=9", "x^2=16"),
        ("2x+y=1", "x+2y=1"),
    ],
)
def test_another_equation_or_result_is_different(gold: str, pred: str) -> None:
    assert not same(gold, pred)


@pytest.mark.parametrize(
    ("gold", "pred"),
    [
        (r"\sqrt{x^2}", "x+0|x|"),
        ("x^2=4", "x=2"),
        ("xy=1", r"y=\frac1x"),
        ("x^2<4", "-2<x<2"),
        ("x < 5", "1 < x = 3"),
        (",".join(map(str, range(61))), ",".join(map(str, range(61, 0, -1)))),
    ],
)
def test_what_is_not_certain_is_left_to_another_parser(gold: str, pred: str) -> None:
    with pytest.raises(CannotRead):
        same(gold, pred)
