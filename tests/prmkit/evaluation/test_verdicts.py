"""Verdicts found for solutions of ours."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from prmkit.demo.oracle import StepTruth
from prmkit.demo.stories import LEVELS, make_stories
from prmkit.errors import InputError
from prmkit.evaluation.verdicts import find_verdicts, oracle_verdicts, read_judged, read_right
from prmkit.records import SOLUTION_SCHEMA, Problem, Solution
from prmkit.tables import solution_row, write_rows

from .judged_solutions import solution

BENCH = {"id": "b-0", "problem": "Why?", "steps": ["step 0", "step 1"], "final_answer_correct": True, "label": -1}


def write(path: Path, *rows: Any) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def first_errors(source: str, solutions: list[Solution]) -> list[int | None]:
    return [found and found.first_error for found in find_verdicts(source, solutions)]


def test_the_oracle_judges_stories_only() -> None:
    story = next(iter(make_stories(1, 0, LEVELS["default"])))
    told = Solution(
        solution_id="s",
        problem=Problem(problem_id="a", problem=story.text, answer=str(story.answer)),
        steps=(*story.steps()[:-1], "The answer is 0."),
    )
    (found,) = find_verdicts("oracle", [told])
    assert found is not None and found.truths[-1] is StepTruth.WRONG and found.answer_right is False
    assert oracle_verdicts([told, solution(2)]) is None
    with pytest.raises(InputError, match="only judges arithmetic stories"):
        find_verdicts("oracle", [told, solution(2)])


def test_judgements_are_found_by_name(tmp_path: Path) -> None:
    source = write(tmp_path / "j.jsonl", {"solution": "q/s", "first_error": 1})
    assert first_errors(source, [solution(2), solution(2, "q")]) == [None, 1]


def test_solutions_of_a_data_set_are_found_by_their_text_whatever_its_white_space(tmp_path: Path) -> None:
    source = write(tmp_path / "b.jsonl", BENCH | {"steps": [" step  0", "step\n1"], "label": 0})
    assert first_errors(source, [solution(2), solution(3, "q")]) == [0, None]


def test_every_known_layout_is_told_by_its_fields(tmp_path: Path) -> None:
    made = {"idx": "i", "modified_question": "Why?", "modified_process": ["step 0", "step 1"], "classification": "x"}
    rated = [{"completions": [{"text": f"step {at}", "rating": 1 - 2 * at}], "chosen_completion": 0} for at in (0, 1)]
    human = {"question": {"problem": "Why?"}, "label": {"finish_reason": "found_error", "steps": rated}}
    assert first_errors(write(tmp_path / "a.jsonl", BENCH), [solution(2)]) == [-1]
    assert first_errors(write(tmp_path / "b.jsonl", made | {"error_steps": [1]}), [solution(2)]) == [0]
    assert first_errors(write(tmp_path / "c.jsonl", human), [solution(2)]) == [1]


def test_a_text_that_is_judged_in_two_ways_says_nothing(tmp_path: Path) -> None:
    longer = BENCH | {"steps": ["step 0"]}
    twice = write(tmp_path / "b.jsonl", BENCH, BENCH | {"label": 0}, longer, longer)
    assert first_errors(twice, [solution(2), solution(1)]) == [None, -1]


def test_a_file_that_knows_no_solution_or_is_of_no_known_layout_is_refused(tmp_path: Path) -> None:
    source = write(tmp_path / "j.jsonl", {"solution": "q/s", "first_error": 1})
    with pytest.raises(InputError, match=r"j.jsonl: it says nothing about any of the 1 labelled solutions"):
        find_verdicts(source, [solution(2)])
    with pytest.raises(InputError, match=r"x.jsonl: no verdicts that can be read: a row has x; known are"):
        find_verdicts(write(tmp_path / "x.jsonl", {"x": 1}), [solution(2)])


def test_solutions_with_verdicts_come_from_peoples_files_stories_or_a_table_and_a_judgement_file(
    tmp_path: Path,
) -> None:
    bench = write(tmp_path / "b.jsonl", BENCH)
    assert [(each.name, each.verdicts.first_error) for each in read_judged(bench)] == [("b-0", -1)]
    with pytest.raises(InputError, match=r"judged by people already; leave 'oracle' out"):
        read_judged(bench, "oracle")
    stories = read_judged("demo:3:easy")
    assert [each.verdicts.first_error for each in stories] == [-1] * 3
    assert stories != read_judged("demo:3:easy", seed=1)
    write_rows(
        tmp_path / "t.parquet", [solution_row(each) for each in (solution(2), solution(2, "q"))], SOLUTION_SCHEMA
    )
    said = write(tmp_path / "j.jsonl", {"solution": "q/s", "first_error": 1})
    (judged,) = read_judged(str(tmp_path / "t.parquet"), said)
    assert (judged.name, judged.verdicts.first_error) == ("q/s", 1)
    assert judged.verdicts.answer_right is True  # the grade of the table: the file does not say
    with pytest.raises(InputError, match="only judges arithmetic stories"):
        read_judged(str(tmp_path / "t.parquet"))


def test_right_solutions_are_those_nobody_finds_fault_with(tmp_path: Path) -> None:
    rows = [BENCH, BENCH | {"id": "b-1", "label": 1}, BENCH | {"id": "b-2", "final_answer_correct": False}]
    assert [each.name for each in read_right(write(tmp_path / "b.jsonl", *rows))] == ["b-0"]
    made = {"idx": "i", "modified_question": "Why?", "modified_process": ["a", "b"], "classification": "redundency"}
    cases = [made | {"error_steps": [1]}, made | {"idx": "j", "error_steps": []}]
    assert [each.name for each in read_right(write(tmp_path / "c.jsonl", *cases))] == ["j/redundency"]
    assert len(read_right("demo:2:easy")) == 2
    graded = [replace(solution(2), correct=right, solution_id=str(right)) for right in (True, False, None)]
    graded.append(replace(solution(2), correct=None, solution_id="reference"))
    write_rows(tmp_path / "t.parquet", [solution_row(each) for each in graded], SOLUTION_SCHEMA)
    assert [each.name for each in read_right(str(tmp_path / "t.parquet"))] == ["p/True", "p/reference"]
    with pytest.raises(InputError, match=r"none of its 1 solutions is known to be right; grade them first"):
        read_right(write(tmp_path / "d.jsonl", rows[1]))


def test_a_story_solution_with_a_right_answer_and_a_wrong_step_is_not_right(tmp_path: Path) -> None:
    story = next(iter(make_stories(1, 0, LEVELS["default"])))
    problem = Problem(problem_id="a", problem=story.text, answer=str(story.answer))
    steps = (tuple(story.steps()), ("Nonsense.", *story.steps()))
    told = [Solution(solution_id=str(at), problem=problem, steps=each, correct=True) for at, each in enumerate(steps)]
    write_rows(tmp_path / "t.parquet", [solution_row(each) for each in told], SOLUTION_SCHEMA)
    assert [each.name for each in read_right(str(tmp_path / "t.parquet"))] == ["a/0"]
