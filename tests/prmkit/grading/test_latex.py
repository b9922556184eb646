"""LaTeX and plain text to trees. What trees mean is compared in test_values.py."""

import json
from fractions import Fraction
from pathlib import Path

import pytest

from prmkit.grading.latex import read
from prmkit.grading.numbers import Number
from prmkit.grading.tokens import CannotRead
from prmkit.grading.tree import Bag, Based, Call, Chain, Group, Matrix, Name, Node, Text


def integer(value: int) -> Number:
    return Number(Fraction(value), 0, len(str(abs(value))))


X, Y, ONE, TWO, THREE = Name("x"), Name("y"), integer(1), integer(2), integer(3)
HALF = Call("div", (ONE, TWO))


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        (r"\frac12", HALF),
        (r"\dfrac{1}{2}", HALF),
        ("1/2", HALF),
        ("½", HALF),
        ("2x", Call("mul", (TWO, X))),
        (r"2 \cdot x", Call("mul", (TWO, X))),
        ("2 × x", Call("mul", (TWO, X))),
        ("x - y", Call("add", (X, Call("neg", (Y,))))),
        ("x−y", Call("add", (X, Call("neg", (Y,))))),
        ("x*-y", Call("mul", (X, Call("neg", (Y,))))),
        ("x²", Call("pow", (X, TWO))),
        ("x**2", Call("pow", (X, TWO))),
        ("x^{2}", Call("pow", (X, TWO))),
        ("2^x^y", Call("pow", (TWO, Call("pow", (X, Y))))),
        (r"\sqrt2", Call("root", (TWO,))),
        ("√2", Call("root", (TWO,))),
        ("sqrt(2)", Call("root", (TWO,))),
        (r"\sqrt[3]{x}", Call("root", (X, THREE))),
        (r"\sin^2 x", Call("pow", (Call("sin", (X,)), TWO))),
        (r"\sin^{-1} x", Call("arcsin", (X,))),
        (r"\sin 2x \cos y", Call("mul", (Call("sin", (Call("mul", (TWO, X)),)), Call("cos", (Y,))))),
        (r"\log_2 x", Call("log", (X, TWO))),
        (r"\operatorname{arcsin} x", Call("arcsin", (X,))),
        ("|x|", Call("abs", (X,))),
        (r"\left|\,|x|-1\right|", Call("abs", (Call("add", (Call("abs", (X,)), Number(Fraction(-1), 0, 1))),))),
        (r"\lfloor x \rfloor", Call("floor", (X,))),
        ("x!", Call("factorial", (X,))),
        (r"\binom{x}{2}", Call("binom", (X, TWO))),
        (r"2\%", Call("percent", (TWO,))),
        (r"2^\circ", Call("degrees", (TWO,))),
        ("2°", Call("degrees", (TWO,))),
        (r"\max(x, y)", Call("max", (X, Y))),
        ("f(x)", Call("apply f", (X,))),
        ("x_{12}", Name("x_12")),
        ("x_1'", Name("x_1'")),
        (r"\vec{x}", Name("vec x")),
        (r"\mathbf{x}", X),
        ("π", Name("pi")),
        ("1011_2", Based("1011", 2)),
        (r"0173_{\text{eight}}", Based("173", 8)),
        ("1,234x", Call("mul", (integer(1234), X))),
        ("1.50", Number(Fraction(3, 2), 2, 3)),
        (r"2\text{ cm}^2", TWO),
        ("1:2:3", Call("ratio", (ONE, TWO, THREE))),
        ("1 : 2", HALF),
    ],
)
def test_formulas(text: str, tree: Node) -> None:
    assert read(text)[0] == tree


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"2\frac{1}{3}", Fraction(7, 3)),
        ("2 1/3", Fraction(7, 3)),
        (r"0.1\overline{6}", Fraction(1, 6)),
        ("1.5e3", Fraction(1500)),
    ],
)
def test_numbers_of_several_parts(text: str, value: Fraction) -> None:
    node = read(text)[0]
    assert isinstance(node, Number)
    assert node.value == value


@pytest.mark.parametrize("text", [r"2\frac{3}{2}", r"(2)\frac{1}{3}", r"x\frac{1}{3}"])
def test_what_is_no_mixed_number_is_a_product(text: str) -> None:
    node = read(text)[0]
    assert isinstance(node, Call)
    assert node.op == "mul"


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("(1,2)", Group("(", (ONE, TWO), ")")),
        ("[1,2)", Group("[", (ONE, TWO), ")")),
        (r"\langle 1,2\rangle", Group("(", (ONE, TWO), ")")),
        ("(1,234)", Group("(", (ONE, integer(234)), ")")),
        (r"\{1,2\}", Bag((ONE, TWO), True)),
        (r"\emptyset", Bag((), True)),
        ("1, 2", Bag((ONE, TWO), False)),
        (r"1, 2 \text{ and } 3", Bag((ONE, TWO, THREE), False, "and")),
        ("1 or 2", Bag((ONE, TWO), False, "or")),
        (r"\pm 2", Bag((TWO, Call("neg", (TWO,))), False)),
        (r"(1, \pm 2)", Bag((Group("(", (ONE, TWO), ")"), Group("(", (ONE, Call("neg", (TWO,))), ")")), False)),
        (r"\{x \mid x > 2\}", Call("where", (Chain((X, TWO), (">",)),))),
        ("x = 2", Chain((X, TWO), ("=",))),
        (r"1 < x \le 2", Chain((ONE, X, TWO), ("<", "<="))),
        (r"x \in [1,2]", Chain((X, Group("[", (ONE, TWO), "]")), ("in",))),
        (r"x \equiv 1 \pmod 2", Chain((X, ONE, TWO), ("mod", "modulus"))),
        (r"\mathbb{R} \setminus \{1\}", Call("setminus", (Name("set R"), Bag((ONE,), True)))),
        (r"\begin{bmatrix} 1 & 2 \\ x & y \end{bmatrix}", Matrix(((ONE, TWO), (X, Y)))),
        (r"2\begin{pmatrix} x \\ y \end{pmatrix}", Matrix(((Call("mul", (TWO, X)),), (Call("mul", (TWO, Y)),)))),
        ("No real solution.", Text("no real solution")),
        (r"\text{Area} = 2", Chain((Text("area"), TWO), ("=",))),
    ],
)
def test_answers_of_several_parts(text: str, tree: Node) -> None:
    assert read(text) == (tree,)


def test_signs_that_belong_together_are_chosen_together() -> None:
    plus, minus = Call("add", (X, Y)), Call("add", (X, Call("neg", (Y,))))
    node = read(r"(x \pm y)(x \mp y)")[0]
    assert isinstance(node, Bag)
    assert [item.args[0] for item in node.items if isinstance(item, Call)] == [plus, minus]
    assert [item.args[1] for item in node.items if isinstance(item, Call)] == [minus, plus]


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("1/2x", Call("mul", (HALF, X))),
        ("2e-1", Call("add", (Call("mul", (TWO, Name("e"))), Number(Fraction(-1), 0, 1)))),
        (r"\cos x/2", Call("div", (Call("cos", (X,)), TWO))),
    ],
)
def test_ambiguous_notation_has_a_second_reading(text: str, other: Node) -> None:
    readings = read(text)
    assert len(readings) == 2
    assert readings[1] == other


def test_of_an_unread_calculation_the_result_is_kept() -> None:
    assert read(r"\sum_{k=1}^{2} k = 3") == (Chain((Text("calculation"), THREE), ("=",)),)
    with pytest.raises(CannotRead):
        read(r"x \not= 3")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "(1,2",
        "1)",
        r"\frac{1}",
        r"\frac{}\over",
        r"\int_0^1 x dx",
        "1 +",
        "x^",
        "x_{",
        "2 3",
        r"\text{at least } 3",
        r"5 \text{ million}",
        r"x \text{ if } y > 0",
        "(1]",
        r"\begin{cases} 1 \\ 2 \end{cases}",
        r"\begin{pmatrix} 1 & 2 \\ 3 \end{pmatrix}",
        "3.1.4",
        "__import__('os').system('true')",
        "\\",
        "🙂",
    ],
)
def test_what_the_grammar_has_no_place_for_is_not_read(text: str) -> None:
    with pytest.raises(CannotRead):
        read(text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 500 + "1" + ")" * 500,
        r"\sqrt{" * 300 + "1" + "}" * 300,
        "1/" * 900 + "1",
        "5" + r"\%" * 900,
        "x^" * 900 + "1",
        "|" * 900,
        r"\sin" * 300 + "x",
        "f(" * 300,
        "-" * 900 + "1",
        r"[1,2]\cap" * 200 + "[1,2]",
        "1" * 900,
        "1e999",
        "x+" * 1500 + "x",
    ],
)
def test_size_and_depth_are_bounded(text: str) -> None:
    with pytest.raises(CannotRead):
        read(text)


def test_every_gold_of_math500_is_read(data_dir: Path) -> None:
    lines = (data_dir / "math500" / "test.jsonl").read_text(encoding="utf-8").splitlines()
    unread = []
    for answer in {json.loads(line)["answer"] for line in lines}:
        try:
            read(answer)
        except CannotRead:
            unread.append(answer)
    assert unread == []
