"""`prmkit view` as a user runs it."""

import re
from pathlib import Path

import pytest

from labelers.cluster import ClusterOptions, cluster
from prmkit.cli.main import main
from prmkit.records import LABEL_SCHEMA, LabeledSolution, Problem, Solution, StepEstimate, StepLabel
from prmkit.tables import label_row, write_rows

STEP = StepEstimate(successes=8, rollouts=8)
LABELED = LabeledSolution(
    solution=Solution(
        solution_id="s", problem=Problem(problem_id="p", problem="1 + 1?", answer="2"), steps=("2",), correct=True
    ),
    estimates=(STEP,),
    labels=(StepLabel.CORRECT,),
    soft_labels=((0.0, 0.0, 1.0),),
    intervals=((0.6, 1.0),),
)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    write_rows(tmp_path / "run" / "shards" / "00000.parquet", [label_row(LABELED)], LABEL_SCHEMA)
    return tmp_path / "run"


def test_the_page_lies_in_the_run_or_beside_the_file_unless_out_says_otherwise(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["view", str(run)]) == 0
    page = (run / "view.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    said = capsys.readouterr().out
    assert "1 solution: 1 right, 0 wrong, 0 uncertain" in said
    assert re.search(rf"open {re.escape(str(run / 'view.html'))} in a browser \(\d\.\d MB\)", said)
    write_rows(run.parent / "rows.parquet", [label_row(LABELED)], LABEL_SCHEMA)
    assert main(["view", str(run.parent / "rows.parquet")]) == 0
    assert main(["view", str(run), "--out", str(run.parent / "there" / "it.html")]) == 0
    assert (run.parent / "rows.html").is_file() and (run.parent / "there" / "it.html").is_file()


def test_what_cannot_be_viewed_is_one_line_and_leaves_nothing(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, said in (
        ([str(run.parent)], "no finished shards in it; RUN is a run directory of prmkit search, label"),
        ([str(run.parent / "absent")], "no such file or folder"),
        ([str(run), "--out", str(run / "rows.parquet")], "a page is a file that ends in .html"),
    ):
        assert main(["view", *arguments]) == 1
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1
    assert not list(run.parent.glob("**/*.html"))
    assert main(["view"]) == 2


@pytest.mark.slow
def test_real_runs_of_sample_label_and_relabel_are_viewed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine = ["--engine", "simulated", "--engines", "1"]
    solutions = ["--solutions", str(tmp_path / "solutions")]
    with cluster(ClusterOptions()):
        assert main(["sample", "--problems", "demo:6", "-n", "2", *engine, "--out", str(tmp_path / "solutions")]) == 0
        assert main(["label", *solutions, "--rollouts", "8", *engine, "--out", str(tmp_path / "labels")]) == 0
    strict = ["--labels", str(tmp_path / "labels"), "--correct", "0.9", "--out", str(tmp_path / "strict")]
    assert main(["relabel", *strict]) == 0
    pages = {}
    for name in ("solutions", "labels", "strict"):
        capsys.readouterr()
        assert main(["view", str(tmp_path / name)]) == 0
        pages[name] = (tmp_path / name / "view.html").read_text(encoding="utf-8")
        assert re.match(r"\d+ solutions: \d+ right, \d+ wrong", capsys.readouterr().out)
        assert "The run is not finished" not in pages[name]
    assert "Step labels" in pages["labels"] and "(0 and 0.5)" in pages["labels"] and "(0 and 0.9)" in pages["strict"]
    (tmp_path / "labels" / "report.json").unlink()
    assert main(["view", str(tmp_path / "labels")]) == 0
    assert "The run is not finished" in (tmp_path / "labels" / "view.html").read_text(encoding="utf-8")
