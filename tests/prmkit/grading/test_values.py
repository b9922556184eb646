"""Which answers are equal, by trees alone: no worker, no sympy, no fast path."""

import pytest

from prmkit.grading.latex import read
from prmkit.grading.values import equal


def same(gold: str, pred: str) -> bool:
    """By the likelier reading of both."""
    return equal(read(gold)[0], read(pred)[0])


@pytest.mark.parametrize(
    ("gold", "pred"),
    [
        (r"\left\lfloor\frac{n}{2}\right\rfloor", r"\lfloor n/2 \rfloor"),
        (r"x=2 \pm i", "2+i, 2-i"),
        (r"\left\{x : x \ne 3\right\}", r"(-\infty,3)\cup(3,\infty)"),
        ("(-2,3)", "x=-2, y=3"),
        ("(0,1),(1,0)", "(1,0),(0,1)"),
        (r"\{(0,1),(1,0)\}", r"(0,1) \text{ and } (1,0)"),
        ("f(x)=x, f(x)=-x", r"f(x)=\pm x"),
        ("1,2,3", "3,1,2"),
        (r"1 \text{ and } 2", "2, 1"),
        (r"x=1 \text{ or } x=2", "1, 2"),
        (r"\left\{\frac{\pi}{6}, \frac{5\pi}{6}\right\}", r"\frac{5\pi}{6},\frac{\pi}{6}"),
        (r"\pm 3", "-3, 3"),
        (r"\pm\sqrt{2}", r"\sqrt2, -\sqrt2"),
        (r"\frac{1}{2},-3", r"x = -3, x = \frac12"),
        ("a=1,b=2", "b=2,a=1"),
        ("a=1,b=2", "1,2"),
        ("(x,y)=(1,2)", "(1,2)"),
        (r"\frac{-b\pm\sqrt{b^2-4ac}}{2a}", r"\frac{-b+\sqrt{b^2-4ac}}{2a}, \frac{-b-\sqrt{b^2-4ac}}{2a}"),
        (r"\max(a,b)", r"\max(b,a)"),
        (r"13\,000", "13000"),
        (r"\{-1,0,1\}", r"\{0,\pm 1\}"),
        ("(1,-2),(1,2)", r"(1,\pm 2)"),
        ("x=3,y=4", "(3,4)"),
        ("1,2", "(2,1)"),
        (r"\{1,1,2\}", r"\{2,1\}"),
        ("5", r"\frac{10}{2} \text{ or } 5"),
    ],
)
def test_the_same_list_is_equal(gold: str, pred: str) -> None:
    assert same(gold, pred)


@pytest.mark.parametrize(
    ("gold", "pred"),
    [
        (r"\left\lfloor\frac{n}{2}\right\rfloor", r"\frac{n}{2}"),
        (r"\left\lceil\frac{n}{2}\right\rceil", r"\left\lfloor\frac{n}{2}\right\rfloor"),
        ("(0,1),(1,0)", "(0,1)"),
        ("1,2,3", "1,2"),
        (r"\pm 3", "3"),
        ("3", r"\pm 3"),
        ("a=1,b=2", "a=2,b=1"),
        ("a=1,b=2", "2,1"),
        ("(1,2)", "(2,1)"),
        ("1,1,2", "1,2"),
        ("5", "5 or 6"),
        ("5 or 6", "5"),
        ("(1,2)", "1"),
        ("(1,2)", r"\{1,2\}"),
    ],
)
def test_another_list_is_different(gold: str, pred: str) -> None:
    assert not same(gold, pred)


@pytest.mark.parametrize(
    ("gold", "pred"),
    [
        (r"\langle 1,2,3 \rangle", "(1,2,3)"),
        (r"\begin{bmatrix}1&2\\3&4\end{bmatrix}", r"\begin{pmatrix} 1 & 2 \\ 3 & 4\end{pmatrix}"),
        (r"\frac{1}{7}\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1/7\\2/7\end{pmatrix}"),
    ],
)
def test_the_same_matrix_is_equal(gold: str, pred: str) -> None:
    assert same(gold, pred)


@pytest.mark.parametrize(
    ("gold", "pred"),
    [
        (r"\langle 1,2,3 \rangle", "(3,2,1)"),
        (r"\begin{bmatrix}1&2\\3&4\end{bmatrix}", r"\begin{pmatrix} 1 & 3 \\ 2 & 4\end{pmatrix}"),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1&2\end{pmatrix}"),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", "(2,1)"),
    ],
)
def test_another_matrix_is_different(gold: str, pred: str) -> None:
    assert not same(gold, pred)


@pytest.mark.parametrize(
    ("gold", "pred"),
    [
        ("3:5", "6:10"),
        ("3:5", r"3 \text{ to } 5"),
        ("2:3:4", "4:6:8"),
        (r"x \equiv 3 \pmod{7}", "3"),
        (r"x \equiv 3 \pmod 7", r"x \equiv 10 \pmod{7}"),
    ],
)
def test_the_same_ratio_or_residue_is_equal(gold: str, pred: str) -> None:
    assert same(gold, pred)


@pytest.mark.parametrize(
    ("gold", "pred"),
    [
        ("2:3:4", "2:3:5"),
        (r"x \equiv 3 \pmod 7", r"x \equiv 4 \pmod 7"),
        (r"x \equiv 3 \pmod 7", r"x \equiv 3 \pmod 8"),
        ("1:2:3", "1:2"),
    ],
)
def test_another_ratio_or_residue_is_different(gold: str, pred: str) -> None:
    assert not same(gold, pred)
