"""How many engines one driver keeps busy: the control plane alone, without models.

Run `python -m benchmarks.cluster_scale`. The driver, its ledger, the workers and every call between them are the real
ones; only the engines are simulated: each has 4 slots and takes 12 s for a solution, so it does 20 solutions a minute.
Up to 16 engines are actors (processes) of their own. More are carried by two actors, each standing for many: the driver
makes the same calls, and only the processes are shared. Solutions, rows and shards have the sizes of real ones.

1. Busy share: the share of slots in use while a run goes on, for 1 to 1,024 engines.
2. Rate: with engines that answer at once, solutions the driver hands out, takes back and stores in a second.
3. Memory of the driver over a stream of a million solutions.
"""

import argparse
import asyncio
import contextlib
import itertools
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
from ray import cloudpickle

from benchmarks.results import Measurement, write_results
from labelers.cluster import ClusterOptions, cluster, store
from labelers.driver import Driver
from labelers.ledger import Ledger
from labelers.placement import Engines, Need
from labelers.work import Shard, make_shards
from labelers.worker import Done, Usage, Worker
from prmkit.completers import Completion, Request, Sampling
from prmkit.completers.engines import Engine, EngineSpec
from prmkit.records import SOLUTION_SCHEMA, FinishReason, Problem, Solution
from prmkit.steps import TextFormat
from prmkit.tables import solution_row

SLOTS = 4
SECONDS = 12.0
"""Mean time of a solution; 4 slots and 12 s make 20 solutions a minute."""
WANTED = 1024 * 20 / 60
"""Solutions per second of 1,024 such engines."""
REAL = 16
"""Engines that are actors of their own at most; each is a process."""
REQUEST = Request(prompt_ids=(1,), sampling=Sampling(), seed=0)
STEPS = tuple(f"Tim has {number} apples and buys {number} more, so Tim: {2 * number}." for number in range(6))


class PacedCompleter:
    """`SLOTS` requests at a time, each of which takes its time, half more or less."""

    tokenizer = None
    text_format = TextFormat(prompt="{problem}", separator="\n")

    def __init__(self, seconds: float, slots: int) -> None:
        self._seconds, self._free, self._random = seconds, asyncio.Semaphore(slots), random.Random(os.urandom(8))
        self._started = 0
        self._slots = slots

    async def complete(self, _request: Request) -> Completion:
        """One token, after a while."""
        async with self._free:
            if self._seconds:
                first = self._started < self._slots  # in the steady state slots fall free one after another
                self._started += 1
                await asyncio.sleep(self._seconds * self._random.uniform(0.0 if first else 0.5, 1.5))
        return Completion(token_ids=(1,), finish=FinishReason.END)

    def close(self) -> None:
        """Nothing to free."""


@dataclass(frozen=True, kw_only=True)
class PacedSpec(EngineSpec):
    """An engine without a model."""

    engine: Engine = Engine.SIMULATED
    policy: str = "none"
    slots: int = SLOTS
    seconds: float = SECONDS

    def build(self) -> Any:
        """Without loading anything."""
        return PacedCompleter(self.seconds, self.slots)


@dataclass(frozen=True)
class Solve:
    """One request and one row per solution."""

    schema = SOLUTION_SCHEMA

    def name(self, item: Solution) -> str:
        """Of a solution."""
        return item.name

    def group(self, item: Solution) -> str:
        """Solutions of a problem come together."""
        return item.problem.problem_id

    async def run(self, completer: Any, items: list[Solution]) -> list[Done | Exception]:
        """A row each."""
        await asyncio.gather(*(completer.complete(REQUEST) for _ in items))
        return [Done(rows=[solution_row(item)]) for item in items]


class House:
    """An actor that stands for many: a worker for each."""

    def __init__(self, spec: PacedSpec, task: Any) -> None:
        self.spec, self.task = spec, task
        self.workers: dict[int, Worker] = {}

    async def ready(self, seat: int) -> float:
        """As the worker's."""
        self.workers[seat] = Worker(self.spec, self.task, 0)
        return await self.workers[seat].ready()

    async def wants(self, seat: int) -> Usage:
        """As the worker's."""
        return await self.workers[seat].wants()

    async def run(self, seat: int, items: list[Any]) -> tuple[list[Done | str], Usage]:
        """As the worker's."""
        return await self.workers[seat].run(items)


@dataclass
class _Call:
    """A method of a shared actor, for one of its engines."""

    method: Any
    seat: int

    def remote(self, *arguments: Any) -> Any:
        return self.method.remote(self.seat, *arguments)


class SharedEngines(Engines):
    """Engines carried by a few actors."""

    def __init__(self, ray: Any, task: Any, spec: PacedSpec, count: int, houses: int = 2) -> None:
        super().__init__(ray, task, spec, Need(engines=count, cpus=0, gpus=0, placed=count))
        house = ray.remote(House).options(num_cpus=0, max_concurrency=100_000)
        self.houses = [house.remote(spec, task) for _ in range(houses)]

    def hire(self, seat: int) -> Any:
        """A part of an actor that answers as a whole one."""
        house = self.houses[seat % len(self.houses)]
        return type("Actor", (), {name: _Call(getattr(house, name), seat) for name in ("ready", "wants", "run")})

    def dismiss(self, actor: Any) -> None:
        """They end together, in `close`."""

    def close(self) -> None:
        """End the actors."""
        for house in self.houses:
            self.ray.kill(house)


def solutions(limit: int | None = None) -> Iterator[Solution]:
    """Solutions of the size of real ones, four of each problem."""
    for number in itertools.count() if limit is None else range(limit):
        problem = Problem(problem_id=f"problem-{number // 4}", problem=" ".join(STEPS), answer="10")
        ids = tuple(tuple(range(30)) for _ in STEPS)
        prompt = tuple(range(180))
        yield Solution(solution_id=str(number), problem=problem, steps=STEPS, prompt_ids=prompt, step_ids=ids)


@dataclass(frozen=True)
class Count:
    """A number in, a number out."""

    schema = pa.schema([("number", pa.int64())])

    def name(self, item: int) -> str:
        """Of a number."""
        return str(item)

    def group(self, item: int) -> str:
        """Each stands alone."""
        return str(item)

    async def run(self, completer: Any, items: list[int]) -> list[Done | Exception]:
        """A row each."""
        await completer.complete(REQUEST)
        return [Done(rows=[{"number": item}]) for item in items]


class EnoughError(Exception):
    """What was to be measured is measured."""


class Run:
    """A run whose driver is watched."""

    def __init__(self, engines: Engines, task: Any, items: Iterator[Any], shard_size: int) -> None:
        self.engines, self.task, self.items, self.shard_size = engines, task, items, shard_size
        self.done = 0

    def go(self, watch: Callable[["Run"], Coroutine[Any, Any, None]]) -> None:
        """Until the items end, or the watch has seen enough."""
        with tempfile.TemporaryDirectory() as folder, contextlib.suppress(EnoughError):
            ledger = Ledger(Path(folder), {})
            self.driver = Driver(
                self.engines,
                make_shards(self.items, self.task.group, self.shard_size),
                write=lambda shard: store(ledger, self.task, shard),
                written=self._written,
                left=lambda: None,
            )
            try:
                asyncio.run(self.driver.run(watch(self)))
            finally:
                self.engines.close()

    def _written(self, shard: Shard) -> None:
        self.done += len(shard.items)


def busy_share(ray: Any, count: int, seconds: float, *, real: bool) -> tuple[float, float]:
    """Mean share of slots in use once every engine is filled, and solutions per second."""
    spec, seen = PacedSpec(), []
    need = Need(engines=count, cpus=0.01, gpus=0, placed=count)
    engines = Engines(ray, Solve(), spec, need) if real else SharedEngines(ray, Solve(), spec, count)

    async def watch(run: Run) -> None:
        while run.driver.running() < count:
            await asyncio.sleep(0.5)
        for wait in (1.5 * SECONDS, seconds):
            await asyncio.sleep(wait)
            seen.append(run.driver.usage())
        raise EnoughError

    Run(engines, Solve(), solutions(), 4).go(watch)
    before, after = seen
    run_for = after.seconds - before.seconds
    return (after.full_seconds - before.full_seconds) / run_for, count * (after.draws - before.draws) / run_for


def rate(ray: Any, number: int) -> tuple[float, float]:
    """Solutions per second with engines that answer at once, and the driver's processor seconds for each."""
    engines = SharedEngines(ray, Solve(), PacedSpec(seconds=0.0), 64)
    spent, began = time.process_time(), time.monotonic()
    run = Run(engines, Solve(), solutions(number), 16)
    run.go(_nothing)
    assert run.done == number
    return number / (time.monotonic() - began), (time.process_time() - spent) / number


def memory(ray: Any, number: int) -> list[tuple[int, float]]:
    """Items done and MiB that the driver holds, every second of a stream of `number` items."""
    process, seen = psutil.Process(), []

    async def watch(run: Run) -> None:
        while True:
            await asyncio.sleep(1)
            seen.append((run.done, process.memory_info().rss / 2**20))

    run = Run(SharedEngines(ray, Count(), PacedSpec(seconds=0.0), 64), Count(), iter(range(number)), 64)
    run.go(watch)
    assert run.done == number
    return seen


async def _nothing(_: Run) -> None:
    pass


def measure(ray: Any, options: argparse.Namespace) -> list[Measurement]:
    """Everything, in about seven minutes."""
    found = []
    for count in options.engines:
        real = count <= REAL
        share, per_second = busy_share(ray, count, options.seconds, real=real)
        print(f"{count} engines: {share:.3f} of the slots in use, {per_second:.1f} solutions/s", flush=True)
        how = "each an actor" if real else "carried by 2 actors"
        found.append(
            Measurement(
                name=f"share of slots in use, {count} engines of 20 solutions a minute ({how})",
                ratio=share,
                aim=0.95,
                value=share,
                peer="engines that never wait",
                peer_value=1.0,
                unit="share",
                runs={"solutions per second": [per_second]},
            )
        )
    rates, overheads = zip(*(rate(ray, options.solutions) for _ in range(3)), strict=True)
    per_second, overhead = statistics.median(rates), statistics.median(overheads)
    print(f"{per_second:.0f} solutions/s with instant engines, {1000 * overhead:.2f} ms of the driver each", flush=True)
    found.append(
        Measurement(
            name="solutions a second that one driver hands out, takes back and stores, engines answering at once",
            ratio=per_second / WANTED,
            aim=1.0,
            value=per_second,
            peer="what 1,024 engines of 20 solutions a minute need",
            peer_value=WANTED,
            unit="solutions/s",
            runs={"ours": list(rates), "driver's processor seconds for a solution": list(overheads)},
        )
    )
    seen = memory(ray, options.stream)
    early = next(held for done, held in seen if done >= options.stream / 10)
    most = max(held for done, held in seen if done >= options.stream / 10)
    print(
        f"driver: {early:.0f} MiB after a tenth of {options.stream:,} items, {most:.0f} MiB at most after", flush=True
    )
    found.append(
        Measurement(
            name=f"memory of the driver over a stream of {options.stream:,} items: after a tenth, over the most later",
            ratio=early / most,
            aim=0.95,
            value=most,
            peer="after a tenth",
            peer_value=early,
            unit="MiB",
            runs={"ours": [held for _, held in seen[:: max(1, len(seen) // 50)]]},
        )
    )
    return found


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engines", type=int, nargs="+", default=[1, 4, 16, 64, 256, 1024])
    parser.add_argument("--seconds", type=float, default=30.0, help="length of each measurement of the busy share")
    parser.add_argument("--solutions", type=int, default=16_000, help="for the rate")
    parser.add_argument("--stream", type=int, default=1_000_000, help="items of the stream")
    options = parser.parse_args()
    began = time.monotonic()
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    with cluster(ClusterOptions()) as ray:
        found = measure(ray, options)
    print(write_results("cluster_scale", found, ["ray", "pyarrow"]))
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
