"""OpenR's trees of rollouts."""

from pathlib import Path
from typing import Any

import pytest

from prmkit.errors import InputError
from prmkit.formats.math_aps import read_math_aps, write_math_aps
from prmkit.formats.options import ReadOptions, WriteOptions
from prmkit.records import EstimateMethod, FinishReason, Problem, StepEstimate

from .outside_rows import rolled, rows_in, seen, told, write


def node(text: str, value: Any, *children: Any) -> dict[str, Any]:
    return {"text": text, "mc_value": value, "children": list(children)}


def row(steps: Any) -> dict[str, Any]:
    return {"question": "What is 1 + 2 + 3?", "final_answer": "6", "reasoning_steps": steps, "question_id": "2"}


QUESTION = "What is 1 + 2 + 3?"
TREE = row(
    node(
        QUESTION,
        0.75,
        node("1 + 2 = 3\n\n3 + 3 = 6", 1.0),
        node("1 + 2 = 3", 0.9375, node("3 + 3 = 6", 1.0), node("3 + 3 = 7", 0.0)),
        node("1 + 2 = 4", 0.0),
    )
)
PREFIXES = row(
    [
        {"solution_prefix": QUESTION, "mc_value": 0.75},
        {"solution_prefix": f"{QUESTION}\n\n1 + 2 = 4", "mc_value": 0.0},
        {"solution_prefix": f"{QUESTION}\n\n\n1 + 2 = 3", "mc_value": 0.9375},
        {"solution_prefix": f"{QUESTION}\n\n\n1 + 2 = 3\n\n3 + 3 = 6", "mc_value": 1.0},
        {"solution_prefix": f"{QUESTION}\n\n\n1 + 2 = 3\n\n \n3 + 3 = 7", "mc_value": 0.0},
    ]
)


def test_every_path_to_a_leaf_is_a_solution_and_alternatives_never_follow_each_other(tmp_path: Path) -> None:
    reading = read_math_aps(write(tmp_path / "a.jsonl", TREE))
    steps = {each.solution.steps: each for each in reading.labeled}
    assert set(steps) == {
        ("1 + 2 = 3\n\n3 + 3 = 6",),
        ("1 + 2 = 3", "3 + 3 = 6"),
        ("1 + 2 = 3", "3 + 3 = 7"),
        ("1 + 2 = 4",),
    }
    assert steps["1 + 2 = 3", "3 + 3 = 7"].values == (0.9375, 0.0)
    assert {each.solution.problem.answer for each in reading.labeled} == {"6"}
    assert len({each.solution.name for each in reading.labeled}) == 4


def test_a_leaf_of_value_one_is_a_right_solution_and_any_other_a_beginning(tmp_path: Path) -> None:
    right, wrong = read_math_aps(write(tmp_path / "a.jsonl", TREE)).labeled[1:3]
    assert (right.solution.correct, right.solution.finish) == (True, FinishReason.END)
    assert right.estimates[-1] == StepEstimate(successes=1, rollouts=1, method=EstimateMethod.GRADED)
    assert (wrong.solution.correct, wrong.solution.finish) == (None, FinishReason.STEP)


def test_values_without_counts_are_given_and_with_a_number_of_rollouts_counted(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", TREE)
    given, counted = (read_math_aps(file, ReadOptions(rollouts=number)).labeled[2] for number in (None, 32))
    assert {each.method for each in given.estimates} == {EstimateMethod.GIVEN}
    assert [(each.successes, each.rollouts) for each in counted.estimates] == [(30, 32), (0, 32)]
    assert given.soft_labels == counted.soft_labels == ((0.0625, 0.0, 0.9375), (1.0, 0.0, 0.0))


def test_the_tree_is_found_again_in_a_list_of_prefixes(tmp_path: Path) -> None:
    labeled = read_math_aps(write(tmp_path / "a.jsonl", PREFIXES)).labeled
    assert {each.solution.steps: each.values for each in labeled} == {
        ("1 + 2 = 4",): (0.0,),
        ("1 + 2 = 3", "3 + 3 = 6"): (0.9375, 1.0),
        ("1 + 2 = 3", "3 + 3 = 7"): (0.9375, 0.0),
    }


def test_a_blank_rollout_is_no_step(tmp_path: Path) -> None:
    """PITFALLS 13."""
    tree = row(node(QUESTION, 0.5, node(" ", 0.5, node("1 + 2 = 3", 1.0)), node("\n\n", 0.0)))
    (labeled,) = read_math_aps(write(tmp_path / "a.jsonl", tree)).labeled
    assert labeled.solution.steps == ("1 + 2 = 3",)


def test_known_problems_bring_their_ids(tmp_path: Path) -> None:
    known = Problem(problem_id="p", problem=QUESTION, answer="six")
    reading = read_math_aps(write(tmp_path / "a.jsonl", TREE), ReadOptions(problems=[known]))
    assert {each.solution.problem.problem_id for each in reading.labeled} == {"p"}


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (node(QUESTION, 1.0, node("a", 1.5)), r"field 'mc_value' must be a number in \[0, 1\], found 1.5"),
        (node(QUESTION, 1.0, node("a", None)), "field 'mc_value' must be a number in \\[0, 1\\], found None"),
        (node(QUESTION, 1.0, {"text": "a", "mc_value": 1.0}), "field 'children' is missing"),
        ("a", "field 'reasoning_steps' must be a tree or a list of prefixes, found 'a'"),
        ([{"solution_prefix": "Other?\n\na", "mc_value": 0.5}], "does not begin with the question"),
        (["a"], r"reasoning_steps\[0\]: expected an object"),
        (node(QUESTION, 1.0), "no row with a label for a step"),
    ],
)
def test_a_bad_row_is_told_by_place_field_and_value(tmp_path: Path, steps: Any, said: str) -> None:
    with pytest.raises(InputError, match=f"a.jsonl.*{said}"):
        read_math_aps(write(tmp_path / "a.jsonl", row(steps)))


def test_what_is_read_is_written_as_it_was_but_for_the_bare_problem(tmp_path: Path) -> None:
    for name, content in (("a.jsonl", TREE), ("b.jsonl", PREFIXES)):
        labeled = read_math_aps(write(tmp_path / name, content)).labeled
        assert write_math_aps(tmp_path / f"back-{name}", labeled, WriteOptions()) == []
    (back,) = rows_in(tmp_path / "back-a.jsonl")
    assert back["reasoning_steps"] == TREE["reasoning_steps"] | {"mc_value": None}
    assert (back["question"], back["final_answer"]) == (QUESTION, "6")
    again = read_math_aps(tmp_path / "back-b.jsonl").labeled
    assert list(map(seen, again)) == list(map(seen, read_math_aps(tmp_path / "b.jsonl").labeled))


def test_solutions_of_a_problem_share_a_tree_with_one_value_per_step(tmp_path: Path) -> None:
    bare = StepEstimate(successes=1, rollouts=4)
    from dataclasses import replace

    labeled = [
        replace(rolled([(3, 4), (0, 4)], steps=["a", "b"], answer="2"), problem_estimate=bare),
        told("+", problem="Another?", steps=["x"]),
        rolled([(2, 4), (1, 1)], steps=["a", "c"], name="1", answer="2"),
    ]
    notes = write_math_aps(tmp_path / "a.jsonl", labeled, WriteOptions())
    other, one = sorted(rows_in(tmp_path / "a.jsonl"), key=lambda each: each["question"])
    assert one["reasoning_steps"] == node("What is 1 + 1?", 0.25, node("a", 0.75, node("b", 0.0), node("c", 1.0)))
    assert other["final_answer"] is None and other["reasoning_steps"]["mc_value"] is None
    assert notes == ["1 values of steps differ from an equal beginning's and are left out"]


def test_equal_alternatives_are_one_step_with_the_mean_of_their_values(tmp_path: Path) -> None:
    tree = row(node(QUESTION, 0.5, node("a", 0.0), node("a", 0.125, node("b", 1.0), node("b", 1.0))))
    listed = row(
        [
            {"solution_prefix": f"{QUESTION}{steps}", "mc_value": value}
            for steps, value in (("\n\na", 0.0), ("\n\na", 0.125), ("\n\na\n\nb", 1.0), ("\n\na\n\nb", 1.0))
        ]
    )
    for content in (tree, listed):
        file = write(tmp_path / "a.jsonl", content)
        (given,) = read_math_aps(file).labeled
        assert given.solution.steps == ("a", "b") and given.values == (0.0625, 1.0)
        (counted,) = read_math_aps(file, ReadOptions(rollouts=32)).labeled
        assert counted.estimates[0] == StepEstimate(successes=4, rollouts=64)


@pytest.mark.parametrize("name", ["samples.jsonl", "tree_samples.jsonl"])
def test_real_samples_come_back_as_they_were(data_dir: Path, tmp_path: Path, name: str) -> None:
    read = read_math_aps(data_dir / "mathaps" / name).labeled
    assert write_math_aps(tmp_path / "back.jsonl", read, WriteOptions()) == []
    back = read_math_aps(tmp_path / "back.jsonl").labeled
    facts = [
        {(seen(one), one.estimates, one.soft_labels, one.solution.correct) for one in all_} for all_ in (read, back)
    ]
    assert facts[0] == facts[1] and len(read) == len(back) > 100


def test_real_trees_lose_no_path(data_dir: Path) -> None:
    def paths(tree: dict[str, Any], path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
        below = [paths(child, (*path, child["text"].strip())) for child in tree["children"]]
        return {path}.union(*below)

    file = data_dir / "mathaps" / "tree_samples.jsonl"
    read = read_math_aps(file).labeled
    for each in rows_in(file):
        mine = [one.solution.steps for one in read if one.solution.problem.problem == each["question"]]
        assert {steps[:end] for steps in mine for end in range(len(steps) + 1)} == paths(each["reasoning_steps"])
