r"""The fast path: notation that means the same is written the same, and numbers are compared as exact fractions.

`quick_compare` decides most pairs in microseconds and says None where it cannot be sure; `prmkit.grading.symbolic`
then decides in a worker process. Nothing here parses or evaluates an expression.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

LONGEST_NUMBER = 400
"""Digits that a number may have, and the largest power of ten, before it is left to the size limits."""
ROUNDED_PLACES = 6
"""A decimal with at least this many places and digits may stand for the number that rounds to it (0.333333 for 1/3)."""
NOISE_PLACES = 12
"""A decimal with at least this many places is taken for a floating-point number."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SHARED = (
    (r"(?<=\d)(?:,?\\[,!;:]|\{,\})\s*(?=\d{3}(?!\d))", ","),  # 1{,}000 and 1\,000
    (r"(?<!\\)\\[,!;: ]|\\q?quad(?![a-z])|~|\s", " "),
    (r"[−–]", "-"),
    (r"×", r"\\times "),
    (r"[·⋅]", r"\\cdot "),
    (r"π", r"\\pi "),
    (r"∞", r"\\infty "),
    (r"≤", r"\\leq "),
    (r"≥", r"\\geq "),
    (r"≠", r"\\neq "),
    (r"∪", r"\\cup "),
    (r"°", r"^\\circ "),
    (r"(?<!\\)%|(?<=\d)\s*percent\b", r"\\%"),
)
"""Rewritten for the key and for the parser alike."""
_KEYED = (
    (r"\\left(?![a-z])|\\right(?![a-z])|\\[bB]igg?[lrm]?(?![A-Za-z])|\\displaystyle|\\limits", ""),
    (r"\\[dtc]frac(?![a-z])", r"\\frac"),
    (r"\\(?:text(?:bf|it|rm|sf|tt)?|mbox|math(?:rm|bf|sf|it|tt)|operatorname|emph)\s*\{([^{}]*)\}", r" \1 "),
    (r"\^\s*\{?\s*\\circ\s*\}?|\\degrees?(?![a-z])", " degrees "),
    (r"\\leqslant(?![a-z])|\\le(?![a-z])", r"\\leq "),
    (r"\\geqslant(?![a-z])|\\ge(?![a-z])", r"\\geq "),
    (r"\\ne(?![a-z])", r"\\neq "),
    (r"\\(frac|sqrt)\s*([0-9a-zA-Z])", r"\\\1{\2}"),  # \frac12, \sqrt2
    (r"(\\frac\{[^{}]*\})\s*([0-9a-zA-Z])", r"\1{\2}"),
    (r" +", " "),
)
"""Rewritten for the key only; the parser has its own ways with these."""
_FOR_PARSER = tuple((re.compile(pattern), to) for pattern, to in _SHARED)
_FOR_KEY = tuple((re.compile(pattern), to) for pattern, to in _KEYED)
_DELIMITERS = re.compile(r"(?<!\\)\\[()\[\]]|\*\*|`")
_DOLLAR = re.compile(r"(?<!\\)\$")
_LAST_STOP = ".,;: "

_NUMBER = re.compile(r"([-+]?)\$?\s*([-+]?)((?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d*)?)(?:[eE]([-+]?\d{1,4}))?")
_POWER = re.compile(r"(.*?)\s*(?:\\times|\\cdot|\*|x)\s*10\s*\^\s*\{?\s*([-+]?\d{1,4})\s*\}?")
_FRACTION = re.compile(r"([-+]?)\s*\\frac\{\s*([-+]?)(\d+)\s*\}\{\s*(\d+)\s*\}|([-+]?)\(?([-+]?)(\d+)\s*/\s*(\d+)\)?")
_MIXED = re.compile(r"([-+]?)(\d+)\s*\\frac\{(\d+)\}\{(\d+)\}|([-+]?)(\d+)\s+(\d+)/(\d+)")
_UNIT = re.compile(r"(.*[\d}).])(\s*)([A-Za-z][A-Za-z .]*)(?:\^\s*\{?\s*([23])\s*\}?)?")
_LAST_WORDS = re.compile(
    r"(?<=[\w}\])])(?:\s*\\(?:text|mbox|mathrm)\{([A-Za-z. ]+)\}|\s+([A-Za-z]{3,}|cm|mm|km|ft)\.?)"
    r"(?:\s*\^\s*\{?[23]\}?)?$"
)
_CHOICE = re.compile(r"\(?([A-Z])(?:[.):].*)?")
_GLUED_UNITS = _words("cm mm km kg mg ml ft lb lbs oz hr hrs mph")
"""Units that may follow a number without a blank; other letters there could be variables."""
_NOT_UNITS = _words(
    "sin cos tan cot sec csc log ln exp sqrt pi and or to mod base by plus minus times over of per hundred "
    "thousand million billion trillion dozen half halves third thirds quarter quarters am pm"
)
"""Words after a number that change its value."""
_FUNCTIONS = _words(
    "sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh log exp sqrt infty mod max min gcd lcm det and"
)
_EQUATION = re.compile(r"[^,;<>]*[^,;<>!=]=([^=,;<>]*)")
_COMMAND = re.compile(r"\\[A-Za-z]+")
_WORD = re.compile(r"[A-Za-z]{3,}")
_MATH = re.compile(r"[\d\\=^]")


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was written."""

    value: Fraction
    """Its exact value."""
    places: int
    """Digits after the decimal point; 0 for integers and fractions."""
    digits: int
    """Digits from the first one that is not zero."""


def parser_text(answer: str) -> str:
    """The answer as the parser gets it: no delimiters around formulas, thousands marks or units; ASCII operators."""
    text = _plain(answer)
    match = _LAST_WORDS.search(text)
    if match is None:
        return text
    words = re.findall("[a-z]+", (match[1] or match[2]).lower())
    return text if any(word in _NOT_UNITS | _FUNCTIONS for word in words) else text[: match.start()].strip()


@lru_cache(maxsize=20_000)
def _plain(answer: str) -> str:
    text = _DELIMITERS.sub(" ", answer)
    if len(_DOLLAR.findall(text)) % 2 == 0:  # an odd one is money
        text = _DOLLAR.sub(" ", text)
    for pattern, to in _FOR_PARSER:
        text = pattern.sub(to, text)
    return text.strip().rstrip(_LAST_STOP)


@lru_cache(maxsize=20_000)
def normalise(answer: str) -> str:
    """One notation for what means the same. Still readable: blanks stay, text commands give way to their text."""
    text = _plain(answer)
    for pattern, to in _FOR_KEY:
        text = pattern.sub(to, text)
    return re.sub(r"\\?[$]|[€£]", "$", text).strip().rstrip(_LAST_STOP)


@lru_cache(maxsize=20_000)
def key(answer: str) -> str:
    """The normalised answer without the blanks that mean nothing; equal keys are equal answers."""
    text = normalise(answer)
    words = _WORD.findall(_COMMAND.sub(" ", text))
    folded = text.casefold() if words and all(word[1:].islower() for word in words) and not _MATH.search(text) else text
    return re.sub(r"(?<!\d) | (?!\d)", "", folded)


def is_words(text: str) -> bool:
    """Whether a normalised answer is prose (`east`, `no solution`), not to be read as a product of letters."""
    words = [word for word in _WORD.findall(_COMMAND.sub(" ", text)) if word.lower() not in _FUNCTIONS]
    return any(len(word) > 3 for word in words) and not _MATH.search(text)


def parse_number(text: str) -> Number | None:
    """The number in a normalised text: integer, decimal, fraction, mixed number or power of ten, `$` before it allowed.

    Returns:
        None for anything else, percentages and numbers beyond `LONGEST_NUMBER` digits included.
    """
    if len(text) > LONGEST_NUMBER:
        return None
    for pattern, read in ((_NUMBER, _decimal), (_FRACTION, _fraction), (_MIXED, _mixed), (_POWER, _power)):
        if match := pattern.fullmatch(text):
            return read(match)
    return None


def _decimal(match: re.Match[str]) -> Number | None:
    sign, inner_sign, digits, exponent = match.groups()
    digits = digits.replace(",", "")
    if not any(map(str.isdecimal, digits)) or (sign and inner_sign) or abs(int(exponent or 0)) > LONGEST_NUMBER:
        return None
    value = Fraction(digits + ("0" if digits.endswith(".") else "")) * Fraction(10) ** int(exponent or 0)
    places = max(len(digits.partition(".")[2]) - int(exponent or 0), 0) if "." in digits else 0
    return Number(-value if "-" in (sign, inner_sign) else value, places, len(digits.replace(".", "").lstrip("0")))


def _fraction(match: re.Match[str]) -> Number | None:
    sign, inner_sign, top, bottom = match.groups()[:4] if match[3] else match.groups()[4:]
    if not int(bottom) or (sign and inner_sign):
        return None
    value = Fraction(int(top), int(bottom))
    return Number(-value if "-" in (sign, inner_sign) else value, 0, len(top) + len(bottom))


def _mixed(match: re.Match[str]) -> Number | None:
    sign, whole, top, bottom = match.groups()[:4] if match[2] else match.groups()[4:]
    if not 0 < int(top) < int(bottom):
        return None  # not a mixed number; a product is left to the parser
    value = int(whole) + Fraction(int(top), int(bottom))
    return Number(-value if sign == "-" else value, 0, len(whole + top + bottom))


def _power(match: re.Match[str]) -> Number | None:
    factor = _NUMBER.fullmatch(match[1].strip())
    number = factor and _decimal(factor)
    if not number or abs(int(match[2])) > LONGEST_NUMBER:
        return None
    places = max(number.places - int(match[2]), 0) if number.places else 0
    return Number(number.value * Fraction(10) ** int(match[2]), places, number.digits)


def split_unit(text: str) -> tuple[str, str]:
    """A number and the unit after it, `("18", "dollar")`; the unit is empty where none is safe to drop."""
    match = _UNIT.fullmatch(text)
    if match is None or parse_number(match[1].strip()) is None:
        return text, ""
    words = match[3].lower().replace(".", " ").split()
    glued = not match[2]
    if any(word in _NOT_UNITS for word in words) or len(words) > 4:
        return text, ""
    if any(len(word) < 3 or glued for word in words if word not in _GLUED_UNITS):
        return text, ""
    unit = " ".join(word[:-1] if len(word) > 2 and word.endswith("s") else word for word in words)
    return match[1].strip(), unit + (match[4] or "")


def equal_numbers(gold: Number, pred: Number) -> bool:
    """Whether two numbers are the same up to rounding.

    Equal are equal fractions; a decimal of at least `ROUNDED_PLACES` places and digits and the fraction or longer
    decimal that it rounds or cuts; and numbers within 1e-12 of each other (relative) if one is written with twelve or
    more places, as binary floating point prints them.
    """
    difference = abs(gold.value - pred.value)
    if difference == 0:
        return True
    if max(gold.places, pred.places) >= NOISE_PLACES and difference * 10**12 <= abs(gold.value):
        return True
    coarse, fine = sorted((gold, pred), key=lambda number: (number.places == 0, number.places))
    if min(coarse.places, coarse.digits) < ROUNDED_PLACES or fine.value.denominator == 1:
        return False
    return difference < Fraction(1, 10**coarse.places)


def quick_compare(gold: str, pred: str) -> tuple[bool, str] | None:
    """Decide a pair without parsing. Asymmetric: what the gold answer is (words, a letter) decides how to compare.

    Returns:
        Whether the two are equal and the rule that decided (`text`, `number`, `words`, `choice`); None where it takes
        the parser.
    """
    gold_key, pred_key = key(gold), key(pred)
    if gold_key == pred_key and gold_key:
        return True, "text"
    if not gold_key or not pred_key:
        return False, "text"
    if is_words(normalise(gold)):
        return False, "words"
    if re.fullmatch(r"\(?[A-Z]\)?", gold_key) and (choice := _CHOICE.fullmatch(normalise(pred))):
        return choice[1] == gold_key.strip("()"), "choice"
    if (equal := _compare_numbers(normalise(gold), normalise(pred))) is not None:
        return equal, "number"
    chain = _EQUATION.fullmatch(normalise(pred))
    if chain and "=" not in gold and _compare_numbers(normalise(gold), chain[1].strip()):
        return True, "number"  # "Total = 5 + 3 = 8" against 8; that it differs is for the parser to say
    if parse_number(gold_key) and is_words(normalise(pred)):
        return False, "words"
    return None


def _compare_numbers(gold: str, pred: str) -> bool | None:
    """Whether two normalised texts are equal numbers; None unless both are numbers whose units do not conflict."""
    (gold, gold_unit), (pred, pred_unit) = split_unit(gold), split_unit(pred)
    gold_number, pred_number = parse_number(gold), parse_number(pred)
    if gold_number is None or pred_number is None or (gold_unit and pred_unit and gold_unit != pred_unit):
        return None
    return equal_numbers(gold_number, pred_number)
