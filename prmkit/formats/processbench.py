"""ProcessBench (Zheng et al. 2024, arXiv:2412.06559): solutions of language models, the first error marked by people.

A row has `id`, `generator`, `problem`, `steps`, `final_answer_correct` and `label`: the index from 0 of the earliest
wrong step, -1 where there is none. What follows the first error is not judged.
"""

from pathlib import Path

from prmkit.errors import InputError
from prmkit.files import text_field
from prmkit.formats.verdicts import JudgedSolution, field_of, placed_rows, steps_of, until_first_error
from prmkit.tables import Row


def read_processbench(path: Path) -> list[JudgedSolution]:
    """Read a subset: a JSON array, JSON lines or Parquet.

    Raises:
        MissingFileError: There is no such file.
        InputError: A row lacks a field or holds something else; the message names file and row.
    """
    return [
        processbench_row(row, where, f"{path.stem}-{index}") for index, (where, row) in enumerate(placed_rows(path))
    ]


def processbench_row(row: Row, where: str, name: str) -> JudgedSolution:
    """The solution in a row; named by its `id`, else as given. Errors as of `read_processbench`."""
    steps = steps_of(row, "steps", where)
    label = field_of(row, "label", int, "the index of the first wrong step, or -1", where)
    if not -1 <= label < len(steps):
        raise InputError(f"{where}: field 'label' is {label}, but there are {len(steps)} steps")
    answer_right = field_of(row, "final_answer_correct", bool, "true or false", where)
    return JudgedSolution(
        name=text_field(row, "id", where) if "id" in row else name,
        problem=text_field(row, "problem", where),
        steps=steps,
        verdicts=until_first_error(label, len(steps), answer_right),
    )
