"""The final answer of a solution text, and which rule found it.

The first rule that finds something wins, in the order of `ExtractRule`. Regular expressions here run in linear time,
and only the last `TAIL` characters of a text are looked at, so that no text is too long.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

TAIL = 20_000
"""Characters at the end of a solution in which an answer is looked for."""
LONGEST_BARE = 400
"""Characters of a text that may be taken whole as an answer."""


class ExtractRule(StrEnum):
    """How an answer was found, in the order in which the rules are tried."""

    BOXED = "boxed"
    r"""Content of the last `\boxed{}` (or `\fbox{}`) whose braces close."""
    HASHES = "hashes"
    """Rest of the last line that begins with `####`."""
    LETTER_A = "a-line"
    """After `A:` on the last line that begins so (a list of choices, where `B:` follows, does not count)."""
    STATED = "stated"
    """After the last "the answer is" (or "answer:", "Final Answer:"), up to the end of the sentence."""
    HEADING = "heading"
    """First line after the last Markdown heading `# Answer`."""
    WHOLE = "whole"
    """The text has no mark and reads like an answer itself: one line, not a sentence."""
    FORMULA = "formula"
    """Last formula between dollar signs or LaTeX brackets, if no number follows it."""
    NUMBER = "number"
    """Last number."""


MARKS = frozenset(
    {ExtractRule.BOXED, ExtractRule.HASHES, ExtractRule.LETTER_A, ExtractRule.STATED, ExtractRule.HEADING}
)
"""Rules that rest on a mark the writer set; the others guess."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """An answer found in a text."""

    text: str
    """The answer as it was written, stripped; never empty."""
    rule: ExtractRule
    """What found it."""


_BOX = re.compile(r"\\f?boxed\s*(?=\{)|\\fbox\s*(?=\{)|\\boxed\s+(?=[^\s{])")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)  # an escaped brace is no group
_HASHES = re.compile(r"^[ \t]*####[ \t]*(\S[^\n]*)$", re.MULTILINE)
_STATED = re.compile(
    r"\banswer(?:[ \t]*\*\*)?[ \t]*(?:is\b|are\b|=|:)(?:[ \t]*(?:therefore|thus|simply|equal to|:))?[*\s]*",
    re.IGNORECASE,
)
_LETTER_A = re.compile(r"^[ \t]*A:[ \t]*(\S[^\n]*)$(?!\n[ \t]*B:)", re.MULTILINE)
_HEADING = re.compile(r"^#+[ \t]*(?:Final[ \t]+)?Answer[ \t:]*\n\s*(\S[^\n]*)$", re.MULTILINE | re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?]\**(?:\s+[A-Z(\"'*]|\s*$)|,?\s(?:because|since|which|where|so that|as we)\b|\n")
_FORMULA = re.compile(
    r"\$\$([^$]+)\$\$|\\\[((?:[^\\]|\\[^\[\]])+)\\\]|\\\(((?:[^\\]|\\[^()])+)\\\)|(?<!\\)\$([^$\n]+)\$"
)
_NUMBER = re.compile(
    r"[-−]?\\[dtc]?frac\{[-−]?\d+\}\{\d+\}|"
    r"(?<![\w.])[-−]?(?:\\?[$€£][ ]?)?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:(?<=\d)\.\d+|(?<![\d.])\.\d+)?(?:[eE][-+]?\d+)?"
    r"(?:(?<=\d)/\d+)?(?:(?<=\d)[ ]?\\?%)?"
)
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")
_TEXT_COMMAND = re.compile(r"\\(?:text|mbox|mathrm|textbf|operatorname|begin|end)\s*\{[^{}]*\}")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NOT_PROSE = _words(
    "sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh log ln exp sqrt pi and or frac infty inf mod"
)


def extract(solution: str) -> Extracted | None:
    """The final answer of a solution, or of a text that is an answer already.

    Returns:
        The answer and the rule that found it; None where there is neither a mark, nor a formula, nor a number, and the
        text is not short enough to be an answer.
    """
    return _first(solution, [*_MARK_FINDERS, *_GUESSES])


def extract_marked(solution: str) -> Extracted | None:
    """The answer that a writer marked as such; None where no mark is found (nothing is guessed)."""
    return _first(solution, _MARK_FINDERS)


def _first(solution: str, finders: list[tuple[ExtractRule, Callable[[str], str | None]]]) -> Extracted | None:
    tail = solution[-TAIL:]
    for rule, find in finders:
        if found := (find(tail) or "").strip():
            return Extracted(found, rule)
    return None


def _boxed(text: str) -> str | None:
    closing = _closing_braces(text)
    for match in reversed(list(_BOX.finditer(text))):
        start = match.end()
        if text[start] != "{":
            return text[start]  # \boxed 5
        if start in closing and (content := text[start + 1 : closing[start]]).strip():
            return content
    return None


def _closing_braces(text: str) -> dict[int, int]:
    """For each brace that opens a group, where the group ends; those that never close are absent."""
    closing: dict[int, int] = {}
    opened: list[int] = []
    for match in _BRACE.finditer(text):
        if match[0] == "{":
            opened.append(match.start())
        elif match[0] == "}" and opened:
            closing[opened.pop()] = match.start()
    return closing


def _last_group(pattern: re.Pattern[str]) -> Callable[[str], str | None]:
    def find(text: str) -> str | None:
        last = None
        for match in pattern.finditer(text):
            last = match[1]
        return None if last is None else last.strip().strip("*").strip()

    return find


def _stated(text: str) -> str | None:
    for match in reversed(list(_STATED.finditer(text))):
        if found := _sentence(text[match.end() :]):
            return found
    return None


def _sentence(tail: str) -> str | None:
    """The answer at the head of the text that follows "the answer is"."""
    opening = _FORMULA.match(tail)
    stop = _SENTENCE_END.search(tail, opening.end() if opening else 0)
    sentence = tail[: stop.start() if stop else len(tail)].strip().strip("*").strip()
    if _whole(sentence):
        return sentence
    if stop and tail[stop.end() :].strip():
        return None  # "Answer: She buys 3. Then ..." introduces a solution; it does not state the answer
    return _formula(sentence) or _number(sentence)


def _whole(text: str) -> str | None:
    """The text itself if it reads like an answer: one short line, and words only as units after the mathematics."""
    text = text.strip()
    if not text or len(text) > LONGEST_BARE or _BOX.search(text) or "\n" in text.replace("\\\\\n", ""):
        return None
    outside = _TEXT_COMMAND.sub(" ", text)
    words = [match for match in _WORD.finditer(outside) if match[0].lower() not in _NOT_PROSE]
    mathematics = re.search(r"[\d\\=]", outside)
    sentence = mathematics is not None and bool(words) and words[0].start() < mathematics.start()
    return None if sentence or len(words) > 4 else text


def _formula(text: str) -> str | None:
    last = None
    for match in _FORMULA.finditer(text):
        last = match
    if last is None or any(match[0].strip("-−") for match in _NUMBER.finditer(text, last.end())):
        return None
    return next(group for group in last.groups() if group is not None)


def _number(text: str) -> str | None:
    last = None
    for match in _NUMBER.finditer(text):
        if any(character.isdigit() for character in match[0]):
            last = match[0]
    return last


_MARK_FINDERS: list[tuple[ExtractRule, Callable[[str], str | None]]] = [
    (ExtractRule.BOXED, _boxed),
    (ExtractRule.HASHES, _last_group(_HASHES)),
    (ExtractRule.LETTER_A, _last_group(_LETTER_A)),
    (ExtractRule.STATED, _stated),
    (ExtractRule.HEADING, _last_group(_HEADING)),
]
_GUESSES: list[tuple[ExtractRule, Callable[[str], str | None]]] = [
    (ExtractRule.WHOLE, _whole),
    (ExtractRule.FORMULA, _formula),
    (ExtractRule.NUMBER, _number),
]
