r"""The final answer of a solution text, and which rule found it.

The first rule that finds something wins, in the order of `ExtractRule`. Only the last `TAIL` characters of a text are
looked at, every expression here runs in time linear in them, and a rule is tried only if its mark is in the text at
all: extraction is what the grader does most.
"""

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from prmkit.grading.sentences import bold, formula, number, stated_at, whole

TAIL = 20_000
"""Characters at the end of a solution in which an answer is looked for."""
MOST_STATEMENTS = 50
"""Of many "the answer is", the last ones that are tried."""

MOST_PROBLEMS = 3
"""Beginnings of a next problem in front of which an answer is looked for."""


class ExtractRule(StrEnum):
    """How an answer was found, in the order in which the rules are tried."""

    TAG = "tag"
    """What `<answer>...</answer>` encloses (the last one), or what a mark inside it says."""
    BOXED = "boxed"
    r"""Content of the last `\boxed{}` (or `\fbox{}`) whose braces close; of all that `and`, `or` or a comma joins."""
    HASHES = "hashes"
    """Rest of the last line that begins with `####`."""
    LETTER_A = "a-line"
    """After `A:` on the last line that begins so (a list of choices, where `B:` follows, does not count)."""
    STATED = "stated"
    """After the last "the answer is" (or "answer:", "Final Answer:", "correct option is"), to the sentence's end."""
    HEADING = "heading"
    """First line after the last heading `# Answer` or line `**Final Answer**`."""
    WHOLE = "whole"
    """The text has no mark and reads like an answer itself: one line, not a sentence."""
    BOLD = "bold"
    """What the last sentence sets in bold: a number, a formula, or a few words at its end."""
    FORMULA = "formula"
    """Last formula between dollar signs or LaTeX brackets, if no other number follows it."""
    NUMBER = "number"
    """Last number, in digits or words; of several in the last sentence the one that was computed last."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """An answer found in a text."""

    text: str
    """The answer as it was written, stripped; never empty."""
    rule: ExtractRule
    """What found it."""


_BOX = re.compile(r"\\f?boxed\s*(?=\{)|\\fbox\s*(?=\{)|\\boxed(?:\s+(?=[^\s{])|(?=\d))")
_UNBRACED = re.compile(r"\d+(?:[.,]\d+)*|.")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)  # an escaped brace is no group
_JOINT = re.compile(
    r"[\s.,;$*]*(?:\\[)\]])?[\s,;$*]*(?:(?:,|;|and|or|\\text\{\s*(?:and|or)\s*\}|\\quad|\\qquad)[\s,;$*]*)?"
    r"(?:\\[(\[])?\s*(?:[A-Za-z](?:_\{?\w+\}?)?\s*=\s*)?"
)
r"""Between boxes that are one answer: `\boxed{1}$ and $x = \boxed{2}`."""
_TEXT = re.compile(r"\\text\s*\{([^{}]*)\}")
_JOINT_LENGTH = 40
_STATED = re.compile(
    r"(?=[acrb答])(?:(?:\banswers?(?:\s+(?:to|for|in|of)\b[^.:=\n\d$\\]{0,60}?)?|\b(?:correct|right|best)\s+(?:option|choice)s?)"
    r"[*_\"']*[ \t]*(?P<link>is\b|are\b|would be\b|should be\b|must be\b|=|:|：)"
    r"(?:[ \t]*(?:therefore|thus|simply|equal to|option|choice|:))*[*_\s\"]*|答案(?:应?[是为]|：|:)+\s*)",
    re.IGNORECASE,
)
_CHOSEN = re.compile(
    r"(?=[OoCcAasp])(?:\b(?:[Oo]ption|[Cc]hoice|[Aa]nswer) \**\(?([A-J])\)?\**,? (?:is|must be|would be) (?:the )?"
    r"(?:correct|right|best|answer)"
    r"|\b(?:choose|select|pick) (?:option |choice |answer )?\**(?:\(([A-J])\)|([A-J])(?=[.*\n]|$)))"
)
_CHOSEN_IN_CHINESE = re.compile(r"故选\s*[:：]?\s*\$?[(（]?([A-J])")
_END = re.compile(r"<\|(?:im_end|eot_id|endoftext|end_of_text)\|>|</s>|<end_of_turn>|<eos>")
"""Written by a model at the end of its turn; what follows belongs to no solution."""
_NEXT_PROBLEM = re.compile(r"\n[ \t]{0,20}\n[#* \t]{0,20}(?:Problem|Question|Q|Instruction|(Human|User)):")
_HEADING = re.compile(
    r"^(?:#+[ \t]*\**|\*\*)(?:Final[ \t]+)?Answer[ \t:*]*\n\s*(\S[^\n]*)$", re.MULTILINE | re.IGNORECASE
)


def extract(solution: str) -> Extracted | None:
    """The final answer of a solution, or of a text that is an answer already.

    Returns:
        The answer and the rule that found it; None where there is neither a mark, nor a formula, nor a number, and the
        text is not short enough to be an answer.
    """
    return _marked(solution) or _first(_conclusion(solution), _GUESSES)


def extract_marked(solution: str) -> Extracted | None:
    """The answer that a writer marked as such; None where no mark is found (nothing is guessed)."""
    return _marked(solution)


def _marked(solution: str) -> Extracted | None:
    conclusion = _conclusion(solution)
    found = _first(conclusion, _MARK_FINDERS)
    if found is None and conclusion is not solution and "</think>" in solution:
        return _first(solution[-TAIL:], _MARK_FINDERS)
    return found


def _conclusion(solution: str) -> str:
    """The end of the text; behind `</think>`, where something is, and in front of the next turn or problem."""
    tail = solution if len(solution) <= TAIL else solution[-TAIL:]
    if ("<|" in tail or "</s>" in tail or "<e" in tail) and (end := _END.search(tail)) and tail[: end.start()].strip():
        tail = tail[: end.start()]
    if "</think>" in tail and (said := tail.rpartition("</think>")[2]).strip():
        tail = said
    if not ("Q:" in tail or "em:" in tail or "ion:" in tail or "Human:" in tail or "User:" in tail):
        return tail  # the search below is slower
    for match in itertools.islice(_NEXT_PROBLEM.finditer(tail), MOST_PROBLEMS):
        head = tail[: match.start()]
        if match[1] or _first(head, _MARK_FINDERS):
            return head  # a model that goes on with a turn or a problem of its own
    return tail


def _first(text: str, finders: "tuple[tuple[ExtractRule, str, _Finder], ...]") -> Extracted | None:
    for rule, mark, find in finders:
        if mark in text and (found := find(text)) and (found := found.strip()):
            return Extracted(found, rule)
    return None


def _tag(text: str) -> str | None:
    before, _, _ = text.rpartition("</answer>")
    inside = before.rpartition("<answer>")[2] if "<answer>" in before else ""
    marked = _first(inside, _MARK_FINDERS[1:])
    return marked.text if marked else inside


def _boxed(text: str) -> str | None:
    closing: dict[int, int] | None = None
    boxes = [match.span() for match in _BOX.finditer(text)]
    for index in range(len(boxes) - 1, -1, -1):
        start = boxes[index][1]
        if text[start] != "{":
            match = _UNBRACED.match(text, start)
            return match[0] if match else None  # \boxed 5
        if closing is None:
            closing = _closing_braces(text, boxes[0][1])
        if start in closing and (content := text[start + 1 : closing[start]]).strip():
            joined = _joined(text, boxes[: index + 1], closing)
            return ", ".join(joined) if len(joined) > 1 else _inside(content)
    return None


def _joined(text: str, boxes: list[tuple[int, int]], closing: dict[int, int]) -> list[str]:
    """Contents of the last box and of those before it that are one list with it, each once."""
    contents = [text[boxes[-1][1] + 1 : closing[boxes[-1][1]]].strip()]
    for (_, start), (following, _) in zip(boxes[-2::-1], boxes[:0:-1], strict=True):
        end = closing.get(start)
        if end is None or not 0 < following - end <= _JOINT_LENGTH or not _JOINT.fullmatch(text, end + 1, following):
            break
        contents.append(text[start + 1 : end].strip())
    return list(dict.fromkeys(reversed(contents)))


def _inside(content: str) -> str:
    """What a box or line says, should it hold a sentence that states the answer."""
    return (_stated(_TEXT.sub(r"\1", content)) if "nswer" in content else None) or content


def _closing_braces(text: str, begin: int) -> dict[int, int]:
    """For each brace from `begin` on that opens a group, where the group ends; those that never close are absent."""
    closing: dict[int, int] = {}
    opened: list[int] = []
    for match in _BRACE.finditer(text, begin):
        if match[0] == "{":
            opened.append(match.start())
        elif match[0] == "}" and opened:
            closing[opened.pop()] = match.start()
    return closing


def _bare(line: str) -> str:
    return line.strip().strip("*").strip()


def _hashes(text: str) -> str | None:
    return next((found for line in _lines_from_end(text, "####") if (found := _bare(line))), None)


def _letter_a(text: str) -> str | None:
    return next((_inside(found) for line in _lines_from_end(text, "A:") if (found := _bare(line))), None)


def _lines_from_end(text: str, mark: str) -> list[str]:
    """What follows the mark on the lines that begin with it, last first. A choice `A:` before `B:` is none."""
    found = []
    end = len(text)
    while (at := text.rfind(mark, 0, end)) >= 0:
        end = text.rfind("\n", 0, at) + 1  # of several marks on a line only the first can begin it
        close = text.find("\n", at)
        first = text.find(mark, end, at)
        at = at if first < 0 else first
        if text[end:at].strip(" \t"):
            continue
        if mark == "A:" and close >= 0 and text[close + 1 : close + 40].lstrip(" \t").startswith("B:"):
            continue
        found.append(text[at + len(mark) : close if close >= 0 else len(text)])
        if found[-1].strip():
            break
    return found


def _stated(text: str) -> str | None:
    folded = text.lower()
    if not any(mark in folded for mark in ("answer", "correct", "best", "right", "choose", "答案", "故选")):
        return None
    for match in reversed(list(_STATED.finditer(text))[-MOST_STATEMENTS:]):
        if found := stated_at(text, match.end(), firm=match["link"] not in (":", "：")):
            return found
    chosen = _CHOSEN.findall(text)
    chosen = chosen or _CHOSEN_IN_CHINESE.findall(text)
    return "".join(chosen[-1]) if chosen else None


def _heading(text: str) -> str | None:
    last = None
    for match in _HEADING.finditer(text):
        last = match[1]
    return None if last is None else _bare(last)


_Finder = Callable[[str], str | None]
_MARK_FINDERS: tuple[tuple[ExtractRule, str, _Finder], ...] = (
    (ExtractRule.TAG, "</answer>", _tag),
    (ExtractRule.BOXED, "box", _boxed),
    (ExtractRule.HASHES, "####", _hashes),
    (ExtractRule.LETTER_A, "A:", _letter_a),
    (ExtractRule.STATED, "", _stated),
    (ExtractRule.HEADING, "\n", _heading),
)
"""Rule, a string without which it finds nothing, and what finds the answer."""
_GUESSES: tuple[tuple[ExtractRule, str, _Finder], ...] = (
    (ExtractRule.WHOLE, "", whole),
    (ExtractRule.BOLD, "**", bold),
    (ExtractRule.FORMULA, "", formula),
    (ExtractRule.NUMBER, "", number),
)
