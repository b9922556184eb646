r"""Reading LaTeX answers for the benchmark of the grader, apart from the grader: shapes, numbers and expressions.

What sympy is to rewrite counts as read only where two readings agree, one through Python's syntax and the other by
latex2sympy2_extended: the truth of a pair rests on neither alone, and not on the parser that is measured.
"""

import re
from fractions import Fraction
from functools import cache
from typing import Any

FRAC = re.compile(r"\\[dt]?frac\s*(?:\{(\d+)\}|(\d))\s*(?:\{(\d+)\}|(\d))")
LONE_FRAC = re.compile(rf"(-?){FRAC.pattern}")
MIXED = re.compile(rf"(\d+)\s*{FRAC.pattern}")
INTEGER = re.compile(r"-?\d+")
DECIMAL = re.compile(r"-?\d*\.\d+")
THOUSANDS = re.compile(r"(?<=\d),(?:\\!)?\s*(?=\d{3})")
DEGREES = re.compile(r"(.*\d.*?)(?:\^\\circ|\\text\{ degrees\})")
UNIT = re.compile(r"([\d.]+)\s*\\(?:text|mbox)\{\s*([a-z]+)\}(\^\d)?")
MONEY = re.compile(r"\\\$(.*)")
WORD = re.compile(r"\\text\{([A-Za-z]{2,})\}")
CHOICE = re.compile(r"\\text\{\(([A-Z])\)\}")
BASED = re.compile(r"(\d+)_\{?(\d+)\}?")
TUPLE = re.compile(r"(?:\\left)?([(\[])(.*?)(?:\\right)?([)\]])")
SET = re.compile(r"\\\{(.*)\\\}")
MATRIX = re.compile(r"\\begin\{pmatrix\}(.*)\\end\{pmatrix\}")
EQUATION = re.compile(r"(.+?)\s*=\s*(.+)")
MEMBER = re.compile(r"x \\in \[(.*),(.*)\]")
_BRACED = (
    (r"\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}", r"((\1)/(\2))"),
    (r"\\sqrt\{([^{}]*)\}", r"sqrt(\1)"),
    (r"\^\{([^{}]*)\}", r"^(\1)"),
)
_AS_PYTHON = (
    (r"\\left|\\right|\\[,! ]", ""),
    (r"\\[dt]?frac\s*(\d)\s*(\d)", r"\\frac{\1}{\2}"),
    (r"\\sqrt\s*(\d)", r"\\sqrt{\1}"),
    (r"\\(pi|cot)(?![a-z])", r" \1 "),
    (r"\\cdot|\\times", "*"),
    *(_BRACED * 3),  # from the inside out
)


def number(text: str) -> Fraction | None:
    """The value of an integer, a decimal, a fraction or a mixed number of LaTeX."""
    plain = THOUSANDS.sub("", text.strip())
    if INTEGER.fullmatch(plain) or DECIMAL.fullmatch(plain):
        return Fraction(plain)
    if (match := LONE_FRAC.fullmatch(plain)) and int(match[4] or match[5]):
        return (-1 if match[1] else 1) * Fraction(int(match[2] or match[3]), int(match[4] or match[5]))
    if match := MIXED.fullmatch(plain):
        return int(match[1]) + Fraction(int(match[2] or match[3]), int(match[4] or match[5]))
    return None


@cache
def expression(text: str) -> Any:
    """The sympy value of a scalar expression that two independent readers understand alike; else None."""
    from latex2sympy2_extended import latex2sympy
    from sympy import I, Symbol

    first = simple_expression(text)
    if first is None or first.is_Rational:
        return first
    try:
        second = latex2sympy(re.sub(r"\\sqrt(\d)", r"\\sqrt{\1}", text))
        plain = {symbol: I if symbol.name == "i" else Symbol(symbol.name) for symbol in second.free_symbols}
        return None if _differ(first, second.subs(plain)) else first
    except Exception:  # whatever the library lets escape
        return None


@cache
def simple_expression(text: str) -> Any:
    r"""The sympy value of numbers, letters, `\frac`, `\sqrt`, `\pi`, powers and `\cot`; None for anything else.

    LaTeX is rewritten as Python and evaluated: only for text that is trusted.
    """
    from sympy import I, Rational
    from sympy.parsing import sympy_parser as parser

    if (value := number(text)) is not None:
        return Rational(value.numerator, value.denominator)
    if MIXED.search(text):
        return None
    for pattern, to in _AS_PYTHON:
        text = re.sub(pattern, to, text)
    if not re.fullmatch(r"(?:sqrt|cot|pi|[a-zA-Z]|[\d\s.()+*/^-])+", text):
        return None
    rules = (*parser.standard_transformations, parser.implicit_multiplication_application, parser.convert_xor)
    try:
        return parser.parse_expr(text, {"i": I}, rules)
    except (SyntaxError, TypeError, ValueError):
        return None


def _bare(text: str) -> str:
    text = re.sub(r"\\left|\\right|\\[,! ]|^x \\in |^[a-zA-Z]\s*=|\\\$|\^\\circ", "", text)
    return re.sub(r"\\(?:text|mbox)\{\s*[a-z. ]+\}(?:\^\d)?$", "", text).replace(" ", "")


def exact_decimal(value: Fraction) -> str | None:
    """A number as a decimal; None where it takes more than twelve places."""
    for places in range(13):
        if value.denominator and (10**places) % value.denominator == 0:
            digits = f"{abs(value.numerator) * 10**places // value.denominator:0{places + 1}d}"
            sign = "-" if value < 0 else ""
            return sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)
    return None


def parts(text: str) -> list[str]:
    """What commas separate."""
    return [part.strip() for part in text.split(",")]


def signs_written_out(terms: list[str]) -> list[str]:
    r"""Each `\pm` as two terms, first with plus and then with minus."""
    return [term.replace(r"\pm", sign) for term in terms for sign in (("+", "-") if r"\pm" in term else ("",))]


def different_values(gold: str, other: str) -> bool:
    """Whether two answers are certainly not equal, units and names of variables left aside.

    False where that cannot be told: a scalar is compared by value with a scalar, other shapes by their parts.
    """
    left, right = _bare(gold), _bare(other)
    if left == right or (r"\circ" in gold + other and r"\pi" in gold + other):
        return False
    values = number(left), number(right)
    if None not in values:
        return values[0] != values[1]
    if (expressions := (simple_expression(left), simple_expression(right))) and None not in expressions:
        return _differ(*expressions)
    shapes = _shape(left), _shape(right)
    if shapes[0] != shapes[1]:
        return "based" not in shapes  # digits without their base may be meant in it
    pieces = [re.findall(r"[^\s,()\[\]{}&\\]+", re.sub(r"\\[A-Za-z]+", " ", text)) for text in (left, right)]
    return pieces[0] != pieces[1] or re.sub(r"[^()\[\]]", "", left) != re.sub(r"[^()\[\]]", "", right)


def _differ(left: Any, right: Any) -> bool:
    import sympy

    difference = left - right
    points = {
        symbol: sympy.Rational(37 + 11 * index, 29)
        for index, symbol in enumerate(sorted(difference.free_symbols, key=str))
    }
    return bool(abs(sympy.N(difference.subs(points), 30)) > 1e-6)


def _shape(text: str) -> str:
    shapes = (("based", BASED), ("matrix", MATRIX), ("set", SET), ("equation", EQUATION), ("tuple", TUPLE))
    return next((name for name, pattern in shapes if pattern.fullmatch(text)), "list" if "," in text else "other")
