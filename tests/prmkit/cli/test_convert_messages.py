"""`prmkit convert --to messages` as a user runs it."""

import json
from pathlib import Path
from typing import Any

import pytest

from prmkit.cli.main import main
from prmkit.records import SCORE_SCHEMA, SOLUTION_SCHEMA, Problem, ScoredSolution, Solution
from prmkit.tables import score_row, solution_row, write_rows

WRONG, RIGHT = "The answer is 3.", "The answer is 2."


def solutions() -> list[Solution]:
    """Of two problems, two wrong and two right ones each; the right ones are equal but for their words."""
    steps = [("1 + 2 = 3", WRONG), ("2 + 1 = 3", WRONG), ("So 1 + 1 = 2", RIGHT), ("Now 1 + 1 = 2", RIGHT)]
    return [
        Solution(
            solution_id=str(index),
            problem=Problem(problem_id=name, problem=f"{name}: 1 + 1?", answer="2"),
            steps=each,
            correct=each[-1] is RIGHT,
        )
        for name in ("p", "q")
        for index, each in enumerate(steps)
    ]


@pytest.fixture
def sampled(tmp_path: Path) -> Path:
    rows = [solution_row(each) for each in solutions()]
    write_rows(tmp_path / "sampled" / "shards" / "0.parquet", rows, SOLUTION_SCHEMA)
    return tmp_path / "sampled"


@pytest.fixture
def scored(tmp_path: Path) -> Path:
    """The first of each problem scores highest."""
    scored = [
        ScoredSolution(solution=each, step_scores=(0.5, 0.5), score=0.9 - 0.2 * int(each.solution_id))
        for each in solutions()
    ]
    rows = [score_row(each) for each in scored]
    write_rows(tmp_path / "scored" / "shards" / "scores.parquet", rows, SCORE_SCHEMA)
    return tmp_path / "scored"


def tuned(capsys: pytest.CaptureFixture[str], data: Path, *options: object) -> tuple[list[dict[str, Any]], str]:
    """The rows, and what is said."""
    out = data.parent / "tuning.jsonl"
    arguments = ["convert", "--data", data, "--to", "messages", "--out", out, *options]
    assert main([str(each) for each in arguments]) == 0
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()], capsys.readouterr().out


def test_the_best_right_solution_of_each_problem_becomes_a_conversation(
    scored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows, said = tuned(capsys, scored)
    assert [(row["problem_id"], row["solution_id"], row["score"], row["correct"]) for row in rows] == [
        ("p", "2", 0.5, True),
        ("q", "2", 0.5, True),
    ]
    assert [turn["content"] for turn in rows[0]["messages"]] == ["p: 1 + 1?", f"So 1 + 1 = 2\n\n{RIGHT}"]
    assert "4 solutions are left out: their answers are wrong" in said
    assert "2 solutions are left out: not among the best 1 of their problem" in said
    assert "2 conversations about 2 problems in" in said


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        (["--answers", "any"], ["p0", "q0"]),
        (["--best", "2"], ["p2", "p3", "q2", "q3"]),
        (["--best", "0", "--distinct", "equations"], ["p2", "q2"]),
        (["--best", "0", "--min-score", "0.4"], ["p2", "q2"]),
        (["--best", "3", "--over", "all", "--answers", "any", "--min-score", "0.6"], ["p0", "p1", "q0"]),
    ],
)
def test_options_decide_what_is_chosen(
    scored: Path, capsys: pytest.CaptureFixture[str], options: list[str], chosen: list[str]
) -> None:
    rows, _ = tuned(capsys, scored, *options)
    assert sorted(row["problem_id"] + row["solution_id"] for row in rows) == chosen


def test_without_scores_the_seed_decides_and_that_is_said(sampled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = [tuned(capsys, sampled, "--seed", seed) for seed in range(6)]
    assert len({tuple(row["solution_id"] for row in rows) for rows, _ in found}) > 1
    assert tuned(capsys, sampled) == found[0]
    assert "no scores in --data: the best are chosen at random" in found[0][1]
    assert all(row["score"] is None for row in found[0][0])


def test_options_decide_what_a_conversation_looks_like(scored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shape = ["--prompt", "Q: {problem}", "--separator", " / ", "--system", "Think.", "--only-messages"]
    (first, _), _ = tuned(capsys, scored, *shape)
    assert first == {
        "messages": [
            {"role": "system", "content": "Think."},
            {"role": "user", "content": "Q: p: 1 + 1?"},
            {"role": "assistant", "content": f"So 1 + 1 = 2 / {RIGHT}"},
        ]
    }
    (like_demo, _), _ = tuned(capsys, scored, "--policy", "demo")
    assert like_demo["messages"][1]["content"] == f"So 1 + 1 = 2\n{RIGHT}"


def test_labelled_steps_of_another_tool_give_solutions_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "theirs.jsonl"
    marks = [("+", RIGHT), ("-", WRONG)]
    rows = [
        {"input": f"1 + 1? Step 1: {text} ки", "label": f"1 + 1? Step 1: {text} {sign}", "task": "GSM8K"}
        for sign, text in marks
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (row,), said = tuned(capsys, file)
    assert row["messages"][1]["content"] == RIGHT and "1 solutions are left out: their answers are wrong" in said
    unknown = ["--last-step-is-answer", "False", "--best", "0"]
    rows, said = tuned(capsys, file, *unknown)
    assert len(rows) == 2 and "2 solutions have no reference answer and may be chosen, right or wrong" in said
    problems = tmp_path / "problems.jsonl"
    problems.write_text('{"id": "p7", "problem": "1 + 1?", "answer": "2"}', encoding="utf-8")
    (row,), _ = tuned(capsys, file, *unknown, "--problems", problems)
    assert (row["messages"][1]["content"], row["problem_id"], row["correct"]) == (RIGHT, "p7", True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--to", "messages", "--neutral", "incorrect"], "--neutral is about the labels of steps, which messages does"),
        (["--to", "messages", "--no-soft"], "--soft is about the labels of steps, which messages does not hold"),
        (["--to", "messages", "--from", "trl", "--rollouts", "4"], "--rollouts is about the labels of steps"),
        (["--to", "messages", "--best", "-1"], "need best >= 0"),
        (["--to", "messages", "--best", "0", "--over", "all"], "say how many: --best N"),
        (["--best", "2"], "--best is for writing fine-tuning data (--to messages)"),
        (["--to", "trl", "--min-score", "0.5"], "--min-score is for writing fine-tuning data (--to messages)"),
    ],
)
def test_options_that_would_do_nothing_are_refused(
    sampled: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    out = sampled.parent / "out.jsonl"
    assert main(["convert", "--data", str(sampled), "--out", str(out), *options]) == 1
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1 and not out.exists()


def test_a_table_without_solutions_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(tmp_path / "run" / "shards" / "0.parquet", [], SOLUTION_SCHEMA)
    arguments = ["convert", "--data", tmp_path / "run", "--to", "messages", "--out", tmp_path / "out.jsonl"]
    assert main([str(each) for each in arguments]) == 1
    assert "no solutions in it" in capsys.readouterr().err
