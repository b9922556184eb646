"""What runs inside a worker process: answers that the fast path leaves open are parsed and compared.

`parsed` uses our own parser and numeric comparison (`prmkit.grading.latex`, `.values`) and decides nearly all pairs.
What these cannot read is left to `fallback`: latex2sympy2_extended and math-verify, which `load` imports; they take
seconds to import and do not bound their time or memory. latex2sympy2_extended walks an ANTLR parse tree, but hands the
text of numbers and names to sympy, which evaluates it; the worker forbids all but plain ones (`prmkit.grading.worker`).
math-verify's other parser, which calls sympy's `parse_expr` on the whole text, is not used.
"""

import logging
import re
from functools import lru_cache
from typing import Any

from prmkit.grading.compute import TooLarge
from prmkit.grading.latex import read
from prmkit.grading.limits import nesting
from prmkit.grading.names import with_names_of
from prmkit.grading.tokens import CannotRead
from prmkit.grading.values import equal

LONGEST = 400
"""Characters that are given to math-verify."""
DEEPEST = 10
"""Brackets inside brackets."""
MOST_WORDS = 8
"""In what may be mathematics; a text with more is prose."""

_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{3,}")
_SUMS = re.compile(r"\\(?:sum|prod)(?![A-Za-z])")
_LARGE = re.compile(r"\d{4}|10\^|\\infty")
_LIMITS = re.compile(r"\\(?:[io]*int|lim|choose)(?![A-Za-z])")


def compare(gold: str, pred: str) -> tuple[str, str]:
    """Compare two answers; a caller that must not pay for imports calls the other functions itself.

    Returns:
        Outcome (`equal`, `different` or `unknown`) and the rule that decided.
    """
    decided = parsed(gold, pred)
    if decided is None:
        load()
        decided = fallback(gold, pred)
    return decided


def parsed(gold: str, pred: str) -> tuple[str, str] | None:
    """Compare by our own parser. Where notation is ambiguous, one common reading is enough.

    Returns:
        As `compare`; None where one of the two cannot be read, or the comparison cannot be decided.
    """
    undecided = False
    try:
        golds, preds = read(gold), read(pred)
        for gold_reading in golds:
            for pred_reading in preds:
                try:
                    if equal(gold_reading, with_names_of(gold_reading, pred_reading)):
                        return "equal", "parsed"
                except CannotRead:
                    undecided = True
    except CannotRead:
        return None
    except TooLarge:
        return "unknown", "too large"
    return None if undecided else ("different", "parsed")


def load() -> None:
    """Import what `fallback` needs, and keep it quiet."""
    import latex2sympy2_extended  # noqa: F401
    import math_verify  # noqa: F401
    import sympy.physics.units  # noqa: F401  sympy's simplify would import it in the middle of a comparison

    logging.disable(logging.CRITICAL)


def fallback(gold: str, pred: str) -> tuple[str, str]:
    """Compare by math-verify what it can be expected to read within its limits of time."""
    if _costly(gold) or _costly(pred):
        return "unknown", "too complex"
    from math_verify import verify

    if max(len(_WORD.findall(gold)), len(_WORD.findall(pred))) > MOST_WORDS:
        return "different", "unreadable"
    if any(_sympy(text) is None for text in sorted((gold, pred), key=_readable)):
        return "different", "unreadable"
    equal_values = verify(_sympy(gold), _sympy(pred), timeout_seconds=None, raise_on_error=False)
    return ("equal" if equal_values else "different"), "sympy"


def _readable(text: str) -> bool:
    """Whether our own parser reads it. What it does not read is tried first: sympy may compute long on the other."""
    try:
        return bool(read(text))
    except (CannotRead, TooLarge):
        return False


def _costly(text: str) -> bool:
    """Whether ANTLR or sympy would take seconds: long, deeply nested, integrals, sums of many terms."""
    sums = len(_SUMS.findall(text))
    if len(text) > LONGEST or sums > 1 or (sums and _LARGE.search(text)) or _LIMITS.search(text):
        return True
    return nesting(text) > DEEPEST


@lru_cache(maxsize=512)
def _sympy(text: str) -> Any:
    """The sympy value of an answer; None where it cannot be read."""
    from latex2sympy2_extended import NormalizationConfig, normalize_latex
    from math_verify.parser import parse_latex_cached

    # units=False: its list of units has ab, c, h, st, ... and would read 2ab as 2
    config = NormalizationConfig(malformed_operators=True, nits=True, units=False, boxed="none")
    try:
        return parse_latex_cached(normalize_latex(text, config))
    except (MemoryError, RecursionError):
        raise
    except Exception:  # the libraries raise whatever comes; malformed text has no value
        return None
