"""Labels over a real local Ray cluster: whatever happens to its processes, the labels are the same."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from labelers.cluster import check_address
from prmkit.errors import InputError
from prmkit.tables import read_labels

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
PRMKIT = [sys.executable, "-m", "prmkit.cli.main"]


def prmkit(*arguments: str, cwd: Path, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PRMKIT, *arguments], cwd=cwd, capture_output=True, text=True, check=False, timeout=500, **options
    )


def label_arguments(out: Path, pool: Path, engines: int = 2, rollouts: int = 4) -> list[str]:
    sizes = ["--rollouts", str(rollouts), "--shard-size", "3", "--engines", str(engines), "--max-tokens", "300"]
    return ["label", "--solutions", str(pool), "--out", str(out), "--engine", "transformers", *sizes]


def counts(run: Path) -> set[tuple[str, tuple[tuple[int, int], ...]]]:
    labels = read_labels(run)
    found = {(each.solution.name, tuple((e.successes, e.rollouts) for e in each.estimates)) for each in labels}
    assert len(found) == len(labels), "a solution was labelled twice"
    return found


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pool")
    done = prmkit("sample", "--problems", "demo:10", "-n", "3", "--out", str(folder / "pool"), cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "pool"


@pytest.fixture(scope="module")
def undisturbed(pool: Path) -> set[object]:
    out = pool.parent / "undisturbed"
    done = prmkit(*label_arguments(out, pool, engines=1), cwd=pool.parent)
    assert done.returncode == 0, done.stderr
    found = counts(out)
    assert len(found) == 30
    return found


def start(out: Path, pool: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [*PRMKIT, *label_arguments(out, pool)],
        cwd=pool.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def wait_for_shards(out: Path, count: int) -> None:
    deadline = time.monotonic() + 240
    while len(list((out / "shards").glob("*.parquet"))) < count:
        assert time.monotonic() < deadline, "no shard was finished in time"
        time.sleep(0.05)


def actors_below(root: int) -> list[int]:
    """Engine processes among the descendants of a process; those of other runs on the machine are not."""
    listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True)
    rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
    below = {root}
    while found := {int(pid) for pid, parent, *_ in rows if int(parent) in below} - below:
        below |= found
    return [int(pid) for pid, _, *command in rows if int(pid) in below and "ray::Worker" in "".join(command)]


def test_four_engines_label_as_one_does(pool: Path, undisturbed: set[object]) -> None:
    out = pool.parent / "four"
    done = prmkit(*label_arguments(out, pool, engines=4), cwd=pool.parent)
    assert done.returncode == 0, done.stderr
    assert counts(out) == undisturbed
    report = json.loads((out / "report.json").read_text())
    assert report["items"] == 30 and report["last_start"]["engines"] == 4
    assert 0 < report["last_start"]["occupancy"] <= 1 and report["tokens"] > 0
    assert "10 shards, 30 items in" in done.stdout and "engine hours" in done.stdout


def test_a_killed_driver_continues_where_it_stopped(pool: Path, undisturbed: set[object]) -> None:
    out = pool.parent / "killed-driver"
    process = start(out, pool)
    wait_for_shards(out, 2)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = {file.name: file.stat().st_mtime_ns for file in (out / "shards").glob("*.parquet")}
    assert 2 <= len(before) < 10
    done = prmkit(*label_arguments(out, pool), cwd=pool.parent)
    assert done.returncode == 0, done.stderr
    assert f"{len(before)} shards were there already" in " ".join(done.stdout.split())
    assert counts(out) == undisturbed
    assert all((out / "shards" / name).stat().st_mtime_ns == stamp for name, stamp in before.items())


def test_a_killed_engine_is_replaced_and_its_work_done_again(pool: Path, undisturbed: set[object]) -> None:
    out = pool.parent / "killed-engine"
    process = start(out, pool)
    wait_for_shards(out, 1)
    actors = actors_below(process.pid)
    assert actors, "the run has no engine process"
    os.kill(actors[0], signal.SIGKILL)
    assert process.wait(timeout=300) == 0
    assert counts(out) == undisturbed


def test_an_interrupted_run_says_how_to_go_on(pool: Path) -> None:
    out = pool.parent / "interrupted"
    long = label_arguments(out, pool, rollouts=64)  # on a busy machine a short run is over before the signal comes
    process = subprocess.Popen([*PRMKIT, *long], cwd=pool.parent, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    wait_for_shards(out, 1)
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=120)
    assert process.returncode == 130
    assert b"the same command continues where it stopped" in message and b"Traceback" not in message


def test_an_address_without_a_cluster_is_one_line_and_nothing_is_written(pool: Path) -> None:
    out = pool.parent / "unreachable"
    done = prmkit(*label_arguments(out, pool), "--ray-address", "127.0.0.1:1", cwd=pool.parent)
    assert done.returncode == 1
    assert "no Ray cluster answers at 127.0.0.1:1" in done.stderr and done.stderr.count("\n") == 1
    assert not out.exists()


def test_an_address_of_ray_client_is_refused_with_the_way_that_works(pool: Path) -> None:
    with pytest.raises(InputError, match="run the command on a node of the cluster, and give auto or HOST:6379"):
        check_address("ray://127.0.0.1:10001")


def test_other_options_do_not_continue_a_run(pool: Path) -> None:
    out = pool.parent / "four"
    done = prmkit(*label_arguments(out, pool), "--seed", "9", "--limit", "29", cwd=pool.parent)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "task.seed: 0 there, 9 now" in done.stderr and "solutions.number: 30 there, 29 now" in done.stderr


def test_a_users_own_modules_beside_the_run_break_nothing(pool: Path, undisturbed: set[object]) -> None:
    folder = pool.parent / "own"
    folder.mkdir()
    for name in ("search", "labelers", "prmkit", "records"):
        (folder / f"{name}.py").write_text("raise RuntimeError('the wrong module was imported')\n")
    command = shutil.which("prmkit", path=str(Path(sys.executable).parent))
    assert command, "prmkit is not installed in this environment"
    done = subprocess.run(
        [command, *label_arguments(folder / "out", pool)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert counts(folder / "out") == undisturbed


def test_an_existing_cluster_is_used_by_its_address(pool: Path, undisturbed: set[object]) -> None:
    ray = str(Path(sys.executable).parent / "ray")
    port = "6399"
    environment = os.environ | {"RAY_AUTH_MODE": "disabled"}
    head = [ray, "start", "--head", "--port", port, "--num-cpus", "2", "--include-dashboard", "false", "--block"]
    cluster = subprocess.Popen(
        head, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        address = f"127.0.0.1:{port}"
        alive = [ray, "health-check", "--address", address]
        deadline = time.monotonic() + 90
        while subprocess.run(alive, env=environment, capture_output=True, check=False).returncode:
            assert time.monotonic() < deadline, "the cluster did not start"
            time.sleep(1)
        out = pool.parent / "address"
        done = prmkit(*label_arguments(out, pool), "--ray-address", address, cwd=pool.parent, env=environment)
        assert done.returncode == 0, done.stderr
        assert counts(out) == undisturbed
    finally:
        os.killpg(cluster.pid, signal.SIGTERM)
        cluster.wait(timeout=60)
