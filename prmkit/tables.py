"""Records to Parquet and back: one row per solution, the schemas of `prmkit.records`.

A source is a Parquet file, a JSONL file of the same columns, or a run directory (its finished shards).
"""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

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
)

Row = dict[str, Any]
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


def row_solution(row: Row) -> Solution:
    """The solution in a row of any of the three schemas."""
    prompt_ids, step_ids = row.get("prompt_ids"), row.get("step_ids")
    return Solution(
        solution_id=str(row["solution_id"]),
        problem=Problem(problem_id=str(row["problem_id"]), problem=row["problem"], answer=row["answer"]),
        steps=tuple(row["steps"]),
        prompt_ids=None if prompt_ids is None else tuple(prompt_ids),
        step_ids=None if step_ids is None else tuple(tuple(ids) for ids in step_ids),
        finish=FinishReason(row.get("finish") or FinishReason.END),
        correct=row.get("correct"),
    )


def label_row(labeled: LabeledSolution) -> Row:
    """A labelled solution as a row of `LABEL_SCHEMA`."""
    return solution_row(labeled.solution) | {
        "successes": [each.successes for each in labeled.estimates],
        "rollouts": [each.rollouts for each in labeled.estimates],
        "methods": [str(each.method) for each in labeled.estimates],
        "labels": [int(label) for label in labeled.labels],
        "soft_labels": [list(soft) for soft in labeled.soft_labels],
    }


def row_label(row: Row) -> LabeledSolution:
    """The labelled solution in a row of `LABEL_SCHEMA`."""
    counts = zip(row["successes"], row["rollouts"], row["methods"], strict=True)
    return LabeledSolution(
        solution=row_solution(row),
        estimates=tuple(StepEstimate(successes=k, rollouts=n, method=EstimateMethod(how)) for k, n, how in counts),
        labels=tuple(StepLabel(label) for label in row["labels"]),
        soft_labels=tuple((soft[0], soft[1], soft[2]) for soft in row["soft_labels"]),
    )


def score_row(scored: ScoredSolution) -> Row:
    """A scored solution as a row of `SCORE_SCHEMA`."""
    return solution_row(scored.solution) | {"step_scores": list(scored.step_scores), "score": scored.score}


def row_score(row: Row) -> ScoredSolution:
    """The scored solution in a row of `SCORE_SCHEMA`."""
    return ScoredSolution(solution=row_solution(row), step_scores=tuple(row["step_scores"]), score=row["score"])


def write_rows(path: Path, rows: Sequence[Row], schema: pa.Schema) -> None:
    """Write a whole Parquet file (or JSON lines, where the name ends in `.jsonl`), or nothing."""
    if path.suffix == ".jsonl":
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        write_atomic(path, lambda temporary: temporary.write_text(lines, encoding="utf-8"))
    else:
        table = pa.Table.from_pylist(list(rows), schema=schema)
        write_atomic(path, lambda temporary: pq.write_table(table, temporary))


def read_rows(source: Path, needed: Iterable[str]) -> list[tuple[str, Row]]:
    """Every row of a source with its place, `file:line` or `file row i`.

    Args:
        source: A `.parquet` or `.jsonl` file, or a run directory.
        needed: Columns that must be there.

    Raises:
        MissingFileError: Nothing there, or a directory without finished shards.
        InputError: A file cannot be read, or a row lacks a needed column.
    """
    placed: list[tuple[str, Row]] = []
    for file in _files(source):
        if file.suffix == ".jsonl":
            placed += read_jsonl(file)
            continue
        try:
            rows = pq.read_table(file).to_pylist()
        except (pa.ArrowInvalid, OSError) as error:
            raise InputError(f"{file}: not a Parquet file: {error}") from None
        placed += [(f"{file} row {index}", row) for index, row in enumerate(rows)]
    for where, row in placed:
        if absent := [name for name in needed if row.get(name) is None]:
            raise InputError(f"{where}: field {absent[0]!r} is missing; the row has {', '.join(map(repr, row))}")
    return placed


def _files(source: Path) -> list[Path]:
    if source.is_dir():
        files = sorted((source / "shards").glob("*.parquet"))
        if not files:
            raise MissingFileError(f"{source}: no finished shards in it; is it a run directory of prmkit?")
        return files
    if not source.is_file():
        raise MissingFileError(f"{source}: no such file or run directory")
    return [source]


_SOLUTION_COLUMNS = ("problem_id", "problem", "answer", "solution_id", "steps")


def read_solutions(source: Path) -> list[Solution]:
    """Every solution of a source; rows of labels and scores are solutions too."""
    return [_convert(where, row, row_solution) for where, row in read_rows(source, _SOLUTION_COLUMNS)]


def read_labels(source: Path) -> list[LabeledSolution]:
    """Every labelled solution of a source."""
    columns = (*_SOLUTION_COLUMNS, "successes", "rollouts", "methods", "labels", "soft_labels")
    return [_convert(where, row, row_label) for where, row in read_rows(source, columns)]


def read_scores(source: Path) -> list[ScoredSolution]:
    """Every scored solution of a source."""
    return [_convert(where, row, row_score) for where, row in read_rows(source, (*_SOLUTION_COLUMNS, "score"))]


def _convert(where: str, row: Row, convert: Callable[[Row], T]) -> T:
    try:
        return convert(row)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise InputError(f"{where}: {error}") from None
