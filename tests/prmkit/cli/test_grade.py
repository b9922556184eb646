"""`prmkit grade` as a user runs it."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from prmkit.cli.main import main

ROWS = [
    {"gold": "18", "pred": r"So \boxed{18.0}", "note": "a"},
    {"gold": "1/2", "pred": "0.25", "note": "b"},
    {"gold": "7", "pred": "", "note": "c"},
    {"gold": "9^{9^{9}}", "pred": "5", "note": "d"},
]


def _write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_row_comes_back_with_its_grade(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs, out = _write(tmp_path / "pairs.jsonl", ROWS), tmp_path / "out.jsonl"
    assert main(["grade", "--pairs", str(pairs), "--out", str(out)]) == 0
    rows = _read(out)
    assert [row["note"] for row in rows] == ["a", "b", "c", "d"]
    assert [row["outcome"] for row in rows] == ["equal", "different", "different", "unknown"]
    assert [row["equal"] for row in rows] == [True, False, False, False]
    assert [row["rule"] for row in rows] == ["number", "number", "no answer", "too large a power"]
    assert [row["extracted"] for row in rows] == ["18.0", "0.25", None, "5"]
    assert {row["pred_field"] for row in rows} == {"pred"}
    assert "agree" not in capsys.readouterr().out


def test_parquet_in_and_out(tmp_path: Path) -> None:
    pairs, table, out = _write(tmp_path / "pairs.jsonl", ROWS), tmp_path / "out.parquet", tmp_path / "again.parquet"
    assert main(["grade", "--pairs", str(pairs), "--out", str(table)]) == 0
    assert main(["grade", "--pairs", str(table), "--out", str(out), "--workers", "1"]) == 0
    assert pq.read_table(out).to_pylist() == pq.read_table(table).to_pylist()


def test_fields_inside_objects_are_graded_and_agreement_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"truth": "2 + 2 = 4\nA: 4", "a": {"text": "A: 4", "ok": True}, "b": {"text": "A: 4", "ok": False}},
        {"truth": "2 + 3 = 5\nA: 5", "a": {"text": "A: 6", "ok": False}, "b": {"text": "A: 6", "ok": True}},
    ]
    pairs, out = _write(tmp_path / "pairs.jsonl", rows), tmp_path / "out.jsonl"
    fields = ["--gold-field", "truth", "--pred-field", "a.text", "--pred-field", "b.text"]
    labels = ["--label-field", "a.ok", "--label-field", "b.ok"]
    assert main(["grade", "--pairs", str(pairs), "--out", str(out), *fields, *labels]) == 0
    assert [(row["pred_field"], row["equal"]) for row in _read(out)] == [
        ("a.text", True),
        ("a.text", False),
        ("b.text", True),
        ("b.text", False),
    ]
    lines = capsys.readouterr().out.splitlines()
    cells = {name: next(line for line in lines if name in line).split() for name in ("a.text", "b.text")}
    assert "100.00%" in cells["a.text"]
    assert "0.00%" in cells["b.text"]
    numbers = [cell for cell in cells["b.text"] if cell.isdigit()]
    assert numbers == ["2", "1", "1", "0", "1", "1"], "pairs, equal, different, unknown, false +, false -"


@pytest.mark.slow
def test_grades_of_gsm8k_model_solutions_agree_with_their_labels(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = [f"{size}_{kind}" for size in ("6b", "175b") for kind in ("finetuning", "verification")]
    options = [part for model in models for part in ("--pred-field", f"{model}.solution")]
    options += [part for model in models for part in ("--label-field", f"{model}.is_correct")]
    pairs, out = data_dir / "gsm8k" / "model_solutions.jsonl", tmp_path / "out.jsonl"
    assert main(["grade", "--pairs", str(pairs), "--gold-field", "ground_truth", "--out", str(out), *options]) == 0
    rows = _read(out)
    assert len(rows) == 4 * 1319
    agree = [row["equal"] == row[row["pred_field"].partition(".")[0]]["is_correct"] for row in rows]
    assert sum(agree) / len(agree) >= 0.99
    assert capsys.readouterr().out.count("%") == 4


@pytest.mark.parametrize(
    ("lines", "options", "message"),
    [
        ('{"gold": "1", "pred": "1"}\n{"gold"', [], r"pairs.jsonl:2: not valid JSON"),
        ('{"gold": "1"}', [], "pairs.jsonl:1: field 'pred' is missing; the row has gold"),
        ('{"gold": "1", "pred": null}', [], "pairs.jsonl:1: field 'pred' must be text, found NoneType"),
        ('{"gold": " ", "pred": "1"}', [], "pairs.jsonl:1: field 'gold' is empty"),
        ('{"gold": "1", "a": {"b": "1"}}', ["--pred-field", "a.c"], "field 'a.c' is missing; a has b"),
        ('{"gold": "1", "pred": "1", "ok": "yes"}', ["--label-field", "ok"], "field 'ok' must be true or false"),
        (
            '{"gold": "1", "pred": "1", "ok": true}',
            ["--label-field", "ok", "--label-field", "ok"],
            "1 --pred-field but 2 --label-field",
        ),
        ('{"gold": "1", "pred": "1"}', ["--workers", "0"], "workers must be at least 1"),
        ("\n", [], "pairs.jsonl: no rows in it"),
    ],
)
def test_bad_input_is_told_in_one_line_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: str, options: list[str], message: str
) -> None:
    pairs, out = tmp_path / "pairs.jsonl", tmp_path / "out.jsonl"
    pairs.write_text(lines, encoding="utf-8")
    assert main(["grade", "--pairs", str(pairs), "--out", str(out), *options]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_an_absent_file_and_an_unknown_ending_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    absent = tmp_path / "absent.jsonl"
    assert main(["grade", "--pairs", str(absent), "--out", str(tmp_path / "out.jsonl")]) == 1
    assert f"{absent}: no such file" in capsys.readouterr().err
    pairs = _write(tmp_path / "pairs.jsonl", ROWS)
    assert main(["grade", "--pairs", str(pairs), "--out", str(tmp_path / "out.csv")]) == 1
    assert "must end in .jsonl or .parquet" in capsys.readouterr().err
