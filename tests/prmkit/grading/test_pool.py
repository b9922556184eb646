"""Worker processes: limits, kills, restarts, and callers of every kind."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from prmkit.grading import Outcome, close_pools, equivalent, grade_detailed
from prmkit.grading.pool import WorkerPool, pool_of

BOMB = "9^{9^{9}}"
"""A power of 370 million digits: passes no size limit, so it is handed to a worker directly."""


def _children(pid: int) -> list[int]:
    listed = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if "spawn_main" in line]


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def _run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    file = folder / "user_script.py"
    file.write_text(textwrap.dedent(script), encoding="utf-8")
    root = Path(__file__).parents[3]
    return subprocess.run(
        [sys.executable, str(file)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | {"PYTHONPATH": str(root)},
    )


@pytest.mark.slow
def test_a_hung_comparison_is_killed_and_the_pool_stays_whole() -> None:
    pool = WorkerPool(1)
    begun = time.monotonic()
    assert pool.compare(BOMB, "5")[:2] == ("unknown", "time limit")
    assert pool.compare("x+x", "2x")[0] == "equal"
    assert time.monotonic() - begun < 100
    pool.close()


@pytest.mark.slow
def test_a_worker_killed_from_outside_is_replaced() -> None:
    pool = WorkerPool(1)
    assert pool.compare("x+x", "2x")[0] == "equal"
    before = set(_children(os.getpid()))
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    assert pool.compare("x+x", "3x")[0] == "different"
    assert pool.compare("x+x", "2x")[0] == "equal"
    pool.close()
    close_pools()


@pytest.mark.slow
def test_closed_pools_start_again() -> None:
    pool = pool_of(2)
    assert pool.compare("y+y", "2y")[0] == "equal"
    close_pools()
    assert pool.compare("y+y", "2y")[0] == "equal"


def test_the_memory_of_a_worker_is_limited(tmp_path: Path) -> None:
    done = _run(
        """
        from prmkit.grading import symbolic
        import resource
        symbolic.set_up()
        try:
            bytearray(symbolic.MEMORY_BYTES + 1)
        except MemoryError:
            raise SystemExit(7)
        """,
        tmp_path,
    )
    assert done.returncode == 7


@pytest.mark.slow
def test_a_script_without_a_main_guard_is_not_run_again_by_the_workers(tmp_path: Path) -> None:
    done = _run(
        """
        print("started")
        from prmkit.grading import equivalent
        print(equivalent("x+x", "2x"))
        """,
        tmp_path,
    )
    assert done.stdout.split() == ["started", "True"], done.stderr


@pytest.mark.slow
def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    file = tmp_path / "parent.py"
    file.write_text(
        "import time; from prmkit.grading import equivalent\n"
        "print(equivalent('x+x', '2x'), flush=True); time.sleep(60)\n",
        encoding="utf-8",
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    with subprocess.Popen([sys.executable, str(file)], stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline().strip() == "True"
        workers = _children(parent.pid)
        assert workers
        parent.kill()
    deadline = time.monotonic() + 30
    while any(map(_alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(_alive, workers))


@pytest.mark.slow
def test_a_forked_child_grades_with_workers_of_its_own(tmp_path: Path) -> None:
    done = _run(
        """
        import os, sys
        from prmkit.grading import close_pools, equivalent
        assert equivalent("x+x", "2x")
        child = os.fork()
        if child == 0:
            right = equivalent("y+y+y", "3y")
            close_pools()
            os._exit(0 if right else 1)
        status = os.waitpid(child, 0)[1]
        assert equivalent("z+z+z", "3z")
        sys.exit(status)
        """,
        tmp_path,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_grading_works_in_a_ray_actor() -> None:
    ray = pytest.importorskip("ray")
    ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
    try:

        @ray.remote(num_cpus=0, max_concurrency=4)
        class Grader:
            def grade(self, gold: str, pred: str) -> bool:
                return equivalent(gold, pred)

        actor = Grader.remote()
        calls = [actor.grade.remote(f"x+{n}x", "3x") for n in (1, 2, 3)]
        assert ray.get(calls, timeout=120) == [False, True, False]
    finally:
        ray.shutdown()


INJECTIONS = [
    "__import__('pathlib').Path('{canary}').touch()",
    r"\text{{__import__('os').system('touch {canary}')}}",
    "(lambda: open('{canary}','w'))()",
    "().__class__.__base__.__subclasses__()",
    "exec(\"open('{canary}','w')\")",
    "x.__class__.__mro__[1](open('{canary}','w'))",
    "eval(compile('open(\"{canary}\",\"w\")','','exec'))",
]
HOSTILE = [
    "9^9^9^9",
    "9**9**9**9",
    "((((9^{999})^{999})^{999})^{999})",
    "99999999999!",
    "((10!)!)!",
    r"\binom{1000000}{500000}",
    "1e999999999",
    "(" * 5000 + ")" * 5000,
    r"\sqrt{" * 1000 + "2" + "}" * 1000,
    r"\frac{" * 30 + "1",
    "{" * 100_000,
    "x" * 3_000_000,
    "1" * 1_000_000,
    "1\x00",
    "\x00",
    "\ud800",
    "nan",
    "inf",
    r"\infty - \infty",
    r"\frac{0}{0}",
    r"\boxed{" * 1000,
    "пять",
    "",
    " ",
    "\\",
    "}",
    r"\left(",
    "=",
    "$$$$",
    "%",
    "_" * 500,
    "^" * 500,
]


def test_nothing_hostile_is_executed_raises_or_hangs(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    begun = time.monotonic()
    for text in [*(each.format(canary=canary) for each in INJECTIONS), *HOSTILE]:
        for gold, pred in ((text, "5"), ("5", text), ("x+1", rf"\boxed{{{text}}}")):
            assert grade_detailed(gold, pred).outcome is not Outcome.EQUAL
    assert not canary.exists()
    assert equivalent("x+x", "2x"), "the pool is whole afterwards"
    assert time.monotonic() - begun < 60
