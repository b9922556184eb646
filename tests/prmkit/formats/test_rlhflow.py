"""RLHFlow's dialogues."""

from pathlib import Path
from typing import Any

import pytest

from prmkit.errors import InputError
from prmkit.formats.options import Neutral, ReadOptions, WriteOptions
from prmkit.formats.rlhflow import read_rlhflow, write_rlhflow
from prmkit.records import Problem

from .outside_rows import rows_in, told, write


def row(*turns: str) -> dict[str, Any]:
    return {
        "conversations": [
            {"role": "assistant" if at % 2 else "user", "content": content} for at, content in enumerate(turns)
        ]
    }


MISTRAL = row("What is 1 + 2 + 3? Step 1: 1 + 2 = 3", "+", "Step 2: 3 + 3 = 7", "-", "Step 3: The answer is: 7", "-")
DEEPSEEK = row("What is 1 + 2 + 3? We add.", "+", "3 + 3 = 6", "+")


def test_turns_become_steps_and_signs(tmp_path: Path) -> None:
    (labeled,) = read_rlhflow(write(tmp_path / "r.jsonl", MISTRAL)).labeled
    assert labeled.solution.problem.problem == "What is 1 + 2 + 3?"
    assert labeled.solution.steps == ("1 + 2 = 3", "3 + 3 = 7", "The answer is: 7")
    assert labeled.labels == (1, -1, -1) and labeled.solution.correct is False


def test_what_is_read_is_written_as_it_was(tmp_path: Path) -> None:
    labeled = read_rlhflow(write(tmp_path / "r.jsonl", MISTRAL)).labeled
    assert write_rlhflow(tmp_path / "back.jsonl", labeled, WriteOptions()) == []
    assert rows_in(tmp_path / "back.jsonl") == [MISTRAL]


def test_known_problems_tell_where_a_first_turn_without_heading_is_cut(tmp_path: Path) -> None:
    file = write(tmp_path / "r.jsonl", DEEPSEEK)
    with pytest.raises(InputError, match=r"r.jsonl:1, field 'conversations': nothing tells where the problem ends"):
        read_rlhflow(file)
    known = Problem(problem_id="p", problem="What is 1 + 2 + 3?", answer="6")
    (labeled,) = read_rlhflow(file, ReadOptions(problems=[known])).labeled
    assert labeled.solution.problem is known and labeled.solution.steps == ("We add.", "3 + 3 = 6")
    assert labeled.solution.correct is True


@pytest.mark.parametrize(
    ("turns", "said"),
    [
        (row("Q? Step 1: a", "+", "b"), "has 3 turns; every step needs a sign after it"),
        (row("Q? Step 1: a", "good"), "turn 1: a label must be '\\+' or '-', found 'good'"),
        ({"conversations": [{"role": "system", "content": "x"}]}, "turn 0: the role must be 'user', found 'system'"),
        (row("Q? Step 1: a", "+", " ", "+"), "turn 2: field 'content' is empty"),
        ({"conversations": []}, "has 0 turns"),
    ],
)
def test_a_bad_row_is_told_by_place_turn_and_value(tmp_path: Path, turns: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=f"r.jsonl:1.*{said}"):
        read_rlhflow(write(tmp_path / "r.jsonl", turns))


def test_neutral_steps_are_written_as_asked_and_ambiguous_problems_left_out(tmp_path: Path) -> None:
    file, labeled = tmp_path / "r.jsonl", [told("0-"), told("+", problem="Step 1: what?"), told("+", steps=["ки"])]
    notes = write_rlhflow(file, labeled, WriteOptions())
    assert [each["conversations"][1]["content"] for each in rows_in(file)] == ["+", "+"]
    assert notes == ["1 solutions are left out: their problem holds 'Step 1:'"]
    write_rlhflow(file, labeled, WriteOptions(neutral=Neutral.INCORRECT))
    assert rows_in(file)[0]["conversations"][1]["content"] == "-"
    assert len(write_rlhflow(file, labeled, WriteOptions(neutral=Neutral.LEAVE_OUT))) == 2
