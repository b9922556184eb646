"""A run directory survives what happens to it."""

from pathlib import Path

import pytest

from labelers.ledger import Ledger, read_cost
from prmkit.errors import InputError, RunChangedError
from prmkit.records import SOLUTION_SCHEMA, Problem, Solution
from prmkit.tables import Row, read_solutions, solution_row

CONFIG = {"rollouts": 8, "policy": {"engine": "simulated"}}


def row(name: str) -> Row:
    problem = Problem(problem_id=name, problem="How many?", answer="3")
    return solution_row(Solution(solution_id="0", problem=problem, steps=("The answer is 3.",)))


def test_what_is_written_is_finished_and_can_be_read(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "run", CONFIG)
    assert ledger.finished() == set()
    ledger.write(3, [row("a"), row("b")], SOLUTION_SCHEMA, [])
    assert Ledger(tmp_path / "run", CONFIG).finished() == {3}
    assert [each.name for each in read_solutions(tmp_path / "run")] == ["a/0", "b/0"]


def test_a_shard_that_was_being_written_is_absent(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "run", CONFIG)
    ledger.write(0, [row("a")], SOLUTION_SCHEMA, [])
    (tmp_path / "run" / "shards" / ".00001.parquet.99.tmp").write_bytes(b"half")
    assert ledger.finished() == {0}
    assert len(read_solutions(tmp_path / "run")) == 1


def test_a_changed_configuration_is_refused_with_the_difference_named(tmp_path: Path) -> None:
    Ledger(tmp_path / "run", CONFIG)
    with pytest.raises(RunChangedError, match="rollouts: 8 there, 16 now"):
        Ledger(tmp_path / "run", CONFIG | {"rollouts": 16})


def test_the_same_configuration_continues(tmp_path: Path) -> None:
    Ledger(tmp_path / "run", CONFIG).write(0, [row("a")], SOLUTION_SCHEMA, [])
    assert Ledger(tmp_path / "run", dict(reversed(CONFIG.items()))).finished() == {0}


def test_a_folder_of_something_else_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(InputError, match="not a run of prmkit"):
        Ledger(tmp_path, CONFIG)
    assert [each.name for each in tmp_path.iterdir()] == ["thesis.tex"]


def test_failures_are_kept_with_their_reason(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "run", CONFIG)
    ledger.write(0, [row("a")], SOLUTION_SCHEMA, [{"item": "b", "reason": "too long"}])
    assert ledger.quarantined() == 1
    assert "too long" in (tmp_path / "run" / "quarantine" / "00000.jsonl").read_text()


def test_a_shard_without_rows_is_finished_too(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "run", CONFIG)
    ledger.write(0, [], SOLUTION_SCHEMA, [{"item": "b", "reason": "too long"}])
    assert ledger.finished() == {0}
    assert read_solutions(tmp_path / "run") == []


def test_the_account_covers_all_starts_of_a_run(tmp_path: Path) -> None:
    Ledger(tmp_path / "run", CONFIG).add_cost(1.5, 10)
    Ledger(tmp_path / "run", CONFIG).add_cost(2.0, 5)
    assert read_cost(tmp_path / "run") == (3.5, 15)
    assert read_cost(tmp_path / "nowhere") == (0, 0)


def test_a_shard_done_again_without_failures_leaves_quarantine(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "run", CONFIG)
    ledger.write(0, [], SOLUTION_SCHEMA, [{"item": "b", "reason": "too long"}])
    ledger.write(0, [row("b")], SOLUTION_SCHEMA, [])
    assert ledger.quarantined() == 0
