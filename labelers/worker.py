"""What runs inside an actor: one engine, and a task that turns the items of a shard into rows."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar, runtime_checkable

import pyarrow as pa

from prmkit.completers import Completer, Completion, Request
from prmkit.completers.engines import Engine, EngineSpec
from prmkit.energy import Counted, EnergyMeter
from prmkit.errors import EngineError, PrmkitError
from prmkit.tables import Row

Item = TypeVar("Item")

_SETTLING = 0.02
"""Seconds a shard gets to send its first requests before the engine is asked whether it has room for another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a task made of one item."""

    rows: list[Row]
    """Of the task's schema."""
    rollouts: int = 0
    """Drawn for this item; what another item of the shard drew and this one shares is counted there."""
    most_rollouts: int = 0
    """What the same number per step, the most allowed, would have drawn; the difference is what was saved."""
    kept: list[Row] = field(default_factory=list)
    """Rollouts as solutions of their own, rows of `SOLUTION_SCHEMA`."""
    filtered: str | None = None
    """Why the item was left out on purpose (its problem teaches nothing); it has no rows then."""


class Task(Protocol[Item]):
    """What is done with each item of a shard; picklable."""

    @property
    def schema(self) -> pa.Schema:
        """Of the rows."""
        ...

    def name(self, item: Item) -> str:
        """What to call an item in messages."""
        ...

    def group(self, item: Item) -> str:
        """Consecutive items of one group share work (equal prefixes, the bare problem) and come into one shard."""
        ...

    async def run(self, completer: Completer, items: list[Item]) -> list[Done | Exception]:
        """What came of each item, or why nothing did."""
        ...


@runtime_checkable
class Companion(Protocol):
    """A task that brings something of its own beside the engine, such as a reward model."""

    def prepare(self) -> None:
        """Load it; called when the engine runs, and before any work."""
        ...

    async def room(self) -> None:
        """Returns as soon as the task can begin with another item."""
        ...


def raise_exits(results: Sequence[Done | BaseException]) -> list[Done | Exception]:
    """Results of `asyncio.gather(..., return_exceptions=True)`: an item's error is kept, a cancellation goes on."""
    kept: list[Done | Exception] = []
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, Exception):
            raise result
        kept.append(result)
    return kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What an engine has done since it runs."""

    starting: float = 0.0
    """Seconds it took to start."""
    seconds: float = 0.0
    """It has run for since then."""
    full_seconds: float = 0.0
    """The same work would have taken with every slot in use all the time; the ratio of the two is the occupancy."""
    tokens: int = 0
    """Written."""
    draws: int = 0
    """Completions finished."""
    energy: tuple[Counted, ...] = ()
    """What the machine's counters counted; nothing where they cannot be read."""

    def __add__(self, other: "Usage") -> "Usage":
        """Of two engines, or two lives of one; energy, which engines share, is for an `EnergyAccount` to add."""
        return Usage(
            starting=self.starting + other.starting,
            seconds=self.seconds + other.seconds,
            full_seconds=self.full_seconds + other.full_seconds,
            tokens=self.tokens + other.tokens,
            draws=self.draws + other.draws,
        )


class Meter:
    """A completer that measures how much of it is in use, and knows when it has room for more."""

    def __init__(self, inner: Completer, slots: int) -> None:
        """Measure `inner`, in which `slots` requests run together."""
        self.inner = inner
        self.tokenizer = inner.tokenizer
        self.text_format = inner.text_format
        self.room = asyncio.Event()
        """Set while fewer requests are under way than keep every slot in use until more can arrive."""
        self.room.set()
        self._slots = slots
        self._enough = slots + max(1, slots // 4)
        self._pending = self._tokens = self._draws = 0
        self._began = self._since = time.monotonic()
        self._full_seconds = 0.0

    async def complete(self, request: Request) -> Completion:
        """As the inner completer."""
        self._change(1)
        try:
            completion = await self.inner.complete(request)
        finally:
            self._change(-1)
        self._tokens += len(completion.token_ids)
        self._draws += 1
        return completion

    def usage(self) -> Usage:
        """Since the beginning."""
        self._change(0)
        return Usage(
            seconds=self._since - self._began,
            full_seconds=self._full_seconds,
            tokens=self._tokens,
            draws=self._draws,
        )

    def close(self) -> None:
        """As the inner completer."""
        self.inner.close()

    def _change(self, by: int) -> None:
        now = time.monotonic()
        self._full_seconds += (now - self._since) * min(1.0, self._pending / self._slots)
        self._since = now
        self._pending += by
        if self._pending < self._enough:
            self.room.set()
        else:
            self.room.clear()


class Worker:
    """An actor's inside: one engine, any number of shards at once."""

    def __init__(self, spec: EngineSpec, task: Task[Any], threads: int) -> None:
        """Keep what is needed; `ready` starts the engine, which on the CPU computes with so many threads (0: its own).

        vLLM has settings of its own for that (`prmkit.completers.vllm`).
        """
        if spec.engine is Engine.TRANSFORMERS and threads:
            import torch

            torch.set_num_threads(threads)
        self.spec = spec
        self.task = task
        self.meter: Meter | None = None
        self.energy: EnergyMeter | None = None

    async def ready(self) -> float:
        """Start the engine and what the task needs beside it; the seconds that took.

        Not in the constructor: vLLM wants the running event loop, and errors are to be heard.
        """
        began = time.monotonic()
        self.energy = EnergyMeter()
        try:
            self.meter = Meter(self.spec.build(), self.spec.slots)
            if isinstance(self.task, Companion):
                self.task.prepare()
        except PrmkitError:
            raise
        except Exception as error:
            raise EngineError(f"the {self.spec.engine} engine did not start: {error!r}") from error
        return time.monotonic() - began

    async def wants(self) -> Usage:
        """Answers as soon as the engine has room for another shard beside those given before."""
        assert self.meter is not None
        await asyncio.sleep(_SETTLING)
        await self.meter.room.wait()
        if isinstance(self.task, Companion):
            await self.task.room()
        return self._usage()

    async def run(self, items: list[Any]) -> tuple[list[Done | str], Usage]:
        """What came of each item, or why nothing did; and what the engine has done so far.

        Raises:
            EngineError: The engine died; the driver replaces the actor and has its work done again.
        """
        assert self.meter is not None
        results: list[Done | str] = []
        for result in await self.task.run(self.meter, items):
            if isinstance(result, EngineError):
                raise result
            results.append(f"{type(result).__name__}: {result}" if isinstance(result, Exception) else result)
        return results, self._usage()

    def _usage(self) -> Usage:
        assert self.meter is not None
        return replace(self.meter.usage(), energy=self.energy.counted() if self.energy else ())
