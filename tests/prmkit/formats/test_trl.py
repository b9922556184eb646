"""TRL's stepwise supervision."""

from pathlib import Path
from typing import Any

import pytest

from prmkit.errors import InputError
from prmkit.formats.options import Neutral, ReadOptions, WriteOptions
from prmkit.formats.trl import read_trl, write_trl
from prmkit.records import Problem, StepLabel

from .outside_rows import rows_in, told, write

ROW: dict[str, Any] = {
    "prompt": "Which number is larger, 9.8 or 9.11?",
    "completions": ["11 is greater than 8.", "Hence, 9.11 > 9.8."],
    "labels": [True, False],
}
"""As TRL documents it."""


def test_the_documented_row_is_read(tmp_path: Path) -> None:
    (labeled,) = read_trl(write(tmp_path / "t.jsonl", ROW)).labeled
    assert labeled.solution.problem.problem == ROW["prompt"] and labeled.solution.problem.answer is None
    assert labeled.solution.steps == tuple(ROW["completions"]) and labeled.solution.solution_id == "t-0"
    assert labeled.labels == (StepLabel.CORRECT, StepLabel.INCORRECT)
    assert labeled.solution.correct is None


@pytest.mark.parametrize("name", ["back.jsonl", "back.json", "back.parquet"])
def test_what_is_read_is_written_as_it_was(tmp_path: Path, name: str) -> None:
    from prmkit.formats.verdicts import placed_rows

    labeled = read_trl(write(tmp_path / "t.jsonl", ROW)).labeled
    assert write_trl(tmp_path / name, labeled, WriteOptions()) == []
    assert [row for _, row in placed_rows(tmp_path / name)] == [ROW]


def test_a_soft_label_in_the_file_stays_soft(tmp_path: Path) -> None:
    """TRL's trainer would cast it: int(0.75) is 0 (PITFALLS 12)."""
    (labeled,) = read_trl(write(tmp_path / "t.jsonl", ROW | {"labels": [0.75, 0]})).labeled
    assert labeled.values == (0.75, 0.0) and labeled.labels == (1, -1)


def test_the_last_label_tells_of_the_answer_only_if_that_is_said(tmp_path: Path) -> None:
    file = write(tmp_path / "t.jsonl", ROW, ROW | {"labels": [True, True]})
    reading = read_trl(file, ReadOptions(last_step_is_answer=True))
    assert [each.solution.correct for each in reading.labeled] == [False, True]
    assert [each.solution.correct for each in read_trl(file).labeled] == [None, None]


def test_known_problems_bring_ids_and_answers(tmp_path: Path) -> None:
    known = Problem(problem_id="p", problem=ROW["prompt"], answer="9.8")
    (labeled,) = read_trl(write(tmp_path / "t.jsonl", ROW), ReadOptions(problems=[known])).labeled
    assert labeled.solution.problem is known


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"labels": [True]}, "field 'labels' has 1 entries for 2 completions"),
        ({"labels": [True, -100]}, r"labels\[1\]: a label must be true, false or a number in \[0, 1\], found -100"),
        ({"labels": "++"}, "field 'labels' must be a list of true and false, found '\\+\\+'"),
        ({"completions": ["a", " "]}, "field 'completions' must be a list of texts, at least one, none blank"),
        ({"prompt": None}, "field 'prompt' is missing"),
    ],
)
def test_a_bad_row_is_told_by_place_field_and_value(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=rf"t.jsonl:2.*{said}"):
        read_trl(write(tmp_path / "t.jsonl", ROW, ROW | change))


def test_neutral_steps_are_written_as_asked(tmp_path: Path) -> None:
    file, labeled = tmp_path / "t.jsonl", [told("+0"), told("+-")]
    assert write_trl(file, labeled, WriteOptions()) == []
    assert [row["labels"] for row in rows_in(file)] == [[True, True], [True, False]]
    write_trl(file, labeled, WriteOptions(neutral=Neutral.INCORRECT))
    assert [row["labels"] for row in rows_in(file)] == [[True, False], [True, False]]
    notes = write_trl(file, labeled, WriteOptions(neutral=Neutral.LEAVE_OUT))
    assert [row["labels"] for row in rows_in(file)] == [[True, False]]
    assert notes == ["1 solutions are left out: a step of theirs is neutral"]


def test_trl_itself_reads_what_is_written(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    write_trl(tmp_path / "t.parquet", [told("+-")], WriteOptions())
    features = datasets.Dataset.from_parquet(str(tmp_path / "t.parquet"), cache_dir=str(tmp_path)).features
    assert features["labels"].feature.dtype == "bool" and features["completions"].feature.dtype == "string"
