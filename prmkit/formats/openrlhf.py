r"""OpenRLHF's process reward data: what its PRM trainer reads (`--input_key input --label_key value`).

    {"input": "P Step 1: a ки\nStep 2: b ки", "value": ["+", "-"]}         hard: --reward_tokens + -
    {"input": "P Step 1: a ки\nStep 2: b ки", "value": [0.75, 0.0]}        soft

with the placeholder token `ки` (`--placeholder_token`) at every place that has a label. The text may also be called
`text`, as in ER-PRM's data.
"""

from collections.abc import Sequence
from pathlib import Path

from prmkit.errors import InputError
from prmkit.files import text_field
from prmkit.formats.known import KnownProblems
from prmkit.formats.marked import MARK, UNMARKABLE, holds, join_marked, split_marked
from prmkit.formats.options import ReadOptions, WriteOptions
from prmkit.formats.outside import (
    NEUTRAL_LEFT_OUT,
    Given,
    given_value,
    sign_class,
    step_values,
    two_classes,
)
from prmkit.formats.rowwise import Reading, read_told, write_each
from prmkit.formats.verdicts import field_of
from prmkit.records import LabeledSolution, Problem
from prmkit.tables import Row


def read_openrlhf(path: Path, options: ReadOptions | None = None) -> Reading:
    """Read signs or values; the last one tells whether the answer is right, where it is a sign, 0 or 1.

    Raises:
        MissingFileError: There is no such file.
        InputError: A row lacks a field or holds something else; the message names place and field.
    """

    def parse(row: Row, where: str, known: KnownProblems) -> tuple[Problem, Sequence[str], Sequence[Given]]:
        field = "text" if "input" not in row and "text" in row else "input"
        problem, steps = split_marked(text_field(row, field, where), known, f"{where}, field {field!r}")
        values = field_of(row, "value", list, "a list of signs or numbers", where)
        if len(values) != len(steps):
            raise InputError(f"{where}: field 'value' has {len(values)} entries for {len(steps)} marks {MARK!r}")
        given: list[Given] = [
            (sign_class if isinstance(value, str) else given_value)(value, f"{where}, value[{index}]")
            for index, value in enumerate(values)
        ]
        return known.find(problem), steps, given

    return read_told(path, options, parse)


def write_openrlhf(path: Path, labeled: Sequence[LabeledSolution], options: WriteOptions) -> list[str]:
    """Write values (`options.soft`) or signs, neutral steps of the latter as `options.neutral` says.

    Returns:
        What could not be written.
    """

    def convert(each: LabeledSolution) -> Row | str:
        problem, steps = each.solution.problem.problem, each.solution.steps
        if not holds(problem, steps):
            return UNMARKABLE
        value = _value(each, options)
        return NEUTRAL_LEFT_OUT if value is None else {"input": join_marked(problem, steps), "value": value}

    return write_each(path, labeled, convert)


def _value(labeled: LabeledSolution, options: WriteOptions) -> list[float] | list[str] | None:
    if options.soft:
        return step_values(labeled)
    correct = two_classes(labeled, options.neutral)
    return None if correct is None else ["+" if right else "-" for right in correct]
