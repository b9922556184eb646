"""Run a grader over pairs in a process of its own and count what it costs.

`python -m benchmarks.grading_runs ours|math-verify PAIRS RESULTS` grades the (gold, solution) pairs of a JSON file,
after its imports and warm-up, and writes a line per pair. CPU time is that of the process and of all
its children, the pool's worker included. A pair that uses more CPU time than `CPU_SECONDS` ends the process, which is
then started again behind it; it counts as not equal.
"""

import contextlib
import json
import logging
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prmkit.grading import Verdict

CPU_SECONDS = 10
"""CPU time after which math-verify, which has no limit of its own that works everywhere, is ended."""
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one grader did with one list of pairs."""

    equal: list[bool]
    """Its verdicts."""
    rules: list[str]
    """What decided each (empty for the peer)."""
    extracted: list[str]
    """The answer it found in each solution."""
    seconds: list[float]
    """Wall-clock time of each pair; for a batch the worker's CPU time."""
    fast: list[bool]
    """Whether each was decided without a worker process (False for the peer)."""
    cpu_seconds: float
    """CPU time of all pairs together, imports and start excluded."""

    @property
    def rate(self) -> float:
        """Pairs per CPU-second."""
        return len(self.equal) / self.cpu_seconds


def run(grader: str, pairs: Sequence[tuple[str, str]]) -> Run:
    """Grade pairs of (gold, solution) in a fresh process.

    Args:
        grader: A key of `GRADERS`.
        pairs: What to grade.
    """
    rows: list[dict[str, Any]] = []
    cpu_seconds = 0.0
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "pairs.json"), Path(folder, "rows.jsonl")
        while len(rows) < len(pairs):
            source.write_text(json.dumps(pairs[len(rows) :]), encoding="utf-8")
            ended = subprocess.run(
                [sys.executable, "-m", "benchmarks.grading_runs", grader, source, target], check=False
            )
            if ended.returncode > 0:
                raise ChildProcessError(f"grading by {grader} failed; see above")
            done = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
            target.unlink()
            rows += done
            cpu_seconds += done[-1]["cpu"] if done else 0.0
            if len(rows) < len(pairs):
                rows.append(_KILLED)
                cpu_seconds += CPU_SECONDS
    return Run(
        equal=[row["equal"] for row in rows],
        rules=[row["rule"] for row in rows],
        extracted=[row["extracted"] for row in rows],
        seconds=[row["seconds"] for row in rows],
        fast=[row["fast"] for row in rows],
        cpu_seconds=cpu_seconds,
    )


_WARM_UP = [(r"2\sqrt{3}", r"\boxed{\sqrt{12}}"), ("x", r"\boxed{\oint\over}")]
"""What no fast path decides, and what only sympy is left to try, so that the worker has imported all it may need."""
Rows = Iterator[dict[str, Any]]


def _ours_batch(pairs: list[tuple[str, str]]) -> Rows:
    from prmkit.grading import grade_many

    grade_many(_WARM_UP, workers=1)
    begun = cpu_now()
    verdicts = grade_many(pairs, workers=1)
    cpu = cpu_now() - begun
    for verdict in verdicts:
        yield _row(verdict, verdict.seconds, cpu)


def _ours_single(pairs: list[tuple[str, str]]) -> Rows:
    from prmkit.grading import grade_detailed

    for gold, solution in _WARM_UP:
        grade_detailed(gold, solution)
    done = []
    start = cpu_now()
    for gold, solution in pairs:
        begun = time.perf_counter()
        verdict = grade_detailed(gold, solution)
        done.append((verdict, time.perf_counter() - begun))
    cpu = cpu_now() - start
    for verdict, seconds in done:
        yield _row(verdict, seconds, cpu)


def _row(verdict: "Verdict", seconds: float, cpu: float) -> dict[str, Any]:
    extracted = verdict.extracted.text if verdict.extracted else ""
    fast = verdict.rule not in ("parsed", "sympy", "unreadable")
    return {
        "equal": verdict.equal,
        "rule": verdict.rule,
        "extracted": extracted,
        "seconds": seconds,
        "fast": fast,
        "cpu": cpu,
    }


def _math_verify(pairs: list[tuple[str, str]]) -> Rows:
    from math_verify import parse, verify

    logging.disable(logging.CRITICAL)
    for gold, solution in _WARM_UP:
        verify(parse(f"${gold}$", parsing_timeout=None), parse(solution, parsing_timeout=None), timeout_seconds=None)
    cpu = 0.0
    for gold, solution in pairs:
        resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + 1 + CPU_SECONDS, resource.RLIM_INFINITY))
        begun, used = time.perf_counter(), time.process_time()
        pred = parse(solution, parsing_timeout=None)
        equal = bool(verify(parse(f"${gold}$", parsing_timeout=None), pred, timeout_seconds=None))
        seconds = time.perf_counter() - begun
        cpu += time.process_time() - used
        yield {"equal": equal, "rule": "", "extracted": "", "seconds": seconds, "fast": False, "cpu": cpu}


_KILLED = {"equal": False, "rule": "killed", "extracted": "", "seconds": float(CPU_SECONDS), "fast": False}
GRADERS: dict[str, Callable[[list[tuple[str, str]]], Rows]] = {
    "ours": _ours_batch,
    "ours-single": _ours_single,
    "math-verify": _math_verify,
}
"""Ours for a batch, ours pair by pair, and the peer as its README uses it, without its timers (which need SIGALRM)."""


def cpu_now() -> float:
    """CPU seconds of this process and of all its children, dead or alive."""
    own, dead = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + dead.ru_utime + dead.ru_stime + sum(map(_seconds, _children(os.getpid())))


def _children(parent: int) -> list[int]:
    """Living processes below this one."""
    below: dict[int, list[int]] = defaultdict(list)
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            fields = path.read_text(encoding="utf-8").rpartition(") ")[2].split()
            below[int(fields[1])].append(int(path.parent.name))
    found = list(below[parent])
    for process in found:
        found.extend(below[process])
    return found


def _seconds(process: int) -> float:
    """CPU seconds of a process and its dead children; its own to the nanosecond, which `stat` counts in ticks."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(") ")[2].split()
    tasks = Path(f"/proc/{process}/task").glob("*/schedstat")
    own = sum(int(path.read_text(encoding="ascii").split()[0]) for path in tasks) / 1e9
    return own + (int(fields[13]) + int(fields[14])) / TICKS


def main() -> None:
    grader, source, target = sys.argv[1:]
    pairs = [(gold, text) for gold, text in json.loads(Path(source).read_text(encoding="utf-8"))]
    with Path(target).open("w", encoding="utf-8", buffering=1) as out:  # what is done outlives the process
        for row in GRADERS[grader](pairs):
            out.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
