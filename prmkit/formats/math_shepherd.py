r"""Math-Shepherd (Wang et al. 2023, arXiv:2312.08935), as its authors publish it.

    {"input": "P Step 1: a ки\nStep 2: b ки", "label": "P Step 1: a +\nStep 2: b -", "task": "GSM8K"}

`label` is `input` with `+` (some rollout was right) or `-` in place of every mark. The last step's sign tells whether
the answer is right. `task` (GSM8K or MATH) is kept as the beginning of the problem's id.
"""

from collections.abc import Sequence
from pathlib import Path

from prmkit.errors import InputError
from prmkit.files import text_field
from prmkit.formats.known import KnownProblems
from prmkit.formats.marked import MARK, UNMARKABLE, holds, join_marked, split_marked
from prmkit.formats.options import ReadOptions, WriteOptions
from prmkit.formats.outside import NEUTRAL_LEFT_OUT, Given, sign_class, two_classes
from prmkit.formats.rowwise import Reading, read_told, write_each
from prmkit.records import LabeledSolution, Problem, StepLabel
from prmkit.tables import Row

TASKS = ("GSM8K", "MATH")
"""What `task` says in the published data."""


def read_math_shepherd(path: Path, options: ReadOptions | None = None) -> Reading:
    """Read the data set.

    Raises:
        MissingFileError: There is no such file.
        InputError: A row lacks a field or holds something else; the message names place and field.
    """

    def parse(row: Row, where: str, known: KnownProblems) -> tuple[Problem, Sequence[str], Sequence[Given]]:
        text = text_field(row, "input", where)
        problem, steps = split_marked(text, known, f"{where}, field 'input'")
        given = _signs(text, text_field(row, "label", where), f"{where}, field 'label'")
        task = str(row.get("task") or "")
        return known.find(problem, prefix=f"{task}-" if task in TASKS else ""), steps, given

    return read_told(path, options, parse)


def _signs(text: str, label: str, where: str) -> list[StepLabel]:
    """The signs that stand in `label` where `text` has its marks."""
    *parts, _ = text.split(MARK)
    given, at = [], 0
    for number, part in enumerate(parts):
        if label[at : at + len(part)] != part:
            raise InputError(f"{where}: it differs from 'input' before mark {number}, at {label[at : at + 40]!r}")
        at += len(part) + 1
        given.append(sign_class(label[at - 1 : at], f"{where}, mark {number}"))
    return given


def write_math_shepherd(path: Path, labeled: Sequence[LabeledSolution], options: WriteOptions) -> list[str]:
    """Write signs, neutral steps as `options.neutral` says; returns what could not be written."""

    def convert(each: LabeledSolution) -> Row | str:
        problem, steps = each.solution.problem, each.solution.steps
        if not holds(problem.problem, steps):
            return UNMARKABLE
        if (correct := two_classes(each, options.neutral)) is None:
            return NEUTRAL_LEFT_OUT
        task = problem.problem_id.partition("-")[0]
        signs = ["+" if right else "-" for right in correct]
        return {
            "input": join_marked(problem.problem, steps),
            "label": join_marked(problem.problem, steps, signs),
            "task": task if task in TASKS else "",
        }

    return write_each(path, labeled, convert)
