"""`prmkit relabel` as a user runs it."""

import json
from pathlib import Path

import pytest

from labelers.values import Derivation, Thresholds
from prmkit.cli.main import main
from prmkit.records import (
    LABEL_SCHEMA,
    EstimateMethod,
    LabeledSolution,
    Problem,
    Solution,
    StepEstimate,
    StepLabel,
    Strategy,
)
from prmkit.tables import label_row, read_labels, write_rows

INFERRED = StepEstimate(successes=0, rollouts=0, method=EstimateMethod.INFERRED)
RIGHT, WRONG = (StepEstimate(successes=k, rollouts=1, method=EstimateMethod.GRADED) for k in (1, 0))
MADE = Derivation(thresholds=Thresholds(correct=0.7))


def labeled(name: str, *counts: tuple[int, int], strategy: Strategy = Strategy.FIXED) -> LabeledSolution:
    steps = [StepEstimate(successes=k, rollouts=n) for k, n in counts]
    solution = Solution(
        solution_id=name,
        problem=Problem(problem_id="p", problem="1 + 1?", answer="2"),
        steps=tuple(f"Step {index}." for index in range(len(steps) + 1)),
        correct=True,
    )
    return MADE.labeled(solution, [*steps, RIGHT], strategy, StepEstimate(successes=3, rollouts=8))


LABELED = [labeled("a", (4, 8), (7, 8)), labeled("b", (1, 8)), labeled("c", (0, 8), (2, 8))]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run directory of `prmkit label --correct 0.7`, in two shards."""
    task = {"thresholds": {"incorrect": 0.0, "correct": 0.7, "negligible": 0.05}, "level": 0.95}
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text(json.dumps({"config": {"command": "label", "task": task}}))
    for shard, part in enumerate((LABELED[:2], LABELED[2:])):
        rows = [label_row(each) for each in part]
        write_rows(tmp_path / "run" / "shards" / f"{shard:05}.parquet", rows, LABEL_SCHEMA)
    return tmp_path / "run"


def relabel(labels: Path, out: Path, *options: str) -> list[LabeledSolution]:
    assert main(["relabel", "--labels", str(labels), "--out", str(out), *options]) == 0
    return read_labels(out)


def test_without_options_the_labels_stay_as_they_were_made(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert relabel(run, run.parent / "out") == read_labels(run)
    assert "0 steps have another class than before" in capsys.readouterr().out


def test_other_classes_come_from_the_same_counts(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    again = relabel(run, run.parent / "out", "--incorrect", "0.2", "--correct", "0.5")
    assert [each.labels[:-1] for each in again] == [
        (StepLabel.CORRECT, StepLabel.CORRECT),
        (StepLabel.INCORRECT,),
        (StepLabel.INCORRECT, StepLabel.NEUTRAL),
    ]
    assert [each.estimates for each in again] == [each.estimates for each in LABELED]
    assert [each.problem_estimate for each in again] == [each.problem_estimate for each in LABELED]
    said = capsys.readouterr().out
    assert "8 steps in" in said and "2 steps have another class than before" in said


@pytest.mark.parametrize(
    ("option", "changed"),
    [
        (("--incorrect", "0.2"), {"labels", "soft_labels"}),
        (("--correct", "0.5"), {"labels", "soft_labels"}),
        (("--negligible", "0.2"), {"soft_labels"}),
        (("--level", "0.5"), {"intervals"}),
    ],
)
def test_each_option_changes_what_it_is_for_and_nothing_else(
    run: Path, option: tuple[str, str], changed: set[str]
) -> None:
    before, after = read_labels(run), relabel(run, run.parent / "out", *option)
    fields = ("labels", "soft_labels", "intervals", "estimates", "strategy", "solution")
    differ = {
        name for name in fields if [getattr(each, name) for each in before] != [getattr(each, name) for each in after]
    }
    assert differ == changed


@pytest.mark.parametrize("name", ["labels.parquet", "labels.jsonl"])
def test_files_are_read_and_written_too(run: Path, name: str) -> None:
    there = run.parent / name
    relabel(run, there, "--correct", "0.5")
    assert [each.labels for each in relabel(there, run.parent / "out", "--correct", "0.7")] == [
        each.labels for each in LABELED
    ]


def test_a_file_without_its_run_takes_the_defaults_of_label(run: Path) -> None:
    file = run.parent / "labels.parquet"
    write_rows(file, [label_row(each) for each in LABELED], LABEL_SCHEMA)
    assert relabel(file, run.parent / "out")[0].labels[0] is StepLabel.CORRECT, "4 of 8 reach the default of 0.5"


def test_the_result_is_a_run_that_relabel_takes_and_knows(run: Path) -> None:
    relabel(run, run.parent / "half", "--correct", "0.5")
    again = relabel(run.parent / "half", run.parent / "out", "--level", "0.5")
    assert again[0].labels[0] is StepLabel.CORRECT, "the threshold of the first relabelling holds"


def test_labels_of_another_kind_are_not_written_over(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = run.parent / "out"
    relabel(run, out)
    assert relabel(run, out) == read_labels(run), "the same again is fine"
    assert main(["relabel", "--labels", str(run), "--out", str(out), "--correct", "0.9"]) == 1
    assert "task.thresholds.correct: 0.7 there, 0.9 now" in capsys.readouterr().err
    assert main(["relabel", "--labels", str(run), "--out", str(run)]) == 1
    assert "that is where the labels are read from" in capsys.readouterr().err


def test_what_makes_no_sense_is_refused_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    searched = MADE.labeled(LABELED[0].solution, [INFERRED, INFERRED, RIGHT], Strategy.FIRST_ERROR)
    judged = MADE.labeled(LABELED[0].solution, [RIGHT, WRONG, WRONG], None)
    for labels, options, said in (
        (searched, ["--incorrect", "0.1"], "a rate of up to 0.1 cannot count as incorrect"),
        (judged, [], "solution p/a: steps before the last are graded, not rolled out"),
        (searched, ["--correct", "0.01"], "0 < negligible < correct"),
        (searched, ["--level", "2"], "level must lie between 0 and 1"),
    ):
        write_rows(tmp_path / "labels.parquet", [label_row(labels)], LABEL_SCHEMA)
        command = ["relabel", "--labels", str(tmp_path / "labels.parquet"), "--out", str(tmp_path / "out"), *options]
        assert main(command) == 1
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1
        assert not (tmp_path / "out").exists()
