r"""Numbers at the head of a text, read exactly: digits, fractions, powers, or words.

Texts are as `prmkit.grading.normalise.notation` writes them. Nothing is rounded: values are fractions, and how many
decimal places were written is kept beside them.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

LONGEST_NUMBER = 400
"""Digits that a number may have, and the largest power of ten; larger ones are not read."""
ROUNDED_PLACES = 6
"""A decimal with at least this many places and digits may stand for the number that rounds to it (0.333333 for 1/3)."""
NOISE_PLACES = 12
"""A decimal with at least this many places is taken for a floating-point number."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was written."""

    value: Fraction
    """Its exact value."""
    places: int = 0
    """Digits after the decimal point; 0 for integers and fractions."""
    digits: int = 0
    """Digits from the first one that is not zero."""


_WHOLE = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)"
_PLAIN = rf"(?:{_WHOLE}(?:\.\d+|\.(?!\d))?|\.\d+)"
_DECIMAL = re.compile(rf"({_PLAIN})(?:[eE]([-+]?\d{{1,4}})(?![\d.]))?")
_POWER_OF_TEN = re.compile(
    rf"(?:({_PLAIN})\s*(?:\\times|\\cdot|\*|x|X)\s*)?10\s*(?:\^|\*\*)\s*(?:\{{\s*([-+]?\d{{1,4}})\s*\}}|([-+]?\d{{1,4}}))"
)
_POWER = re.compile(r"(\d{1,9})\s*\^\s*(?:\{\s*(\d{1,3})\s*\}|(\d{1,3}))(?![\d^])")
_FRACTION = re.compile(
    rf"\\frac\{{\s*([-+]?)\s*({_PLAIN})\s*\}}\{{\s*([-+]?)\s*({_PLAIN})\s*\}}|()({_WHOLE})\s*/\s*()({_WHOLE})(?![.\d])"
)
_MIXED = re.compile(
    rf"({_WHOLE})(?:\s+and)?\s*\\frac\{{\s*(\d+)\s*\}}\{{\s*(\d+)\s*\}}|({_WHOLE})(?:\s+and)?\s+(\d+)\s*/\s*(\d+)(?![.\d])"
)
_REPEATING = re.compile(r"(\d*)\.(\d*)\\(?:overline|bar|dot)\s*(?:\{\s*(\d+)\s*\}|(\d))(?!\d)")
_CONTINUED = re.compile(r"(\d*)\.(\d*?)(\d{1,6}?)\3+\s*\\[lc]?dots(?![a-z])")
_SPACED = re.compile(r"\d{1,3}(?: \d{3})+(?![\d.,])")

_SMALL = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50,
    "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
_SCALES = {
    "hundred": 10**2,
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
    "dozen": 12,
}
PARTS = {
    "half": 2, "halves": 2, "third": 3, "thirds": 3, "quarter": 4, "quarters": 4, "fourth": 4, "fourths": 4,
    "fifth": 5, "fifths": 5, "sixth": 6, "sixths": 6, "seventh": 7, "sevenths": 7, "eighth": 8, "eighths": 8,
    "ninth": 9, "ninths": 9, "tenth": 10, "tenths": 10, "hundredth": 100, "hundredths": 100,
    "thousandth": 1000, "thousandths": 1000,
}  # fmt: skip
"""Names of fractions and their denominators."""
ORDINALS = frozenset(word for word in PARTS if not word.endswith("s")) - {"half", "quarter"}
"""Also fractions; which, only the question tells."""
COUNTING_WORDS = frozenset(_SMALL) - {"one"}
"""Words that count; `one` is a pronoun as well."""
_WORD = re.compile(r"[\s-]*([A-Za-z]+)")


def leading_number(text: str) -> tuple[Number, int] | None:
    """The number without sign that a text begins with, and where it ends.

    Returns:
        None where the text begins otherwise, or with a number beyond `LONGEST_NUMBER` digits or a zero denominator.
    """
    head = text[: LONGEST_NUMBER + 1]
    if not head or not (head[0].isdecimal() or head[0] in ".\\"):
        return None
    for pattern, read in _READERS:
        if match := pattern.match(head):
            number = read(match)
            return None if number is None or match.end() > LONGEST_NUMBER else (number, match.end())
    return None


def spaced_number(text: str) -> Number | None:
    """A number with blanks between its thousands; it might also be a list, so that only equality may rest on it."""
    if not _SPACED.fullmatch(text) or len(text) > LONGEST_NUMBER:
        return None
    return _written(text.replace(" ", ""), 0)


def number_in_words(text: str) -> tuple[Number, int] | None:
    """The number in English words that a text begins with, and where it ends: `twenty-one`, `two and a half`.

    A lone `third` or `fifth` is an ordinal as likely as a fraction and not read.
    """
    total, group, end, position, joint = Fraction(0), Fraction(0), 0, 0, ""
    while match := _WORD.match(text, position):
        word, position = match[1].lower(), match.end()
        if word in ("and", "a", "an") and (end or word != "and"):
            joint = word  # counts if a number follows
            continue
        if word in _SMALL and (group % 100 == 0 or (_SMALL[word] < 10 and group % 10 == 0 and group % 100 >= 20)):
            group += _SMALL[word]
        elif word in _SCALES and (group or joint in ("a", "an")):
            group = (group or Fraction(1)) * _SCALES[word]
            if _SCALES[word] >= 1000:
                total, group = total + group, Fraction(0)
        elif word in PARTS and (part := _part(word, joint, group if end else None)):
            return Number(total + (group if joint else 0) + part), position
        else:
            break
        end, joint = position, ""
    return (Number(total + group), end) if end else None


def _part(word: str, joint: str, count: Fraction | None) -> Fraction | None:
    """`half`, `a half`, `and a third`, `one third`, `three quarters`; None where the word is no fraction."""
    if joint in ("a", "an") or (word == "half" and (joint or count is None)):
        return Fraction(1, PARTS[word])
    if joint or not count or count >= 20 or (count == 1) == word.endswith("s"):
        return None
    return count / PARTS[word]


def scaled(number: Number, text: str, position: int) -> tuple[Number, int]:
    """A number in digits times a scale word behind it: `1.5 million`, `2 dozen`."""
    match = _WORD.match(text, position)
    factor = _SCALES.get(match[1].lower()) if match and match.end() - position > len(match[1]) else None
    if match is None or factor is None:
        return number, position
    return scaled(Number(number.value * factor, 0, number.digits), text, match.end())


def equal_numbers(gold: Number, pred: Number) -> bool:
    """Whether two numbers are the same up to rounding.

    Equal are equal fractions; a decimal of at least `ROUNDED_PLACES` places and digits and the fraction or longer
    decimal that it rounds or cuts; and numbers within 1e-12 of each other (relative) if one is written with twelve or
    more places, as binary floating point prints them.
    """
    if gold.value == pred.value:
        return True
    if max(gold.places, pred.places) < ROUNDED_PLACES:
        return False
    difference = abs(gold.value - pred.value)
    if max(gold.places, pred.places) >= NOISE_PLACES and difference * 10**12 <= abs(gold.value):
        return True
    coarse, fine = sorted((gold, pred), key=lambda number: (number.places == 0, number.places))
    if min(coarse.places, coarse.digits) < ROUNDED_PLACES or fine.value.denominator == 1:
        return False
    return difference < Fraction(1, 10**coarse.places)


def _written(text: str, exponent: int) -> Number | None:
    text = text.replace(",", "").rstrip(".")
    if abs(exponent) > LONGEST_NUMBER:
        return None
    places = max(len(text.partition(".")[2]) - exponent, 0) if "." in text else 0
    value = Fraction(text) * Fraction(10) ** exponent if exponent else Fraction(text)
    return Number(value, places, len(text.replace(".", "").lstrip("0")))


def _decimal(match: re.Match[str]) -> Number | None:
    return _written(match[1], int(match[2] or 0))


def _power_of_ten(match: re.Match[str]) -> Number | None:
    return _written(match[1] or "1", int(match[2] or match[3]))


def _power(match: re.Match[str]) -> Number | None:
    base, exponent = int(match[1]), int(match[2] or match[3])
    if len(match[1]) * exponent > LONGEST_NUMBER or not (base or exponent):
        return None
    return Number(Fraction(base**exponent))


def _fraction(match: re.Match[str]) -> Number | None:
    sign, top, below_sign, bottom = match.groups()[:4] if match[2] else match.groups()[4:]
    above, below = _written(top, 0), _written(bottom, 0)
    if above is None or below is None or not below.value:
        return None
    value = above.value / below.value
    return Number(-value if (sign == "-") != (below_sign == "-") else value, 0, above.digits + below.digits)


def _mixed(match: re.Match[str]) -> Number | None:
    whole, top, bottom = match.groups()[:3] if match[1] else match.groups()[3:]
    if not 0 < int(top) < int(bottom):
        return None  # not a mixed number; a product is left to the parser
    return Number(int(whole.replace(",", "")) + Fraction(int(top), int(bottom)))


def _repeating(match: re.Match[str]) -> Number | None:
    r"""`0.1\overline{6}`, or `0.166...`, whose last digits must have come twice."""
    whole, fixed, period = match[1] or "0", match[2], match[3] or match[match.re.groups]
    tail = Fraction(int(period), (10 ** len(period) - 1) * 10 ** len(fixed))
    return Number(int(whole) + Fraction(int(fixed or "0"), 10 ** len(fixed)) + tail)


_READERS = (
    (_MIXED, _mixed),
    (_POWER_OF_TEN, _power_of_ten),
    (_FRACTION, _fraction),
    (_REPEATING, _repeating),
    (_CONTINUED, _repeating),
    (_POWER, _power),
    (_DECIMAL, _decimal),
)
