"""Worker processes: limits, kills, restarts, and callers of every kind."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from prmkit.errors import EngineError
from prmkit.grading import close_pools, equivalent, handle, pool
from prmkit.grading.pool import WorkerPool, pool_of

ROOT = Path(__file__).parents[3]
UNRULY = """
import json, os, signal, sys, time
sys.path[:] = json.loads(sys.argv[1])
import prmkit.grading
from prmkit.grading import worker

class symbolic:
    def load():
        pass

    def fallback(gold, pred):
        return ("equal" if gold == pred else "different"), "unruly"

    def parsed(gold, pred):
        if pred == "spin":
            while True:
                pass
        elif pred == "spin in C":
            9 ** 9 ** 9
        elif pred == "sleep":
            time.sleep(60)
        elif pred == "memory":
            bytearray(worker.MEMORY_BYTES)
        elif pred == "depth":
            symbolic.parsed(gold, pred)
        elif pred == "crash":
            signal.raise_signal(signal.SIGSEGV)
        elif pred == "exit":
            os._exit(0)
        elif pred == "raise":
            raise ValueError
        elif pred == "grow":
            worker._resident = lambda: worker.LARGEST_WORKER + 1
            return "different", "grown"
        elif pred == "whoami":
            return str(os.getpid()), os.environ["PYTHONHASHSEED"]
        return None

sys.modules["prmkit.grading.symbolic"] = prmkit.grading.symbolic = symbolic
worker.CPU_SECONDS = 0.3
sys.exit(worker.main())
"""
"""A worker whose comparisons do what the prediction says, within its real walls."""

PLAIN = [("1", "1"), ("1", "2"), ("x", "x")]


@pytest.fixture
def unruly(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], WorkerPool]]:
    """Pools of workers that misbehave on demand."""
    made: list[WorkerPool] = []

    def make(workers: int) -> WorkerPool:
        made.append(WorkerPool(workers))
        return made[-1]

    monkeypatch.setattr(handle, "_SCRIPT", UNRULY)
    monkeypatch.setattr(pool, "TICK", 0.1)
    yield make
    for each in made:
        each.close()


def _children(pid: int) -> list[int]:
    """The grading workers that a process has started and that live."""
    listed = subprocess.run(
        ["ps", "-ww", "-o", "pid=,stat=,args=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    rows = [line.split(maxsplit=2) for line in listed.stdout.splitlines()]
    return [int(row[0]) for row in rows if not row[1].startswith("Z") and "prmkit.grading" in row[2]]


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def _wait_until(condition: Callable[[], bool], seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}


def _run(script: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a user's script, or with the option `-` feed it to an interpreter that has no file for `__main__`."""
    file = folder / "user_script.py"
    file.write_text(textwrap.dedent(script), encoding="utf-8")
    return subprocess.run(
        [sys.executable, *(options or [str(file)])],
        stdin=file.open(encoding="utf-8"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=folder,
        env=_environment(),
    )


@pytest.mark.parametrize(
    ("pred", "reason"),
    [
        ("spin", "time limit"),
        ("spin in C", "time limit"),
        ("memory", "memory limit"),
        ("depth", "too deep"),
        ("crash", "worker lost"),
        ("exit", "worker lost"),
        ("raise", "failed"),
    ],
)
def test_what_a_comparison_does_to_its_worker_is_told_and_hurts_no_other_pair(
    unruly: Callable[[int], WorkerPool], pred: str, reason: str
) -> None:
    pairs = [*PLAIN, ("1", pred), *PLAIN]
    judgements = dict(unruly(1).compare_many(pairs))
    assert judgements.pop(3)[:2] == ("unknown", reason)
    expected = ["equal", "different", "equal"]
    assert [judgements[index][:2] for index in (0, 1, 2, 4, 5, 6)] == [(each, "unruly") for each in expected * 2]


def test_time_is_cpu_time_and_the_verdict_says_how_much(unruly: Callable[[int], WorkerPool]) -> None:
    outcome, _, seconds = unruly(1).compare("1", "spin")
    assert outcome == "unknown"
    assert seconds == pool.CPU_SECONDS
    assert 0 < unruly(1).compare("1", "1")[2] < 0.3


def test_a_comparison_that_sleeps_is_ended_by_the_wall_clock(
    unruly: Callable[[int], WorkerPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    sleepy = unruly(1)
    assert sleepy.compare("1", "1")[0] == "equal"
    monkeypatch.setattr(handle, "WALL_SECONDS", 0.5)
    assert sleepy.compare("1", "sleep")[:2] == ("unknown", "time limit")
    assert sleepy.compare("1", "1")[0] == "equal"


def test_a_stopped_worker_is_ended_by_the_wall_clock(
    unruly: Callable[[int], WorkerPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = unruly(1)
    pid = int(stopped.compare("", "whoami")[0])
    os.kill(pid, signal.SIGSTOP)
    monkeypatch.setattr(handle, "WALL_SECONDS", 0.5)
    assert stopped.compare("1", "1")[:2] == ("unknown", "time limit")
    assert not _alive(pid)


def test_every_pair_is_judged_once_whatever_happens_to_the_workers(unruly: Callable[[int], WorkerPool]) -> None:
    pairs = [("1", each) for each in ["1", "crash", "2", "raise", "1", "exit", "1", "depth"] * 3]
    found = list(unruly(3).compare_many(pairs))
    assert sorted(index for index, _ in found) == list(range(len(pairs)))
    outcomes = {"1": "equal", "2": "different"}
    assert [judgement[0] for _, judgement in sorted(found)] == [outcomes.get(pred, "unknown") for _, pred in pairs]


def test_workers_are_started_only_for_work_and_then_kept(unruly: Callable[[int], WorkerPool]) -> None:
    before = set(_children(os.getpid()))
    many = unruly(8)
    first = many.compare("", "whoami")[0]
    assert many.compare("", "whoami")[0] == first
    assert set(_children(os.getpid())) - before == {int(first)}
    assert len({judgement[0] for _, judgement in many.compare_many([("", "whoami")] * 64)}) > 1


def test_a_worker_that_has_grown_too_large_is_replaced_and_no_pair_suffers(
    unruly: Callable[[int], WorkerPool],
) -> None:
    growing = unruly(1)
    first = growing.compare("", "whoami")[0]
    pairs = [("1", "grow"), *PLAIN] * 6
    judged = [judgement[:2] for _, judgement in sorted(growing.compare_many(pairs))]
    plain = [(each, "unruly") for each in ("equal", "different", "equal")]
    assert judged == [("different", "grown"), *plain] * 6
    assert growing.compare("", "whoami")[0] != first


def test_the_memory_of_the_caller_does_not_count_as_the_workers(tmp_path: Path) -> None:
    done = _run(
        """
        from prmkit.grading import pool, limits
        held = b"1" * limits.LARGEST_WORKER
        workers = pool.WorkerPool(1)
        for factor in range(2, 5):
            print(workers.compare(f"{factor}x", f"{factor - 1}x+x")[0], workers._free[0]._process.pid)
        """,
        tmp_path,
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [outcome for outcome, _ in lines] == ["equal"] * 3, done.stderr
    assert len({pid for _, pid in lines}) == 1


def test_every_worker_hashes_alike(unruly: Callable[[int], WorkerPool]) -> None:
    assert unruly(1).compare("", "whoami")[1] == "0"


def test_a_caller_that_stops_early_leaves_a_whole_pool(unruly: Callable[[int], WorkerPool]) -> None:
    early = unruly(2)
    judgements = early.compare_many([("1", "1"), *[("1", "sleep")] * 20])
    assert next(judgements)[1][0] == "equal"
    judgements.close()
    assert [judgement[0] for _, judgement in sorted(early.compare_many(PLAIN))] == ["equal", "different", "equal"]


def test_callers_in_many_threads_share_few_workers(unruly: Callable[[int], WorkerPool]) -> None:
    shared = unruly(2)
    found: dict[int, str] = {}

    def ask(number: int) -> None:
        for turn in range(20):
            found[number * 20 + turn] = shared.compare(str(number), str(turn))[0]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = {n * 20 + t: "equal" if n == t else "different" for n in range(8) for t in range(20)}
    assert found == expected


def test_a_single_comparison_does_not_wait_for_the_end_of_a_long_batch(unruly: Callable[[int], WorkerPool]) -> None:
    shared = unruly(1)
    shared.compare("1", "1")
    done: list[int] = []
    begun = threading.Event()

    def batch() -> None:
        for _ in shared.compare_many([("1", "1")] * 3000):
            done.append(1)
            begun.set()

    thread = threading.Thread(target=batch)
    thread.start()
    begun.wait()
    shared.compare("1", "1")
    assert len(done) < 3000
    thread.join()
    assert len(done) == 3000


def test_a_worker_killed_between_or_in_comparisons_is_replaced_and_the_pair_done_again(
    unruly: Callable[[int], WorkerPool],
) -> None:
    killed = unruly(1)
    os.kill(int(killed.compare("", "whoami")[0]), signal.SIGKILL)
    pid = int(killed.compare("", "whoami")[0])
    timer = threading.Timer(0.3, os.kill, (pid, signal.SIGKILL))
    os.kill(pid, signal.SIGSTOP)  # the comparison is under way and does not end
    timer.start()
    assert killed.compare("1", "1")[:2] == ("equal", "unruly")


def test_closed_pools_start_again_and_a_worker_at_work_ends_when_it_is_done(
    unruly: Callable[[int], WorkerPool],
) -> None:
    closed = unruly(1)
    judgements = closed.compare_many([("", "whoami")] * 3)
    pids = [next(judgements)[1][0]]
    closed.close()
    pids += [judgement[0] for _, judgement in judgements]
    assert _wait_until(lambda: not _alive(int(pids[-1])))
    assert closed.compare("", "whoami")[0] not in pids


def test_workers_that_cannot_start_raise_an_error_that_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handle, "_SCRIPT", "raise SystemExit(3)")
    with pytest.raises(EngineError, match="ended while they loaded"):
        WorkerPool(2).compare("1", "1")
    monkeypatch.setattr(
        handle,
        "_SCRIPT",
        UNRULY.replace("sys.exit(", "worker.confine = lambda: __import__('no_such_package')\nsys.exit("),
    )
    with pytest.raises(EngineError, match="No module named 'no_such_package'"):
        WorkerPool(1).compare("1", "1")
    monkeypatch.setattr(handle, "_SCRIPT", UNRULY.replace("pass\n\n    def", "import no_such_parser\n\n    def", 1))
    with pytest.raises(EngineError, match="No module named 'no_such_parser'"):
        WorkerPool(1).compare("1", "1")
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(EngineError, match="No such file"):
        WorkerPool(1).compare("1", "1")


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts descriptors in /proc")
def test_lost_workers_leave_no_process_thread_or_descriptor_behind(unruly: Callable[[int], WorkerPool]) -> None:
    def held() -> tuple[int, int, int]:
        return len(_children(os.getpid())), threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

    before = held()
    lossy = unruly(2)
    for judgement in lossy.compare_many([("1", "crash"), ("1", "1")] * 4):
        assert judgement
    lossy.close()
    assert held() == before


def test_the_workers_of_sympy_judge_and_load_nothing_of_the_script_that_asks(tmp_path: Path) -> None:
    done = _run(
        """
        print("started")
        from prmkit.grading import equivalent
        print(equivalent("x+x", "2x"), equivalent("x+x", "3x"))
        """,
        tmp_path,
    )
    assert done.stdout.split() == ["started", "True", "False"], done.stderr


@pytest.mark.slow
def test_grading_works_without_a_file_of_main_and_beside_modules_named_like_ours(tmp_path: Path) -> None:
    for name in ("search", "json", "worker", "symbolic", "sympy"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong module')", encoding="utf-8")
    script = "from prmkit.grading import equivalent; print(equivalent('x+x', '2x'))"
    assert _run(script, tmp_path, "-P", "-").stdout.split() == ["True"]


@pytest.mark.slow
def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    script = "import os, time; from prmkit.grading import equivalent\nprint(equivalent('x+x', '2x'), flush=True)\n"
    file = tmp_path / "parent.py"  # its forked child outlives it and keeps a copy of every descriptor
    file.write_text(script + "os.fork() or time.sleep(40)\ntime.sleep(60)\n", encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, str(file)], stdout=subprocess.PIPE, text=True, env=_environment(), start_new_session=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline().strip() == "True"
        workers = _children(parent.pid)
        assert workers
        parent.kill()
        assert _wait_until(lambda: not any(map(_alive, workers)))
        os.killpg(parent.pid, signal.SIGKILL)


@pytest.mark.slow
def test_a_forked_child_grades_with_workers_of_its_own(tmp_path: Path) -> None:
    done = _run(
        """
        import os, sys, threading
        from prmkit.grading import close_pools, equivalent
        from prmkit.grading.pool import WorkerPool
        own = WorkerPool(1)
        assert equivalent("x+x", "2x") and own.compare("x+x", "2x")[0] == "equal"
        threading.Thread(target=equivalent, args=("x^2+2x+1", "(x+1)^2")).start()  # the fork may meet a held lock
        child = os.fork()
        if child == 0:
            right = equivalent("y+y+y", "3y") and own.compare("x+x", "3x")[0] == "different"
            close_pools()
            own.close()
            os._exit(0 if right else 1)
        status = os.waitpid(child, 0)[1]
        assert equivalent("z+z+z", "3z") and own.compare("x+x", "3x")[0] == "different"
        sys.exit(status)
        """,
        tmp_path,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_grading_works_in_daemonic_processes(tmp_path: Path, method: str) -> None:
    done = _run(
        f"""
        import multiprocessing
        from prmkit.grading import equivalent
        if __name__ == "__main__":
            with multiprocessing.get_context("{method}").Pool(2) as daemons:
                print(daemons.starmap(equivalent, [("x+x", "2x"), ("x+x", "3x")]))
        """,
        tmp_path,
    )
    assert done.stdout.strip() == "[True, False]", done.stderr


@pytest.mark.slow
def test_grading_works_in_a_thread_of_a_running_loop() -> None:
    async def both() -> list[bool]:
        return await asyncio.gather(*(asyncio.to_thread(equivalent, "x+x", f"{n}x") for n in (2, 3, 4)))

    assert asyncio.run(both()) == [True, False, False]


@pytest.mark.slow
def test_grading_works_in_a_ray_actor_whose_worker_is_killed() -> None:
    ray = pytest.importorskip("ray")
    ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
    try:

        @ray.remote(num_cpus=0, max_concurrency=4)
        class Grader:
            def grade(self, gold: str, pred: str) -> bool:
                return equivalent(gold, pred)

            def pid(self) -> int:
                return os.getpid()

        actor = Grader.remote()
        calls = [actor.grade.remote(f"x+{n}x", "3x") for n in (1, 2, 3)]
        assert ray.get(calls, timeout=120) == [False, True, False]
        workers = _children(ray.get(actor.pid.remote()))
        assert workers
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        assert ray.get(actor.grade.remote("y+2y", "3y"), timeout=120)
    finally:
        ray.shutdown()


@pytest.mark.slow
def test_a_signal_to_the_callers_group_does_not_reach_the_workers(unruly: Callable[[int], WorkerPool]) -> None:
    pid = int(unruly(1).compare("", "whoami")[0])
    assert os.getpgid(pid) != os.getpgid(os.getpid())


def test_close_pools_ends_the_workers_of_this_process() -> None:
    shared = pool_of(3)
    assert shared is pool_of(3)
    assert shared.compare("y+y", "2y")[0] == "equal"
    workers = _children(os.getpid())
    assert workers
    close_pools()
    assert not any(map(_alive, workers))
    assert shared.compare("y+y", "2y")[0] == "equal"
