"""Math-Shepherd's marks and signs."""

from pathlib import Path
from typing import Any

import pytest

from prmkit.errors import InputError
from prmkit.formats.math_shepherd import read_math_shepherd, write_math_shepherd
from prmkit.formats.options import Neutral, ReadOptions, WriteOptions

from .outside_rows import SHEPHERD, rows_in, told, write

LABEL = SHEPHERD["label"]


def test_the_documented_row_is_read(tmp_path: Path) -> None:
    (labeled,) = read_math_shepherd(write(tmp_path / "m.jsonl", SHEPHERD)).labeled
    solution = labeled.solution
    assert solution.problem.problem.endswith("what's twenty less than what the waiter ate?")
    assert solution.problem.problem_id.startswith("GSM8K-")
    assert solution.steps[0] == "The total ratio representing the pizza is 5+8 = <<5+8=13>>13."
    assert labeled.labels == (1, -1, -1)
    assert solution.correct is False


def test_what_is_read_is_written_as_it_was(tmp_path: Path) -> None:
    labeled = read_math_shepherd(write(tmp_path / "m.jsonl", SHEPHERD)).labeled
    assert write_math_shepherd(tmp_path / "back.jsonl", labeled, WriteOptions()) == []
    assert rows_in(tmp_path / "back.jsonl") == [SHEPHERD]


def test_the_answer_is_that_of_a_right_solution_and_reaches_the_others(tmp_path: Path) -> None:
    right = {name: text.replace("-\n", "+\n") if name == "label" else text for name, text in SHEPHERD.items()}
    right["label"] = right["label"][:-1] + "+"
    reading = read_math_shepherd(write(tmp_path / "m.jsonl", SHEPHERD, right))
    assert [each.solution.problem.answer for each in reading.labeled] == ["52", "52"]
    assert [each.solution.correct for each in reading.labeled] == [False, True]
    assert len({each.solution.problem.problem_id for each in reading.labeled}) == 1


def test_the_last_sign_is_not_of_the_answer_where_that_is_said(tmp_path: Path) -> None:
    options = ReadOptions(last_step_is_answer=False)
    (labeled,) = read_math_shepherd(write(tmp_path / "m.jsonl", SHEPHERD), options).labeled
    assert labeled.solution.correct is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"label": LABEL.replace("13. +", "13. o")}, "'label', mark 0: a label must be '\\+' or '-', found 'o'"),
        ({"label": LABEL.replace("waiter ate 13", "cook ate 13")}, "'label': it differs from 'input' before mark 1"),
        ({"label": LABEL[:-1]}, "mark 2: a label must be '\\+' or '-', found ''"),
        ({"input": SHEPHERD["input"][:-3]}, "'input': every step must end with 'ки'"),
        ({"input": SHEPHERD["input"].replace("Step 1: ", "")}, "'input': nothing tells where the problem ends"),
        ({"input": None}, "field 'input' is missing"),
    ],
)
def test_a_bad_row_is_told_by_place_field_and_value(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=f"m.jsonl:1.*{said}"):
        read_math_shepherd(write(tmp_path / "m.jsonl", SHEPHERD | change))


def test_signs_are_written_neutral_ones_as_asked_and_odd_texts_left_out(tmp_path: Path) -> None:
    labeled = [told("+0"), told("-", steps=["зна ки"]), told("-", problem="Step 1: what?")]
    notes = write_math_shepherd(tmp_path / "m.jsonl", labeled, WriteOptions())
    assert [row["label"][-1] for row in rows_in(tmp_path / "m.jsonl")] == ["+"]
    assert notes == ["2 solutions are left out: their text holds 'ки', or the problem 'Step 1:'"]
    write_math_shepherd(tmp_path / "m.jsonl", labeled, WriteOptions(neutral=Neutral.INCORRECT))
    assert [row["label"][-1] for row in rows_in(tmp_path / "m.jsonl")] == ["-"]
    assert rows_in(tmp_path / "m.jsonl")[0]["task"] == ""
    with pytest.raises(InputError, match="a step of theirs is neutral"):
        write_math_shepherd(tmp_path / "m.jsonl", labeled, WriteOptions(neutral=Neutral.LEAVE_OUT))
