"""TRL's stepwise supervision: what its PRMTrainer reads.

    {"prompt": "What is 1 + 2 + 3?", "completions": ["1 + 2 = 3", "3 + 3 = 7"], "labels": [true, false]}

`labels` are documented as booleans, one per completion (a step); the trainer casts them with `int`. Steps carry no
separator: the trainer adds its own.
"""

from collections.abc import Sequence
from pathlib import Path

from prmkit.errors import InputError
from prmkit.files import text_field
from prmkit.formats.known import KnownProblems
from prmkit.formats.options import ReadOptions, WriteOptions
from prmkit.formats.outside import NEUTRAL_LEFT_OUT, Given, given_value, two_classes
from prmkit.formats.rowwise import Reading, read_told, write_each
from prmkit.formats.verdicts import field_of, steps_of
from prmkit.records import LabeledSolution, Problem
from prmkit.tables import Row


def read_trl(path: Path, options: ReadOptions | None = None) -> Reading:
    """Read a data set; labels that are numbers in [0, 1] are read as values and never cast.

    Whether an answer is right is not known, unless `options.last_step_is_answer` says that the last label tells.

    Raises:
        MissingFileError: There is no such file.
        InputError: A row lacks a field or holds something else; the message names place and field.
    """

    def parse(row: Row, where: str, known: KnownProblems) -> tuple[Problem, Sequence[str], Sequence[Given]]:
        steps = steps_of(row, "completions", where)
        labels = field_of(row, "labels", list, "a list of true and false", where)
        if len(labels) != len(steps):
            raise InputError(f"{where}: field 'labels' has {len(labels)} entries for {len(steps)} completions")
        given = [given_value(label, f"{where}, labels[{index}]") for index, label in enumerate(labels)]
        return known.find(text_field(row, "prompt", where)), steps, given

    return read_told(path, options, parse, told=False)


def write_trl(path: Path, labeled: Sequence[LabeledSolution], options: WriteOptions) -> list[str]:
    """Write booleans, neutral steps as `options.neutral` says; returns what could not be written."""

    def convert(each: LabeledSolution) -> Row | str:
        signs = two_classes(each, options.neutral)
        if signs is None:
            return NEUTRAL_LEFT_OUT
        return {"prompt": each.solution.problem.problem, "completions": list(each.solution.steps), "labels": signs}

    return write_each(path, labeled, convert)
