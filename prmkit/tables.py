"""Records to Parquet and back: one row per solution, the schemas of `prmkit.records`.

A source is a Parquet file, a JSONL file of the same columns, or a run directory (its finished shards).
"""

import contextlib
import gc
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from prmkit import fields
from prmkit.errors import InputError, MissingFileError
from prmkit.files import read_jsonl, write_atomic
from prmkit.records import (
    EstimateMethod,
    FinishReason,
    LabeledSolution,
    Problem,
    ScoredSolution,
    Solution,
    StepEstimate,
    StepLabel,
    Strategy,
)
from prmkit.runs import shard_files

Row = fields.Row
T = TypeVar("T")


def solution_row(solution: Solution) -> Row:
    """A solution as a row of `SOLUTION_SCHEMA`."""
    problem = solution.problem
    return {
        "problem_id": problem.problem_id,
        "problem": problem.problem,
        "answer": problem.answer,
        "solution_id": solution.solution_id,
        "steps": list(solution.steps),
        "prompt_ids": None if solution.prompt_ids is None else list(solution.prompt_ids),
        "step_ids": None if solution.step_ids is None else [list(ids) for ids in solution.step_ids],
        "finish": str(solution.finish),
        "correct": solution.correct,
    }


def row_problem(row: Row) -> Problem:
    """The problem in a row of any of our schemas; errors as of `row_solution`."""
    return Problem(
        problem_id=str(fields.read(row, "problem_id", "text", str | int)),
        problem=fields.read(row, "problem", "text", str),
        answer=None if row.get("answer") is None else str(fields.read(row, "answer", "text", str | int | float)),
    )


def row_solution(row: Row) -> Solution:
    """The solution in a row of any of the three schemas.

    Raises:
        InputError: A field has a value of another type, or the record does not take it.
    """
    return Solution(
        solution_id=str(fields.read(row, "solution_id", "text", str | int)),
        problem=row_problem(row),
        steps=fields.many(row, "steps", "a list of texts", str),
        prompt_ids=None if row.get("prompt_ids") is None else fields.many(row, "prompt_ids", "a list of integers", int),
        step_ids=None
        if row.get("step_ids") is None
        else fields.nested(row, "step_ids", "a list of lists of integers", int),
        finish=fields.member(FinishReason, row.get("finish") or FinishReason.END, "finish"),
        correct=None if row.get("correct") is None else fields.read(row, "correct", "true, false or null", bool),
    )


def label_row(labeled: LabeledSolution) -> Row:
    """A labelled solution as a row of `LABEL_SCHEMA`."""
    lows, highs = zip(*labeled.intervals, strict=True) if labeled.intervals else (None, None)
    bare = labeled.problem_estimate
    return solution_row(labeled.solution) | {
        "successes": [each.successes for each in labeled.estimates],
        "rollouts": [each.rollouts for each in labeled.estimates],
        "methods": [str(each.method) for each in labeled.estimates],
        "labels": [int(label) for label in labeled.labels],
        "soft_labels": [list(soft) for soft in labeled.soft_labels],
        "lows": lows and list(lows),
        "highs": highs and list(highs),
        "strategy": labeled.strategy and str(labeled.strategy),
        "problem_successes": bare and bare.successes,
        "problem_rollouts": bare and bare.rollouts,
    }


def row_label(row: Row) -> LabeledSolution:
    """The labelled solution in a row of `LABEL_SCHEMA`; errors as of `row_solution`."""
    successes, rollouts = (fields.many(row, name, "a list of integers", int) for name in ("successes", "rollouts"))
    methods = [
        fields.member(EstimateMethod, how, "methods") for how in fields.many(row, "methods", "a list of texts", str)
    ]
    if not len(successes) == len(rollouts) == len(methods):
        lengths = f"{len(successes)}, {len(rollouts)} and {len(methods)}"
        raise InputError(f"fields 'successes', 'rollouts' and 'methods' differ in length: {lengths}")
    labels = fields.many(row, "labels", "a list of integers", int)
    soft_labels = fields.nested(row, "soft_labels", "a list of lists of three numbers", int | float, length=3)
    return LabeledSolution(
        solution=row_solution(row),
        estimates=tuple(
            StepEstimate(successes=k, rollouts=n, method=how)
            for k, n, how in zip(successes, rollouts, methods, strict=True)
        ),
        labels=tuple(fields.member(StepLabel, label, "labels") for label in labels),
        soft_labels=tuple((soft[0], soft[1], soft[2]) for soft in soft_labels),
        intervals=_intervals(row),
        strategy=None if row.get("strategy") is None else fields.member(Strategy, row["strategy"], "strategy"),
        problem_estimate=_problem_estimate(row),
    )


def _intervals(row: Row) -> tuple[tuple[float, float], ...] | None:
    if row.get("lows") is None and row.get("highs") is None:
        return None
    lows, highs = (fields.many(row, name, "a list of numbers", int | float) for name in ("lows", "highs"))
    if len(lows) != len(highs):
        raise InputError(f"fields 'lows' and 'highs' differ in length: {len(lows)} and {len(highs)}")
    return tuple(zip(lows, highs, strict=True))


def _problem_estimate(row: Row) -> StepEstimate | None:
    if row.get("problem_successes") is None and row.get("problem_rollouts") is None:
        return None
    successes, rollouts = (
        fields.read(row, name, "an integer", int) for name in ("problem_successes", "problem_rollouts")
    )
    return StepEstimate(successes=successes, rollouts=rollouts)


def score_row(scored: ScoredSolution) -> Row:
    """A scored solution as a row of `SCORE_SCHEMA`."""
    probabilities, disagreement = scored.step_probabilities, scored.step_disagreement
    return solution_row(scored.solution) | {
        "step_scores": list(scored.step_scores),
        "score": scored.score,
        "first_flagged": scored.first_flagged,
        "step_probabilities": probabilities and [list(each) for each in probabilities],
        "step_disagreement": disagreement and list(disagreement),
    }


def row_score(row: Row) -> ScoredSolution:
    """The scored solution in a row of `SCORE_SCHEMA`; errors as of `row_solution`."""
    return ScoredSolution(
        solution=row_solution(row),
        step_scores=fields.many(row, "step_scores", "a list of numbers", int | float),
        score=fields.read(row, "score", "a number", int | float),
        first_flagged=fields.optional(fields.read, row, "first_flagged", "an integer or null", int),
        step_probabilities=fields.optional(
            fields.nested, row, "step_probabilities", "lists of numbers or null", int | float
        ),
        step_disagreement=fields.optional(
            fields.many, row, "step_disagreement", "a list of numbers or null", int | float
        ),
    )


def write_rows(path: Path, rows: Sequence[Row], schema: pa.Schema) -> None:
    """Write a whole Parquet file (or JSON lines, where the name ends in `.jsonl`), or nothing.

    Raises:
        InputError: A value does not fit into JSON; the message names its row and column.
    """
    if path.suffix == ".jsonl":
        lines = b"".join(_json_line(row, f"{path}, row {index}") for index, row in enumerate(rows))
        write_atomic(path, lambda temporary: temporary.write_bytes(lines))
    else:
        table = pa.Table.from_pylist(list(rows), schema=schema)
        write_atomic(path, lambda temporary: pq.write_table(table, temporary))


def _json_line(row: Row, where: str) -> bytes:
    try:
        return json.dumps(row, ensure_ascii=False).encode() + b"\n"
    except (TypeError, ValueError):
        for name, value in row.items():
            try:
                json.dumps(value, ensure_ascii=False).encode()
            except (TypeError, ValueError) as error:
                raise InputError(f"{where}: column {name!r} does not fit into JSON: {error}; write .parquet") from None
        raise


def read_rows(source: Path, needed: Iterable[str]) -> list[tuple[str, Row]]:
    """Every row of a source with its place, `file:line` or `file row i`.

    Args:
        source: A `.parquet` or `.jsonl` file, or a run directory.
        needed: Columns that must be there.

    Raises:
        MissingFileError: Nothing there, or a directory without finished shards.
        InputError: A file has another ending or cannot be read, or a row lacks a needed column.
    """
    placed: list[tuple[str, Row]] = []
    for file in _files(source):
        if file.suffix == ".jsonl":
            placed += read_jsonl(file)
            continue
        if file.suffix != ".parquet":
            raise InputError(f"{file}: expected .jsonl or .parquet, or a run directory")
        try:
            with file.open("rb") as handle:  # no threads: a process that ends while those of pyarrow 26 start aborts
                rows = pq.read_table(handle, use_threads=False).to_pylist()
        except (pa.ArrowInvalid, OSError) as error:
            raise InputError(f"{file}: not a Parquet file: {error}") from None
        placed += [(f"{file} row {index}", row) for index, row in enumerate(rows)]
    for where, row in placed:
        if absent := [name for name in needed if row.get(name) is None]:
            raise InputError(f"{where}: field {absent[0]!r} is missing; the row has {', '.join(map(repr, row))}")
    return placed


def _files(source: Path) -> list[Path]:
    if source.is_dir():
        files = shard_files(source)
        if not files:
            raise MissingFileError(f"{source}: no finished shards in it; is it a run directory of prmkit?")
        return files
    if not source.is_file():
        raise MissingFileError(f"{source}: no such file or run directory")
    return [source]


SOLUTION_COLUMNS = ("problem_id", "problem", "solution_id", "steps")
"""That a row needs to be a solution."""


def read_solutions(source: Path) -> list[Solution]:
    """Every solution of a source; rows of labels and scores are solutions too.

    Raises:
        MissingFileError: Nothing there, or a directory without finished shards.
        InputError: A row is wrong, or a solution is there twice; the message gives the places.
    """
    return read_records(source, SOLUTION_COLUMNS, row_solution, lambda record: record)


def read_labels(source: Path) -> list[LabeledSolution]:
    """Every labelled solution of a source; errors as of `read_solutions`."""
    columns = (*SOLUTION_COLUMNS, "successes", "rollouts", "methods", "labels", "soft_labels")
    return read_records(source, columns, row_label, lambda record: record.solution)


def read_scores(source: Path) -> list[ScoredSolution]:
    """Every scored solution of a source; errors as of `read_solutions`."""
    columns = (*SOLUTION_COLUMNS, "step_scores", "score")
    return read_records(source, columns, row_score, lambda record: record.solution)


def read_records(
    source: Path, needed: Iterable[str], convert: Callable[[Row], T], solution: Callable[[T], Solution]
) -> list[T]:
    """What `convert` makes of every row, each about another `solution`; errors as of `read_solutions`."""
    records: list[T] = []
    places: dict[str, str] = {}
    with _uncollected():
        for where, row in read_rows(source, needed):
            record = convert_row(where, row, convert)
            name = solution(record).name
            if name in places:
                raise InputError(f"{where}: solution {name} is at {places[name]} already; keep one of them")
            places[name] = where
            records.append(record)
    return records


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Without garbage collection, which walks over millions of small objects again and again; none has circles."""
    put_back = gc.enable if gc.isenabled() else gc.disable
    gc.disable()
    try:
        yield
    finally:
        put_back()


def convert_row(where: str, row: Row, convert: Callable[[Row], T]) -> T:
    """What `convert` makes of a row.

    Raises:
        InputError: The row is wrong; the message says where it stands.
    """
    try:
        return convert(row)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise InputError(f"{where}: {error}") from None
