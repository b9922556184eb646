r"""The fast path: are two answers that are both plain equal?

`quick_compare` decides a pair in microseconds from what `prmkit.grading.readings` understood, and says None where it
cannot be sure: `prmkit.grading.symbolic` then decides in a worker process. `class_key` is what equal answers share, for
votes.
"""

import re
from collections.abc import Callable, Hashable
from dataclasses import replace
from fractions import Fraction

from prmkit.grading.normalise import key, notation
from prmkit.grading.numbers import ROUNDED_PLACES, Number, equal_numbers
from prmkit.grading.readings import LONGEST, Kind, Reading, read
from prmkit.grading.units import conflict
from prmkit.grading.words import same_words, words_key


def quick_compare(gold: str, pred: str) -> tuple[bool, str] | None:
    """Decide a pair without parsing. Asymmetric: the gold answer decides what is asked for.

    Returns:
        Whether the two are equal and the rule that decided (`text` or a `Kind`); None where it takes the parser.
    """
    if max(len(gold), len(pred)) > LONGEST:
        return None
    gold_key, pred_key = key(gold), key(pred)
    if gold_key == pred_key or not gold_key or not pred_key:
        return bool(gold_key) and gold_key == pred_key, "text"
    asked, given = read(gold), read(pred)
    if asked is not None and given is not None:
        equal = _compare(asked, given)
        if equal is not None:
            return equal, str(asked.kind)
    elif asked is not None and asked.kind is Kind.WORDS and same_words(asked.value[0], notation(pred)):
        return True, str(asked.kind)
    elif asked is not None and asked.kind is Kind.NUMBER and gold_key not in pred_key and _is_prose(notation(pred)):
        return False, "words"
    elif asked is not None and "=" not in gold_key and (side := _last_side(notation(pred))):
        result = read(side)
        if result is not None and _compare(asked, result):
            return True, str(asked.kind)  # "Total = 5 + 3 = 8" against 8; that it differs is for the parser to say
    return None


def _last_side(text: str) -> str | None:
    """The last side of `a + b = 5 + 3 = 8`, where the first only names or computes it and states no equation."""
    first, *others = text.split("=")
    if not others or _RELATION.search(text):
        return None
    names = _COMMAND.sub(" ", _INDEX.sub("", re.sub(r'"[^"]*"', "x", first)))
    equation = any(map(str.isdigit, names)) and any(map(str.isalpha, names))
    return None if equation else others[-1].strip()


def class_key(answer: str) -> Hashable | None:
    """What exactly the answers that equal this one share; None for answers that must be compared one by one."""
    reading = read(answer)
    if reading is None or not reading.sure or reading.name or reading.percent or reading.unit.kinds:
        return None
    if reading.number is not None:
        return None if reading.number.places >= ROUNDED_PLACES else reading.number.value
    if reading.kind is Kind.WORDS:
        return words_key(reading.value[0])
    return reading.value if reading.kind is Kind.CHOICE and not reading.value[1] else None


def _compare(gold: Reading, pred: Reading) -> bool | None:
    sure = (gold.sure and pred.sure) or gold.kind is pred.kind is Kind.TIME
    if Kind.CHOICE in (gold.kind, pred.kind):
        return _compare_choices(gold, pred)
    if gold.kind is pred.kind:
        equal = _SAME_KIND[gold.kind](gold, pred)
    elif {gold.kind, pred.kind} == {Kind.NUMBER, Kind.BASED}:
        number, based = (gold, pred) if gold.number else (pred, gold)
        equal = number.number is not None and str(number.number.value) == based.value[0]
    elif {gold.kind, pred.kind} <= {Kind.NUMBER, Kind.RATIO, Kind.TIME}:
        asked, given = _quotient(gold), _quotient(pred)
        if asked is None or given is None:
            return False  # 0:30 is no ratio
        return asked == given or None
    else:
        equal = False if Kind.WORDS in (gold.kind, pred.kind) else None
    return equal if equal or sure else None


def _compare_numbers(gold: Reading, pred: Reading) -> bool | None:
    if gold.number is None or pred.number is None or (gold.name and pred.name and gold.name != pred.name):
        return None
    if conflict(gold.unit, pred.unit):
        return False
    number = pred.number
    if gold.unit.kinds and gold.unit.kinds == pred.unit.kinds and gold.unit.factor != pred.unit.factor:
        number = Number(number.value * pred.unit.factor / gold.unit.factor)
    if gold.percent == pred.percent:
        return equal_numbers(gold.number, number)
    if gold.unit.kinds or pred.unit.kinds:
        return False  # $10 and 10%
    if equal_numbers(gold.number, number):
        return True
    hundred, other = (gold.number, number) if gold.percent else (number, gold.number)
    return equal_numbers(replace(hundred, value=hundred.value / 100, places=hundred.places + 2), other)


def _compare_times(gold: Reading, pred: Reading) -> bool | None:
    (at, known), (other, other_known) = gold.value, pred.value
    if at == other or (not (known and other_known) and (at - other) % 720 == 0):
        return True
    return None if gold.sure == pred.sure is False and _quotient(gold) == _quotient(pred) else False


def _compare_choices(gold: Reading, pred: Reading) -> bool | None:
    """Letters decide; a choice against something else is compared by what stands behind its letter."""
    if gold.kind is pred.kind:
        return bool(gold.value[0] == pred.value[0])
    choice, other = (gold, pred) if gold.kind is Kind.CHOICE else (pred, gold)
    if not choice.value[1]:
        return None if other.name or other.kind is Kind.WORDS else False
    behind = read(choice.value[1])
    if behind is None or behind.kind is Kind.CHOICE:
        return None
    return _compare(behind, other) if choice is gold else _compare(other, behind)


def _quotient(reading: Reading) -> Fraction | None:
    """The number that a ratio of two terms stands for; None where one of them is 0."""
    if reading.number is not None:
        return reading.number.value
    terms = reading.value
    if reading.kind is Kind.TIME:
        terms = () if reading.sure else divmod(reading.value[0], 60)
    return Fraction(terms[0], terms[1]) if len(terms) == 2 and all(terms) else None


def _is_prose(text: str) -> bool:
    """Whether a text in which no number was found is prose (`10 + John's age`), so that it equals none."""
    if "\\" in text or "=" in text:
        return False
    return _WORD_OPERAND.search(text) is not None or len(_LONG_WORD.findall(text)) > 2


_WORD_OPERAND = re.compile(r"[-+*/]\s*(?!(?:sqrt|sin|cos|tan|log|exp)\b)[A-Za-z]{4,}(?:'s)?\b")
_LONG_WORD = re.compile(r"\b(?!(?:sqrt|sinh|cosh|tanh|arcsin|arccos|arctan)\b)[A-Za-z]{4,}\b")
_RELATION = re.compile(r"[,;<>!]|\\(?:leq|geq|neq)")
_COMMAND = re.compile(r"\\[A-Za-z]+")
_INDEX = re.compile(r"_\{?\w+\}?|(?<=[A-Za-z])\(\w+\)|(?<=[A-Za-z])\^(?:\{\d+\}|\d)")
"""Digits that belong to a name: `x_1`, `f(2)`, `x^3`."""
_SAME_KIND: dict[Kind, Callable[[Reading, Reading], bool | None]] = {
    Kind.NUMBER: _compare_numbers,
    Kind.TIME: _compare_times,
    Kind.DATE: lambda gold, pred: gold.value[:2] == pred.value[:2] and len({gold.value[2], pred.value[2]} - {None}) < 2,
    Kind.RATIO: lambda gold, pred: gold.value == pred.value,
    Kind.BASED: lambda gold, pred: gold.value == pred.value,
    Kind.WORDS: lambda gold, pred: same_words(gold.value[0], pred.value[0]),
}
