"""The driver of a run: hands work to engines, takes their results, and survives their deaths.

Every engine has a seat; the actor in it may die and be replaced, join late, or never come. An actor gets work once its
engine runs, and more whenever it says that its engine has room. There is no barrier anywhere.

What a dead actor held is done again one item at a time, each alone on an actor, so that an item that kills is found and
given up, and its neighbours are done (`labelers.work`).
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from labelers.placement import Engines
from labelers.work import Piece, Shard, Work
from labelers.worker import Done, Usage
from prmkit.energy import EnergyAccount
from prmkit.errors import EngineError, PrmkitError

_STARTS = 3
"""Starts in a row that may fail in every seat."""
_MOST_HELD = 32
"""Pieces an actor holds at most, however much room it has."""
_WRITERS = 16
"""Shards that are written at the same time."""
_MOST_UNWRITTEN = 4 * _WRITERS
"""Finished shards that wait to be written; engines get no more work until there are fewer."""
_LONGEST_WAIT = 60.0
"""Seconds between two tries to start an engine."""


@dataclass(eq=False)
class _Seat:
    """One engine's place, over all its lives."""

    number: int
    actor: Any = None
    held: set[Piece] = field(default_factory=set)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """There may be something to do for it."""
    failures: int = 0
    """Starts in a row that failed."""
    running: bool = False
    since: float = 0.0
    """When its engine began to run, by the monotonic clock."""
    starting: float = 0.0
    """Seconds its engine took to start."""
    clearing: bool = False
    """It takes no more shards, to do single items."""
    before: Usage = field(default_factory=Usage)
    """Of earlier lives."""
    now: Usage = field(default_factory=Usage)


class _LostError(Exception):
    """An actor is gone, with its node or alone."""

    def __init__(self, reason: str, node: bool) -> None:
        super().__init__(reason)
        self.node = node


class Driver:
    """One run over a stream of shards."""

    def __init__(
        self,
        engines: Engines,
        shards: Iterator[Shard],
        *,
        write: Callable[[Shard], None],
        written: Callable[[Shard], None],
        left: Callable[[], int | None],
    ) -> None:
        """Prepare a run.

        Args:
            engines: Who does the work.
            shards: What is to be done; read as engines have room.
            write: Stores a finished shard, in a thread.
            written: Told in the driver's own thread that it is stored.
            left: Shards not handed out yet, about; None if that is unknown.
        """
        self.seats = [_Seat(number) for number in range(engines.count)]
        self.working_since: float | None = None
        """When the first engine ran, by the monotonic clock."""
        self.most_running = 0
        """Engines that ran at the same time, at most."""
        self.energy = EnergyAccount()
        """Of the machines of all engines while they were there."""
        self._engines, self._work, self._left = engines, Work(shards), left
        self._write, self._written = write, written
        self._unwritten = 0

    def usage(self) -> Usage:
        """Of all engines over all their lives."""
        return sum((seat.before + replace(seat.now, starting=seat.starting) for seat in self.seats), Usage())

    def running(self) -> int:
        """Engines that run now."""
        return sum(seat.running for seat in self.seats)

    async def run(self, *beside: Coroutine[Any, Any, None]) -> None:
        """Until every shard is stored.

        Args:
            beside: Run for as long; their errors end the run.

        Raises:
            PrmkitError: No engine could be started, or a shard could not be done for a reason of the user's.
            OSError: A shard cannot be stored.
        """
        self._finished = asyncio.Event()
        try:
            with ThreadPoolExecutor(_WRITERS) as self._pool, _one_error():
                async with asyncio.TaskGroup() as self._group:
                    endless = [*beside, *(self._serve(seat) for seat in self.seats)]
                    tasks = [self._group.create_task(each) for each in endless]
                    await self._finished.wait()
                    for task in tasks:
                        task.cancel()
        finally:
            for seat in self.seats:
                self._end(seat)

    async def _serve(self, seat: _Seat) -> None:
        while True:
            if await self._start(seat):
                await self._supply(seat)

    async def _start(self, seat: _Seat) -> bool:
        """Put an actor into a seat and wait, for as long as it takes, until its engine runs."""
        seat.actor = self._engines.hire(seat.number)
        try:
            seat.starting = await _answer(seat.actor.ready.remote())
        except PrmkitError as error:
            if self.working_since is None:
                raise  # the same would happen to every engine
            reason = str(error)
        except _LostError as error:
            reason = str(error)
        else:
            seat.failures, seat.running, seat.since = 0, True, time.monotonic()
            self.working_since = self.working_since or seat.since
            self.most_running = max(self.most_running, self.running())
            return True
        seat.failures += 1
        self._end(seat)
        if all(each.failures >= _STARTS for each in self.seats):
            raise EngineError(f"an engine died {seat.failures} times while starting: {reason}")
        await asyncio.sleep(min(_LONGEST_WAIT, 2.0**seat.failures))
        return False

    def _end(self, seat: _Seat) -> None:
        """End an actor, and account for the time since its last answer, in which it may have waited for work."""
        if seat.actor is not None:
            self._engines.dismiss(seat.actor)
            seat.actor = None
        if seat.running:
            seat.before += replace(seat.now, starting=seat.starting, seconds=time.monotonic() - seat.since)
        seat.now, seat.starting = Usage(), 0.0
        seat.running = seat.clearing = False

    async def _supply(self, seat: _Seat) -> None:
        """Keep an actor at work until it is lost."""
        try:
            with _one_error():
                async with asyncio.TaskGroup() as group:
                    while True:
                        piece = await self._take(seat)
                        seat.held.add(piece)
                        group.create_task(self._do(seat, piece))
                        self._hear(seat, await _answer(seat.actor.wants.remote()))
        except (_LostError, EngineError) as error:
            self._end(seat)
            for piece in seat.held:
                self._store_complete(self._work.lost(piece, str(error), node=getattr(error, "node", False)))
            seat.held.clear()
            self._wake()

    async def _do(self, seat: _Seat, piece: Piece) -> None:
        answer: tuple[list[Done | str], Usage] = await _answer(seat.actor.run.remote(piece.items))
        results, usage = answer
        self._hear(seat, usage)
        seat.held.discard(piece)
        seat.changed.set()
        self._store_complete(self._work.done(piece, results))

    def _hear(self, seat: _Seat, usage: Usage) -> None:
        """Take note of what an engine says it has done."""
        seat.now = usage
        self.energy.add(usage.energy)

    async def _take(self, seat: _Seat) -> Piece:
        """The next piece for an actor, as soon as there is one for it."""
        while True:
            seat.changed.clear()
            if piece := self._next(seat):
                return piece
            await seat.changed.wait()

    def _next(self, seat: _Seat) -> Piece | None:
        if any(piece.alone for piece in seat.held):
            return None
        if self._work.suspects:
            if not seat.held:
                return self._work.suspect()
            seat.clearing = seat.clearing or sum(each.clearing for each in self.seats) < max(1, len(self.seats) // 8)
            if seat.clearing:
                return None
        seat.clearing = False
        left = self._left()
        most = _MOST_HELD if left is None else min(_MOST_HELD, max(2, -(-left // len(self.seats))))
        if len(seat.held) >= most or self._unwritten >= _MOST_UNWRITTEN:
            return None
        piece = self._work.next()
        self._check_finished()
        return piece

    def _store_complete(self, shard: Shard | None) -> None:
        if shard is None:
            return
        self._unwritten += 1
        storing = self._store(shard)
        try:
            self._group.create_task(storing)
        except RuntimeError:  # the run is ending on an error; the shard is done again at the next start
            storing.close()

    async def _store(self, shard: Shard) -> None:
        await asyncio.get_running_loop().run_in_executor(self._pool, self._write, shard)
        self._written(shard)
        self._work.close()
        self._unwritten -= 1
        if self._unwritten == _MOST_UNWRITTEN - 1:
            self._wake()
        self._check_finished()

    def _check_finished(self) -> None:
        if self._work.finished:
            self._finished.set()

    def _wake(self) -> None:
        for seat in self.seats:
            seat.changed.set()


async def _answer(reference: Any) -> Any:
    """What a call to an actor returns.

    Raises:
        _LostError: The actor is gone, in whatever words of Ray's.
        Exception: The call's own error, not wrapped in Ray's.
    """
    from ray.exceptions import ActorUnavailableError, RayError, RayTaskError

    try:
        return await reference
    except RayTaskError as error:
        raise error.cause if isinstance(error.cause, Exception) else error from None
    except RayError as error:
        # a lost node first shows as a lost connection; a process that dies alone is reported by its node
        node = isinstance(error, ActorUnavailableError) or "node has died" in str(error)
        raise _LostError(_reason(error), node) from None


def _reason(error: Exception) -> str:
    """Ray's most telling line about the death of an actor, without its advice."""
    lines = str(error).splitlines() or [type(error).__name__]
    return next((line for line in lines if line.startswith("The actor is dead")), lines[0]).partition(" Some common")[0]


@contextlib.contextmanager
def _one_error() -> Iterator[None]:
    """A task group's first error in place of the group; the death of an actor only where nothing else went wrong."""
    try:
        yield
    except BaseExceptionGroup as group:
        raise min(group.exceptions, key=lambda each: isinstance(each, _LostError)) from None
