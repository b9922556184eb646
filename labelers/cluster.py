"""Work on a Ray cluster: one actor per engine, bounded work in flight, every finished shard into the ledger.

The same code runs on a laptop (a local cluster of real processes) and, with `address`, on a cluster. A shard's rows
depend on its items and the task alone, so neither the number of engines nor the order in which they finish matters.
"""

import contextlib
import os
import re
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from labelers.ledger import Ledger
from labelers.worker import Item, Task, Worker
from prmkit.completers.engines import Engine, EngineSpec
from prmkit.errors import EngineError, InputError
from prmkit.models import first_line
from prmkit.tables import Row

_IN_FLIGHT = 2
"""Shards an actor holds: one to work on while another's last rollouts drain."""
_ATTEMPTS = 3
"""Deaths of its actor after which a shard is given up."""


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

    def report(self, out: Path) -> str:
        """What was done and what could not be."""
        rate = self.tokens / self.seconds if self.seconds else 0.0
        lines = [
            f"{self.shards} shards in {self.seconds:.0f} s, {self.tokens:,} tokens ({rate:,.0f}/s with engine start); "
            f"{self.skipped} shards were there already"
        ]
        if self.failed:
            lines.append(f"{self.failed} items could not be done: see {out / 'quarantine'}")
        return "\n".join(lines)


def check_address(address: str | None) -> None:
    """Refuse a cluster address at which nothing answers; Ray itself would try for minutes.

    Raises:
        EngineError: Nothing listens there.
    """
    match = re.fullmatch(r"(?:ray://)?\[?([^\]/]+?)\]?:(\d+)", address or "")
    if match is None:
        return
    try:
        socket.create_connection((match[1], int(match[2])), timeout=10).close()
    except OSError as error:
        raise EngineError(f"no Ray cluster answers at {address}: {error}") from None


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
        try:
            ray.init(
                address=options.ray_address or "local",
                log_to_driver=False,
                include_dashboard=None if options.ray_address else False,
                logging_level="ERROR",
            )
        except ConnectionError as error:
            raise EngineError(f"no Ray cluster at {options.ray_address}: {first_line(error)}") from None
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
    if progressed.failed >= len(items):
        raise EngineError(f"none of the {len(items)} items could be done; {ledger.folder / 'quarantine'} says why")
    return progressed


class _Driver:
    """Hands shards to actors and takes their results."""

    def __init__(self, ray: Any, task: Task[Any], spec: EngineSpec, options: ClusterOptions, shards: int) -> None:
        self.ray = ray
        self.task = task
        self.running: dict[Any, tuple[int, Any]] = {}
        """Shards under way: by Ray's reference the shard's number and its actor."""
        resources = ray.cluster_resources()
        gpus, cpus = int(resources.get("GPU", 0)), int(resources.get("CPU", 1))
        on_gpu = gpus > 0 and spec.engine is not Engine.SIMULATED
        default = gpus // spec.tensor_parallel if on_gpu else 1 if spec.engine is Engine.VLLM else min(cpus, 8)
        engines = options.engines or max(1, default)
        if on_gpu and engines * spec.tensor_parallel > gpus:
            raise InputError(
                f"{engines} engines of {spec.tensor_parallel} GPUs need more than the cluster's {gpus} GPUs"
            )
        engines = min(engines, shards)
        actor = ray.remote(Worker).options(
            num_cpus=min(1.0, cpus / engines),
            num_gpus=spec.tensor_parallel if on_gpu else 0,
            max_restarts=-1,
            max_concurrency=_IN_FLIGHT,
        )
        self.actors = [actor.remote(spec, task, 0 if gpus else 1) for _ in range(engines)]

    def run(self, left: dict[int, list[Any]], record: Callable[[int, list[Row], list[Row], int], None]) -> None:
        """Until every shard is recorded. An actor gets work once its engine runs, so a late one holds nothing."""
        self.left, self.record = left, record
        self.queue = list(left)
        self.attempts = dict.fromkeys(left, 0)
        starting = {actor.ready.remote(): (actor, 1) for actor in self.actors}
        while self.running or self.queue:
            (done,), _ = self.ray.wait([*self.running, *starting], num_returns=1)
            if done not in starting:
                self._finish(done)
                continue
            actor, tries = starting.pop(done)
            try:
                self._get(done)
            except self._lost as error:
                if tries == _ATTEMPTS:
                    raise EngineError(f"an engine died {tries} times while starting: {first_line(error)}") from None
                starting[actor.ready.remote()] = actor, tries + 1
                continue
            for _ in range(_IN_FLIGHT):
                self._start(actor)

    def _start(self, actor: Any) -> None:
        if self.queue:
            number = self.queue.pop(0)
            self.attempts[number] += 1
            self.running[actor.run.remote(self.left[number])] = number, actor

    def _finish(self, done: Any) -> None:
        """Take a shard's result, or have it done again."""
        number, actor = self.running.pop(done)
        try:
            self.record(number, *self._get(done))
        except EngineError as error:
            for other, busy in self.running.values():  # dies with the actor, through no fault of its own
                self.attempts[other] -= busy is actor
            self.ray.kill(actor, no_restart=False)
            self._again(number, str(error))
        except self._lost as error:
            self._again(number, first_line(error))
        self._start(actor)

    def _again(self, number: int, reason: str) -> None:
        if self.attempts[number] < _ATTEMPTS:
            self.queue.append(number)
            return
        said = f"its engine died {_ATTEMPTS} times: {reason}"
        self.record(number, [], [{"item": self.task.name(each), "reason": said} for each in self.left[number]], 0)

    @property
    def _lost(self) -> tuple[type[Exception], ...]:
        """Ray's words for an actor that is gone, for good or to be restarted."""
        return self.ray.exceptions.ActorDiedError, self.ray.exceptions.ActorUnavailableError

    def _get(self, reference: Any) -> Any:
        """A result; an error of ours as itself, not wrapped in Ray's."""
        try:
            return self.ray.get(reference)
        except self.ray.exceptions.RayTaskError as error:
            raise error.cause if isinstance(error.cause, Exception) else error from None
