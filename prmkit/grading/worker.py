"""One worker process: reads pairs of answers, compares them one by one, and writes a judgement for each.

`prmkit.grading.pool` starts it and is the only one to talk to it. It lives behind walls that hold whatever the parsers
do with hostile text: CPU time per comparison (counted by the kernel, which then kills the process), memory, no
evaluation of text, and no writing, no processes and no network.
"""

import contextlib
import json
import os
import re
import resource
import signal
import sys
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from prmkit.errors import MissingExtraError
from prmkit.grading.limits import CPU_SECONDS, LARGEST_WORKER, MEMORY_BYTES

NO_MEMORY = 86
"""Exit status of a worker whose comparison ran out of memory."""
TOO_DEEP = 87
"""Exit status of a worker whose comparison nested too deeply."""
RETIRED = 88
"""Exit status of a worker that answered everything and has grown too large to go on."""
ORPHAN_SECONDS = 5.0
"""How often an idle worker looks whether its parent is still there."""

_HARMLESS = re.compile(
    rb"from sympy import \*|[A-Z] |(?:Integer|Float) \('?[0-9.e+-]+'? *(?:, precision *=\d+ *)?\)|Symbol \('\w+' *\)"
)
"""What sympy itself compiles when it is handed a number or a letter as text."""
_FORBIDDEN = re.compile(
    r"os\.(?:system|exec|posix_spawn|spawn|fork|forkpty|startfile|remove|rename|rmdir|mkdir|link|symlink|truncate|chmod"
    r"|chown|utime|kill|putenv|unsetenv)|(?:pty|subprocess|socket|shutil|ctypes|code|function|urllib|ftplib)\..*"
)
"""Audit events of what no comparison has to do."""
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


@dataclass(slots=True)
class _State:
    """Of this process."""

    walls: bool = True
    """Whether the guard is on duty."""
    loaded: bool = False
    """Whether sympy is imported."""


_state = _State()


def main() -> int:
    """Serve the connection on standard input until the parent closes it or is gone, and return the exit status.

    The first message sent is null once comparisons can begin, or the text of what prevents them. Each message received
    is a list of pairs `[gold, pred]`; each is answered by `[outcome, rule, CPU seconds]`, in order.
    """
    parent = os.getppid()
    connection = Connection(os.dup(0))
    try:
        from prmkit.grading import symbolic

        confine()
    except Exception as error:
        _send(connection, f"{type(error).__name__}: {error}")
        return 0
    _send(connection, None)
    while pairs := _receive(connection, parent):
        for gold, pred in pairs:
            try:
                _send(connection, judge(symbolic, gold, pred))
            except MissingExtraError as error:
                _send(connection, str(error))
                return 0
        if _resident() > LARGEST_WORKER:
            return RETIRED  # what libraries cache must not decide which later answer runs out of memory
    return 0


def _resident() -> int:
    """Bytes of memory that this process holds."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except OSError:  # macOS: the peak, in bytes
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(pages) * resource.getpagesize()  # Linux counts the memory of the parent in a child's peak


def judge(symbolic: Any, gold: str, pred: str) -> tuple[str, str, float]:
    """Compare two answers within the limits: outcome, rule and CPU seconds.

    The process ends here if time, memory or stack run out, even where the comparison could be stopped: what a library
    was writing to its caches may be half done.

    Args:
        symbolic: The module `prmkit.grading.symbolic`.
        gold: The reference answer.
        pred: The answer to judge.

    Raises:
        MissingExtraError: What both need is not installed.
    """
    begun = time.thread_time()  # with a timer set, Linux counts the time of the whole process in ticks only
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    try:
        try:
            found = symbolic.parsed(gold, pred)
        except RecursionError:  # our own code, which leaves nothing half done
            found = "unknown", "too deep"
        if found is None:
            begun += _load(symbolic)
            found = symbolic.fallback(gold, pred)
        outcome, rule = found
    except MissingExtraError:
        raise
    except MemoryError:
        os._exit(NO_MEMORY)
    except RecursionError:
        os._exit(TOO_DEEP)
    except Exception:  # whatever a library let escape
        outcome, rule = "unknown", "failed"
    signal.setitimer(signal.ITIMER_PROF, 0)
    return outcome, rule, time.thread_time() - begun


def _load(symbolic: Any) -> float:
    """Import sympy where that is still to do, with the clock stopped and the walls down, and say how long it took."""
    if _state.loaded:
        return 0.0
    left = signal.setitimer(signal.ITIMER_PROF, 0)[0]
    begun = time.thread_time()
    _state.walls = False
    try:
        symbolic.load()
    except ImportError as error:
        raise MissingExtraError(f"{error}; `pip install math-verify` brings it") from None
    _state.walls = _state.loaded = True
    signal.setitimer(signal.ITIMER_PROF, left)
    return time.thread_time() - begun


def confine() -> None:
    """Put up the walls around this process. They cannot be taken down again."""
    silent = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silent, stream)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # it kills; a parent that ignores or blocks it must not save us
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGPROF})
    sys.dont_write_bytecode = True
    for kind, most in ((resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0)):
        hard = resource.getrlimit(kind)[1]
        limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with contextlib.suppress(ValueError, OSError):  # not every system has each of them
            resource.setrlimit(kind, (limit, limit))
    sys.addaudithook(_guard)


def _guard(event: str, arguments: tuple[Any, ...]) -> None:
    """Called by Python before whatever touches the world outside this process, and before text becomes code."""
    if not _state.walls:
        return
    if _FORBIDDEN.fullmatch(event):
        raise PermissionError(f"a grading worker may not use {event}")
    if event == "open" and (arguments[2] or 0) & _WRITING:
        raise PermissionError(f"a grading worker may not write to {arguments[0]}")
    if event == "compile" and isinstance(arguments[0], bytes | str) and str(arguments[1]).startswith("<"):
        source = arguments[0] if isinstance(arguments[0], bytes) else arguments[0].encode(errors="replace")
        if not _HARMLESS.fullmatch(source):
            raise PermissionError("a grading worker may not evaluate text")


def _send(connection: "Connection[Any, Any]", message: object) -> None:
    try:
        connection.send_bytes(json.dumps(message).encode())
    except OSError:  # nobody listens any more
        os._exit(0)


def _receive(connection: "Connection[Any, Any]", parent: int) -> list[tuple[str, str]] | None:
    """The next pairs; None when there will be none, also where a killed parent left the connection open elsewhere."""
    try:
        while not connection.poll(ORPHAN_SECONDS):
            if os.getppid() != parent:
                return None
        pairs: list[tuple[str, str]] = json.loads(connection.recv_bytes())
    except (EOFError, OSError):
        return None
    return pairs
