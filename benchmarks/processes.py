"""Measuring in processes of their own: what they took of the processors, and asking them to work, in turn.

A benchmark's child is the same module, started with other arguments: it calls `answer` for each question that comes.
"""

import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psutil

_MARK = "answer "


def processor_seconds() -> float:
    """Of this process and those it started."""
    whole = psutil.Process()
    times = [each.cpu_times() for each in [whole, *whole.children(recursive=True)]]
    return float(sum(each.user + each.system for each in times))


class Child:
    """A process that answers questions, one at a time; both are JSON."""

    def __init__(self, *command: str) -> None:
        """Start `python -m` with this module and its arguments, with one thread."""
        self._said: deque[str] = deque(maxlen=20)
        self._process = subprocess.Popen(
            [sys.executable, "-m", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"},
        )

    def ask(self, question: object) -> Any:
        """The answer, once it comes; the end of the benchmark, with the child's last words, if it does not."""
        assert self._process.stdin and self._process.stdout
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith(_MARK):
                return json.loads(line.removeprefix(_MARK))
            self._said.append(line)
        sys.exit("a process of the benchmark ended:\n" + "".join(self._said))

    def close(self) -> None:
        """End it."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


def questions() -> Iterator[Any]:
    """In the child: what it is asked, until there is nothing more."""
    for line in sys.stdin:
        yield json.loads(line)


def answer(found: object) -> None:
    """In the child: the answer to the last question."""
    print(f"\n{_MARK}{json.dumps(found)}", flush=True)  # a line of its own, whatever a progress bar left behind
