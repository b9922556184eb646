"""What somebody says about the steps of solutions: people, a judge model, an oracle; and files of such verdicts.

A *judgement file* (JSONL, Parquet or a run directory) names labelled solutions, one row each::

    {"solution": "PROBLEM_ID/SOLUTION_ID", "first_error": 2}            index from 0; -1 where no step is wrong
    {"solution": "PROBLEM_ID/SOLUTION_ID", "verdicts": [1, 0, -1]}      per step: 1 right, 0 right but useless, -1 wrong

A `first_error` or verdict that is null was not judged. Data sets made by people hold problems and steps as text; their
readers are `prmkit.formats.processbench`, `.prmbench` and `.prm800k`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prmkit.demo.oracle import StepTruth
from prmkit.errors import InputError
from prmkit.files import read_array, text_field
from prmkit.tables import Row, read_rows
from prmkit.texts import squeezed

RATINGS = {1: StepTruth.NEEDED, 0: StepTruth.UNNEEDED, -1: StepTruth.WRONG}
"""Ratings of steps as PRM800K writes them."""
LARGEST = 1e9
"""No score lies further from 0; sums and squares of such numbers are still numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """What is said about one solution."""

    truths: tuple[StepTruth | None, ...]
    """One per step; None where nobody said anything (mostly after the first error)."""
    answer_right: bool | None = None
    """Whether the final answer is right; None where nobody said so."""

    @property
    def first_error(self) -> int | None:
        """Index of the first wrong step; -1 if every step was judged and none is wrong; None if it is not known."""
        for index, truth in enumerate(self.truths):
            if truth is None:
                return None
            if truth is StepTruth.WRONG:
                return index
        return -1


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedSolution:
    """A solution from a data set that people judged."""

    name: str
    """Unique in its file."""
    problem: str
    """What was asked."""
    steps: tuple[str, ...]
    """At least one."""
    verdicts: Verdicts
    """One truth per step."""
    category: str | None = None
    """The kind of its error, where the data set sorts by it."""
    origin: str | None = None
    """Text of the problem it was made from, where that differs: what is made from one problem belongs together."""

    @property
    def group(self) -> str:
        """What belongs together in splits and resamples: the (original) problem's text, white space aside."""
        return squeezed(self.origin or self.problem)


def until_first_error(first_error: int | None, steps: int, answer_right: bool | None = None) -> Verdicts:
    """Verdicts of somebody who stops at the first error: right before it, unknown after it."""
    truths: list[StepTruth | None] = [StepTruth.NEEDED] * steps
    if first_error is None:
        truths = [None] * steps
    elif first_error >= 0:
        truths[first_error:] = [StepTruth.WRONG, *([None] * (steps - first_error - 1))]
    return Verdicts(truths=tuple(truths), answer_right=answer_right)


def placed_rows(path: Path) -> list[tuple[str, Row]]:
    """Rows of a `.json` array, a `.jsonl` or `.parquet` file or a run directory, each with its place.

    Raises:
        MissingFileError: Nothing there.
        InputError: It cannot be read, or holds no rows.
    """
    rows = read_array(path) if path.suffix == ".json" else read_rows(path, ())
    if not rows:
        raise InputError(f"{path}: no rows in it")
    return rows


def field_of(row: Row, name: str, kind: Any, expected: str, where: str) -> Any:
    """`row[name]`, which must be of the kind; true and false are no integers.

    Raises:
        InputError: It is absent or something else; the message names place and field.
    """
    value = row.get(name)
    if name not in row:
        raise InputError(f"{where}: field {name!r} is missing; the row has {', '.join(map(repr, row)) or 'no fields'}")
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise InputError(f"{where}: field {name!r} must be {expected}, found {value!r}")
    return value


def finite_number(value: Any, place: str, expected: str = "a finite number") -> float:
    """The value as a float; true and false are no numbers.

    Raises:
        InputError: It is something else, or larger than `LARGEST`; the message names the place.
    """
    try:
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            if abs(value) > LARGEST:
                raise InputError(f"{place} must be at most {LARGEST:g} from 0, found {value!r}")
            return float(value)
    except OverflowError:  # of an integer
        raise InputError(f"{place} must be {expected}, found an integer of {len(str(abs(value)))} digits") from None
    raise InputError(f"{place} must be {expected}, found {value!r}")


def steps_of(row: Row, name: str, where: str) -> tuple[str, ...]:
    """The texts in `row[name]`, stripped; at least one, none blank."""
    steps = field_of(row, name, list, "a list of texts", where)
    if not steps or not all(isinstance(step, str) and step.strip() for step in steps):
        raise InputError(f"{where}: field {name!r} must be a list of texts, at least one, none blank")
    return tuple(step.strip() for step in steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgementRow:
    """A row of a judgement file; how many steps its solution has is not known here."""

    where: str
    """Place of the row."""
    first_error: int | None = None
    """As in the file; without meaning where `ratings` are given."""
    ratings: tuple[int | None, ...] | None = None
    """1, 0, -1 or None per step."""

    def verdicts(self, steps: int) -> Verdicts:
        """For a solution of so many steps.

        Raises:
            InputError: The row speaks of other steps; the message names it.
        """
        if self.ratings is None:
            if (self.first_error or 0) >= steps:
                raise InputError(f"{self.where}: first error {self.first_error}, but the solution has {steps} steps")
            return until_first_error(self.first_error, steps)
        if len(self.ratings) != steps:
            raise InputError(f"{self.where}: {len(self.ratings)} verdicts, but the solution has {steps} steps")
        return Verdicts(truths=tuple(None if each is None else RATINGS[each] for each in self.ratings))


def read_judgements(path: Path) -> dict[str, JudgementRow]:
    """A judgement file, by the name of the solution.

    Raises:
        MissingFileError: Nothing there.
        InputError: A row cannot be used, or a solution is judged twice; the message names the place.
    """
    found: dict[str, JudgementRow] = {}
    for where, row in placed_rows(path):
        name = text_field(row, "solution", where)
        if name in found:
            raise InputError(f"{where}: solution {name} is judged at {found[name].where} already; keep one of them")
        found[name] = _judgement(row, where)
    return found


def _judgement(row: Row, where: str) -> JudgementRow:
    if row.get("verdicts") is not None:
        ratings: Sequence[Any] = field_of(row, "verdicts", list, "a list of 1, 0, -1 or null", where)
        if not all(each is None or (type(each) is int and each in RATINGS) for each in ratings):
            raise InputError(f"{where}: field 'verdicts' must be a list of 1, 0, -1 or null, found {ratings!r}")
        return JudgementRow(where=where, ratings=tuple(ratings))
    expected = "an index from 0, -1 (no error) or null (not judged)"
    first_error = field_of(row, "first_error", int | None, expected, where)
    if first_error is not None and first_error < -1:
        raise InputError(f"{where}: field 'first_error' must be {expected}, found {first_error}")
    return JudgementRow(where=where, first_error=first_error)
