"""RLHFlow's test pools: rows as their README shows them, and as their scripts store them."""

from pathlib import Path
from typing import Any

import pytest

from prmkit.errors import InputError
from prmkit.formats.rlhflow_pools import answer_pool, answer_steps, holds_answer_pools, read_pool_solutions
from prmkit.records import Problem

from .outside_rows import write

ROW: dict[str, Any] = {
    "prompt": "What is 1 + 1?",
    "answers": ["1 + 1 = 2.\n\nThe answer is $\\boxed{2}$.", "The answer is $\\boxed{3}$."],
    "label": [1, 0],
}
MISTRAL: dict[str, Any] = {
    "prompt": "What is 2 + 2?",
    "answers": ["Step 1: 2 + 2 = 4. ки\nStep 2: The answer is: 4 ки", " \n "],
    "labels": [1, 0],
}


def test_steps_are_paragraphs_or_what_stands_before_each_mark() -> None:
    assert answer_steps(ROW["answers"][0]) == ["1 + 1 = 2.", "The answer is $\\boxed{2}$."]
    assert answer_steps(MISTRAL["answers"][0]) == ["Step 1: 2 + 2 = 4.", "Step 2: The answer is: 4"]
    assert answer_steps("a ки\n\n\nb") == ["a", "b"]
    assert answer_steps(" \n\n ") == []


def test_answers_become_solutions_with_the_given_verdicts(tmp_path: Path) -> None:
    file = write(tmp_path / "pool.jsonl", ROW, MISTRAL)
    solutions, notes = read_pool_solutions(file)
    assert [(each.solution_id, each.correct, len(each.steps)) for each in solutions] == [
        ("0", True, 2),
        ("1", False, 1),
        ("0", True, 2),
    ]
    assert notes == ["1 blank answers are left out"]
    assert solutions[0].problem.answer is None and solutions[0].problem.problem == ROW["prompt"]
    assert solutions[0].problem.problem_id == solutions[1].problem.problem_id != solutions[2].problem.problem_id


def test_a_known_problem_gives_its_id_and_answer(tmp_path: Path) -> None:
    known = Problem(problem_id="sum", problem="What is  1 + 1?", answer="2")
    solutions, _ = read_pool_solutions(write(tmp_path / "pool.jsonl", ROW), [known])
    assert {(each.problem.problem_id, each.problem.answer) for each in solutions} == {("sum", "2")}


def test_only_the_first_answers_are_taken_where_that_is_asked(tmp_path: Path) -> None:
    solutions, notes = read_pool_solutions(write(tmp_path / "pool.jsonl", ROW, MISTRAL), first=1)
    assert [each.correct for each in solutions] == [True, True] and notes == []
    with pytest.raises(InputError, match="at least 1, got 0"):
        read_pool_solutions(tmp_path / "pool.jsonl", first=0)


def test_a_prm_scores_steps_and_an_orm_answers() -> None:
    prm = answer_pool(ROW | {"step_scores": [[0.5, 1.0], [0.25]]}, "here")
    orm = answer_pool(ROW | {"step_scores": [0.5]}, "here")
    assert (prm.method, prm.scores) == ("prm", (0.75, 0.25))  # the mean over an answer's steps
    assert (orm.method, orm.scores) == ("orm", (0.5,))
    assert answer_pool(ROW, "here").method is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answers": []}, "field 'answers' is empty"),
        ({"answers": ["a", None]}, r"field 'answers'\[1\] must be text, found None"),
        ({"answers": "a"}, "field 'answers' must be a list of texts, found 'a'"),
        ({"label": [1]}, "field 'label' has 1 entries for 2 answers"),
        ({"label": [1, 2]}, r"field 'label\[1\]' must be 0 or 1, found 2"),
        ({"label": [1, None]}, r"field 'label\[1\]' must be 0 or 1, found None"),
        ({"prompt": None}, "field 'prompt' is missing"),
        ({"step_scores": []}, "field 'step_scores' is empty"),
        ({"step_scores": [0.1, 0.2, 0.3]}, "field 'step_scores' has 3 entries for 2 answers"),
        ({"step_scores": [0.1, "x"]}, r"field 'step_scores'\[1\] must be a finite number, found 'x'"),
        ({"step_scores": [[0.1], []]}, r"field 'step_scores'\[1\] must be a list of at least one number, found \[\]"),
        ({"step_scores": [[0.1], [True]]}, r"field 'step_scores'\[1\]\[0\] must be a finite number, found True"),
        (
            {"step_scores": [[-(10**400)]]},
            r"field 'step_scores'\[0\]\[0\] must be a finite number, found an integer of 401 digits",
        ),
        ({"step_scores": [float("nan")]}, r"field 'step_scores'\[0\] must be a finite number, found nan"),
    ],
)
def test_a_bad_row_is_told_by_place_field_and_value(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    file = write(tmp_path / "pool.jsonl", MISTRAL, ROW | change)
    with pytest.raises(InputError, match=rf"pool.jsonl:2: {message}"):
        read_pool_solutions(file)


def test_a_prompt_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"pool.jsonl:2: field 'prompt' is that of .*pool.jsonl:1"):
        read_pool_solutions(write(tmp_path / "pool.jsonl", ROW, ROW))


def test_a_file_is_known_by_its_first_row(tmp_path: Path) -> None:
    assert holds_answer_pools(write(tmp_path / "pool.jsonl", ROW))
    assert not holds_answer_pools(
        write(tmp_path / "trl.jsonl", {"prompt": "p", "completions": ["a"], "labels": [True]})
    )
    assert not holds_answer_pools(write(tmp_path / "empty.jsonl"))
    assert not holds_answer_pools(tmp_path)
