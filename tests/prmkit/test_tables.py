"""Tables: what is read is what was written, and a wrong row is told by its place, its field and what was found."""

import contextlib
import datetime
import gc
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from prmkit.errors import InputError, MissingFileError
from prmkit.records import (
    LABEL_SCHEMA,
    SCORE_SCHEMA,
    EstimateMethod,
    LabeledSolution,
    Problem,
    ScoredSolution,
    Solution,
    StepEstimate,
    StepLabel,
    Strategy,
)
from prmkit.tables import (
    label_row,
    read_labels,
    read_records,
    read_scores,
    read_solutions,
    row_score,
    score_row,
    write_rows,
)

SOLUTION = Solution(
    solution_id="0",
    problem=Problem(problem_id="p", problem="1 + 1?", answer="2"),
    steps=("1 + 1 = 2.", "The answer is 2."),
    prompt_ids=(1, 2),
    step_ids=((3,), (4, 5)),
    correct=True,
)
LABELED = LabeledSolution(
    solution=SOLUTION,
    estimates=(
        StepEstimate(successes=1, rollouts=2),
        StepEstimate(successes=1, rollouts=1, method=EstimateMethod.GRADED),
    ),
    labels=(StepLabel.NEUTRAL, StepLabel.CORRECT),
    soft_labels=((0.0, 0.5, 0.5), (0.0, 0.0, 1.0)),
)
SEARCHED = replace(
    LABELED,
    estimates=(StepEstimate(successes=0, rollouts=0, method=EstimateMethod.INFERRED), LABELED.estimates[1]),
    intervals=((0.0, 1.0), (1.0, 1.0)),
    strategy=Strategy.FIRST_ERROR,
    problem_estimate=StepEstimate(successes=0, rollouts=4),
)
SCORED = ScoredSolution(solution=SOLUTION, step_scores=(0.5, 0.25), score=0.25)
ROW = label_row(LABELED) | score_row(SCORED)
READERS = (read_solutions, read_labels, read_scores)


def lines(folder: Path, *rows: dict[str, Any]) -> Path:
    """A JSONL file of the rows."""
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.parquet"])
def test_what_is_read_is_what_was_written(tmp_path: Path, name: str) -> None:
    write_rows(tmp_path / "labels" / name, [label_row(LABELED)], LABEL_SCHEMA)
    write_rows(tmp_path / "searched" / name, [label_row(SEARCHED)], LABEL_SCHEMA)
    write_rows(tmp_path / "scores" / name, [score_row(SCORED)], SCORE_SCHEMA)
    assert read_labels(tmp_path / "labels" / name) == [LABELED]
    assert read_labels(tmp_path / "searched" / name) == [SEARCHED]
    assert read_scores(tmp_path / "scores" / name) == [SCORED]
    assert read_solutions(tmp_path / "scores" / name) == [SOLUTION]


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.parquet"])
def test_labels_given_from_outside_may_lack_answer_verdict_and_counts(tmp_path: Path, name: str) -> None:
    given = StepEstimate(successes=0, rollouts=0, method=EstimateMethod.GIVEN)
    unknown = replace(SOLUTION, problem=replace(SOLUTION.problem, answer=None), correct=None)
    labeled = replace(LABELED, solution=unknown, estimates=(given, given))
    write_rows(tmp_path / name, [label_row(labeled)], LABEL_SCHEMA)
    assert read_labels(tmp_path / name) == [labeled]
    assert read_solutions(tmp_path / name) == [unknown]


def test_numbers_as_ids_and_answers_are_written_out(tmp_path: Path) -> None:
    (read,) = read_solutions(lines(tmp_path, ROW | {"problem_id": 7, "solution_id": 3, "answer": 2}))
    assert (read.name, read.problem.answer) == ("7/3", "2")


WRONG_SOLUTIONS = [
    ("steps", "abc", "'abc'"),
    ("steps", ["x", 3], "['x', 3]"),
    ("problem", 12, "12"),
    ("answer", ["2"], "['2']"),
    ("problem_id", True, "True"),
    ("solution_id", {"a": 1}, "{'a': 1}"),
    ("prompt_ids", ["1", 2], "['1', 2]"),
    ("prompt_ids", 7, "7"),
    ("step_ids", [3, 4], "[3, 4]"),
    ("step_ids", [[3], [4.5]], "[[3], [4.5]]"),
    ("finish", "stopped", "'stopped'"),
    ("correct", "yes", "'yes'"),
]
WRONG_LABELS = [
    ("labels", "no", "'no'"),
    ("labels", [1, 7], "7"),
    ("labels", [1, True], "[1, True]"),
    ("soft_labels", [0.5, 0.5], "[0.5, 0.5]"),
    ("soft_labels", [[0.5, 0.5], [0.5, 0.5]], "[[0.5, 0.5], [0.5, 0.5]]"),
    ("soft_labels", [["a", 0, 1], [0, 0, 1]], "[['a', 0, 1], [0, 0, 1]]"),
    ("successes", 1, "1"),
    ("rollouts", ["2", 1], "['2', 1]"),
    ("methods", ["guessed", "graded"], "'guessed'"),
    ("lows", ["low", 1.0], "['low', 1.0]"),
    ("highs", 1.0, "1.0"),
    ("strategy", "lucky", "'lucky'"),
    ("problem_successes", "3", "'3'"),
    ("problem_rollouts", 4.5, "4.5"),
]
WRONG_SCORES = [("step_scores", 0.5, "0.5"), ("step_scores", [0.5, None], "[0.5, None]"), ("score", "high", "'high'")]


@pytest.mark.parametrize(
    ("read", "field", "value", "found"),
    [
        (reader, *case)
        for reader, cases in zip(READERS, (WRONG_SOLUTIONS, WRONG_LABELS, WRONG_SCORES), strict=True)
        for case in cases
    ],
)
def test_a_value_of_the_wrong_type_is_told_by_line_field_and_value(
    tmp_path: Path, read: Any, field: str, value: Any, found: str
) -> None:
    whole = ROW | {"lows": [0.0, 1.0], "highs": [1.0, 1.0], "problem_successes": 3, "problem_rollouts": 4}
    file = lines(tmp_path, whole | {"solution_id": "first"}, whole | {field: value})
    with pytest.raises(InputError) as error:
        read(file)
    assert str(error.value).startswith(f"{file}:2: field {field!r} must be ")
    assert str(error.value).endswith(f", found {found}")


def test_a_wrong_value_in_parquet_is_told_by_its_row(tmp_path: Path) -> None:
    rows = [label_row(LABELED), label_row(LABELED) | {"solution_id": "1", "labels": [1, 5]}]
    write_rows(tmp_path / "rows.parquet", rows, LABEL_SCHEMA)
    with pytest.raises(InputError, match=r"rows\.parquet row 1: field 'labels' must be one of -1, 0, 1, found 5"):
        read_labels(tmp_path / "rows.parquet")


def test_counts_of_different_length_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"rows\.jsonl:1: .*'rollouts' and 'methods' differ in length: 2, 1 and 2"):
        read_labels(lines(tmp_path, ROW | {"rollouts": [4]}))


def test_one_end_of_the_intervals_alone_or_of_another_length_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"rows\.jsonl:1: field 'highs' is missing"):
        read_labels(lines(tmp_path, ROW | {"lows": [0.0, 1.0]}))
    with pytest.raises(InputError, match=r"rows\.jsonl:1: fields 'lows' and 'highs' differ in length: 2 and 1"):
        read_labels(lines(tmp_path, ROW | {"lows": [0.0, 1.0], "highs": [1.0]}))


def test_tables_without_intervals_and_strategy_are_read(tmp_path: Path) -> None:
    later = ("lows", "highs", "strategy", "problem_successes", "problem_rollouts")
    assert read_labels(lines(tmp_path, {name: value for name, value in ROW.items() if name not in later})) == [LABELED]


@pytest.mark.parametrize(("read", "field"), zip(READERS, ("steps", "soft_labels", "step_scores"), strict=True))
def test_an_absent_column_is_named(tmp_path: Path, read: Any, field: str) -> None:
    row = {name: value for name, value in ROW.items() if name != field}
    with pytest.raises(InputError, match=rf"rows\.jsonl:1: field '{field}' is missing"):
        read(lines(tmp_path, row))


@pytest.mark.parametrize("read", READERS)
def test_a_solution_that_is_there_twice_is_told_with_both_places(tmp_path: Path, read: Any) -> None:
    file = lines(tmp_path, ROW, ROW | {"solution_id": "1"}, ROW)
    with pytest.raises(InputError) as error:
        read(file)
    assert str(error.value) == f"{file}:3: solution p/0 is at {file}:1 already; keep one of them"


@pytest.mark.parametrize("collecting", [True, False])
@pytest.mark.parametrize("copies", [1, 2])
def test_the_garbage_collector_rests_only_while_a_table_is_read(tmp_path: Path, collecting: bool, copies: int) -> None:
    write_rows(tmp_path / "scores.parquet", [score_row(SCORED)] * copies, SCORE_SCHEMA)
    collected = []

    def convert(row: dict[str, Any]) -> ScoredSolution:
        collected.append(gc.isenabled())
        return row_score(row)

    (gc.enable if collecting else gc.disable)()
    try:
        with contextlib.suppress(InputError):  # two copies are refused
            read_records(tmp_path / "scores.parquet", (), convert, lambda each: each.solution)
        assert collected == [False] * copies and gc.isenabled() is collecting
    finally:
        gc.enable()


def test_a_solution_in_two_shards_is_told_with_both_files(tmp_path: Path) -> None:
    for shard in ("00000", "00001"):
        write_rows(tmp_path / "shards" / f"{shard}.parquet", [label_row(LABELED)], LABEL_SCHEMA)
    with pytest.raises(InputError, match=r"00001\.parquet row 0: solution p/0 is at .*00000\.parquet row 0 already"):
        read_solutions(tmp_path)


@pytest.mark.parametrize(
    "value", [datetime.date(2024, 1, 2), b"bytes", {"deep": [datetime.date(2024, 1, 2)]}, "\ud800"]
)
def test_a_value_json_cannot_hold_is_told_by_its_column_and_nothing_is_written(tmp_path: Path, value: Any) -> None:
    file = tmp_path / "rows.jsonl"
    with pytest.raises(InputError, match=r"rows\.jsonl, row 1: column 'when' does not fit into JSON"):
        write_rows(file, [{"id": 1, "when": "now"}, {"id": 2, "when": value}], LABEL_SCHEMA)
    assert not list(tmp_path.iterdir())


def test_sources_that_are_not_there_or_not_tables_are_told(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="no such file or run directory"):
        read_solutions(tmp_path / "absent")
    with pytest.raises(MissingFileError, match="no finished shards"):
        read_solutions(tmp_path)
    (tmp_path / "text.parquet").write_text("not a table")
    with pytest.raises(InputError, match=r"text\.parquet: not a Parquet file"):
        read_solutions(tmp_path / "text.parquet")
    (tmp_path / "rows.json").write_text("[]")
    with pytest.raises(InputError, match=r"rows\.json: expected \.jsonl or \.parquet"):
        read_solutions(tmp_path / "rows.json")
