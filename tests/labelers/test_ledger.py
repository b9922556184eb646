"""A run directory survives what happens to it."""

import json
import os
from pathlib import Path

import pytest

from labelers.ledger import Ledger, read_cost, read_energy, read_progress
from prmkit.energy import Energy
from prmkit.errors import InputError, RunChangedError
from prmkit.files import locate
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


def test_kept_rollouts_are_a_source_of_solutions_without_repeats(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "run", CONFIG)
    ledger.write(0, [row("a")], SOLUTION_SCHEMA, [], kept=[row("x"), row("y"), row("x")])
    ledger.write(1, [row("b")], SOLUTION_SCHEMA, [], kept=[row("z")])
    assert [each.name for each in read_solutions(tmp_path / "run" / "rollouts")] == ["x/0", "y/0", "z/0"]


def test_rollouts_of_a_shard_that_is_not_finished_are_not_read(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "run", CONFIG)
    ledger.write(0, [row("a")], SOLUTION_SCHEMA, [], kept=[row("x")])
    ledger.write(1, [row("b")], SOLUTION_SCHEMA, [], kept=[row("y")])
    (tmp_path / "run" / "shards" / "00001.parquet").unlink()
    assert [each.name for each in read_solutions(tmp_path / "run" / "rollouts")] == ["x/0"]


def test_filtered_items_are_kept_apart_with_their_reason(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "run", CONFIG)
    ledger.write(0, [row("a")], SOLUTION_SCHEMA, [], filtered=[{"item": "b", "reason": "all right"}])
    assert (ledger.count("filtered"), ledger.quarantined()) == (1, 0)
    assert json.loads((tmp_path / "run" / "filtered" / "00000.jsonl").read_text())["reason"] == "all right"


def test_what_belongs_to_a_shard_counts_for_nothing_without_it(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "run", CONFIG)
    with pytest.raises(TypeError):
        ledger.write(0, [{"steps": object()}], SOLUTION_SCHEMA, [{"item": "b", "reason": "too long"}])
    assert (tmp_path / "run" / "quarantine" / "00000.jsonl").exists()
    assert ledger.finished() == set() and ledger.quarantined() == 0


def test_a_shard_done_again_leaves_nothing_of_the_earlier_try(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "run", CONFIG)
    ledger.write(0, [], SOLUTION_SCHEMA, [], filtered=[{"item": "a", "reason": "all right"}], kept=[row("x")])
    ledger.write(0, [row("a")], SOLUTION_SCHEMA, [])
    assert ledger.count("filtered") == 0 and not list((tmp_path / "run" / "rollouts" / "shards").iterdir())


def test_a_line_of_progress_that_was_cut_off_is_passed_over(tmp_path: Path) -> None:
    Ledger(tmp_path, CONFIG).note({"seconds": 2.0, "tokens": 7})
    with (tmp_path / "progress.jsonl").open("a") as handle:
        handle.write('{"start": 0, "sec')
    again = Ledger(tmp_path, CONFIG)
    again.note({"seconds": 1.0, "tokens": 3})
    assert [line["start"] for line in read_progress(tmp_path)] == [0, 1]
    assert read_cost(tmp_path) == (3.0, 10)


def test_the_last_line_of_a_start_is_its_cost(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, CONFIG)
    for seconds in (1.0, 2.0, 5.0):
        ledger.note({"seconds": seconds, "tokens": 10})
    assert read_cost(tmp_path) == (5.0, 10)


def test_a_ledger_in_an_object_store_is_refused_continued_and_read_like_any(tmp_path: Path) -> None:
    out = locate("memory://ledger/run")
    ledger = Ledger(out, CONFIG)
    ledger.write(3, [row("a")], SOLUTION_SCHEMA, [{"item": "b", "reason": "too long"}], kept=[row("x")])
    ledger.add_cost(1.5, 10)
    again = Ledger(out, CONFIG)
    again.add_cost(1.0, 1)
    assert again.finished() == {3} and again.quarantined() == 1 and read_cost(out) == (2.5, 11)
    assert [each.name for each in read_solutions(out)] == ["a/0"]
    assert [each.name for each in read_solutions(out / "rollouts")] == ["x/0"]
    with pytest.raises(RunChangedError, match="rollouts: 8 there, 16 now"):
        Ledger(out, CONFIG | {"rollouts": 16})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere (test_chaos.py drops its rights)")
def test_a_directory_that_cannot_be_written_is_told_before_any_work(tmp_path: Path) -> None:
    Ledger(tmp_path / "run", CONFIG)
    (tmp_path / "run").chmod(0o555)
    with pytest.raises(PermissionError, match="Permission denied"):
        Ledger(tmp_path / "run", CONFIG)


def test_the_energy_of_a_run_is_that_of_all_its_starts_as_far_as_each_knows_it(tmp_path: Path) -> None:
    assert read_energy(tmp_path / "run") == Energy()
    for cpu, gpu in ((5.0, 100.0), (7.0, 200.0)):
        ledger = Ledger(tmp_path / "run", CONFIG)
        ledger.note({"tokens": 10, "cpu_joules": 1.0, "gpu_joules": 1.0})
        ledger.note({"tokens": 20, "cpu_joules": cpu, "gpu_joules": gpu})
    Ledger(tmp_path / "run", CONFIG).note({"seconds": 5.0, "tokens": 0})
    assert read_energy(tmp_path / "run") == Energy(cpu=12, gpu=300)
    Ledger(tmp_path / "run", CONFIG).note({"tokens": 10, "cpu_joules": None, "gpu_joules": 50.0})
    assert read_energy(tmp_path / "run") == Energy(gpu=350)
    Ledger(tmp_path / "run", CONFIG).add_cost(1.0, 10)
    assert read_energy(tmp_path / "run") == Energy()
