"""`prmkit convert` as a user runs it."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from prmkit.cli.main import main
from prmkit.records import LABEL_SCHEMA, LabeledSolution, Problem, Solution, StepEstimate, StepLabel
from prmkit.tables import label_row, read_labels, write_rows


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
