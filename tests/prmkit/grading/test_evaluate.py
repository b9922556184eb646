"""Numbers and formulas are compared by value."""

import pytest

from prmkit.grading.compute import TooLarge
from prmkit.grading.evaluate import POINTS, point
from prmkit.grading.latex import read
from prmkit.grading.values import equal


def same(gold: str, pred: str) -> bool:
    """By the likelier reading of both."""
    return equal(read(gold)[0], read(pred)[0])


@pytest.mark.parametrize(
    ("gold", "pred"),
    [
        ("e^{-2}", r"\frac{1}{e^2}"),
        (r"\log_3 5", r"\frac{\ln 5}{\ln 3}"),
        (r"\log _{3} 5", r"\log_3(5)"),
        (r"2\cos\frac{\pi}{9}", r"2\cos 20^\circ"),
        (r"\sqrt[3]{2}", "2^{1/3}"),
        (r"\cos 2\theta", r"1-2\sin^2\theta"),
        (r"\tan^{-1} 2", r"\arctan(2)"),
        (r"\frac{\pi}{4}", r"\arctan 1"),
        (r"0.\overline{3}", r"\frac13"),
        (r"17.3^{\circ}", "17.3"),
        (r"\binom{10}{3}", "120"),
        ("C(7, 4)", "35"),
        ("10!", "3628800"),
        (r"\frac{9!}{3!}", "60480"),
        (r"12\sqrt{3}-6", r"6(2\sqrt3-1)"),
        (r"\frac{\sqrt{6}-\sqrt{2}}{4}", r"\sin 15^\circ"),
        (r"\sqrt{7+4\sqrt3}", r"2+\sqrt3"),
        (r"\pi", "3.14159265"),
        (r"5\text{ cm}", "5"),
        (r"15\text{ cm}^2", "15"),
        (r"1\frac{1}{2}", "1.5"),
        (r"1 \frac{\sqrt3}{2}", r"\frac{\sqrt{3}}{2}"),
        (r"25\%", r"\frac14"),
        (r"\log 100", "2"),
        (r"\ln 2", r"\log 2"),
        (r"3\cdot 10^8", "300000000"),
        (r"6.02\times 10^{23}", "6.02 * 10^23"),
        ("2^{10}", "1024"),
        ("2^{100}", "1267650600228229401496703205376"),
        ("10^{-3}", "0.001"),
        (r"\dfrac{-3}{4}", r"-\frac{3}{4}"),
        (r"\frac{\sqrt{10}}{2}", r"\sqrt{\frac52}"),
        (r"4\sqrt[3]{2}", r"\sqrt[3]{128}"),
        (r"45^\circ", r"\frac{\pi}{4}"),
        (r"\tan 45^\circ", "1"),
        (r"1+\frac{1}{2}+\frac13", r"\frac{11}{6}"),
        (r"7\frac{3}{4}", "7 3/4"),
        (r"7\frac{3}{4}", "31/4"),
        (r"-2\frac13", r"-\frac73"),
        ("-8", "(-2)^3"),
        (r"\log_{10} 1000", "3"),
        (r"2\ln 3", r"\ln 9"),
        (r"\frac{1}{\sqrt2}", r"\frac{\sqrt2}{2}"),
        ("-8", "(-8)^1"),
        (r"\sqrt[3]{-8}", "-2"),
        ("(-8)^{1/3}", "-2"),
        (r"\frac{1}{3}", "0.333333"),
        ("0", r"\sqrt{2}\sqrt{3}-\sqrt{6}"),
        (r"10\%", "10"),
        (r"10\%", "0.1"),
        ("3*-2", "-6"),
    ],
)
def test_the_same_number_is_equal(gold: str, pred: str) -> None:
    assert same(gold, pred)


@pytest.mark.parametrize(
    ("gold", "pred"),
    [
        (r"\cos 2\theta", r"1-\sin^2\theta"),
        ("1.414", r"\sqrt{2}"),
        (r"\pi", "3.14"),
        (r"45^\circ", r"46^\circ"),
        (r"\frac{1}{3}", "0.33333"),
        ("2", "1.9999999"),
        (r"\sqrt{2}", "1.41421"),
        ("10", "0.1"),
        ("0", "e^{-200}"),
        ("e^{-200}", "e^{-201}"),
        (r"\sin 1^\circ", r"\sin 1"),
        ("1001_2", "1001_3"),
        ("52_8", "42"),
    ],
)
def test_another_number_is_different(gold: str, pred: str) -> None:
    assert not same(gold, pred)


@pytest.mark.parametrize(
    ("gold", "pred"),
    [
        ("2^{n-1}", r"\frac{2^n}{2}"),
        (r"\frac{n(n+1)}{2}", r"\binom{n+1}{2}"),
        (r"\frac{1}{4}\left(-(z+y)^{3}+3(z+y)\right)", r"-\frac{(y+z)^3}{4}+\frac{3(y+z)}{4}"),
        (r"\arcsin{1.3 \sin{\theta_w}}", r"\sin^{-1}(1.3\sin\theta_w)"),
        ("I_0 e^{-t/RC}", r"I_{0} \exp(-\frac{t}{RC})"),
        (r"\sqrt{\frac{2 m g}{k}}", r"\frac{\sqrt{2mg}}{\sqrt{k}}"),
        (r"\sqrt{2gh}", "(2gh)^{1/2}"),
        (r"\ln|x| + C", r"C+\ln |x|"),
        (r"\frac{x^3}{3}+C", "x^3/3 + C"),
        (r"\frac{3 x}{4 y}", "3x/(4y)"),
        (r"\frac{3 x}{4 y}", r"\frac{3}{4}xy^{-1}"),
        ("(3x-2)(x+1)", "3x^2+x-2"),
        (r"\sqrt[3]{x}", r"x^{\frac13}"),
        ("x^{2/3}", r"\sqrt[3]{x^2}"),
        ("5 + 3i", "3i+5"),
        (r"e^{i\pi/3}", r"\frac12+\frac{\sqrt3}{2}i"),
        (r"\frac{d}{2}", "d/2"),
        ("a^{2} b", "ba^2"),
        ("x_1+x_2", "x_{1}+x_{2}"),
        (r"\vec{v}", r"\overrightarrow{v}"),
        (r"\frac{n!}{k!(n-k)!}", r"\binom{n}{k}"),
        ("|a-b|", "|b-a|"),
        ("-x+1", "1-x"),
        ("2(x+1)", "2x+2"),
        ("x(x+1)(x+2)", "x^3+3x^2+2x"),
        (r"\frac{1}{x-1}-\frac{1}{x+1}", r"\frac{2}{x^2-1}"),
        (r"\frac{\sin x}{\cos x}", r"\tan x"),
        (r"\sec^2 x", r"1+\tan^2 x"),
        (r"\sinh x", r"\frac{e^x-e^{-x}}{2}"),
        ("4x^{3} y^{2}", "4 x^3y^2"),
        (r"\left(\frac{x}{y}\right)^{2}", r"\frac{x^2}{y^2}"),
        (r"\sqrt{x+1}", "(x+1)^{0.5}"),
        ("0.5x", r"\frac{x}{2}"),
        (r"\sin(x)\cos(y)", r"\cos y \sin x"),
        (r"2x^2\sqrt{y}", "2x^2y^{1/2}"),
        (r"-\frac{1}{2}e^{-2x}", r"-\frac{e^{-2x}}{2}"),
        ("n^2+n+1", "n(n+1)+1"),
        (r"50\sqrt{2}\ \text{m/s}", r"50\sqrt2"),
        (r"\frac{a}{1-r}", "a/(1-r)"),
        (r"\frac{2}{3}\pi r^3", r"\frac{2\pi r^3}{3}"),
        ("3x^2 y - 2", "3yx^2-2"),
        ("i", r"\sqrt{-1}"),
        ("x^{90}+1", "1+x^{90}"),
        (r"\sqrt{x}\sqrt{y}", r"\sqrt{xy}"),
    ],
)
def test_the_same_formula_is_equal(gold: str, pred: str) -> None:
    assert same(gold, pred)


@pytest.mark.parametrize(
    ("gold", "pred"),
    [
        ("2^{n-1}", "2^n"),
        ("|x|", "x"),
        (r"\ln x + C", r"\ln x"),
        (r"\frac{3 x}{4 y}", r"\frac{3}{4}xy"),
        ("5+3i", "5-3i"),
        ("x_1", "x_2"),
        ("x^{90}+1", "x^{90}+2"),
        ("12a^3+e^{3y}", r"12a^3+e^{3y}+\frac{1}{1000}"),
        ("2ab", "2"),
        ("f(x-1)", "f(1-x)"),
        ("A", "a"),
    ],
)
def test_another_formula_is_different(gold: str, pred: str) -> None:
    assert not same(gold, pred)


@pytest.mark.parametrize(
    "text",
    [
        "99^{99999}",
        "(10^{9000})^{100}",
        "3000!",
        r"\binom{10000}{5000}",
        r"\sin(e^{10000})",
        "e^{e^{99}}",
        "9^{9^{99}}",
    ],
)
def test_what_would_be_too_large_is_not_computed(text: str) -> None:
    with pytest.raises(TooLarge):
        same(text, r"\pi")
    with pytest.raises(TooLarge):
        same(text, "x+1")


@pytest.mark.parametrize("text", ["1/0", "0^{-1}", r"\frac{1}{2-2}", r"\ln 0", r"\sqrt[0]{2}", r"\frac{x}{x-x}"])
def test_what_is_undefined_equals_nothing(text: str) -> None:
    assert not same(text, r"\pi")
    assert not same("0/0", text)


def test_each_point_is_the_same_in_every_run() -> None:
    assert [int(10**6 * point(frozenset("x"), index)["x"].real) for index in range(POINTS)] == [
        488033,
        13306149,
        -527750,
        865227,
    ]


def test_two_of_the_points_are_positive_one_is_real_and_one_complex() -> None:
    points = [point(frozenset("xyz"), index) for index in range(POINTS)]
    assert all(value > 0 for values in points[:2] for value in values.values())
    assert any(value < 0 for value in points[2].values())
    assert all(value.imag for value in points[3].values())


def test_a_difference_beyond_the_digits_of_floats_is_seen() -> None:
    assert not same(r"e^{\pi\sqrt{163}}", "262537412640768744")
    assert not same(r"100!+\sqrt{2}", r"100!+\sqrt{3}")
    assert not same(r"y=e^{100}+\sqrt{2}", r"y=e^{100}+\sqrt{3}")
    assert not same(r"x^{90}+\sqrt{x}", r"x^{90}+\sqrt{x+1}")
    assert same(r"e^{1000}+\sqrt{8}", r"2\sqrt{2}+e^{999}e")
    assert not same(r"\sqrt{2}", "1.414213562373095048801688724209698078569671875376948073176679737990732478462117")
