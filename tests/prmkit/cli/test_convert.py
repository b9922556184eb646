"""`prmkit convert` as a user runs it."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from prmkit.cli.main import main
from prmkit.records import LABEL_SCHEMA, LabeledSolution, Problem, Solution, StepEstimate, StepLabel
from prmkit.tables import label_row, read_labels, read_solutions, write_rows


def _labels(number: int) -> list[LabeledSolution]:
    return [
        LabeledSolution(
            solution=Solution(
                solution_id=str(index),
                problem=Problem(problem_id="p", problem="1 + 1?", answer="2"),
                steps=("1 + 1 = 2.", "The answer is 2."),
                prompt_ids=(1, 2) if index else None,
                step_ids=((3,), (4, 5)) if index else None,
                correct=True,
            ),
            estimates=(StepEstimate(successes=1, rollouts=2), StepEstimate(successes=1, rollouts=1)),
            labels=(StepLabel.CORRECT, StepLabel.CORRECT),
            soft_labels=((0.0, 0.5, 0.5), (0.0, 0.0, 1.0)),
        )
        for index in range(number)
    ]


def test_a_run_goes_to_jsonl_and_back_without_loss(tmp_path: Path) -> None:
    labels = _labels(3)
    for shard, part in (("0", labels[:2]), ("1", labels[2:])):
        write_rows(tmp_path / "run" / "shards" / f"{shard}.parquet", [label_row(each) for each in part], LABEL_SCHEMA)
    lines, table = tmp_path / "rows.jsonl", tmp_path / "rows.parquet"
    assert main(["convert", "--data", str(tmp_path / "run"), "--out", str(lines)]) == 0
    assert len(lines.read_text(encoding="utf-8").splitlines()) == 3
    assert main(["convert", "--data", str(lines), "--out", str(table)]) == 0
    assert read_labels(lines) == read_labels(table) == labels
    assert pq.read_schema(table).equals(LABEL_SCHEMA)


def test_foreign_columns_are_kept(tmp_path: Path) -> None:
    lines, table = tmp_path / "rows.jsonl", tmp_path / "rows.parquet"
    lines.write_text('{"a": 1}\n{"b": {"c": "x"}}\n', encoding="utf-8")
    assert main(["convert", "--data", str(lines), "--out", str(table)]) == 0
    assert pq.read_table(table).to_pylist() == [{"a": 1, "b": None}, {"a": None, "b": {"c": "x"}}]


@pytest.mark.parametrize(
    ("name", "content", "out", "message"),
    [
        ("absent.jsonl", None, "out.parquet", "absent.jsonl: no such file"),
        ("rows.jsonl", '{"a": 1}\n{"a"', "out.parquet", "rows.jsonl:2: not valid JSON"),
        ("rows.jsonl", "", "out.parquet", "no rows in it"),
        ("rows.jsonl", '{"a": 1}', "out.csv", "must end in .jsonl or .parquet"),
        ("rows.jsonl", '{"a": 1}\n{"a": "x"}', "out.parquet", "column 'a' does not fit into Parquet"),
    ],
)
def test_bad_input_is_told_in_one_line_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, name: str, content: str | None, out: str, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content, encoding="utf-8")
    assert main(["convert", "--data", str(tmp_path / name), "--out", str(tmp_path / out)]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / out).exists()


TRL = {"prompt": "1 + 1?", "completions": ["1 + 1 = 3.", "The answer is 3."], "labels": [False, False]}
BENCH = {"id": "a", "problem": "1 + 1?", "steps": ["1 + 1 = 2."], "final_answer_correct": True, "label": -1}
VALUES = {"input": "1 + 1? Step 1: 1 + 1 = 2. ки\nStep 2: The answer is 2. ки", "value": [0.25, 1.0]}


def outside(folder: Path, *rows: object) -> str:
    file = folder / "theirs.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(file)


def convert(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """What is said."""
    assert main(["convert", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def test_labels_of_another_tool_become_a_table_that_training_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = convert(capsys, "--data", outside(tmp_path, TRL, VALUES | TRL), "--out", tmp_path / "ours.parquet")
    assert "format: trl, by the fields of the first row" in said
    assert "2 solutions of 1 problems, 0 of them with an answer" in said
    assert "4 steps: 100.0% incorrect" in said and "known of 0 solutions; an ORM learns from these" in said
    assert pq.read_schema(tmp_path / "ours.parquet").equals(LABEL_SCHEMA)
    first, _ = read_labels(tmp_path / "ours.parquet")
    assert first.solution.steps == ("1 + 1 = 3.", "The answer is 3.") and first.labels == (-1, -1)


def test_the_format_can_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = outside(tmp_path, TRL | VALUES), tmp_path / "ours.parquet"
    assert "1 rows, as they are" in convert(capsys, "--data", data, "--out", tmp_path / "same.jsonl")  # of two formats
    assert "format:" not in convert(capsys, "--data", data, "--from", "openrlhf", "--out", out)
    assert read_labels(out)[0].values == (0.25, 1.0)


def test_ours_are_written_for_another_tool_and_what_that_loses_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels, out = tmp_path / "ours.parquet", tmp_path / "theirs.jsonl"
    write_rows(labels, [label_row(each) for each in _labels(2)], LABEL_SCHEMA)
    said = convert(capsys, "--data", labels, "--to", "trl", "--out", out)
    assert "trl cannot hold: ids of problems and solutions, reference answers, whether answers are right" in said
    assert "counts of rollouts, token ids" in said
    assert json.loads(out.read_text(encoding="utf-8").splitlines()[0]) == {
        "prompt": "1 + 1?",
        "completions": ["1 + 1 = 2.", "The answer is 2."],
        "labels": [True, True],
    }


def test_one_outside_format_becomes_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.json"
    convert(capsys, "--data", outside(tmp_path, TRL), "--to", "rlhflow", "--out", out)
    (dialogue,) = json.loads(out.read_text(encoding="utf-8"))
    assert [turn["content"] for turn in dialogue["conversations"]][1::2] == ["-", "-"]


def test_thresholds_rollouts_and_the_last_label_change_what_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = outside(tmp_path, VALUES), tmp_path / "ours.parquet"

    def read(*options: str) -> LabeledSolution:
        convert(capsys, "--data", data, "--out", out, *options)
        return read_labels(out)[0]

    plain = read()
    assert plain.labels == (0, 1) and plain.solution.correct is True and plain.estimates[0].rollouts == 0
    assert read("--correct", "0.25").labels == (1, 1)
    assert read("--incorrect", "0.25").labels == (-1, 1)
    assert [(each.successes, each.rollouts) for each in read("--rollouts", "4").estimates] == [(1, 4), (4, 4)]
    assert read("--last-step-is-answer", "False").solution.correct is None


def test_known_problems_bring_answers_and_ids(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    problems = tmp_path / "problems.jsonl"
    problems.write_text('{"id": "p7", "problem": "1 + 1?", "answer": "two"}', encoding="utf-8")
    arguments = ("--data", outside(tmp_path, TRL), "--problems", problems, "--out", tmp_path / "ours.parquet")
    assert "1 solutions of 1 problems, 1 of them with an answer" in convert(capsys, *arguments)
    (read,) = read_labels(tmp_path / "ours.parquet")
    assert (read.solution.problem.problem_id, read.solution.problem.answer) == ("p7", "two")


def test_bad_rows_end_the_command_unless_they_are_to_be_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = outside(tmp_path, TRL, TRL | {"labels": [0.5, -100]}), tmp_path / "ours.parquet"
    assert main(["convert", "--data", data, "--out", str(out)]) == 1
    error = capsys.readouterr().err
    assert "theirs.jsonl:2, labels[1]: a label must be true, false or a number in [0, 1], found -100" in error
    assert error.count("\n") == 1 and not out.exists()
    assert "1 rows cannot be read and are left out" in convert(capsys, "--data", data, "--out", out, "--skip-bad")
    assert len(read_labels(out)) == 1


def test_neutral_steps_and_signs_are_written_as_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = outside(tmp_path, VALUES), tmp_path / "out.jsonl"

    def value(*options: str) -> object:
        said = convert(capsys, "--data", data, "--to", "openrlhf", "--out", out, *options)
        assert ("1 neutral steps" in said) is ("--no-soft" in options)
        return json.loads(out.read_text(encoding="utf-8"))["value"]

    assert value() == [0.25, 1.0]
    assert value("--no-soft") == ["+", "+"]
    assert value("--no-soft", "--neutral", "incorrect") == ["-", "+"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--rollouts", "8"], "--rollouts is for data of another tool, and"),
        (["--skip-bad"], "--skip-bad is for data of another tool, and"),
        (["--neutral", "incorrect"], "--neutral is for writing another format (--to)"),
        (["--no-soft"], "--soft is for writing another format (--to)"),
        (["--to", "processbench"], "processbench is a benchmark's format and only read"),
    ],
)
def test_options_that_would_do_nothing_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    labels = tmp_path / "ours.parquet"
    write_rows(labels, [label_row(each) for each in _labels(1)], LABEL_SCHEMA)
    assert main(["convert", "--data", str(labels), "--out", str(tmp_path / "out.jsonl"), *options]) == 1
    assert said in capsys.readouterr().err


MARKED = {"input": "1 + 1? Step 1: 1 + 1 = 2. ки", "label": "1 + 1? Step 1: 1 + 1 = 2. +", "task": "GSM8K"}


@pytest.mark.parametrize(
    ("row", "to", "options", "said"),
    [
        (
            MARKED,
            None,
            ["--incorrect", "0.1"],
            "changes nothing in math-shepherd; it is for reading trl, openrlhf, math-aps",
        ),
        (MARKED, "rlhflow", ["--correct", "0.9"], "--correct changes nothing in math-shepherd"),
        (MARKED, None, ["--rollouts", "8"], "--rollouts changes nothing in math-shepherd"),
        (VALUES, "trl", ["--rollouts", "4"], "--rollouts gives counts, which trl cannot hold"),
        (VALUES, "math-aps", ["--correct", "0.9"], "--correct decides on classes, and math-aps is written with values"),
        (VALUES, "openrlhf", ["--correct", "0.9"], "--correct decides on classes, and openrlhf is written with values"),
        (
            VALUES,
            "openrlhf",
            ["--neutral", "incorrect"],
            "changes nothing in openrlhf (unless with --no-soft)",
        ),
        (
            VALUES,
            "math-aps",
            ["--neutral", "incorrect"],
            "--neutral changes nothing in math-aps; it is for",
        ),
        (
            VALUES,
            "prm800k",
            ["--neutral", "incorrect"],
            "--neutral changes nothing in prm800k; it is for",
        ),
        (VALUES, "trl", ["--no-soft"], "--no-soft changes nothing in trl; it is for writing openrlhf"),
        (BENCH, None, ["--last-step-is-answer", "True"], "--last-step-is-answer changes nothing in processbench"),
    ],
)
def test_options_that_the_formats_at_hand_cannot_use_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, row: object, to: str | None, options: list[str], said: str
) -> None:
    out = tmp_path / "out.jsonl"
    target = [] if to is None else ["--to", to]
    assert main(["convert", "--data", outside(tmp_path, row), "--out", str(out), *target, *options]) == 1
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1 and not out.exists()


def test_what_is_read_is_never_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, run, problems = Path(outside(tmp_path, TRL)), tmp_path / "run", tmp_path / "problems.jsonl"
    problems.write_text('{"id": "p7", "problem": "1 + 1?", "answer": "two"}', encoding="utf-8")
    shard = run / "shards" / "0.parquet"
    write_rows(shard, [label_row(each) for each in _labels(1)], LABEL_SCHEMA)
    (tmp_path / "link.jsonl").symlink_to(data)
    before = {file: file.read_bytes() for file in (data, shard, problems)}
    for source, out in (
        (data, data),
        (data, tmp_path / "run" / ".." / data.name),
        (data, tmp_path / "link.jsonl"),
        (run, shard),
        (run, run / "new.jsonl"),
        (data, problems),
    ):
        arguments = ["convert", "--data", str(source), "--out", str(out)]
        assert main(arguments + (["--problems", str(problems)] if out == problems else [])) == 1
        error = capsys.readouterr().err
        assert "name another file" in error and error.count("\n") == 1
    assert {file: file.read_bytes() for file in before} == before and not (run / "new.jsonl").exists()


def test_a_table_without_rows_is_not_written_for_another_tool(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rows(tmp_path / "run" / "shards" / "0.parquet", [], LABEL_SCHEMA)
    arguments = ["convert", "--data", str(tmp_path / "run"), "--to", "trl", "--out", str(tmp_path / "out.jsonl")]
    assert main(arguments) == 1
    assert "no labelled solutions in it" in capsys.readouterr().err


@pytest.mark.slow
def test_converted_labels_train_a_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [TRL | {"prompt": f"{number} + 1?", "labels": [True, number % 2 == 0]} for number in range(12)]
    convert(capsys, "--data", outside(tmp_path, *rows), "--out", tmp_path / "ours.parquet")
    train = ["train", "prm", "--labels", tmp_path / "ours.parquet", "--epochs", "1", "--out", tmp_path / "prm"]
    assert main([str(each) for each in train]) == 0
    assert (tmp_path / "prm" / "model.safetensors").is_file()


POOL = {"prompt": "1 + 1?", "answers": ["1 + 1 = 2.\n\nThe answer is 2.", "The answer is 3.", " "], "label": [1, 0, 0]}


def test_a_pool_of_graded_answers_becomes_solutions(tmp_path: Path, capsys) -> None:
    pool, problems = tmp_path / "pool.jsonl", tmp_path / "problems.jsonl"
    pool.write_text(json.dumps(POOL))
    problems.write_text('{"id": "sum", "problem": "1 + 1?", "answer": "2"}')
    assert main(["convert", "--data", str(pool), "--out", str(tmp_path / "all.parquet")]) == 0
    solutions = read_solutions(tmp_path / "all.parquet")
    assert [(each.steps, each.correct) for each in solutions] == [
        (("1 + 1 = 2.", "The answer is 2."), True),
        (("The answer is 3.",), False),
    ]
    told = capsys.readouterr().out
    assert "1 blank answers are left out" in told and "2 answers to 1 problems, 1 of them right" in told
    options = ["--problems", str(problems), "-n", "1", "--out", str(tmp_path / "first.jsonl")]
    assert main(["convert", "--data", str(pool), *options]) == 0
    (first,) = read_solutions(tmp_path / "first.jsonl")
    assert (first.name, first.problem.answer) == ("sum/0", "2")


def test_options_that_are_not_for_pools_are_refused(tmp_path: Path, capsys) -> None:
    pool, rows = tmp_path / "pool.jsonl", tmp_path / "rows.jsonl"
    pool.write_text(json.dumps(POOL))
    rows.write_text('{"a": 1}')
    out = str(tmp_path / "out.parquet")
    for data, options, message in (
        (pool, ["--skip-bad"], "--skip-bad changes nothing here"),
        (pool, ["--to", "trl"], "--to changes nothing here"),
        (pool, ["--best", "2"], "--best changes nothing here"),
        (rows, ["-n", "1"], "-n is for RLHFlow's test pools"),
    ):
        assert main(["convert", "--data", str(data), "--out", out, *options]) == 1
        assert message in capsys.readouterr().err
