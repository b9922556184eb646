"""PRM800K, by the layout that its authors document."""

import json
from pathlib import Path
from typing import Any

import pytest

from prmkit.demo.oracle import StepTruth
from prmkit.errors import InputError
from prmkit.formats.prm800k import read_prm800k

N, U, W = StepTruth.NEEDED, StepTruth.UNNEEDED, StepTruth.WRONG


def completion(text: str, rating: int | None) -> dict[str, Any]:
    return {"text": text, "rating": rating, "flagged": None}


def step(*completions: dict[str, Any], chosen: int | None = 0, human: Any = None) -> dict[str, Any]:
    return {"completions": list(completions), "human_completion": human, "chosen_completion": chosen}


def row(steps: list[Any], finish: str = "solution", pre: list[str] | None = None) -> dict[str, Any]:
    return {
        "labeler": "somebody",
        "timestamp": "2023-01-22T04:34:27.052924",
        "generation": None if pre is None else 9,
        "is_quality_control_question": False,
        "is_initial_screening_question": False,
        "question": {
            "problem": "What is 1 + 2 + 3?",
            "ground_truth_answer": "6",
            "pre_generated_steps": pre,
            "pre_generated_answer": None if pre is None else "7",
        },
        "label": {"steps": steps, "total_time": 1000, "finish_reason": finish},
    }


PHASE_TWO = row(
    [
        step(completion("I add.", 0)),
        step(completion("1 + 2 = 3", 1)),
        step(completion("3 + 3 = 7", -1), completion("3 + 3 = 6", 1), chosen=None),
    ],
    "found_error",
    ["I add.", "1 + 2 = 3 ", "3 + 3 = 7", "# Answer\n\n7"],
)
PHASE_ONE = row(
    [
        step(completion("1 + 2 = 4", -1), completion("1 + 2 = 3", 1), completion("I add.", 0), chosen=1),
        step(completion("3 + 3 = 7", -1), chosen=None, human={"text": "3 + 3 = 6", "rating": None}),
        step(completion("Hm.", None), completion("# Answer\n\n6", 1), chosen=1),
    ]
)


def read(tmp_path: Path, *rows: Any) -> list[Any]:
    file = tmp_path / "phase.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in rows), encoding="utf-8")
    return read_prm800k(file)


def test_a_pre_generated_solution_is_kept_whole_and_not_judged_after_its_error(tmp_path: Path) -> None:
    (judged,) = read(tmp_path, PHASE_TWO)
    assert judged.steps == ("I add.", "1 + 2 = 3", "3 + 3 = 7", "# Answer\n\n7")
    assert judged.verdicts.truths == (U, N, W, None)
    assert judged.verdicts.first_error == 2 and judged.verdicts.answer_right is None


def test_alternatives_of_a_step_never_follow_each_other(tmp_path: Path) -> None:
    (judged,) = read(tmp_path, PHASE_ONE)
    assert judged.steps == ("1 + 2 = 3", "3 + 3 = 6", "# Answer\n\n6")
    assert judged.verdicts.truths == (N, N, N) and judged.verdicts.answer_right is True


def test_a_path_on_which_nothing_more_was_chosen_ends_with_a_wrong_step(tmp_path: Path) -> None:
    last = step(completion("Hm.", 0), completion("3 + 3 = 7", -1), completion("3 + 3 = 8", -1), chosen=None)
    (judged,) = read(tmp_path, row([*PHASE_ONE["label"]["steps"][:1], last, last], "found_error"))
    assert judged.steps == ("1 + 2 = 3", "3 + 3 = 7") and judged.verdicts.truths == (N, W)


def test_a_step_without_a_rating_is_not_judged(tmp_path: Path) -> None:
    (judged,) = read(tmp_path, row([step(completion("Hm.", None))]))
    assert judged.verdicts.truths == (None,) and judged.verdicts.first_error is None


@pytest.mark.parametrize("finish", ["bad_problem", "give_up"])
def test_rows_that_were_given_up_are_left_out_and_the_others_keep_their_names(tmp_path: Path, finish: str) -> None:
    judged = read(tmp_path, row([], finish), PHASE_TWO)
    assert [each.name for each in judged] == ["phase-1"]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"label": {}}, "field 'question' is missing"),
        ({"question": {"problem": "Why?"}, "label": []}, "field 'label' must be an object"),
        (row([], "tired"), "label: field 'finish_reason' must be one of solution, found_error"),
        (row(["x"]), "label: field 'steps' must be a list of objects"),
        (row([]), "label: no step was chosen or written"),
        (row([step(completion("x", 2))]), "label step 0: field 'rating' of a completion must be -1, 0, 1 or null"),
        (row([step(completion(" ", 1))]), "label step 0: field 'text' is empty"),
        (row([step(completion("x", 1), chosen=1)]), "label step 0: field 'chosen_completion' is 1, of 1 completions"),
        (row([step(chosen=None, human={"text": None})]), "label step 0: field 'human_completion' is missing"),
        (row([], pre=["x", ""]), "question: field 'pre_generated_steps' must be a list of texts"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, bad: Any, message: str) -> None:
    with pytest.raises(InputError, match=rf"phase.jsonl:2[:,] .*{message}|phase.jsonl:2, {message}"):
        read(tmp_path, PHASE_ONE, bad)
