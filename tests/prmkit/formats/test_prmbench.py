"""PRMBench."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from prmkit.demo.oracle import StepTruth
from prmkit.errors import InputError
from prmkit.formats.prmbench import read_prmbench

N, U, W = StepTruth.NEEDED, StepTruth.UNNEEDED, StepTruth.WRONG
ROW = {
    "idx": "prm_test_p1_0",
    "original_question": "What is 1 + 2?",
    "modified_question": "What is 1 + 2 + 3?",
    "original_process": ["1 + 2 = 3"],
    "modified_process": ["1 + 2 = 3 ", "3 + 3 = 7", "The answer is 7"],
    "error_steps": [2, 3],
    "classification": "confidence",
}


def write(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_marked_steps_of_the_modified_process_are_wrong_and_count_from_one(tmp_path: Path) -> None:
    (judged,) = read_prmbench(write(tmp_path / "b.jsonl", ROW))
    assert (judged.name, judged.problem) == ("prm_test_p1_0/confidence", "What is 1 + 2 + 3?")
    assert judged.steps[0] == "1 + 2 = 3"
    assert judged.verdicts.truths == (N, W, W)
    assert judged.verdicts.first_error == 1 and judged.verdicts.answer_right is None


def test_the_kind_and_the_problem_it_was_made_from_are_kept(tmp_path: Path) -> None:
    rows = [ROW, ROW | {"question": "What  is $1 + 2$?"}, {k: v for k, v in ROW.items() if k != "original_question"}]
    whole, raw, bare = read_prmbench(write(tmp_path / "b.jsonl", *rows))
    assert whole.category == "confidence"
    assert (whole.group, raw.group, bare.group) == ("What is 1 + 2?", "What is $1 + 2$?", "What is 1 + 2 + 3?")


def test_redundant_steps_are_not_wrong(tmp_path: Path) -> None:
    (judged,) = read_prmbench(write(tmp_path / "b.jsonl", ROW | {"classification": "redundency"}))
    assert judged.verdicts.truths == (N, U, U) and judged.verdicts.first_error == -1


def test_marks_beyond_the_last_step_are_ignored(tmp_path: Path) -> None:
    (judged,) = read_prmbench(write(tmp_path / "b.jsonl", ROW | {"error_steps": [3, 4]}))
    assert judged.verdicts.truths == (N, N, W)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"error_steps": [0]}, "field 'error_steps' must be a list of step numbers from 1"),
        ({"error_steps": ["1"]}, "field 'error_steps' must be a list of step numbers from 1"),
        ({"error_steps": None}, "field 'error_steps' must be a list of step numbers from 1"),
        ({"modified_process": []}, "field 'modified_process' must be a list of texts"),
        ({"modified_question": None}, "field 'modified_question' is missing"),
        ({"classification": ""}, "field 'classification' is empty"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=rf"b.jsonl:2: {message}"):
        read_prmbench(write(tmp_path / "b.jsonl", ROW, ROW | change))


def test_the_real_cases_are_read_whole(data_dir: Path) -> None:
    judged = read_prmbench(data_dir / "prmbench" / "subset400.jsonl")
    assert len({each.name for each in judged}) == len(judged) == 394
    found = Counter(each.name.partition("/")[2] for each in judged if each.verdicts.first_error != -1)
    assert found["circular"] == found["deception"] == 48
    assert "redundency" not in found and "multi_solutions" not in found
