r"""Units behind numbers: what they measure and how large they are, as far as that is certain.

A word that is in no table (`apples`) is a noun: it may stand behind a number or be left out. Two known units of one
kind are converted exactly (2 hours are 120 minutes); two of different kinds make answers different (5 feet, 5 seconds).
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from prmkit.grading.numbers import PARTS
from prmkit.grading.words import word_set

MOST_WORDS = 8
"""Words behind a number."""

_KINDS = {
    "length": "mm millimeter 1/1000, cm centimeter 1/100, m meter metre 1, km kilometer kilometre 1000, "
    "in inch 127/5000, ft foot feet 381/1250, yd yard 1143/1250, mi mile 201168/125",
    "mass": "mg milligram 1/1000, g gram 1, kg kilogram 1000, t ton tonne 1000000, oz ounce 45359237/1600000, "
    "lb pound 45359237/100000",
    "time": "s sec second 1, min minute 60, h hr hour 3600, day 86400, week 604800",
    "months": "month 1, yr year 12",
    "volume": "ml mL milliliter 1/1000, l L liter litre 1, gal gallon 473176473/125000000",
    "money": "cent ¢ 1/100, $ dollar usd USD buck 1",
    "euro": "€ euro eur EUR 1",
    "sterling": "£ gbp GBP 1",
    "rupee": "₹ rupee rs Rs inr INR 1",
    "celsius": "degreec celsius 1",
    "fahrenheit": "degreef fahrenheit 1",
    "force": "N newton 1",
    "energy": "J joule 1, kJ kilojoule 1000",
    "power": "W watt 1, kW kilowatt 1000",
    "voltage": "V volt 1",
    "frequency": "Hz hz hertz 1, kHz khz kilohertz 1000, MHz 1000000",
    "kelvin": "K kelvin 1",
    "degree": "degree 1",
    "radian": "rad radian 1",
}
_SHORT = word_set("cm mm km kg mg ml mL ft lb lbs oz hr hrs yd mi gal sec min mph usd USD yr yrs kJ kW Hz")
"""Units that may follow a number without being set apart as text; other short words there could be variables."""
_NOT_UNITS = word_set(
    "sin cos tan cot sec csc log ln exp sqrt pi or to mod modulo base by plus minus times over hundred thousand",
    "million billion trillion dozen am pm more less fewer least most than below above not negative choose factorial",
    "through until between percent squared cubed if when where for with unless except i",
).union(PARTS)
"""Words behind a number that may change what is meant."""
_FILLING = word_set("a an and the each every in total of")
_REWRITTEN = (
    (re.compile(r"\bmph\b"), "mi/hr"),
    (re.compile(r"\bper\b"), "/"),
    (re.compile(r"\bdegrees?\s*(?:C\b|celsius)", re.IGNORECASE), "celsius"),
    (re.compile(r"\bdegrees?\s*(?:F\b|fahrenheit)", re.IGNORECASE), "fahrenheit"),
    (re.compile(r"\b(?:square|sq\.?)\s+([A-Za-z]+)", re.IGNORECASE), r"\1^2"),
    (re.compile(r"\b(?:cubic|cu\.?)\s+([A-Za-z]+)", re.IGNORECASE), r"\1^3"),
    (re.compile(r"([A-Za-z]+)\s+squared\b"), r"\1^2"),
    (re.compile(r"([A-Za-z]+)\s+cubed\b"), r"\1^3"),
    (re.compile(r"\\cdot(?![A-Za-z])|\*"), " "),
)
_TERM = re.compile(r"(/?)\s*([A-Za-z$€£¢₹]+)\.?(?:\s*\^\s*(?:\{\s*(-?[1-4])\s*\}|(-?[1-4])))?[\s.-]*")


@dataclass(frozen=True, slots=True)
class Unit:
    """What stands behind a number."""

    kinds: tuple[tuple[str, int], ...]
    """Kinds and their powers, sorted: `m/s` is length 1, time -1; empty for a noun, of which nothing is known."""
    factor: Fraction = Fraction(1)
    """How many base units of its kinds it is."""


NOUN = Unit(())


def _table() -> dict[str, tuple[str, Fraction]]:
    units = {}
    for kind, entries in _KINDS.items():
        for entry in filter(None, entries.split(", ")):
            *names, factor = entry.split()
            units.update({name: (kind, Fraction(factor)) for name in names})
    return units


_UNITS = _table()


@lru_cache(maxsize=2_000)
def read_unit(text: str, *, glued: bool = False) -> Unit | None:
    """The unit in the text behind a number.

    Args:
        text: As `normalise.notation` writes it: words that stood in a text command are in quotes.
        glued: Whether no blank separates it from the number, so that letters may be variables.

    Returns:
        `NOUN` for words that are no known unit; None where the text may change what the number means.
    """
    apart = '"' in text
    flat = text.replace('"', " ").strip()
    for pattern, to in _REWRITTEN:
        flat = pattern.sub(to, flat)
    kinds: dict[str, int] = {}
    factor, position, words, noun = Fraction(1), 0, 0, False
    while position < len(flat):
        term = _TERM.match(flat, position)
        if term is None or term[2].lower() in _NOT_UNITS or words == MOST_WORDS:
            return None
        position, words = term.end(), words + 1
        known = _known(term[2], apart=apart)
        if known:
            power = int(term[3] or term[4] or 1) * (-1 if term[1] else 1)
            kinds[known[0]] = kinds.get(known[0], 0) + power
            factor *= known[1] ** power
        elif apart or (len(term[2]) >= 3 and not (glued and words == 1)) or term[2].lower() in _FILLING:
            noun = True
        else:
            return None
    return NOUN if noun else Unit(tuple(sorted(item for item in kinds.items() if item[1])), factor)


def _known(word: str, *, apart: bool) -> tuple[str, Fraction] | None:
    """Kind and size of a unit, in the singular or plural."""
    if len(word) < 3 and not apart and word not in _SHORT and word not in "$€£¢₹":
        return None
    for name in (word, word.lower() if len(word) > 2 else word):
        for singular in (name, name.removesuffix("s"), name.removesuffix("es")):
            if singular in _UNITS and (len(singular) > 2 or singular == name or singular in ("hr", "lb", "yr", "sec")):
                return _UNITS[singular]
    return None


def conflict(one: Unit, other: Unit) -> bool:
    """Whether two units are known and measure different things. Bare degrees may be angles or temperatures."""
    if not one.kinds or not other.kinds or one.kinds == other.kinds:
        return False
    temperatures = ((("celsius", 1),), (("fahrenheit", 1),))
    degree = (("degree", 1),)
    return not (
        (one.kinds == degree and other.kinds in temperatures) or (other.kinds == degree and one.kinds in temperatures)
    )
