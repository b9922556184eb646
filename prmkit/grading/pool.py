"""Worker processes that can be killed: comparisons that run too long or grow too large end with their worker.

Workers are plain processes of `prmkit.grading.worker`, started on the first comparison that needs one and reused until
this process exits. They get pairs of answers as JSON and stream judgements back, so that of a killed worker's pairs
only the one under way is given up. Callers may be threads, coroutines, Ray actors, notebooks or daemonic processes:
nothing here uses signals or threads of the calling process. Time is CPU time, so that a loaded machine does not change
verdicts; a generous wall-clock limit catches what sleeps.
"""

import atexit
import os
import threading
import weakref
from collections import deque
from collections.abc import Iterator
from multiprocessing.connection import wait
from queue import SimpleQueue

from prmkit.errors import EngineError
from prmkit.grading.handle import Handle, Judgement, Pairs, all_handles
from prmkit.grading.limits import CPU_SECONDS

MOST_STARTS = 3
"""Workers that may die while they start, one after the other, before the caller is told."""
EXIT_SECONDS = 10.0
"""Time given to a worker that closed its connection to tell its exit status."""
BATCH = 8
"""Most pairs that a worker is handed at once."""
TICK = 1.0
"""Seconds after which silent workers are looked at."""

_FINAL = ("time limit", "too deep")
"""Endings that a second try would only repeat; memory may have been short because of other pairs."""


class WorkerPool:
    """Worker processes up to a fixed number; all methods may be called from any thread."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self.begin()
        _all_pools.add(self)

    def begin(self) -> None:
        """Forget all workers: here at first, and in a forked child, where they and the locks belong to the parent."""
        self._lock = threading.Lock()
        self._era = 0
        self._free = [Handle(0) for _ in range(self._workers)]
        self._waiting: deque[SimpleQueue[Handle]] = deque()
        self._failed_starts = 0

    def compare(self, gold: str, pred: str) -> Judgement:
        """Compare two answers in a worker, waiting for a free one.

        Raises:
            EngineError: No worker can be started.
        """
        ((_, judgement),) = self.compare_many([(gold, pred)])
        return judgement

    def compare_many(self, pairs: Pairs) -> Iterator[tuple[int, Judgement]]:
        """Compare pairs (gold, prediction) in all workers that are free, at least one.

        A pair on which a worker runs out of time or depth is unknown; one that loses its worker otherwise is tried once
        more. The other pairs that a lost worker was handed are done again.

        Yields:
            The index of a pair and its judgement, as they come; every pair once.

        Raises:
            EngineError: No worker can be started.
        """
        todo = deque(range(len(pairs)))
        tried: set[int] = set()
        busy: list[Handle] = []
        try:
            while todo or busy:
                while todo and (worker := self._take(block=not busy)):
                    busy.append(worker)
                    share = min(BATCH, max(1, len(todo) // self._workers))
                    worker.send([todo.popleft() for _ in range(share)], pairs)
                readable = wait([worker.line for worker in busy], TICK)
                for worker in list(busy):
                    if worker.line in readable:
                        yield from self._hear(worker, todo, tried)
                    elif worker.late or worker.ended:
                        yield from self._lose(worker, todo, tried)
                    if not worker.sent:
                        busy.remove(worker)
                        self._give(worker)
        finally:  # the caller stopped, or no worker can be started
            for worker in busy:
                worker.end()
                worker.sent.clear()
                self._give(worker)

    def close(self) -> None:
        """End the workers, those at work when they are done; the next comparison starts new ones."""
        with self._lock:
            self._era += 1
            idle = self._free
            self._free = [Handle(self._era) for _ in idle]
        for worker in idle:
            worker.end()

    def _hear(self, worker: Handle, todo: deque[int], tried: set[int]) -> Iterator[tuple[int, Judgement]]:
        """Take one message of a worker."""
        try:
            judgement = worker.receive()
        except EOFError:
            yield from self._lose(worker, todo, tried, EXIT_SECONDS)
        else:
            self._failed_starts = 0
            if judgement is not None:
                yield worker.sent.popleft(), judgement

    def _lose(
        self, worker: Handle, todo: deque[int], tried: set[int], patience: float = 0.0
    ) -> Iterator[tuple[int, Judgement]]:
        """Settle what a worker leaves behind that ended, or whose time is over. A retired one had begun nothing."""
        late, started = worker.late, worker.ready
        reason = worker.end(patience)
        reason = "time limit" if late else reason
        if not started:
            self._failed_starts += 1
            if late or self._failed_starts >= MOST_STARTS:
                raise EngineError(
                    f"no grading worker can be started: {self._failed_starts} ended while they loaded ({reason}); "
                    "does `python -c 'from prmkit.grading import symbolic; symbolic.load()'` work here?"
                )
        elif reason in _FINAL or worker.sent[0] in tried:
            yield worker.sent.popleft(), ("unknown", reason, CPU_SECONDS if reason == "time limit" else 0.0)
        elif reason != "retired":
            tried.add(worker.sent[0])
        todo.extendleft(reversed(worker.sent))
        worker.sent.clear()

    def _take(self, block: bool) -> Handle | None:
        """A free worker; if there is none, the first to become free for us, or None where waiting is not wanted."""
        with self._lock:
            if self._free:
                return self._free.pop()
            if not block:
                return None
            place: SimpleQueue[Handle] = SimpleQueue()
            self._waiting.append(place)
        try:
            return place.get()
        except BaseException:  # interrupted: nobody will fetch what is put there
            with self._lock:
                if place in self._waiting:
                    self._waiting.remove(place)
            if not place.empty():
                self._give(place.get())
            raise

    def _give(self, worker: Handle) -> None:
        """Hand a worker to whoever waited longest, or put it back."""
        if worker.era != self._era:
            worker.end()
            worker = Handle(self._era)
        with self._lock:
            if self._waiting:
                self._waiting.popleft().put(worker)
            else:
                self._free.append(worker)


_all_pools: weakref.WeakSet[WorkerPool] = weakref.WeakSet()
_pools: dict[int, WorkerPool] = {}


def pool_of(workers: int) -> WorkerPool:
    """This process's pool of up to that many workers; made on the first call, started on the first comparison."""
    return _pools.get(workers) or _pools.setdefault(workers, WorkerPool(workers))


def close_pools() -> None:
    """End all workers of this process. Not needed at exit, where they end by themselves."""
    for pool in list(_pools.values()):
        pool.close()


@atexit.register
def _kill_all() -> None:
    for worker in list(all_handles):
        worker.kill()


def _forget() -> None:
    """In a forked child: the workers, and whatever the locks were doing, belong to the parent."""
    for worker in list(all_handles):
        worker.disown()
    for pool in list(_all_pools):
        pool.begin()


os.register_at_fork(after_in_child=_forget)
