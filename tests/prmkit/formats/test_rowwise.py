"""Files of outside rows."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from prmkit.errors import InputError
from prmkit.formats.options import ReadOptions
from prmkit.formats.rowwise import read_each, with_answers, write_each, write_objects
from prmkit.records import FinishReason, LabeledSolution
from prmkit.tables import Row

from .outside_rows import rows_in, told, write


def convert(row: Row, where: str, name: str) -> Iterator[LabeledSolution]:
    if row["kind"] == "bad":
        raise InputError(f"{where}: field 'kind' is bad")
    if row["kind"] == "blank":
        yield told("+", steps=[" "])
    if row["kind"] == "good":
        yield told("+", name=name)


def test_a_bad_row_is_told_by_its_place_and_how_to_go_on(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.jsonl", {"kind": "good"}, {"kind": "bad"})
    with pytest.raises(InputError, match=r"rows.jsonl:2: field 'kind' is bad \(--skip-bad leaves such rows out\)$"):
        read_each(file, ReadOptions(), convert)


def test_a_row_whose_record_refuses_it_is_told_by_its_place_too(tmp_path: Path) -> None:
    """A blank step is none (PITFALLS 13, 14)."""
    file = write(tmp_path / "rows.jsonl", {"kind": "blank"})
    with pytest.raises(InputError, match=r"rows.jsonl:1: .*a blank one; every step needs text"):
        read_each(file, ReadOptions(), convert)


def test_bad_rows_can_be_left_out_and_are_counted(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.jsonl", *({"kind": kind} for kind in ("bad", "good", "none", "bad", "good")))
    reading = read_each(file, ReadOptions(skip_bad=True), convert)
    assert [each.solution.solution_id for each in reading.labeled] == ["rows-1", "rows-4"]
    first, second = reading.notes
    assert first.startswith("2 rows cannot be read and are left out; the first:") and "rows.jsonl:1" in first
    assert second == "1 rows say nothing about a step and are left out"


def test_a_file_without_a_usable_row_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.jsonl", {"kind": "bad"})
    with pytest.raises(InputError, match=r"rows.jsonl: no row with a label for a step; 1 rows cannot be read"):
        read_each(file, ReadOptions(skip_bad=True), convert)


def test_a_problem_without_an_answer_gets_the_one_that_a_right_solution_marks() -> None:
    steps = ["1 + 1 = 2.", "The answer is: 2"]
    wrong = told("+-", name="wrong", steps=["1 + 1 = 3.", "The answer is: 3"], correct=False)
    right = told("++", name="right", steps=steps, correct=True)
    other = told("+-", problem="Another?", correct=False)
    labeled, note = with_answers([wrong, right, other])
    assert [each.solution.problem.answer for each in labeled] == ["2", "2", None]
    assert note == "the answers of 1 problems are those that a right solution of each marks"
    assert labeled[0].solution.correct is False


@pytest.mark.parametrize("finish", [FinishReason.STEP, FinishReason.LENGTH])
def test_a_solution_that_was_cut_gives_no_answer(finish: FinishReason) -> None:
    cut = told("+", steps=["The answer is: 2"], correct=True, finish=finish)
    assert with_answers([cut]) == ([cut], None)


def test_known_answers_and_solutions_without_a_mark_are_left_alone() -> None:
    known = told("+", steps=["The answer is: 2"], correct=True, answer="two")
    unmarked = told("+", problem="Another?", steps=["Two it is"], correct=True)
    assert with_answers([known, unmarked]) == ([known, unmarked], None)


def test_what_cannot_be_written_is_counted_by_its_reason(tmp_path: Path) -> None:
    labeled = [told("+"), told("-"), told("--"), told("0")]
    notes = write_each(
        tmp_path / "out.jsonl", labeled, lambda each: "they are wrong" if -1 in each.labels else {"n": len(each.labels)}
    )
    assert rows_in(tmp_path / "out.jsonl") == [{"n": 1}, {"n": 1}]
    assert notes == ["2 solutions are left out: they are wrong"]
    with pytest.raises(InputError, match=r"out.jsonl: nothing can be written in this format; 1 solutions are left out"):
        write_each(tmp_path / "out.jsonl", labeled[:1], lambda _: "no")


def test_rows_are_written_by_the_ending_of_the_name(tmp_path: Path) -> None:
    from prmkit.formats.verdicts import placed_rows

    rows = [{"a": 1, "b": ["x"]}, {"a": 2, "b": []}]
    for name in ("rows.jsonl", "rows.json", "rows.parquet"):
        write_objects(tmp_path / name, rows)
        assert [row for _, row in placed_rows(tmp_path / name)] == rows
    with pytest.raises(InputError, match=r"must end in .jsonl or .json or .parquet"):
        write_objects(tmp_path / "rows.csv", rows)
    with pytest.raises(InputError, match=r"must end in .jsonl or .json$"):
        write_objects(tmp_path / "rows.parquet", rows, nested=True)


def test_an_answer_taken_from_one_solution_reaches_the_whole_problem() -> None:
    right = told("+", steps=["#### 2"], correct=True)
    others = [replace(told("-"), intervals=((0.0, 1.0),)), right]
    assert [each.solution.problem.answer for each in with_answers(others)[0]] == ["2", "2"]
