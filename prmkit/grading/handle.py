"""One worker process as the pool holds it: started when there is work, fed, heard, and killed when its time is over."""

import contextlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
import weakref
from collections import deque
from collections.abc import Sequence
from typing import Any

from prmkit.errors import EngineError
from prmkit.grading.worker import NO_MEMORY, RETIRED, TOO_DEEP

WALL_SECONDS = 120.0
"""Wall-clock limit of one comparison."""
START_SECONDS = 300.0
"""Wall-clock limit for a worker to start."""

Judgement = tuple[str, str, float]
"""Outcome (`equal`, `different` or `unknown`), rule, CPU seconds."""
Pairs = Sequence[tuple[str, str]]

all_handles: "weakref.WeakSet[Handle]" = weakref.WeakSet()
"""Of this process."""

_ENDINGS = {-signal.SIGPROF: "time limit", NO_MEMORY: "memory limit", TOO_DEEP: "too deep", RETIRED: "retired"}
_SCRIPT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from prmkit.grading.worker import main; sys.exit(main())"
)


class Handle:
    """The place of one worker process, which starts when there is work, and again after it has ended."""

    def __init__(self, era: int) -> None:
        self.era = era
        """How often the pool had been closed when this place was made."""
        self.ready = False
        """Whether the process has loaded what it needs."""
        self.sent: deque[int] = deque()
        """Pairs it was sent and has not answered, by index; it is busy with the first."""
        self.line: Any = None
        """Connection to the process; None before the first one started."""
        self._process: subprocess.Popen[bytes] | None = None
        self._deadline = 0.0
        all_handles.add(self)

    def send(self, indices: Sequence[int], pairs: Pairs) -> None:
        """Hand over some pairs. Should the process have ended, that is noticed when it does not answer."""
        if self._process is None:
            self._start()
        self.sent.extend(indices)
        self._deadline = time.monotonic() + (WALL_SECONDS if self.ready else START_SECONDS)
        with contextlib.suppress(OSError):
            self.line.send_bytes(json.dumps([pairs[index] for index in indices]).encode())

    def receive(self) -> Judgement | None:
        """The next judgement; None for the message that says the worker is ready.

        Raises:
            EOFError: The process has ended.
            EngineError: It cannot work; the message says why.
        """
        try:
            message = json.loads(self.line.recv_bytes())
        except OSError:
            raise EOFError from None
        if isinstance(message, str):
            raise EngineError(f"no grading worker can be started: {message}")
        self.ready = True
        self._deadline = time.monotonic() + WALL_SECONDS
        return None if message is None else (message[0], message[1], message[2])

    @property
    def late(self) -> bool:
        """Whether its time is over."""
        return time.monotonic() > self._deadline

    @property
    def ended(self) -> bool:
        """Whether the process is gone and said all it had to say."""
        return self._process is None or (self._process.poll() is not None and not self.line.poll())

    def end(self, patience: float = 0.0) -> str:
        """Kill the process, unless it ends by itself within so many seconds, and say why it ended."""
        self.ready = False
        process, self._process = self._process, None
        if process is None:
            return "worker lost"
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
        process.kill()
        self.line.close()
        return _ENDINGS.get(process.wait(), "worker lost")

    def kill(self) -> None:
        """Kill the process; safe while another thread waits for its answers."""
        if process := self._process:
            process.kill()

    def disown(self) -> None:
        """In a forked child: let go of the parent's process without a word to it."""
        if self._process is not None:
            self.line.close()
            self._process.returncode = 0  # not ours to wait for
            self._process = None

    def _start(self) -> None:
        self.line, theirs = multiprocessing.Pipe()
        # One hash seed: sympy orders its arguments alike in every worker. A process group: Ctrl-C is not for workers.
        environment = os.environ | {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        command = [sys.executable, "-P", "-c", _SCRIPT, json.dumps(sys.path)]
        try:
            self._process = subprocess.Popen(
                command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, env=environment, process_group=0
            )
        except OSError as error:
            self.line.close()
            raise EngineError(f"no grading worker can be started: {error}") from None
        finally:
            theirs.close()
