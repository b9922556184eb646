"""PRM800K, by the layout that its authors document."""

import json
from pathlib import Path
from typing import Any

import pytest

from prmkit.demo.oracle import StepTruth
from prmkit.errors import InputError
from prmkit.formats.options import ReadOptions, WriteOptions
from prmkit.formats.prm800k import read_prm800k, read_prm800k_labels, write_prm800k
from prmkit.formats.rowwise import Reading
from prmkit.records import FinishReason

from .outside_rows import told as outside

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


def labels(tmp_path: Path, *rows: Any, **options: Any) -> Reading:
    file = tmp_path / "phase.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in rows), encoding="utf-8")
    return read_prm800k_labels(file, ReadOptions(**options))


def told(reading: Reading) -> dict[tuple[str, ...], tuple[int, ...]]:
    return {each.solution.steps: tuple(map(int, each.labels)) for each in reading.labeled}


def test_alternatives_are_siblings_and_no_two_are_steps_of_one_solution(tmp_path: Path) -> None:
    """rlhf-book chains them (PITFALLS 8)."""
    assert told(labels(tmp_path, PHASE_ONE)) == {
        ("1 + 2 = 3", "3 + 3 = 6", "# Answer\n\n6"): (1, 1, 1),
        ("1 + 2 = 4",): (-1,),
        ("I add.",): (0,),
        ("1 + 2 = 3", "3 + 3 = 7"): (1, -1),
    }
    main, *siblings = labels(tmp_path, PHASE_ONE).labeled
    assert (main.solution.correct, main.solution.finish) == (True, FinishReason.END)
    assert {(each.solution.correct, each.solution.finish) for each in siblings} == {(None, FinishReason.STEP)}
    assert [each.solution.solution_id for each in siblings] == ["phase-0.0.0", "phase-0.0.2", "phase-0.1.0"]


def test_a_found_error_ends_the_labels_and_what_follows_is_left_out(tmp_path: Path) -> None:
    reading = labels(tmp_path, PHASE_TWO)
    assert told(reading) == {
        ("I add.", "1 + 2 = 3", "3 + 3 = 7"): (0, 1, -1),
        ("I add.", "1 + 2 = 3", "3 + 3 = 6"): (0, 1, 1),
    }
    assert reading.notes == ["1 steps that nobody judged are left out (mostly after the first error)"]
    main = reading.labeled[0].solution
    assert main.finish is FinishReason.STEP and main.problem.answer == "6"


@pytest.mark.parametrize(("answer", "correct"), [("7", False), ("6.0", True), (None, None)])
def test_the_answer_of_a_found_error_is_compared_where_it_is_given(
    tmp_path: Path, answer: str | None, correct: bool | None
) -> None:
    changed = PHASE_TWO | {"question": PHASE_TWO["question"] | {"pre_generated_answer": answer}}
    assert labels(tmp_path, changed).labeled[0].solution.correct is correct


@pytest.mark.parametrize("finish", ["bad_problem", "give_up"])
def test_rows_that_were_given_up_are_left_out_and_counted(tmp_path: Path, finish: str) -> None:
    reading = labels(tmp_path, row(PHASE_ONE["label"]["steps"], finish), PHASE_TWO)
    assert len(reading.labeled) == 2
    assert reading.notes[0] == "1 rows say nothing about a step and are left out"


def test_every_rating_is_a_class_of_its_own(tmp_path: Path) -> None:
    """A neutral step is not silently negative (PITFALLS 7)."""
    steps = [step(completion("a", 1)), step(completion("b", 0)), step(completion("c", -1), chosen=None)]
    assert told(labels(tmp_path, row(steps, "found_error"))) == {("a", "b", "c"): (1, 0, -1)}


def test_an_unknown_finish_reason_is_told_and_can_be_left_out(tmp_path: Path) -> None:
    bad = row(PHASE_ONE["label"]["steps"], "done")
    with pytest.raises(InputError, match=r"phase.jsonl:1, label: field 'finish_reason' must be one of .*found 'done'"):
        labels(tmp_path, bad)
    assert len(labels(tmp_path, bad, PHASE_TWO, skip_bad=True).labeled) == 2


def test_what_is_read_is_written_with_alternatives_beside_the_step_they_stand_for(tmp_path: Path) -> None:
    read_back = labels(tmp_path, PHASE_ONE, PHASE_TWO).labeled
    out = tmp_path / "out.jsonl"
    assert write_prm800k(out, read_back, WriteOptions()) == []
    first, second = (json.loads(line) for line in out.read_text(encoding="utf-8").splitlines())
    assert first["label"]["steps"][0]["completions"] == [
        completion("1 + 2 = 3", 1), completion("1 + 2 = 4", -1), completion("I add.", 0)
    ]  # fmt: skip
    assert [each["chosen_completion"] for each in first["label"]["steps"]] == [0, 0, 0]
    assert first["question"]["ground_truth_answer"] == "6" and first["label"]["finish_reason"] == "solution"
    assert second["label"]["steps"][2] == step(completion("3 + 3 = 7", -1), completion("3 + 3 = 6", 1), chosen=None)
    assert second["label"]["finish_reason"] == "found_error"
    again = read_prm800k_labels(out).labeled
    facts = [
        sorted((each.solution.steps, each.labels, each.solution.finish) for each in all_) for all_ in (read_back, again)
    ]
    assert facts[0] == facts[1]


def test_alternatives_stay_with_their_own_row(tmp_path: Path) -> None:
    other = row([step(completion("2 + 1 = 3", 1), completion("2 + 1 = 4", -1)), step(completion("# Answer\n\n6", 1))])
    out = tmp_path / "out.jsonl"
    write_prm800k(out, labels(tmp_path, PHASE_ONE, other).labeled, WriteOptions())
    first, second = (json.loads(line)["label"]["steps"][0] for line in out.read_text(encoding="utf-8").splitlines())
    assert [each["text"] for each in first["completions"]] == ["1 + 2 = 3", "1 + 2 = 4", "I add."]
    assert [each["text"] for each in second["completions"]] == ["2 + 1 = 3", "2 + 1 = 4"]


def test_labels_after_the_first_error_are_not_written_and_counted(tmp_path: Path) -> None:
    rolled_on = outside("+-+", steps=["a", "b", "c"], correct=False)
    no_verdict = outside("+0", steps=["x", "y"], correct=None)
    out = tmp_path / "out.jsonl"
    notes = write_prm800k(out, [no_verdict, rolled_on], WriteOptions())
    (written,) = (json.loads(line) for line in out.read_text(encoding="utf-8").splitlines())
    assert len(written["label"]["steps"]) == 2 and written["question"]["pre_generated_steps"] == ["a", "b", "c"]
    assert notes[0].startswith("1 solutions are left out: they have neither an incorrect step nor a right answer")
    assert notes[1] == "1 labels after a first error are left out: PRM800K judges no step there"
    (again,) = read_prm800k_labels(out).labeled
    assert again.solution.steps == ("a", "b") and again.labels == (1, -1)
