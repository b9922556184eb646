"""Work on a Ray cluster: one actor per engine, bounded work in flight, every finished shard into the ledger.

The same code runs on a laptop (a local cluster of real processes) and, with `address`, on a cluster. A shard's rows
depend on its items and the task alone, so neither the number of engines nor the order in which they finish matters.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pyarrow as pa
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from labelers.ledger import Ledger
from prmkit.completers import Completer
from prmkit.completers.engines import Engine, EngineSpec
from prmkit.errors import EngineError, InputError
from prmkit.tables import Row

Item = TypeVar("Item")
_IN_FLIGHT = 2
"""Shards an actor holds: one to work on while another's last rollouts drain."""
_ATTEMPTS = 3
"""Deaths of its actor after which a shard is given up."""


class Task(Protocol[Item]):
    """What is done with each item of a shard; picklable."""

    @property
    def schema(self) -> pa.Schema:
        """Of the rows."""
        ...

    def name(self, item: Item) -> str:
        """What to call an item in messages."""
        ...

    async def run(self, completer: Completer, items: list[Item]) -> list[list[Row] | Exception]:
        """Rows of each item, or why there are none."""
        ...


def raise_exits(results: Sequence[list[Row] | BaseException]) -> list[list[Row] | Exception]:
    """Results of `asyncio.gather(..., return_exceptions=True)`: an item's error is kept, a cancellation goes on."""
    kept: list[list[Row] | Exception] = []
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, Exception):
            raise result
        kept.append(result)
    return kept


@dataclass(frozen=True, kw_only=True)
class ClusterOptions:
    """Where the engines run."""

    ray_address: str | None = None
    """An existing Ray cluster (`auto`, `host:6379`, `ray://host:10001`); none starts a local one."""
    engines: int = 0
    """Engines to run; 0 takes one per GPU, or per CPU core up to 8 where there is no GPU (vllm on CPU: one)."""
    shard_size: int = 16
    """Items that are stored together, and lost together when a machine dies."""

    def __post_init__(self) -> None:
        if self.engines < 0 or self.shard_size < 1:
            raise InputError(f"need engines >= 0 and shard_size >= 1, got {self.engines} and {self.shard_size}")


@dataclass
class Progressed:
    """What a run did."""

    shards: int = 0
    """Finished in this run."""
    skipped: int = 0
    """Found finished."""
    failed: int = 0
    """Items in quarantine."""
    tokens: int = 0
    """Written by the engines in this run."""
    seconds: float = 0.0
    """Wall time of this run, engine start-up included."""

    def report(self, out: Path) -> None:
        """Say what was done and what could not be."""
        from rich import print as show

        rate = self.tokens / self.seconds if self.seconds else 0.0
        show(
            f"{self.shards} shards in {self.seconds:.0f} s, {self.tokens:,} tokens ({rate:,.0f}/s with engine start); "
            f"{self.skipped} shards were there already"
        )
        if self.failed:
            show(f"[bold]{self.failed} items could not be done[/]: see {out / 'quarantine'}")


class _Worker:
    """An actor's inside: one engine, any number of shards at once."""

    def __init__(self, spec: EngineSpec, task: Task[Any], threads: int) -> None:
        if spec.engine is not Engine.VLLM and threads:
            import torch

            torch.set_num_threads(threads)
        self.spec = spec
        self.task = task
        self.completer: Completer | None = None

    async def run(self, items: list[Any]) -> tuple[list[Row], list[Row], int]:
        """Rows, failures and tokens of one shard."""
        if self.completer is None:  # here, not in the constructor: vLLM wants the running event loop
            self.completer = self.spec.build()
        counter = CountingCompleter(self.completer)
        try:
            results = await self.task.run(counter, items)
        except EngineError:
            os._exit(1)  # a dead engine is no fault of the shard: Ray restarts the actor and tries again
        rows: list[Row] = []
        failures: list[Row] = []
        for item, result in zip(items, results, strict=True):
            if isinstance(result, EngineError):
                os._exit(1)
            if isinstance(result, Exception):
                failures.append({"item": self.task.name(item), "reason": f"{type(result).__name__}: {result}"})
            else:
                rows += result
        return rows, failures, counter.tokens


class CountingCompleter:
    """A completer that counts the tokens it writes."""

    def __init__(self, inner: Completer) -> None:
        """Count what `inner` writes."""
        self.inner = inner
        self.tokenizer = inner.tokenizer
        self.text_format = inner.text_format
        self.tokens = 0

    async def complete(self, request: Any) -> Any:
        """As the inner completer."""
        completion = await self.inner.complete(request)
        self.tokens += len(completion.token_ids)
        return completion

    def close(self) -> None:
        """As the inner completer."""
        self.inner.close()


@contextlib.contextmanager
def cluster(options: ClusterOptions) -> Iterator[Any]:
    """A Ray connection: the one that is open, the cluster at an address, or a local one that ends with the block."""
    os.environ.setdefault("RAY_worker_niceness", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    if ray.is_initialized():
        yield ray
        return
    # Ray puts the working directory on its workers' module path; a user's own `search.py` there must not be ours.
    with contextlib.chdir(Path(__file__).parent.parent):
        ray.init(
            address=options.ray_address or "local",
            log_to_driver=False,
            include_dashboard=None if options.ray_address else False,
            logging_level="ERROR",
        )
    try:
        yield ray
    finally:
        ray.shutdown()


def run_task(
    task: Task[Item],
    items: Sequence[Item],
    spec: EngineSpec,
    ledger: Ledger,
    *,
    options: ClusterOptions,
    what: str,
) -> Progressed:
    """Do the task for all items, shard by shard, skipping those the ledger holds; progress on the terminal."""
    shard_size = options.shard_size
    shards = {number: list(items[at : at + shard_size]) for number, at in enumerate(range(0, len(items), shard_size))}
    done = ledger.finished() & shards.keys()
    left = {number: shard for number, shard in shards.items() if number not in done}
    progressed = Progressed(skipped=len(done), failed=ledger.quarantined())
    if not left:
        return progressed
    began = time.monotonic()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=False),
    )
    with cluster(options) as ray, Progress(*columns) as bar:
        finished = sum(len(shards[number]) for number in done)
        row = bar.add_task(what, total=len(items), completed=finished, rate="starting engines")

        def record(number: int, rows: list[Row], failures: list[Row], tokens: int) -> None:
            ledger.write(number, rows, task.schema, failures)
            progressed.shards += 1
            progressed.failed += len(failures)
            progressed.tokens += tokens
            spent = time.monotonic() - began
            ledger.add_cost(spent - progressed.seconds, tokens)
            progressed.seconds = spent
            rate = f"{progressed.tokens / spent:,.0f} tokens/s"
            bar.update(row, advance=len(shards[number]), rate=rate)

        _Driver(ray, task, spec, options, len(left)).run(left, record)
    return progressed


class _Driver:
    """Hands shards to actors and takes their results."""

    def __init__(self, ray: Any, task: Task[Any], spec: EngineSpec, options: ClusterOptions, shards: int) -> None:
        self.ray = ray
        self.task = task
        resources = ray.cluster_resources()
        gpus, cpus = int(resources.get("GPU", 0)), int(resources.get("CPU", 1))
        default = gpus // spec.tensor_parallel if gpus else 1 if spec.engine is Engine.VLLM else min(cpus, 8)
        engines = min(options.engines or max(1, default), shards)
        actor = ray.remote(_Worker).options(
            num_cpus=min(1.0, cpus / engines),
            num_gpus=spec.tensor_parallel if gpus and spec.engine is not Engine.SIMULATED else 0,
            max_restarts=-1,
            max_concurrency=_IN_FLIGHT,
        )
        threads = 0 if gpus else 1
        self.actors = [actor.remote(spec, task, threads) for _ in range(engines)]

    def run(self, left: dict[int, list[Any]], record: Callable[[int, list[Row], list[Row], int], None]) -> None:
        """Until every shard is recorded."""
        queue = list(left)
        attempts = dict.fromkeys(left, 0)
        running: dict[Any, tuple[int, Any]] = {}

        def start(actor: Any) -> None:
            if queue:
                number = queue.pop(0)
                attempts[number] += 1
                running[actor.run.remote(left[number])] = number, actor

        for actor in self.actors * _IN_FLIGHT:
            start(actor)
        while running:
            (ready,), _ = self.ray.wait(list(running), num_returns=1)
            number, actor = running.pop(ready)
            try:
                record(number, *self.ray.get(ready))
            except (self.ray.exceptions.ActorDiedError, self.ray.exceptions.ActorUnavailableError) as error:
                if attempts[number] < _ATTEMPTS:
                    queue.append(number)
                else:
                    reason = f"its engine died {_ATTEMPTS} times: {str(error).splitlines()[0]}"
                    record(number, [], [{"item": self.task.name(each), "reason": reason} for each in left[number]], 0)
            except self.ray.exceptions.RayTaskError as error:
                raise error.cause if isinstance(error.cause, Exception) else error from None
            start(actor)
