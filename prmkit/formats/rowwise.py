"""Files of outside formats, read and written row by row: places in messages, bad rows, what is left out and why."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from prmkit.errors import InputError
from prmkit.files import write_json
from prmkit.formats.known import KnownProblems
from prmkit.formats.options import ReadOptions
from prmkit.formats.outside import Given, answer_right, labeled_as
from prmkit.formats.rows import rows_schema
from prmkit.formats.verdicts import placed_rows
from prmkit.grading import extract_marked
from prmkit.records import FinishReason, LabeledSolution, Problem, Solution
from prmkit.tables import Row, write_rows


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What was read, and what has to be said about it."""

    labeled: list[LabeledSolution]
    """In the order of the file; not empty."""
    notes: list[str] = field(default_factory=list)
    """One sentence each, for the user."""


def read_each(
    path: Path, options: ReadOptions, convert: Callable[[Row, str, str], Iterable[LabeledSolution]]
) -> Reading:
    """Read a file row by row; problems without an answer get one from a solution that is known to be right.

    Args:
        path: A `.json` array, a `.jsonl` or `.parquet` file.
        options: How.
        convert: From a row, its place and an id for it to its labelled solutions; none to leave it out.

    Raises:
        MissingFileError: There is no such file.
        InputError: A row cannot be used, or none of them can; the message names the place.
    """
    labeled: list[LabeledSolution] = []
    bad: list[str] = []
    silent = 0
    for index, (where, row) in enumerate(placed_rows(path)):
        try:
            found = list(convert(row, where, f"{path.stem}-{index}"))
        except InputError as error:
            told = str(error) if where in str(error) else f"{where}: {error}"
            if not options.skip_bad:
                raise InputError(f"{told} (--skip-bad leaves such rows out)") from None
            bad.append(told)
            continue
        labeled += found
        silent += not found
    notes = [f"{len(bad)} rows cannot be read and are left out; the first: {bad[0]}"] if bad else []
    notes += [f"{silent} rows say nothing about a step and are left out"] if silent else []
    if not labeled:
        raise InputError(f"{path}: no row with a label for a step; {'; '.join(notes)}")
    labeled, taken = with_answers(labeled)
    return Reading(labeled=labeled, notes=notes + ([taken] if taken else []))


def read_told(
    path: Path,
    options: ReadOptions | None,
    parse: Callable[[Row, str, KnownProblems], tuple[Problem, Sequence[str], Sequence[Given]]],
    *,
    told: bool = True,
) -> Reading:
    """Read a file of one solution per row with all its labels; arguments and errors as of `read_each`.

    Args:
        path: The file.
        options: How; None for the defaults.
        parse: From a row, its place and the known problems to the problem, the steps, and what is said of each.
        told: Whether in this format's own data the last label tells if the answer is right.
    """
    options = options or ReadOptions()
    known = KnownProblems(options.problems)
    told = told if options.last_step_is_answer is None else options.last_step_is_answer

    def convert(row: Row, where: str, name: str) -> Iterator[LabeledSolution]:
        problem, steps, given = parse(row, where, known)
        right = answer_right(given[-1], told=told)
        solution = Solution(solution_id=name, problem=problem, steps=tuple(steps), correct=right)
        yield labeled_as(solution, given, options, where)

    return read_each(path, options, convert)


def with_answers(labeled: Sequence[LabeledSolution]) -> tuple[list[LabeledSolution], str | None]:
    """Give problems without an answer the one that the first of their right solutions marks; and say for how many."""
    found: dict[str, str] = {}
    for each in labeled:
        solution, problem = each.solution, each.solution.problem
        right = solution.correct and solution.finish is FinishReason.END
        wanted = problem.answer is None and right and problem.problem_id not in found
        if wanted and (marked := extract_marked(solution.steps[-1])):
            found[problem.problem_id] = marked.text
    if not found:
        return list(labeled), None
    answered = [
        replace(each, solution=replace(each.solution, problem=replace(problem, answer=found[problem.problem_id])))
        if (problem := each.solution.problem).answer is None and problem.problem_id in found
        else each
        for each in labeled
    ]
    return answered, f"the answers of {len(found)} problems are those that a right solution of each marks"


def write_each(
    path: Path, labeled: Sequence[LabeledSolution], convert: Callable[[LabeledSolution], Row | str]
) -> list[str]:
    """Write a row per solution.

    Args:
        path: Where to (see `write_objects`).
        labeled: The solutions.
        convert: From a solution to its row, or to the reason why it cannot be written.

    Returns:
        One sentence per reason, with the number of solutions that are left out for it.

    Raises:
        InputError: None can be written, or the file's name has another ending.
    """
    found = [convert(each) for each in labeled]
    reasons = Counter(each for each in found if isinstance(each, str))
    notes = [f"{number} solutions are left out: {reason}" for reason, number in reasons.items()]
    write_objects(path, [each for each in found if not isinstance(each, str)], notes)
    return notes


def write_objects(path: Path, rows: Sequence[Row], notes: Sequence[str] = (), *, nested: bool = False) -> None:
    """Write rows as JSON lines, a JSON array or Parquet, by the name's ending.

    Args:
        path: Where to.
        rows: At least one.
        notes: Why there are no more.
        nested: Whether rows hold trees, which Parquet has no type for.

    Raises:
        InputError: There are no rows, or the ending is another one.
    """
    if not rows:
        raise InputError(f"{path}: nothing can be written in this format; {'; '.join(notes)}")
    endings = (".jsonl", ".json") if nested else (".jsonl", ".json", ".parquet")
    if path.suffix not in endings:
        raise InputError(f"{path}: the name must end in {' or '.join(endings)}")
    if path.suffix == ".json":
        write_json(path, list(rows))
    else:
        write_rows(path, rows, pa.schema([]) if nested else rows_schema(rows))
