r"""What is refused before any parsing: answers whose size, and not their meaning, would decide how long they take.

A refused answer is neither equal nor different but unknown. The limits are far above what answers of mathematics data
sets need; what passes them and still takes too long or too much memory is stopped in the worker process.
"""

import re

LONGEST_ANSWER = 2_000
"""Characters."""
DEEPEST_NESTING = 40
"""Brackets inside brackets."""
LONGEST_NUMBER = 400
"""Digits in a row."""
LARGEST_EXPONENT = 10_000
"""Of a number written out; also of a power in an exponent."""
LARGEST_FACTORIAL = 3_000
"""Argument of a factorial or binomial written out."""
MOST_POWERS = 60
"""Carets in one answer."""

CPU_SECONDS = 3.0
"""CPU time of one comparison in a worker process."""
MEMORY_BYTES = 2 << 30
"""Address space of one worker process."""
LARGEST_WORKER = 1 << 30
"""Memory that a worker may have used before it is replaced, in bytes."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_DIGITS = re.compile(rf"\d{{{LONGEST_NUMBER + 1}}}")
_BRACKET = re.compile(r"[][(){}]")
_POWER = r"(?:\^|(?<=[\w)}\] ])\*\*(?=[\s\w({\\.+-]))"  # two stars around an answer are Markdown
_CARET = _POWER + r"[\s{(+-]*+"
_EXPONENT = re.compile(rf"{_CARET}(\d++)")
_TOWER = re.compile(rf"{_CARET}(\d++)[\s}})]*+{_CARET}(\d++)([\s}})]*+{_POWER})?")
_SCIENTIFIC = re.compile(r"\d[eE][+-]?(\d++)")
_FACTORIAL = re.compile(r"(?<!\d)(\d++)[\s})]*+!")
_NESTED_FACTORIAL = re.compile(r"![)}\s]*+!")
_BINOMIAL = re.compile(r"\\[dt]?binom\s*+\{?\s*+(\d++)")


def refusal(answer: str) -> str | None:
    """Why an answer must not be parsed, in a word or two; None if it may be."""
    if len(answer) > LONGEST_ANSWER:
        return "too long"
    if _CONTROL.search(answer):
        return "control characters"
    if nesting(answer) > DEEPEST_NESTING:
        return "too deep"
    if _DIGITS.search(answer):
        return "too many digits"
    if answer.count("^") + answer.count("**") > MOST_POWERS or _large_power(answer):
        return "too large a power"
    factorials = (int(match[1]) for match in _FACTORIAL.finditer(answer))
    if _NESTED_FACTORIAL.search(answer) or any(argument > LARGEST_FACTORIAL for argument in factorials):
        return "too large a factorial"
    if any(int(match[1]) > LARGEST_FACTORIAL for match in _BINOMIAL.finditer(answer)):
        return "too large a binomial"
    return None


def nesting(answer: str) -> int:
    """How deep brackets lie inside brackets."""
    depth = deepest = 0
    for character in _BRACKET.findall(answer):
        depth = depth + 1 if character in "([{" else max(depth - 1, 0)  # brackets that close nothing count for nothing
        deepest = max(deepest, depth)
    return deepest


def _large_power(answer: str) -> bool:
    literals = [*_EXPONENT.finditer(answer), *_SCIENTIFIC.finditer(answer)]
    if any(int(match[1]) > LARGEST_EXPONENT for match in literals):
        return True
    for match in _TOWER.finditer(answer):
        base, exponent = int(match[1]), int(match[2])
        if match[3] or (base > 1 and (exponent > 64 or base**exponent > LARGEST_EXPONENT)):
            return True
    return False
