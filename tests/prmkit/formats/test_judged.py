"""ProcessBench and PRMBench as labelled data."""

from pathlib import Path
from typing import Any

import pytest

from prmkit.errors import InputError
from prmkit.formats.judged import read_prmbench_labels, read_processbench_labels
from prmkit.formats.options import ReadOptions
from prmkit.formats.processbench import read_processbench
from prmkit.records import EstimateMethod, FinishReason, Problem

from .outside_rows import write

BENCH: dict[str, Any] = {
    "id": "gsm8k-0",
    "generator": "Qwen2-7B-Instruct",
    "problem": "What is 1 + 2 + 3?",
    "steps": ["1 + 2 = 3", "3 + 3 = 7", "The answer is: 7"],
    "final_answer_correct": False,
    "label": 1,
}
RIGHT = BENCH | {"id": "gsm8k-1", "steps": ["1 + 2 = 3", r"\boxed{6}"], "final_answer_correct": True, "label": -1}
PRMBENCH: dict[str, Any] = {
    "idx": "t_1",
    "question": "What is 1 + 2 + 3?",
    "original_question": "What's 1+2+3?",
    "modified_question": "What is 1 + 2 + 3 now?",
    "modified_process": ["1 + 2 = 3", "3 = 3", "3 + 3 = 7"],
    "error_steps": [2],
    "classification": "redundency",
}


def test_steps_after_the_first_error_have_no_label_and_are_cut(tmp_path: Path) -> None:
    """Nobody judged them; keeping them as wrong would be made up (PITFALLS 5)."""
    wrong, right = read_processbench_labels(write(tmp_path / "p.jsonl", BENCH, RIGHT)).labeled
    assert wrong.solution.steps == ("1 + 2 = 3", "3 + 3 = 7") and wrong.labels == (1, -1)
    assert (wrong.solution.finish, wrong.solution.correct) == (FinishReason.STEP, False)
    assert right.labels == (1, 1)
    assert (right.solution.finish, right.solution.correct) == (FinishReason.END, True)
    assert {each.method for each in (*wrong.estimates, *right.estimates)} == {EstimateMethod.GIVEN}


def test_what_is_cut_is_counted_and_answers_come_from_right_solutions(tmp_path: Path) -> None:
    reading = read_processbench_labels(write(tmp_path / "p.jsonl", BENCH, RIGHT))
    assert {each.solution.problem.answer for each in reading.labeled} == {"6"}
    assert "1 steps that nobody judged are left out (mostly after the first error)" in reading.notes


def test_a_superfluous_step_is_neutral_and_a_false_one_incorrect(tmp_path: Path) -> None:
    false = PRMBENCH | {"classification": "counterfactual"}
    one, other = read_prmbench_labels(write(tmp_path / "p.jsonl", PRMBENCH, false)).labeled
    assert one.labels == (1, 0, 1) and other.labels == (1, -1, 1)
    assert other.solution.correct is None


def test_solutions_made_from_one_problem_share_its_id(tmp_path: Path) -> None:
    """Else they could fall on both sides of a split (PITFALLS 27)."""
    other = PRMBENCH | {"modified_question": "And now?", "classification": "confidence"}
    known = Problem(problem_id="known", problem="What is 1 + 2 + 3?", answer="6")
    file = write(tmp_path / "p.jsonl", PRMBENCH, other)
    for options, expected in ((ReadOptions(), None), (ReadOptions(problems=[known]), {"known"})):
        labeled = read_prmbench_labels(file, options).labeled
        ids = {each.solution.problem.problem_id for each in labeled}
        assert len(ids) == 1 and expected in (None, ids)
        assert [each.solution.problem.problem for each in labeled] == ["What is 1 + 2 + 3 now?", "And now?"]


def test_a_bad_row_is_told_and_can_be_left_out(tmp_path: Path) -> None:
    file = write(tmp_path / "p.jsonl", BENCH | {"label": 3}, RIGHT)
    with pytest.raises(InputError, match=r"p.jsonl:1: field 'label' is 3, but there are 3 steps \(--skip-bad"):
        read_processbench_labels(file)
    assert len(read_processbench_labels(file, ReadOptions(skip_bad=True)).labeled) == 1


def test_real_benchmarks_are_labelled_data_too(data_dir: Path) -> None:
    file = data_dir / "processbench" / "gsm8k.json"
    labeled, judged = read_processbench_labels(file).labeled, read_processbench(file)
    assert len(labeled) == len(judged) == 400
    for ours, theirs in zip(labeled, judged, strict=True):
        error = theirs.verdicts.first_error
        assert len(ours.labels) == (len(theirs.steps) if error == -1 else (error or 0) + 1), theirs.name
        assert (-1 in ours.labels) is (error != -1)
    reading = read_prmbench_labels(data_dir / "prmbench" / "subset400.jsonl")
    assert len(reading.labeled) == 394
