"""PRMBench (Song et al. 2025, arXiv:2501.03124): right solutions into which errors of a stated kind were written.

A row has `idx`, `modified_question`, `modified_process` (steps), `error_steps` (numbers from 1) and `classification`.
Its problem is `question`, whose wording `original_question` varies a little.
In the kind `redundency` (so spelt) the marked steps are superfluous, not false. Some rows mark steps beyond the last
one; those marks are ignored.
"""

from pathlib import Path

from prmkit.demo.oracle import StepTruth
from prmkit.errors import InputError
from prmkit.files import text_field
from prmkit.formats.verdicts import JudgedSolution, Verdicts, field_of, placed_rows, steps_of
from prmkit.tables import Row

REDUNDANT = "redundency"
"""The classification whose marked steps are not wrong."""


def read_prmbench(path: Path) -> list[JudgedSolution]:
    """Read the modified processes; named `idx/classification`, for each `idx` is modified in several ways.

    Raises:
        MissingFileError: There is no such file.
        InputError: A row lacks a field or holds something else; the message names file and row.
    """
    return [prmbench_row(row, where) for where, row in placed_rows(path)]


def prmbench_row(row: Row, where: str) -> JudgedSolution:
    """The modified process in a row; errors as of `read_prmbench`."""
    steps = steps_of(row, "modified_process", where)
    marks = field_of(row, "error_steps", list, "a list of step numbers from 1", where)
    if not all(type(mark) is int and mark >= 1 for mark in marks):
        raise InputError(f"{where}: field 'error_steps' must be a list of step numbers from 1, found {marks!r}")
    kind = text_field(row, "classification", where)
    marked = StepTruth.UNNEEDED if kind == REDUNDANT else StepTruth.WRONG
    return JudgedSolution(
        name=f"{text_field(row, 'idx', where)}/{kind}",
        problem=text_field(row, "modified_question", where),
        steps=steps,
        category=kind,
        origin=next((str(row[field]) for field in ("question", "original_question") if row.get(field)), None),
        verdicts=Verdicts(
            truths=tuple(marked if number in marks else StepTruth.NEEDED for number in range(1, len(steps) + 1))
        ),
    )
