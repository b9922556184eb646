r"""Reference answers changed: values that are near but different, to be confirmed by `different_values`."""

import re
from collections.abc import Callable, Iterator
from fractions import Fraction

from benchmarks.grading_reading import (
    CHOICE,
    EQUATION,
    FRAC,
    INTEGER,
    MATRIX,
    SET,
    THOUSANDS,
    TUPLE,
    WORD,
    exact_decimal,
    expression,
    number,
    parts,
)

_OTHER_WORDS = {"east": "west", "even": "odd", "ellipse": "hyperbola", "Evelyn": "Carla", "Navin": "Luke"}


def near_misses(gold: str) -> Iterator[tuple[str, str]]:
    """Answers of the same shape that are not equal, to be confirmed by `different_values`."""
    seen = {gold}
    for kind, change in _CHANGES.items():
        for text in change(gold):
            if text not in seen:
                seen.add(text)
                yield kind, text


def _sign(gold: str) -> Iterator[str]:
    if number(gold) or expression(gold) is not None:
        sum_of_terms = re.search(r"[\w}] *[-+]", gold)
        yield f"-({gold})" if sum_of_terms else gold[1:] if gold.startswith("-") else f"-{gold}"


def _digit(gold: str) -> Iterator[str]:
    """One integer of the answer is one larger."""
    gold = FRAC.sub(lambda match: rf"\frac{{{match[1] or match[2]}}}{{{match[3] or match[4]}}}", gold)
    for match in list(re.finditer(r"\d+", gold))[:4]:
        text = gold[: match.start()] + str(int(match[0]) + 1) + gold[match.end() :]
        yield re.sub(r"_(\d\d)", r"_{\1}", text)


def _operator(gold: str) -> Iterator[str]:
    if expression(gold) is not None or EQUATION.fullmatch(gold):
        for match in re.finditer(r"(?<=[\w}]) ?[-+]", gold):
            yield gold[: match.end() - 1] + ("-" if match[0][-1] == "+" else "+") + gold[match.end() :]


def _number_changed(gold: str) -> Iterator[str]:
    value = number(gold)
    if value is None or value == 0:
        return
    if value.denominator > 1:
        yield rf"\frac{{{value.denominator}}}{{{value.numerator}}}"
    yield _plain_fraction(value * 10)
    yield _plain_fraction(value - 1)
    yield f"{gold}x"
    yield rf"{gold}\pi"
    yield rf"\sqrt{{{gold}}}"
    if exact_decimal(value) is None:
        yield f"{float(value):.3f}"


def _plain_fraction(value: Fraction) -> str:
    return str(value) if value.denominator == 1 else rf"\frac{{{value.numerator}}}{{{value.denominator}}}"


def _is_interval(gold: str) -> bool:
    return bool(re.search(r"\[|\]|\\infty|\\cup", gold)) and "matrix" not in gold


def _bracket_swapped(gold: str) -> Iterator[str]:
    if _is_interval(gold):
        swap = {"(": "[", "[": "(", ")": "]", "]": ")"}
        for match in re.finditer(r"[()\[\]]", gold):
            if r"\infty" not in gold[max(match.start() - 7, 0) : match.end() + 7]:
                yield gold[: match.start()] + swap[match[0]] + gold[match.end() :]


def _permuted(gold: str) -> Iterator[str]:
    match = TUPLE.fullmatch(gold)
    if match and not re.search(r"\\cup|\)\(", gold):
        entries = parts(match[2])
        yield match[1] + ", ".join(reversed(entries)) + match[3]
        if entries[-1] != "0":
            last = entries[-1][1:] if entries[-1].startswith("-") else "-" + entries[-1]
            yield match[1] + ", ".join([*entries[:-1], last]) + match[3]
        if len(entries) > 2:
            yield match[1] + ", ".join(entries[:-1]) + match[3]


def _dropped(gold: str) -> Iterator[str]:
    if r"\cup" in gold:
        yield gold.partition(r"\cup")[0].strip()
    elif SET.fullmatch(gold):
        yield r"\{" + ",".join(parts(gold[2:-2])[:-1]) + r"\}"
    elif r"\pm" in gold:
        yield gold.replace(r"\pm", "+")
        yield gold.replace(r"\pm", "-")
    elif "," in gold and all(INTEGER.fullmatch(part) for part in parts(gold)) and not THOUSANDS.search(gold):
        yield ", ".join(parts(gold)[:-1])
        yield gold + ", 100"


def _transposed(gold: str) -> Iterator[str]:
    if match := MATRIX.fullmatch(gold):
        rows = [row.split("&") for row in match[1].split(r"\\")]
        columns = zip(*rows, strict=True)
        yield r"\begin{pmatrix}" + r" \\ ".join("&".join(column) for column in columns) + r"\end{pmatrix}"


def _said_otherwise(gold: str) -> Iterator[str]:
    if match := WORD.fullmatch(gold):
        yield rf"\text{{{_OTHER_WORDS.get(match[1], 'other')}}}"
        yield rf"\text{{not {match[1]}}}"
    elif match := CHOICE.fullmatch(gold):
        yield rf"\text{{({'A' if match[1] != 'A' else 'B'})}}"
        yield "A" if match[1] != "A" else "B"


_CHANGES: dict[str, Callable[[str], Iterator[str]]] = {
    "sign": _sign,
    "digit": _digit,
    "operator": _operator,
    "number": _number_changed,
    "bracket": _bracket_swapped,
    "permuted": _permuted,
    "dropped": _dropped,
    "transposed": _transposed,
    "word": _said_otherwise,
}
