"""The driver with real actors in a local Ray cluster: deaths, streams, and what is written about them."""

import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labelers import placement
from labelers.cluster import ClusterOptions, cluster, run_task
from labelers.ledger import Ledger, read_cost, read_energy, read_progress
from labelers.progress import Outcome
from prmkit.completers.engines import Engine, EngineSpec
from prmkit.errors import EngineError, MissingFileError
from prmkit.files import locate
from prmkit.tables import read_solutions

from .ray_tasks import IDLE, CountedWorker, IdleSpec, Numbers, Where, numbers, reasons

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
TWO = ClusterOptions(engines=2, shard_size=4)


@pytest.fixture(scope="module", autouse=True)
def local_cluster() -> Iterator[None]:
    with cluster(ClusterOptions()):
        yield


def run(task: Any, items: Any, out: Path, options: ClusterOptions = TWO, **more: Any) -> Outcome:
    return run_task(task, items, IDLE, Ledger(out, {"of": "this test"}), options=options, what="counting", **more)


def test_items_that_kill_are_quarantined_with_the_reason_and_their_neighbours_done(tmp_path: Path) -> None:
    outcome = run(Numbers(killers=(5,), quitters=(9,)), range(24), tmp_path)
    assert numbers(tmp_path) == [each for each in range(24) if each not in (5, 9)]
    said = reasons(tmp_path, "quarantine")
    assert said.keys() == {"5", "9"}
    assert all(text.startswith("its engine died 3 times: The actor is dead because") for text in said.values())
    assert "2 items could not be done" in outcome.report(tmp_path)


def test_a_dead_engine_in_a_living_actor_is_replaced(tmp_path: Path) -> None:
    run(Numbers(breaks_once=str(tmp_path / "broken")), range(8), tmp_path / "run")
    assert (tmp_path / "broken").exists()
    assert numbers(tmp_path / "run") == list(range(8)) and not reasons(tmp_path / "run", "quarantine")


def test_a_stream_of_unknown_length_is_read_no_faster_than_it_is_done(tmp_path: Path) -> None:
    ahead = []

    def stream() -> Iterator[int]:
        for number in range(3000):
            ahead.append(number - 4 * len(list((tmp_path / "shards").glob("*.parquet"))))
            yield number

    run(Numbers(seconds=0.05), stream(), tmp_path)
    assert numbers(tmp_path) == list(range(3000))
    assert max(ahead) <= 4 * (2 * 32 + 64 + 16 + 2)


def test_what_is_kept_and_filtered_is_stored_beside_the_shard_and_reported(tmp_path: Path) -> None:
    outcome = run(Numbers(keeps=True, filters=(3,)), range(8), tmp_path)
    assert numbers(tmp_path) == [0, 1, 2, 4, 5, 6, 7]
    assert reasons(tmp_path, "filtered") == {"3": "all right"}
    assert len(read_solutions(tmp_path / "rollouts")) == 7
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["items"], report["filtered"], report["quarantined"]) == (8, 1, 0)
    assert (report["rollouts"], report["most_rollouts"], report["saved"]) == (16, 64, 0.75)
    assert "75% of rollouts saved" in outcome.report(tmp_path) and "1 items were filtered" in outcome.report(tmp_path)


def test_progress_is_written_while_the_run_goes_on_and_its_last_lines_are_the_cost(tmp_path: Path) -> None:
    run(Numbers(seconds=7), range(4), tmp_path, ClusterOptions(engines=1, shard_size=4))
    run(Numbers(), range(4), tmp_path)
    lines = read_progress(tmp_path)
    assert {line["start"] for line in lines} == {0} and len(lines) >= 2
    assert [line["items"] for line in lines][-1] == 4 and lines[0]["items"] == 0
    assert lines[-1]["seconds"] > 7 and lines[-1]["engine_hours"] * 3600 > 7 and lines[-1]["engines"] == 1
    assert lines[-1]["occupancy"] == 0 and lines[-1]["items_per_second"] > 0
    assert read_cost(tmp_path) == (lines[-1]["seconds"], 0)


@contextlib.contextmanager
def burning(powercap: Path) -> Iterator[list[int]]:
    """A RAPL zone whose counter goes up by a joule every few milliseconds; the list grows with it."""
    zone, burnt, ended = powercap / "intel-rapl:0", [0], threading.Event()
    zone.mkdir(parents=True)
    for name, content in (("name", "package-0"), ("max_energy_range_uj", "262143328850"), ("energy_uj", "0")):
        (zone / name).write_text(content)

    def burn() -> None:
        while not ended.wait(0.005):
            burnt.append(len(burnt))
            (zone / "new").write_text(f"{burnt[-1]}000000\n")
            (zone / "new").replace(zone / "energy_uj")

    thread = threading.Thread(target=burn)
    thread.start()
    try:
        yield burnt
    finally:
        ended.set()
        thread.join()


def test_the_energy_of_a_machine_is_counted_once_whatever_the_number_of_its_engines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placement, "Worker", CountedWorker)
    spec = IdleSpec(seconds=0.3, powercap=str(tmp_path / "powercap"))
    with burning(tmp_path / "powercap") as burnt:
        outcome = run_task(Where(), range(80), spec, Ledger(tmp_path / "run", {}), options=TWO, what="counting")
        total = burnt[-1]
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert outcome.account.running == 2 and report["gpu_joules"] is None
    assert 0.4 * total < report["cpu_joules"] <= 1.05 * total, "all but the start and end of the run"
    assert read_energy(tmp_path / "run").cpu == report["cpu_joules"]
    assert "Wh (CPUs)" in outcome.report(tmp_path / "run")


def test_no_energy_is_told_where_none_is_known(tmp_path: Path) -> None:
    outcome = run(Where(), range(4), tmp_path)
    if read_energy(tmp_path).watt_hours is not None:
        pytest.skip("this machine has counters that can be read")
    assert "Wh" not in outcome.report(tmp_path)
    assert outcome.summary["cpu_joules"] is outcome.summary["gpu_joules"] is None


def test_shards_that_are_there_are_skipped_and_the_rest_is_done(tmp_path: Path) -> None:
    run(Numbers(), range(8), tmp_path)
    outcome = run(Numbers(killers=(0, 7)), range(20), tmp_path)
    assert numbers(tmp_path) == list(range(20))
    assert (outcome.account.shards_found, outcome.account.found, outcome.account.items) == (2, 8, 12)
    assert "2 shards were there already" in outcome.report(tmp_path)


def test_a_run_in_which_nothing_can_be_done_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="none of the 1 items could be done"):
        run(Numbers(quitters=(0,)), range(1), tmp_path)


def test_an_engine_that_cannot_start_ends_the_run_with_its_reason(tmp_path: Path) -> None:
    broken = EngineSpec(engine=Engine.SIMULATED, policy="/nowhere")
    with pytest.raises((EngineError, MissingFileError), match="nowhere"):
        run_task(Numbers(), range(8), broken, Ledger(tmp_path, {}), options=TWO, what="counting")


def test_a_run_in_an_object_store_is_whole_and_continues() -> None:
    out = locate("memory://runs/one")
    run(Numbers(keeps=True, filters=(1,), quitters=()), range(8), out)
    outcome = run(Numbers(), range(12), out)
    assert numbers(out) == [0, *range(2, 12)] and outcome.account.found == 8
    assert len(read_solutions(out / "rollouts")) == 7
    assert {line["start"] for line in read_progress(out)} == {0, 1}
