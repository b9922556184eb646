"""The table of outside formats: who reads and writes each, by what a file is recognised, what it can hold."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from prmkit.errors import InputError
from prmkit.files import read_jsonl
from prmkit.formats.judged import read_prmbench_labels, read_processbench_labels
from prmkit.formats.marked import MARK
from prmkit.formats.math_aps import read_math_aps, write_math_aps
from prmkit.formats.math_shepherd import read_math_shepherd, write_math_shepherd
from prmkit.formats.openrlhf import read_openrlhf, write_openrlhf
from prmkit.formats.options import Format, ReadOptions, WriteOptions
from prmkit.formats.prm800k import read_prm800k_labels, write_prm800k
from prmkit.formats.rlhflow import read_rlhflow, write_rlhflow
from prmkit.formats.rowwise import Reading
from prmkit.formats.trl import read_trl, write_trl
from prmkit.formats.verdicts import placed_rows
from prmkit.records import EstimateMethod, FinishReason, LabeledSolution, StepLabel
from prmkit.tables import Row


class Content(StrEnum):
    """Something a record may hold that a format may not."""

    NAMES = "ids of problems and solutions"
    ANSWER = "reference answers"
    CORRECT = "whether answers are right"
    NEUTRAL = "neutral as a class of its own"
    VALUES = "values between 0 and 1 (soft labels)"
    COUNTS = "counts of rollouts"
    INTERVALS = "intervals and strategy"
    BARE = "estimates of bare problems"
    TOKENS = "token ids"
    FINISH = "why solutions ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One format."""

    read: Callable[[Path, ReadOptions], Reading]
    """Its reader."""
    write: Callable[[Path, Sequence[LabeledSolution], WriteOptions], list[str]] | None = None
    """Its writer; returns what could not be written. None where it is only read."""
    recognises: Callable[[Row], bool]
    """Whether a row looks like one of its."""
    reading: frozenset[str] = frozenset()
    """Fields of `ReadOptions` that its reader heeds, beside those that every one does."""
    holds: frozenset[Content] = frozenset()
    """What is kept when records are written and read again, beside texts and classes."""


_VALUES = frozenset({"rollouts", "incorrect", "correct"})
_LAST = frozenset({"last_step_is_answer"})
_ALL_HEED = frozenset({"problems", "skip_bad"})

LAYOUTS = {
    Format.TRL: Layout(
        read=read_trl,
        write=write_trl,
        recognises=lambda row: "prompt" in row and _lists(row, "completions", "labels"),
        reading=_VALUES | _LAST,
    ),
    Format.MATH_SHEPHERD: Layout(
        read=read_math_shepherd,
        write=write_math_shepherd,
        recognises=lambda row: MARK in str(row.get("input")) and isinstance(row.get("label"), str),
        reading=_LAST,
        holds=frozenset({Content.CORRECT}),
    ),
    Format.PRM800K: Layout(
        read=read_prm800k_labels,
        write=write_prm800k,
        recognises=lambda row: isinstance(row.get("question"), dict) and isinstance(row.get("label"), dict),
        holds=frozenset({Content.ANSWER, Content.NEUTRAL, Content.FINISH}),
    ),
    Format.OPENRLHF: Layout(
        read=read_openrlhf,
        write=write_openrlhf,
        recognises=lambda row: MARK in str(row.get("input", row.get("text"))) and _lists(row, "value"),
        reading=_VALUES | _LAST,
        holds=frozenset({Content.CORRECT, Content.VALUES}),
    ),
    Format.RLHFLOW: Layout(
        read=read_rlhflow,
        write=write_rlhflow,
        recognises=lambda row: _lists(row, "conversations") and _signed(row["conversations"]),
        reading=_LAST,
        holds=frozenset({Content.CORRECT}),
    ),
    Format.MATH_APS: Layout(
        read=read_math_aps,
        write=write_math_aps,
        recognises=lambda row: "question" in row and isinstance(row.get("reasoning_steps"), list | dict),
        reading=_VALUES,
        holds=frozenset({Content.ANSWER, Content.VALUES}),
    ),
    Format.PROCESSBENCH: Layout(
        read=read_processbench_labels, recognises=lambda row: _lists(row, "steps") and "final_answer_correct" in row
    ),
    Format.PRMBENCH: Layout(
        read=read_prmbench_labels, recognises=lambda row: _lists(row, "modified_process", "error_steps")
    ),
}
"""All formats."""


def _lists(row: Row, *names: str) -> bool:
    return all(isinstance(row.get(name), list) for name in names)


def _signed(turns: Sequence[Any]) -> bool:
    return len(turns) > 1 and isinstance(turns[1], dict) and turns[1].get("content") in ("+", "-")


def detect(path: Path) -> Format | None:
    """The only format that the first row of a file looks like; None where it is none of them, or several.

    Raises:
        MissingFileError: There is no such file.
        InputError: It cannot be read, or holds no rows.
    """
    first = next((row for _, row in read_jsonl(path)), None) if path.suffix == ".jsonl" else None
    row = placed_rows(path)[0][1] if first is None else first
    found = [each for each, layout in LAYOUTS.items() if layout.recognises(row)]
    return found[0] if len(found) == 1 else None


def write_outside(path: Path, labeled: Sequence[LabeledSolution], to: Format, options: WriteOptions) -> list[str]:
    """Write records in an outside format.

    Returns:
        What that loses: sentences for the user.

    Raises:
        InputError: The format is only read, nothing can be written, or the file's name has another ending.
    """
    layout = LAYOUTS[to]
    if layout.write is None:
        raise InputError(f"{to} is a benchmark's format and only read; labels can be written as {', '.join(_WRITTEN)}")
    left_out = layout.write(path, labeled, options)
    return [*left_out, *losses(labeled, to, options)]


def check_reading(names: Sequence[str], source: Format, to: Format | None, *, soft: bool) -> None:
    """Refuse options for reading that change nothing between two formats.

    Args:
        names: Fields of `ReadOptions` that were set.
        source: The format that is read.
        to: The format that is written; None for a table of ours.
        soft: As of `WriteOptions`.

    Raises:
        InputError: The reader does not heed one of them, or what it decides is not written.
    """
    for name in names:
        flag = f"--{name.replace('_', '-')}"
        if name not in LAYOUTS[source].reading | _ALL_HEED:
            heeding = ", ".join(each for each, layout in LAYOUTS.items() if name in layout.reading)
            raise InputError(f"{flag} changes nothing in {source}; it is for reading {heeding}")
        if name == "rollouts" and to is not None:
            raise InputError(f"{flag} gives counts, which {to} cannot hold")
        if name in ("incorrect", "correct") and to is not None and Content.VALUES in _held(to, soft=soft):
            raise InputError(f"{flag} decides on classes, and {to} is written with values")


def check_writing(names: Sequence[str], to: Format, *, soft: bool) -> None:
    """Refuse options for writing that change nothing in a format; arguments and errors as of `check_reading`."""
    if "soft" in names and to is not Format.OPENRLHF:
        raise InputError(f"--no-soft changes nothing in {to}; it is for writing {Format.OPENRLHF}")
    if "neutral" in names and _held(to, soft=soft) & {Content.NEUTRAL, Content.VALUES}:
        advice = " (unless with --no-soft)" if to is Format.OPENRLHF else ""
        raise InputError(f"--neutral changes nothing in {to}{advice}; it is for writing signs, or true and false")


def _held(to: Format, *, soft: bool) -> frozenset[Content]:
    return LAYOUTS[to].holds - (set() if soft else {Content.VALUES})


_WRITTEN = [each for each, layout in LAYOUTS.items() if layout.write is not None]


_PRESENT: dict[Content, Callable[[LabeledSolution], bool]] = {
    Content.NAMES: lambda _: True,
    Content.ANSWER: lambda each: each.solution.problem.answer is not None,
    Content.CORRECT: lambda each: each.solution.correct is not None,
    Content.NEUTRAL: lambda each: StepLabel.NEUTRAL in each.labels,
    Content.VALUES: lambda each: any(not math.isclose(max(soft), 1) for soft in each.soft_labels),
    Content.COUNTS: lambda each: any(one.method is EstimateMethod.ROLLOUTS for one in each.estimates),
    Content.INTERVALS: lambda each: each.intervals is not None or each.strategy is not None,
    Content.BARE: lambda each: each.problem_estimate is not None,
    Content.TOKENS: lambda each: each.solution.step_ids is not None,
    Content.FINISH: lambda each: each.solution.finish is not FinishReason.END,
}


def losses(labeled: Sequence[LabeledSolution], to: Format, options: WriteOptions) -> list[str]:
    """What is in the records and cannot be in the format."""
    holds = _held(to, soft=options.soft)
    lost = [content for content in Content if content not in holds and any(map(_PRESENT[content], labeled))]
    told = [f"{to} cannot hold: {', '.join(lost)}"] if lost else []
    if Content.NEUTRAL in lost and Content.VALUES not in holds:
        neutral = sum(label is StepLabel.NEUTRAL for each in labeled for label in each.labels)
        told.append(f"{neutral} neutral steps: {options.neutral} (--neutral)")
    return told
