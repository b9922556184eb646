"""Whatever is done to a run, it ends with the labels of an undisturbed one: nothing missing, nothing twice.

Each run suffers faults at random moments: kill -9 of the driver, of an engine's actor or of a process of Ray's node; a
full disk; a directory that becomes read-only. It is started again until it is finished. Three runs here, each of the
five faults among them; `make chaos` does twenty (`PRMKIT_CHAOS_RUNS`).
"""

import contextlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from prmkit.tables import read_labels, read_solutions

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
RUNS = int(os.environ.get("PRMKIT_CHAOS_RUNS", "3"))
FAULTS = ("driver", "disk", "read-only", "actor", "node")
ENDING = {"disk": "cannot be written|No space left|File too large", "read-only": "Permission denied", "node": "Ray"}
"""Faults that the driver tells in one line, and what it says."""
SHARDS = 40
COMMAND = [sys.executable, "-m", "prmkit.cli.main", "label", "--engine", "simulated", "--engines", "2"]
COMMAND += ["--solutions", f"demo:{2 * SHARDS}", "--shard-size", "2", "--rollouts", "24", "--max-tokens", "300"]
COMMAND += ["--keep-rollouts"]

Found = tuple[set[tuple[str, int, int, int]], set[tuple[str, tuple[str, ...]]]]


def found(out: Path) -> Found:
    """(solution, step, k, n) of every label, and the rollouts kept; a repeated one is an error of the readers."""
    labels = {
        (each.solution.name, step, estimate.successes, estimate.rollouts)
        for each in read_labels(out)
        for step, estimate in enumerate(each.estimates)
    }
    return labels, {(each.name, each.steps) for each in read_solutions(out / "rollouts")}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Found:
    out = tmp_path_factory.mktemp("undisturbed") / "run"
    done = subprocess.run([*COMMAND, "--out", str(out)], capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 0, done.stderr
    labels, rollouts = found(out)
    assert len({name for name, *_ in labels}) == 2 * SHARDS and len(rollouts) > 500
    return labels, rollouts


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A folder for one run: a small disk of its own where this may be made."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    yield folder
    if mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def unprivileged() -> list[str]:
    """A prefix by which a command has no more rights than a plain user, whom permissions bind."""
    if os.geteuid() != 0:
        return []
    if not shutil.which("setpriv"):
        pytest.skip("run by root, and there is no setpriv to drop its rights: no directory is read-only")
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]


class Victim:
    """A run that is disturbed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.out = folder, folder / "run"
        self.starts = 0
        self.process = self.start()

    def start(self) -> "subprocess.Popen[str]":
        self.starts += 1
        command = [*unprivileged(), *COMMAND, "--out", str(self.out)]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def reach(self, shards: int) -> bool:
        """Wait for so many finished shards; False where the run is over before."""
        deadline = time.monotonic() + 300
        while self.process.poll() is None:
            if len(list((self.out / "shards").glob("*.parquet"))) >= shards:
                return True
            assert time.monotonic() < deadline, "no progress"
            time.sleep(0.02)
        return False

    def end(self) -> tuple[int, str]:
        _, errors = self.process.communicate(timeout=300)
        return self.process.returncode, errors

    def below(self) -> dict[int, str]:
        """Processes of this run beside the driver, with their names."""
        listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True)
        rows = [(int(pid), int(parent), args) for pid, parent, args in map(_split, listed.stdout.splitlines())]
        ours = {self.process.pid}
        while more := {pid for pid, parent, _ in rows if parent in ours} - ours:
            ours |= more
        return {pid: args for pid, _, args in rows if pid in ours - {self.process.pid}}

    def kill_one(self, rng: random.Random, *names: str) -> bool:
        chosen = sorted(pid for pid, args in self.below().items() if any(name in args.split()[0] for name in names))
        with contextlib.suppress(ProcessLookupError):
            if chosen:
                os.kill(rng.choice(chosen), signal.SIGKILL)
                return True
        return False

    def suffer(self, fault: str, rng: random.Random) -> bool:
        """Do one of the faults; False where there is nothing left to do it to."""
        match fault:
            case "driver":
                self.process.kill()
            case "actor":
                return self.kill_one(rng, "ray::Worker")
            case "node":
                return self.kill_one(rng, "raylet/raylet", "ray::DashboardAgent", "ray::RuntimeEnvAgent")
            case "read-only":
                for folder in (self.out, self.out / "shards"):
                    folder.chmod(0o555)
            case "disk" if self.folder.is_mount():
                with contextlib.suppress(OSError), (self.folder / "ballast").open("wb", buffering=0) as ballast:
                    while True:
                        ballast.write(bytes(1 << 16))
            case "disk":  # no disk of its own: no file of the driver's may grow any more
                resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        return True

    def heal(self) -> None:
        (self.folder / "ballast").unlink(missing_ok=True)
        for folder in (self.out, self.out / "shards"):
            folder.chmod(0o755)


def _split(line: str) -> list[str]:
    return [*line.split(None, 2), ""][:3]


def schedule(number: int, rng: random.Random) -> list[tuple[int, str]]:
    """Moments, in finished shards, and faults: two of each in turn, and in the longer trial up to two more."""
    faults = [FAULTS[(2 * number + place) % len(FAULTS)] for place in (0, 1)]
    if RUNS > 3:
        faults += rng.choices(FAULTS, k=rng.randint(0, 2))
    rng.shuffle(faults)
    return list(zip(sorted(rng.sample(range(1, SHARDS - 6), len(faults))), faults, strict=True))


@pytest.mark.parametrize("number", range(RUNS))
def test_a_disturbed_run_ends_with_the_same_labels(number: int, disk: Path, undisturbed: Found) -> None:
    began, rng = time.monotonic(), random.Random(f"chaos {number}")
    victim, suffered = Victim(disk), []
    for moment, fault in schedule(number, rng):
        if not victim.reach(moment):
            break
        time.sleep(rng.uniform(0, 0.2))
        if victim.process.poll() is not None or not victim.suffer(fault, rng):
            continue
        suffered.append(f"{fault} at {moment}")
        if fault in ("driver", *ENDING):
            status, errors = victim.end()
            if fault != "driver" and status != 0:  # 0: it was finished before it noticed
                assert errors.startswith("prmkit label: ") and errors.count("\n") == 1, errors
                assert any(text in errors for text in ENDING[fault].split("|")), errors
            victim.heal()
            victim.process = victim.start()
    status, errors = victim.end()
    assert status == 0 and errors == "", errors
    print(f"\nrun {number}: {', '.join(suffered)}; {victim.starts} starts, {time.monotonic() - began:.0f} s")
    assert suffered, "the run was over before anything was done to it"
    assert found(victim.out) == undisturbed
    assert not list((victim.out / "quarantine").glob("*"))
