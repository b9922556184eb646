r"""What an answer plainly is: a number with its unit, a time, a ratio, a number in a base, a choice, or words.

`read` understands these and nothing else; whatever holds an expression is None and left to the parser. Nothing is
guessed: a reading that could be another one is marked as not `sure`.
"""

import math
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any

from prmkit.grading.normalise import is_words, notation
from prmkit.grading.numbers import (
    COUNTING_WORDS,
    ORDINALS,
    Number,
    leading_number,
    number_in_words,
    scaled,
    spaced_number,
)
from prmkit.grading.units import NOUN, Unit, conflict, read_unit
from prmkit.grading.words import word_set

LONGEST = 200
"""Characters of an answer that may be plain; longer ones are left to the parser."""


class Kind(StrEnum):
    """What an answer plainly is; also the rule of a verdict that rests on it."""

    NUMBER = "number"
    """`Number`: integers, decimals, fractions, powers, percentages, money, numbers in words, with or without unit."""
    TIME = "time"
    """Minutes since midnight, and whether the half of the day is known."""
    DATE = "date"
    """Month, day, and the year or None."""
    RATIO = "ratio"
    """`3:4`, as whole numbers without common divisor."""
    BASED = "base"
    """`1011_2`: digits and base."""
    CHOICE = "choice"
    """`(B)`, or `B) 12`: a letter and what stands behind it."""
    WORDS = "words"
    """Prose."""


@dataclass(frozen=True, slots=True)
class Reading:
    """An answer that was understood."""

    kind: Kind
    """What it is."""
    number: Number | None = None
    """Of a number."""
    value: tuple[Any, ...] = ()
    """Of everything else, as `Kind` says."""
    unit: Unit = NOUN
    """Behind a number; money before one."""
    percent: bool = False
    """Whether it is a percentage."""
    name: str = ""
    """What stands on the left of `x = 5` or `Total = 5`."""
    sure: bool = True
    """False where another reading is possible: equality may rest on this one, difference not."""


_NAME = re.compile(
    r'([A-Za-z](?:_\{?\w{1,3}\}?)?(?:\([A-Za-z0-9]\))?|\\[a-z]+|"[^"=]*"|[A-Za-z][a-z]+(?: [a-z]{2,})*)\s*=\s*(?=\S)'
)
_ABOUT = re.compile(r"(?:\\approx(?![a-z])|about\b|approximately\b|roughly\b|exactly\b|=)\s*", re.IGNORECASE)
_SIGN = re.compile(r"([-+]?)\s*(?:([$€£¢₹]|(?:US|A|C)\$|(?:Rs|INR|USD|EUR|GBP)\b\.?)\s*)?([-+]?)\s*")
_PERCENT = re.compile(r"\s*\\%")
_ORDINAL = re.compile(r'(?:\^\s*\{?)?\s*"?\s*(?:st|nd|rd|th)s?\b\s*"?\s*\}?')
_UNIT_END = re.compile(r"(?:,?\s*(?:and\b)?\s*)?(?=\d)")
_SYMBOL = re.compile(r"\s+[msgNJWVLK](?![A-Za-z])")
"""A unit of one letter, which might be a variable."""
_TIME = re.compile(r'(\d{1,2})(?:\s*:\s*([0-5]\d))?\s*"?\s*(?:(a|p)\.?\s?m\.?|(o\'clock))?\s*"?', re.IGNORECASE)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH_NAMES = frozenset(_MONTHS) | word_set(
    "january february march april june july august september sept october november december"
)
_DATE = re.compile(
    r"(?:(\d{1,2})(?:st|nd|rd|th)? (?:of )?)?([a-z]{3,9})\.?(?: (\d{1,2})(?:st|nd|rd|th)?)?(?:,? (\d{4}))?",
    re.IGNORECASE,
)
_RATIO = re.compile(r'\d{1,9}(?:\s*(?::|"\s*to\s*"|\bto\b)\s*\d{1,9}){1,5}')
_BASED = re.compile(
    r'\(?([0-9A-Z]+)\)?\s*(?:_\s*(?:\{\s*\(?"?\s*(?:base\s*)?(\w+)\s*"?\)?\s*\}|(\d)|\s*"\s*(\w+)\s*")'
    r'|"?\s*\(?base[- ](\w+)\)?\s*"?)'
)
_CHOICE = re.compile(
    r'(?:"?(?:[Oo]ption|[Cc]hoice|[Aa]nswer)\b[" ]*)?"?(?:\(\s*"?([A-Ja-j])"?\s*\)|([A-J])(?:[.):]+|(?=[" ]*$)))[" ]*'
    r"((?![-+*/^_=<>(),]).*)"
)
_WORD = re.compile(r"[A-Za-z]+")
_ANY_NUMBER = re.compile(r"[-+]?[$€£]?\d[\d,]*(?:\.\d+)?(?:/\d+)?")
_QUALIFIED = word_set("or more less fewer least most than not no minus negative between half thousand million")
_SETS = dict.fromkeys((r"\emptyset", r"\varnothing", r"\{\}", r"\{ \}"), "empty set") | dict.fromkeys(
    (r"\mathbb{R}", r"\mathbb R", "(-\\infty,\\infty)", r"(-\infty, \infty)", r"(-\infty, +\infty)"), "all real numbers"
)
_NAMED_TIMES = {"noon": 720, "midnight": 0}


@lru_cache(maxsize=20_000)
def read(answer: str) -> Reading | None:
    """What an answer plainly is; None where only a parser can tell."""
    text = notation(answer)
    if len(text) > LONGEST or not text:
        return None
    named = _NAME.match(text)
    body = text[named.end() :] if named else text
    reading = _read(body)
    if reading is None or named is None:
        return reading
    return replace(reading, name=named[1]) if reading.kind is Kind.NUMBER else None


def _read(text: str) -> Reading | None:
    return (
        _based(text)
        or _time(text)
        or _date(text)
        or _ratio(text)
        or _choice(text)
        or _number(text)
        or _words(text)
        or _prose(text)
    )


def _number(text: str) -> Reading | None:
    about = _ABOUT.match(text)
    text = text[about.end() :] if about else text
    if text.startswith("(") and text.find(")") == len(text) - 1 and "," not in text:
        text = text[1:-1].strip()
    head = _SIGN.match(text)
    if head is None or (head[1] and head[3]):
        return None
    sign = -1 if "-" in (head[1], head[3]) else 1
    body = text[head.end() :]
    if number := spaced_number(body):
        return Reading(Kind.NUMBER, replace(number, value=sign * number.value), sure=False)
    found = leading_number(body)
    if found is None:
        found = number_in_words(body.replace('"', " ").strip())
        if found is None:
            return None
        body = body.replace('"', " ").strip()
    else:
        found = scaled(found[0], body.replace('"', " "), found[1])
    reading = _measured(found[0], body, found[1], head[2] or "")
    if reading is None or reading.number is None:
        return None
    return replace(reading, number=replace(reading.number, value=sign * reading.number.value)) if sign < 0 else reading


def _measured(number: Number, text: str, end: int, currency: str) -> Reading | None:
    """A number with what stands behind it: a percent sign, a unit, or a smaller unit (3 hours 30 minutes)."""
    percent = _PERCENT.match(text, end)
    ordinal = None if percent else _ORDINAL.match(text, end)
    behind = percent or ordinal
    end = behind.end() if behind else end
    rest = text[end:]
    if not rest.strip():
        return Reading(Kind.NUMBER, number, unit=_currency(currency), percent=bool(percent))
    digit = re.search(r"(?<!\^)(?<!\^\{)(?<!\{-)(?<!-)\d", rest)
    unit = read_unit(
        rest[: digit.start()].removesuffix("and ") if digit else rest, glued=not behind and rest[0].isalpha()
    )
    if unit is None:
        symbol = read_unit(f'"{rest}"') if _SYMBOL.match(rest) and not digit else None
        return Reading(Kind.NUMBER, number, unit=symbol, sure=False) if symbol and symbol.kinds else None
    if digit:
        return _added(number, unit, rest[digit.start() :])
    if currency and unit.kinds and conflict(unit, _currency(currency)):
        return None  # $5/hour
    return Reading(Kind.NUMBER, number, unit=_currency(currency) if currency else unit, percent=bool(percent))


def _added(number: Number, unit: Unit, text: str) -> Reading | None:
    """3 hours and 30 minutes: both in the first unit."""
    found = leading_number(text)
    smaller = _measured(found[0], text, found[1], "") if found else None
    if smaller is None or smaller.number is None or not unit.kinds or smaller.unit.kinds != unit.kinds:
        return None
    if smaller.unit.factor >= unit.factor:
        return None
    return Reading(
        Kind.NUMBER, Number(number.value + smaller.number.value * smaller.unit.factor / unit.factor), unit=unit
    )


def _currency(sign: str) -> Unit:
    if not sign:
        return NOUN
    return read_unit("$" if sign.endswith("$") else sign.lower().rstrip("."), glued=False) or NOUN


def _time(text: str) -> Reading | None:
    if not text[:1].isdigit():
        word = text.strip('" ').lower()
        return Reading(Kind.TIME, value=(_NAMED_TIMES[word], True)) if word in _NAMED_TIMES else None
    match = _TIME.fullmatch(text)
    if match is None or not (match[2] or match[3] or match[4]):
        return None
    hour, minute, half = int(match[1]), int(match[2] or 0), (match[3] or "").lower()
    if hour > 24 or (half and not 1 <= hour <= 12):
        return None
    known = bool(half) or hour > 12 or match[1].startswith("0")
    hour = hour % 12 + 12 * (half == "p") if half else hour % 24
    return Reading(Kind.TIME, value=(60 * hour + minute, known), sure=bool(half or match[4]))


def _date(text: str) -> Reading | None:
    if not any(month in text.lower() for month in _MONTHS):
        return None
    match = _DATE.fullmatch(" ".join(text.replace('"', " ").split()))
    if match is None or match[2].lower() not in _MONTH_NAMES or not (match[1] or match[3]) or (match[1] and match[3]):
        return None
    month = _MONTHS.index(match[2].lower()[:3]) + 1
    return Reading(Kind.DATE, value=(month, int(match[1] or match[3]), int(match[4]) if match[4] else None))


def _ratio(text: str) -> Reading | None:
    if not _RATIO.fullmatch(text):
        return None
    terms = [int(term) for term in re.findall(r"\d+", text)]
    divisor = math.gcd(*terms)
    if not divisor:
        return None
    return Reading(Kind.RATIO, value=tuple(term // divisor for term in terms), sure=":" in text)


def _based(text: str) -> Reading | None:
    if "_" not in text and "base" not in text:
        return None
    match = _BASED.fullmatch(text)
    if match is None:
        return None
    name = next(group for group in match.groups()[1:] if group)
    words = None if name.isdecimal() else number_in_words(name)
    base = int(name) if name.isdecimal() else int(words[0].value) if words else 0
    try:
        int(match[1], base if 2 <= base <= 36 else 2)
    except ValueError:
        return None
    return (
        Reading(Kind.BASED, value=(match[1].lstrip("0") or "0", base))
        if 2 <= base <= 36 and match[1][0].isdigit()
        else None
    )


def _choice(text: str) -> Reading | None:
    match = _CHOICE.fullmatch(text)
    return match and Reading(Kind.CHOICE, value=((match[1] or match[2]).upper(), match[3].strip('" .:')))


def _words(text: str) -> Reading | None:
    if text in _SETS:
        return Reading(Kind.WORDS, value=(_SETS[text],))
    if not is_words(text) or text.lower().strip('" ') in ORDINALS:
        return None
    for word in _WORD.finditer(text):
        if word[0].lower() in COUNTING_WORDS and (found := number_in_words(text[word.start() :])):
            return Reading(Kind.NUMBER, found[0], sure=False)  # She has twelve apples
    return Reading(Kind.WORDS, value=(text,))


def _prose(text: str) -> Reading | None:
    """A sentence that holds one number: equality may rest on it (`There are 5 apples`)."""
    numbers = _ANY_NUMBER.findall(text)
    if len(numbers) != 1 or any(sign in text for sign in "\\=^_(<>"):
        return None
    words = _WORD.findall(text)
    if len(words) < 2 or any(word.lower() in _QUALIFIED or len(word) == 1 for word in words if word not in ("a", "I")):
        return None
    reading = _number(numbers[0])
    return replace(reading, sure=False) if reading else None
