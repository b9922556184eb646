"""RLHFlow's process reward data (Mistral-PRM-Data, Deepseek-PRM-Data): a dialogue per solution.

    {"conversations": [{"role": "user", "content": "P Step 1: a"}, {"role": "assistant", "content": "+"},
                       {"role": "user", "content": "Step 2: b"}, {"role": "assistant", "content": "-"}]}

The user's first turn holds the problem and the first step. Where that has no `Step 1:` (Deepseek-PRM-Data), known
problems are needed to tell the two apart. The last sign tells whether the answer is right.
"""

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

from prmkit.errors import InputError
from prmkit.files import text_field
from prmkit.formats.known import KnownProblems
from prmkit.formats.marked import holds, split_first, with_headings
from prmkit.formats.options import ReadOptions, WriteOptions
from prmkit.formats.outside import NEUTRAL_LEFT_OUT, Given, sign_class, two_classes
from prmkit.formats.rowwise import Reading, read_told, write_each
from prmkit.formats.verdicts import field_of
from prmkit.records import LabeledSolution, Problem
from prmkit.tables import Row


def read_rlhflow(path: Path, options: ReadOptions | None = None) -> Reading:
    """Read the dialogues.

    Raises:
        MissingFileError: There is no such file.
        InputError: A row lacks a field or holds something else; the message names place and field.
    """

    def parse(row: Row, where: str, known: KnownProblems) -> tuple[Problem, Sequence[str], Sequence[Given]]:
        said = _turns(row, where)
        problem, steps = split_first(said[::2], known, f"{where}, field 'conversations'")
        given = [sign_class(sign.strip(), f"{where}, turn {2 * at + 1}") for at, sign in enumerate(said[1::2])]
        return known.find(problem), steps, given

    return read_told(path, options, parse)


def _turns(row: Row, where: str) -> list[str]:
    """What is said in turn: a step, its sign, a step, ..."""
    turns = field_of(row, "conversations", list, "a list of turns", where)
    said = []
    for index, (turn, role) in enumerate(zip(turns, cycle(("user", "assistant")), strict=False)):
        if not isinstance(turn, dict) or turn.get("role") != role:
            found = turn.get("role") if isinstance(turn, dict) else turn
            raise InputError(f"{where}, turn {index}: the role must be {role!r}, found {found!r}")
        said.append(text_field(turn, "content", f"{where}, turn {index}"))
    if not said or len(said) % 2:
        raise InputError(f"{where}: field 'conversations' has {len(said)} turns; every step needs a sign after it")
    return said


def write_rlhflow(path: Path, labeled: Sequence[LabeledSolution], options: WriteOptions) -> list[str]:
    """Write dialogues, neutral steps as `options.neutral` says; returns what could not be written."""

    def convert(each: LabeledSolution) -> Row | str:
        if not holds(each.solution.problem.problem, each.solution.steps, None):
            return "their problem holds 'Step 1:'"
        correct = two_classes(each, options.neutral)
        return NEUTRAL_LEFT_OUT if correct is None else {"conversations": _dialogue(each, correct)}

    return write_each(path, labeled, convert)


def _dialogue(labeled: LabeledSolution, correct: Sequence[bool]) -> list[dict[str, str]]:
    first, *others = with_headings(labeled.solution.steps)
    steps = [f"{labeled.solution.problem.problem} {first}", *others]
    return [
        {"role": role, "content": content}
        for step, right in zip(steps, correct, strict=True)
        for role, content in (("user", step), ("assistant", "+" if right else "-"))
    ]
