"""`prmkit label` as a user runs it: strategies, their limits, and rollouts that become solutions."""

import json
from pathlib import Path

import pytest

from labelers.first_error import FirstError
from labelers.stopping import Fixed, Sequential
from prmkit.cli.label import Label
from prmkit.cli.main import main
from prmkit.errors import InputError
from prmkit.records import EstimateMethod, Strategy
from prmkit.tables import read_labels, read_solutions

LIMITS = {"confidence": 0.7, "min_rollouts": 3, "max_rollouts": 9}


def label(**options: object) -> Label:
    return Label(solutions="demo:1", out=Path("out"), **options)


def test_each_strategy_has_its_own_limits_and_defaults() -> None:
    assert label().task().rule == Fixed(rollouts=8)
    assert label(rollouts=3).task().rule == Fixed(rollouts=3)
    assert label(strategy=Strategy.SEQUENTIAL).task().rule == Sequential()
    assert label(strategy=Strategy.SEQUENTIAL, **LIMITS).task().rule == Sequential(**LIMITS)
    assert label(strategy=Strategy.FIRST_ERROR).task().rule == FirstError()
    assert label(strategy=Strategy.FIRST_ERROR, **LIMITS).task().rule == FirstError(**LIMITS)


def test_every_option_reaches_the_task() -> None:
    task = label(level=0.8, filter_problems=True, keep_rollouts=True, incorrect=0.1, correct=0.6, negligible=0.2).task()
    assert (task.level, task.filter_problems, task.keep_rollouts) == (0.8, True, True)
    assert (task.thresholds.incorrect, task.thresholds.correct, task.thresholds.negligible) == (0.1, 0.6, 0.2)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"strategy": Strategy.SEQUENTIAL, "rollouts": 8}, "--strategy sequential takes .*, not --rollouts"),
        ({"strategy": Strategy.FIRST_ERROR, "rollouts": 8}, "--strategy first-error takes .*, not --rollouts"),
        ({"confidence": 0.9, "min_rollouts": 2}, "--strategy fixed takes --rollouts, not --confidence, --min-rollouts"),
        ({"max_rollouts": 2}, "--strategy fixed takes --rollouts, not --max-rollouts"),
        ({"strategy": Strategy.FIRST_ERROR, "incorrect": 0.1}, "--incorrect"),
        ({"rollouts": 1, "filter_problems": True}, "nothing could pass the filter"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        label(**options).task()


def test_solutions_whose_answers_nobody_knows_are_refused_before_an_engine_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "solutions.jsonl"
    row = {"problem_id": "p", "problem": "Why?", "answer": None, "solution_id": "0", "steps": ["So."]}
    file.write_text(json.dumps(row))
    assert main(["label", "--solutions", str(file), "--out", str(tmp_path / "out")]) == 1
    assert "problem 'p': it has no reference answer (field 'answer')" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_kept_rollouts_need_the_solutions_of_a_problem_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"problem": "How many?", "answer": "3", "steps": ["One.", "The answer is 3."]}
    named = [("p", "0"), ("p", "1"), ("q", "0"), ("p", "2")]
    lines = [json.dumps(row | {"problem_id": one, "solution_id": two}) for one, two in named]
    file = tmp_path / "solutions.jsonl"
    file.write_text("\n".join(lines))
    assert main(["label", "--solutions", str(file), "--keep-rollouts", "--out", str(tmp_path / "out")]) == 1
    assert "solution p/2 is apart from the others of its problem" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_strategies_filter_and_kept_rollouts_from_samples_to_a_second_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def prmkit(*arguments: str) -> str:
        assert main([*arguments, "--engine", "simulated", "--engines", "1", "--max-tokens", "400"]) == 0
        return " ".join(capsys.readouterr().out.split())

    pool, kept, searched = (str(tmp_path / name) for name in ("pool", "kept", "searched"))
    prmkit("sample", "--problems", "demo:12", "-n", "2", "--out", pool)
    few = ["--strategy", "sequential", "--min-rollouts", "2", "--max-rollouts", "4", "--filter-problems"]
    said = prmkit("label", "--solutions", pool, *few, "--keep-rollouts", "--out", kept)
    labeled = read_labels(Path(kept))
    assert 0 < len(labeled) < 24
    assert f"{24 - len(labeled)} items were filtered" in said
    assert {each.strategy for each in labeled} == {Strategy.SEQUENTIAL}
    rollouts = read_solutions(Path(kept) / "rollouts")
    assert len(rollouts) > len(labeled)
    prmkit("label", "--solutions", f"{kept}/rollouts", "--strategy", "first-error", "--out", searched)
    recycled = read_labels(Path(searched))
    assert {each.solution.name for each in recycled} == {each.name for each in rollouts}
    assert any(one.method is EstimateMethod.INFERRED for each in recycled for one in each.estimates)
    again = str(tmp_path / "again")
    assert main(["relabel", "--labels", kept, "--correct", "0.8", "--out", again]) == 0
    assert main(["train", "prm", "--labels", again, "--epochs", "1", "--out", str(tmp_path / "prm")]) == 0
    assert main(["train", "orm", "--labels", searched, "--epochs", "1", "--out", str(tmp_path / "orm")]) == 0
