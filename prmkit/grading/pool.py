"""Worker processes that can be killed: comparisons that run too long or grow too large end with their worker.

Workers are started with `spawn` (forking a process that runs torch, Ray or threads is unsafe), on the first comparison
that needs one, and reused until the process exits. Callers may be threads, coroutines or Ray actors: nothing here uses
signals of the calling process. Time is CPU time, counted by the kernel in the worker, so that a loaded machine does not
change verdicts; a generous wall-clock limit catches what sleeps.
"""

import os
import signal
import sys
import threading
import types
from concurrent.futures import TimeoutError as FutureTimeoutError
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.process import BaseProcess
from typing import Any

from pebble import ProcessExpired, ProcessPool

from prmkit.errors import EngineError
from prmkit.grading import symbolic

WALL_SECONDS = 120.0
"""Wall-clock limit of one comparison."""
START_SECONDS = 300.0
"""Wall-clock limit for the first worker to start."""

Judgement = tuple[str, str, float]
"""Outcome, rule, CPU seconds, as `symbolic.compare` returns them."""

_spawning = threading.Lock()


class _Main(types.ModuleType):
    """Stands for `__main__` while a worker is spawned, without the file that the worker would run again.

    A worker needs nothing of the caller's script, which may import torch or lack a `__main__` guard.
    """

    __spec__ = None

    def __init__(self, main: types.ModuleType) -> None:
        super().__init__("__main__")
        self.__dict__["_main"] = main

    def __getattr__(self, name: str) -> Any:
        if name == "__file__":
            raise AttributeError(name)
        return getattr(self.__dict__["_main"], name)


class _Process(SpawnProcess):
    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Any:  # noqa: N802
        with _spawning:
            main = sys.modules["__main__"]
            sys.modules["__main__"] = _Main(main)
            try:
                return SpawnProcess._Popen(process_obj)
            finally:
                sys.modules["__main__"] = main


class _Context(SpawnContext):
    Process = _Process


class WorkerPool:
    """A fixed number of worker processes; `compare` may be called from any thread."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._slots = threading.BoundedSemaphore(workers)  # a comparison is sent when a worker is free to take it
        self._lock = threading.Lock()
        self._pool: ProcessPool | None = None

    def compare(self, gold: str, pred: str) -> Judgement:
        """Compare two answers in a worker, waiting for a free one.

        Raises:
            EngineError: No worker can be started.
        """
        with self._slots:
            for _ in range(2):  # a worker that is killed from outside may take the pool with it
                pool = self._running()
                try:
                    result: Judgement = pool.schedule(symbolic.compare, (gold, pred), timeout=WALL_SECONDS).result(
                        timeout=2 * WALL_SECONDS
                    )
                except ProcessExpired as error:
                    return "unknown", _cause(error.exitcode), 0.0
                except FutureTimeoutError:
                    return "unknown", "time limit", 0.0
                except Exception:  # whatever a library let escape, or a pool that broke
                    if pool.active:
                        return "unknown", "failed", 0.0
                else:
                    return result
        return "unknown", "worker lost", 0.0

    def close(self) -> None:
        """End the workers; the next comparison starts new ones."""
        with self._lock:
            if self._pool is not None:
                self._pool.stop()
                self._pool.join()
            self._pool = None

    def _running(self) -> ProcessPool:
        with self._lock:
            if self._pool is None or not self._pool.active:
                self._pool = self._start()
            return self._pool

    def _start(self) -> ProcessPool:
        pool = ProcessPool(max_workers=self._workers, initializer=symbolic.set_up, context=_Context())
        try:
            pool.schedule(os.getpid).result(timeout=START_SECONDS)
        except Exception as error:
            pool.stop()
            raise EngineError(
                f"no grading worker could be started within {START_SECONDS:.0f} s ({type(error).__name__}: {error}); "
                "do `python -c 'import math_verify'` and starting processes work here?"
            ) from None
        return pool


def _cause(exit_code: int | None) -> str:
    return "time limit" if exit_code == -signal.SIGXCPU else "worker lost"


_pools: dict[int, WorkerPool] = {}
_registry_lock = threading.Lock()


def pool_of(workers: int) -> WorkerPool:
    """This process's pool of that many workers; made on the first call, started on the first comparison."""
    with _registry_lock:
        return _pools.setdefault(workers, WorkerPool(workers))


def close_pools() -> None:
    """End all workers of this process. Not needed at exit, where they end by themselves."""
    with _registry_lock:
        pools = list(_pools.values())
    for pool in pools:
        pool.close()


def _forget() -> None:
    """In a forked child: the pools, and whatever their locks were doing, belong to the parent."""
    global _registry_lock, _spawning
    _registry_lock, _spawning = threading.Lock(), threading.Lock()
    _pools.clear()


os.register_at_fork(after_in_child=_forget)
