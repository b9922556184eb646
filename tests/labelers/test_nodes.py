"""Clusters of several nodes, reached by address: engines join late, nodes are lost, GPUs are held together."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labelers.cluster import ClusterOptions, run_task
from labelers.ledger import Ledger, read_progress
from labelers.progress import Outcome
from labelers.work import Piece, Work

from .ray_tasks import IDLE, IdleSpec, Numbers, Where, numbers, places, reasons

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def nodes() -> Iterator[Any]:
    """A cluster without nodes that can work; tests add them."""
    from ray.cluster_utils import Cluster

    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "num_gpus": 0})
    yield found
    found.shutdown()


def run(nodes: Any, task: Any, items: Any, out: Path, *, engines: int, spec: Any = IDLE) -> Outcome:
    options = ClusterOptions(ray_address=nodes.address, engines=engines, shard_size=2)
    return run_task(task, items, spec, Ledger(out, {}), options=options, what="counting")


def when_shards(out: Path, count: int, act: Any) -> threading.Thread:
    """Do something as soon as so many shards are there."""

    def wait() -> None:
        deadline = time.monotonic() + 120
        while len(list((out / "shards").glob("*.parquet"))) < count:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        act()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def join(address: str) -> "subprocess.Popen[bytes]":
    """Another node, as a person would add it."""
    ray = str(Path(sys.executable).parent / "ray")
    command = [ray, "start", "--address", address, "--num-cpus", "1", "--num-gpus", "0", "--block"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def test_a_run_outlives_a_node_that_is_lost_on_the_way(
    nodes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blamed: list[str] = []
    lost_nodes: list[bool] = []
    lost_piece = Work.lost

    def watch(work: Work, piece: Piece, reason: str, *, node: bool) -> Any:
        blamed.extend([] if node else [reason])
        lost_nodes.append(node)
        return lost_piece(work, piece, reason, node=node)

    monkeypatch.setattr(Work, "lost", watch)
    nodes.add_node(num_cpus=1, num_gpus=0)
    lost = nodes.add_node(num_cpus=1, num_gpus=0)
    thread = when_shards(tmp_path, 4, lambda: nodes.remove_node(lost, allow_graceful=False))
    run(nodes, Where(), range(80), tmp_path, engines=2, spec=IdleSpec(seconds=0.3))
    thread.join()
    assert numbers(tmp_path) == list(range(80)) and not reasons(tmp_path, "quarantine")
    assert len({place["node"] for place in places(tmp_path)}) == 2, "the lost node did nothing before"
    assert lost_nodes and not blamed, "the node's death was held against what was on it"


def test_engines_that_do_not_fit_wait_without_work_and_join_with_a_new_node(
    nodes: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes.add_node(num_cpus=1, num_gpus=0)
    joined: list[subprocess.Popen[bytes]] = []
    thread = when_shards(tmp_path, 3, lambda: joined.append(join(nodes.address)))
    given: list[int] = []

    def until_both_work() -> Iterator[int]:
        deadline = time.monotonic() + 120
        while len(given) % 20 or not given or len({place["node"] for place in places(tmp_path)}) < 2:
            assert time.monotonic() < deadline, "the new node got no work"
            given.append(len(given))
            yield given[-1]

    try:
        run(nodes, Where(), until_both_work(), tmp_path, engines=3, spec=IdleSpec(seconds=0.2))
    finally:
        thread.join()
        for process in joined:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=60)
    assert numbers(tmp_path) == given
    assert "1 of 3 engines fit the cluster now; the others join when nodes do" in capsys.readouterr().out
    assert read_progress(tmp_path)[-1]["engines"] == 2


def test_every_engine_holds_gpus_of_its_own_on_one_node(nodes: Any, tmp_path: Path) -> None:
    nodes.add_node(num_cpus=4, num_gpus=4)
    run(nodes, Where(), range(32), tmp_path, engines=2, spec=IdleSpec(tensor_parallel=2, seconds=1.0))
    held = {place["process"]: tuple(place["gpus"]) for place in places(tmp_path)}
    assert len(held) == 2
    assert sorted(gpu for gpus in held.values() for gpu in gpus) == [0, 1, 2, 3]


def test_a_replaced_engine_finds_its_gpus_again(nodes: Any, tmp_path: Path) -> None:
    nodes.add_node(num_cpus=2, num_gpus=2)
    run(nodes, Numbers(killers=(3,)), range(8), tmp_path, engines=1, spec=IdleSpec(tensor_parallel=2))
    assert numbers(tmp_path) == [0, 1, 2, 4, 5, 6, 7]
    assert reasons(tmp_path, "quarantine").keys() == {"3"}
