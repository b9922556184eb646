r"""Reference answers rewritten: the same value in another notation.

Rewriting text (`\frac43` to `4/3`) keeps the value by construction. What sympy rewrites rests on two parsers that read
the answer alike (`benchmarks.grading_reading`).
"""

import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

from benchmarks.grading_reading import (
    BASED,
    CHOICE,
    DEGREES,
    EQUATION,
    FRAC,
    INTEGER,
    LONE_FRAC,
    MATRIX,
    MEMBER,
    MIXED,
    MONEY,
    SET,
    THOUSANDS,
    TUPLE,
    UNIT,
    WORD,
    exact_decimal,
    expression,
    number,
    parts,
    signs_written_out,
)

_UNICODE = {r"\pi": "π", r"\infty": "∞", r"\cup": "∪", r"^\circ": "°", "-": "−", r"\pm": "±"}


def notations(gold: str) -> Iterator[tuple[str, str]]:
    """The same answer written otherwise: the kind of change and the text, each text once."""
    seen = {gold}
    for kind, rewrite in _REWRITES.items():
        for text in rewrite(gold):
            if text.strip() and text not in seen:
                seen.add(text)
                yield kind, text


def _dfrac(gold: str) -> Iterator[str]:
    if r"\frac" in gold:
        yield gold.replace(r"\frac", r"\dfrac")
        yield gold.replace(r"\frac", r"\tfrac")
        yield FRAC.sub(lambda match: rf"\frac{{{match[1] or match[2]}}}{{{match[3] or match[4]}}}", gold)


def _slash(gold: str) -> Iterator[str]:
    if match := LONE_FRAC.fullmatch(gold):
        sign, top, bottom = match[1], match[2] or match[3], match[4] or match[5]
        yield f"{sign}{top}/{bottom}"
        yield rf"\frac{{{sign}{top}}}{{{bottom}}}"
        yield rf"\frac{{{sign}{2 * int(top)}}}{{{2 * int(bottom)}}}"
        yield rf"{sign}{top} / {bottom}"
    elif FRAC.search(gold) and not MIXED.search(gold):
        yield FRAC.sub(lambda match: f"({match[1] or match[2]}/{match[3] or match[4]})", gold)


def _decimal(gold: str) -> Iterator[str]:
    value = number(gold)
    if value is None:
        return
    digits = exact_decimal(value)
    if digits is not None:
        yield digits
        yield digits + "0" if "." in digits else digits + ".0"
        if abs(value) < 1 and "." in digits:
            yield digits.replace("0.", ".", 1)
    if value.denominator > 1 and abs(value) > 1:
        whole, rest = divmod(abs(value), 1)
        sign = "-" if value < 0 else ""
        yield rf"{sign}{whole}\frac{{{rest.numerator}}}{{{rest.denominator}}}"
    if value.denominator > 1:
        yield rf"\frac{{{value.numerator}}}{{{value.denominator}}}"


def _scientific(gold: str) -> Iterator[str]:
    value = number(gold)
    digits = None if value is None else exact_decimal(value)
    if value and digits and (abs(value) >= 1000 or abs(value) < Fraction(1, 100)):
        mantissa, _, exponent = f"{float(value):.10e}".partition("e")
        mantissa = mantissa.rstrip("0").rstrip(".")
        if Fraction(mantissa) * Fraction(10) ** int(exponent) == value:
            yield rf"{mantissa} \times 10^{{{int(exponent)}}}"
            yield rf"{mantissa} \cdot 10^{{{int(exponent)}}}"
            yield f"{mantissa}e{int(exponent)}"


def _thousands(gold: str) -> Iterator[str]:
    value = number(gold)
    if value is not None and value.denominator == 1 and abs(value) >= 1000:
        for mark in (",", "{,}", r",\!", r"\,", ""):
            yield f"{int(value):,}".replace(",", mark)


def _blanks(gold: str) -> Iterator[str]:
    if "text" in gold or "mbox" in gold or THOUSANDS.search(gold):
        return
    yield re.sub(r"(\\[A-Za-z]+) +(?=[A-Za-z])|(?<=\d) +(?=\d)| +", r"\1 ", gold).replace("  ", " ")
    yield re.sub(r"\s*([=+]|(?<=[\w}])-|\\cup(?![a-z]))\s*", r" \1 ", gold)
    yield re.sub(r"(\\[A-Za-z]+) (?=[A-Za-z])|(\\\\) |(?<!\d) | (?!\d)", r"\1\2 ", gold).strip()
    yield re.sub(r"(?<!\\) (?![A-Za-z])|(?<![A-Za-z\\]) ", "", gold) if not MIXED.search(gold) else gold
    yield re.sub(r", ?", r",\\, ", gold)


def _brackets(gold: str) -> Iterator[str]:
    yield gold.replace(r"\left", "").replace(r"\right", "")
    if r"\left" not in gold and "text" not in gold:
        yield re.sub(r"(?<!\\)([)\]])|(\\\})", r"\\right\g<0>", re.sub(r"(?<!\\)[(\[]|\\\{", r"\\left\g<0>", gold))


def _unicode(gold: str) -> Iterator[str]:
    text = gold
    for command, character in _UNICODE.items():
        text = re.sub(re.escape(command) + r"(?![a-z])", character, text)
    yield text
    yield re.sub(r"\\sqrt\{(\d+)\}", r"√\1", gold)


def _dressed(gold: str) -> Iterator[str]:
    yield f"${gold}$"
    yield f"{gold}."
    yield rf"\displaystyle {gold}"
    yield rf"\({gold}\)"


def _named(gold: str) -> Iterator[str]:
    if "x" in gold or gold.startswith(r"\{"):
        return
    if number(gold) is not None or DEGREES.fullmatch(gold) or expression(gold) is not None or r"\pm" in gold:
        yield f"x = {gold}"


def _units(gold: str) -> Iterator[str]:
    if match := DEGREES.fullmatch(gold):
        yield from (match[1], rf"{match[1]}^{{\circ}}", rf"{match[1]}\text{{ degrees}}", f"{match[1]} degrees")
        yield from (rf"{match[1]}\degree", f"{match[1]}°", rf"{match[1]} ^ \circ")
    elif match := UNIT.fullmatch(gold):
        yield from (
            match[1],
            f"{match[1]} {match[2]}{match[3] or ''}",
            rf"{match[1]}\,\mathrm{{{match[2]}}}{match[3] or ''}",
        )
    elif match := MONEY.fullmatch(gold):
        yield from (match[1], f"${match[1]}", rf"{match[1]} \text{{ dollars}}", f"{match[1]} dollars")
    elif number(gold) is not None and number(gold) != 0:
        yield from (rf"{gold} \text{{ cm}}", rf"{gold}\text{{ units}}", rf"{gold}\mbox{{ square feet}}", rf"\${gold}")


def _texts(gold: str) -> Iterator[str]:
    if match := WORD.fullmatch(gold):
        word = match[1]
        yield from (word, rf"\textbf{{{word}}}", rf"\mathrm{{{word}}}", rf"\text{{{word.capitalize()}}}", word.lower())
        yield rf"\text{{ {word} }}"
    if match := CHOICE.fullmatch(gold):
        letter = match[1]
        yield from (letter, f"({letter})", rf"\text{{{letter}}}", rf"\textbf{{({letter})}}", rf"\mathrm{{({letter})}}")


def _based(gold: str) -> Iterator[str]:
    if match := BASED.fullmatch(gold):
        yield from (f"{match[1]}_{{{match[2]}}}", rf"{match[1]}_{{\text{{{match[2]}}}}}", f"{match[1]}_{match[2]}")


def _order(gold: str) -> Iterator[str]:
    if SET.fullmatch(gold):
        entries = parts(gold[2:-2])
        yield r"\{" + ", ".join(reversed(entries)) + r"\}"
        yield r"\{" + ", ".join(signs_written_out(entries)) + r"\}"
    elif r"\cup" in gold:
        yield r" \cup ".join(part.strip() for part in reversed(gold.split(r"\cup")))
    elif r"\pm" in gold:
        both = signs_written_out([gold])
        yield from (
            ", ".join(both),
            ", ".join(reversed(both)),
            r" \text{ or } ".join(both),
            r" \text{ and } ".join(both),
        )
    elif "," in gold and all(INTEGER.fullmatch(part) for part in parts(gold)) and not THOUSANDS.search(gold):
        entries = parts(gold)
        yield ", ".join(reversed(entries))
        yield r"\{" + ", ".join(entries) + r"\}"
        yield r", ".join(entries[:-1]) + rf" \text{{ and }} {entries[-1]}"
        yield r" \text{ or } ".join(entries)


def _matrices(gold: str) -> Iterator[str]:
    if match := MATRIX.fullmatch(gold):
        yield rf"\begin{{bmatrix}}{match[1]}\end{{bmatrix}}"
        yield re.sub(r"(-?)(\d+)/(\d+)", r"\1\\frac{\2}{\3}", gold)
        yield re.sub(r"(-?)(\d+)/(\d+)", r"\\frac{\1\2}{\3}", gold)
        columns = match[1].partition(r"\\")[0].count("&") + 1
        yield rf"\left(\begin{{array}}{{{'c' * columns}}}{match[1]}\end{{array}}\right)"


def _equations(gold: str) -> Iterator[str]:
    if match := EQUATION.fullmatch(gold):
        left, right = match.groups()
        yield f"{right} = {left}"
        if len(left) == 1:
            yield right
            yield f"{left}-({right})=0"
    elif match := MEMBER.fullmatch(gold):
        yield f"[{match[1]},{match[2]}]"
        yield rf"{match[1]} \le x \le {match[2]}"
        yield rf"{match[1]} \leq x \leq {match[2]}"


def _algebra(gold: str) -> Iterator[str]:
    import sympy

    value = expression(gold)
    if value is None or value.is_Rational:
        return
    forms = [value, sympy.expand(value), sympy.factor(value), sympy.together(value), sympy.radsimp(value)]
    forms += [sympy.expand_complex(value)] if value.has(sympy.I) else []
    forms += [value.rewrite(sympy.sin), sympy.trigsimp(value)] if value.has(sympy.cot) else []
    for form in forms:
        yield sympy.latex(form)
        yield sympy.latex(form, order="rev-lex")
        yield sympy.latex(form, root_notation=False, fold_short_frac=True)
    yield from _roots_rewritten(gold, value)


def _roots_rewritten(gold: str, value: Any) -> Iterator[str]:
    for power in ("{1/2}", r"{\\frac{1}{2}}"):
        multiplied = re.sub(r"(?<=\d) ?\\sqrt", r" \\cdot \\sqrt", gold)
        yield re.sub(r"\\sqrt\{?(\d+)\}?", rf"\1^{power}", multiplied)
    if match := re.fullmatch(r"(\d+)\s*\\sqrt\{?(\d+)\}?", gold):
        yield rf"\sqrt{{{int(match[1]) ** 2 * int(match[2])}}}"
        yield rf"\sqrt{{{match[2]}}} \cdot {match[1]}"
        yield rf"{match[1]} \times \sqrt{{{match[2]}}}"
    square = value**2
    if value.is_positive and square.is_Rational and not square.is_Integer:
        yield rf"\sqrt{{\frac{{{square.p}}}{{{square.q}}}}}"
        yield rf"\frac{{{square.p}}}{{\sqrt{{{square.p * square.q}}}}}"


def _tuples(gold: str) -> Iterator[str]:
    match = TUPLE.fullmatch(gold)
    if match is None or re.search(r"\\cup|\)\(", gold):
        return
    entries = parts(match[2])
    yield match[1] + ", ".join(_doubled(part) for part in entries) + match[3]
    decimals = [exact_decimal(value) if (value := number(part)) is not None else part for part in entries]
    if all(part is not None for part in decimals):
        yield match[1] + ",".join(str(part) for part in decimals) + match[3]


def _doubled(part: str) -> str:
    value = number(part)
    return part if value is None else rf"\frac{{{2 * value.numerator}}}{{{2 * value.denominator}}}"


_REWRITES: dict[str, Callable[[str], Iterator[str]]] = {
    "fraction": _dfrac,
    "slash": _slash,
    "decimal": _decimal,
    "scientific": _scientific,
    "thousands": _thousands,
    "blanks": _blanks,
    "brackets": _brackets,
    "unicode": _unicode,
    "dressed": _dressed,
    "named": _named,
    "units": _units,
    "text": _texts,
    "base": _based,
    "order": _order,
    "matrix": _matrices,
    "equation": _equations,
    "algebra": _algebra,
    "tuple": _tuples,
}
