"""Work on a Ray cluster: one actor per engine, bounded work in flight, every finished shard into the ledger.

The same code runs on a laptop (a local cluster of real processes) and, with `address`, on a cluster. A shard's rows
depend on its items and the task alone, so neither the number of engines nor the order in which they finish matters.
"""

import asyncio
import contextlib
import itertools
import os
import re
import socket
from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelers.driver import Driver
from labelers.ledger import Ledger
from labelers.placement import Engines, plan
from labelers.progress import Account, Display, Outcome, conclude
from labelers.work import Shard, make_shards
from labelers.worker import Item, Task
from prmkit.completers.engines import EngineSpec
from prmkit.errors import EngineError, InputError, first_line
from prmkit.tables import Row

_WATCH = 5.0
"""Seconds between two looks at the cluster."""


@dataclass(frozen=True, kw_only=True)
class ClusterOptions:
    """Where the engines run."""

    ray_address: str | None = None
    """An existing Ray cluster (`auto`, `host:6379`) of which this machine is a node; none starts a local one."""
    engines: int = 0
    """Engines to run; 0 takes one per GPU, or per CPU core up to 8 where there is no GPU (vllm on CPU: one). On a
    cluster by address there may be more than fit now: they join when nodes do."""
    shard_size: int = 16
    """Items that are stored together, and done again together when a machine dies; a shard holds whole groups of items
    that share work, so it may be larger."""

    def __post_init__(self) -> None:
        if self.engines < 0 or self.shard_size < 1:
            raise InputError(f"need engines >= 0 and shard_size >= 1, got {self.engines} and {self.shard_size}")


def check_address(address: str | None) -> None:
    """Refuse a cluster address at which nothing answers; Ray itself would try for minutes.

    Raises:
        EngineError: Nothing listens there.
        InputError: It is the address of a Ray client's server.
    """
    if address is not None and address.startswith("ray://"):
        raise InputError(
            f"--ray-address {address}: run the command on a node of the cluster, and give auto or HOST:6379"
        )
    match = re.fullmatch(r"\[?([^\]/]+?)\]?:(\d+)", address or "")
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
        except Exception as error:  # Ray has no kind of its own: ConnectionError, ValueError, a plain Exception, ...
            what = f"no Ray cluster at {options.ray_address}" if options.ray_address else "Ray did not start here"
            raise EngineError(f"{what}: {first_line(error)}") from None
    try:
        yield ray
    finally:
        ray.shutdown()


async def watch(ray: Any) -> None:
    """Look after the driver's own node, until cancelled: without it a driver would wait for ever.

    (Where the cluster's head does not answer for a minute, Ray itself ends the process with a line.)

    Raises:
        EngineError: The driver's node died.
    """
    own = ray.get_runtime_context().get_node_id()
    while True:
        await asyncio.sleep(_WATCH)
        nodes = await asyncio.to_thread(ray.nodes)
        if not any(node["NodeID"] == own and node["Alive"] for node in nodes):
            raise EngineError("the Ray node of this command died; what is finished is kept, the same command continues")


def run_task(
    task: Task[Item],
    items: Iterable[Item],
    spec: EngineSpec,
    ledger: Ledger,
    *,
    options: ClusterOptions,
    what: str,
    total: int | None = None,
) -> Outcome:
    """Do the task for all items, shard by shard, skipping those the ledger holds; progress on the terminal.

    Args:
        task: What is done.
        items: Read once, as engines have room for more; never held all at once.
        spec: The engines.
        ledger: The run.
        options: Where the engines run.
        what: Name of the work, for the bar.
        total: Number of items, for the time left; by default their length, where they have one.

    Raises:
        EngineError: No engine starts, or not a single item could be done.
        OSError: The ledger cannot be written.
    """
    total = len(items) if total is None and isinstance(items, Sized) else total
    account = Account(total=total)
    shards = _unfinished(make_shards(items, task.group, options.shard_size), ledger.finished(), account)
    first = next(shards, None)
    if first is not None:
        with cluster(options) as ray, Display(account, ledger, what) as display:
            engines = _engines(ray, task, spec, options=options, account=account, display=display)
            driver = Driver(
                engines,
                itertools.chain([first], shards),
                write=lambda shard: store(ledger, task, shard),
                written=account.add,
                left=lambda: account.not_begun(options.shard_size),
            )
            try:
                asyncio.run(driver.run(display.follow(driver), watch(ray)))
            finally:
                engines.close()
                display.close(driver)
    outcome = conclude(account, ledger)
    if outcome.summary["items"] and outcome.summary["quarantined"] >= outcome.summary["items"]:
        number = outcome.summary["items"]
        raise EngineError(f"none of the {number} items could be done; {ledger.folder / 'quarantine'} says why")
    return outcome


def _unfinished(shards: Iterator[Shard], finished: set[int], account: Account) -> Iterator[Shard]:
    for shard in shards:
        if shard.number in finished:
            account.skip(shard)
        else:
            account.begun += len(shard.items)
            yield shard


def _engines(
    ray: Any, task: Task[Any], spec: EngineSpec, *, options: ClusterOptions, account: Account, display: Display
) -> Engines:
    """The engines of a run, as many as are asked for and of use."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    most = None if account.total is None else -(-(account.total - account.found) // options.shard_size)
    may_grow = options.ray_address is not None
    need = plan(spec, nodes, engines=options.engines, most=most, may_grow=may_grow)
    if need.placed < need.engines:
        display.say(f"{need.placed} of {need.engines} engines fit the cluster now; the others join when nodes do")
    return Engines(ray, task, spec, need)


def store(ledger: Ledger, task: Task[Any], shard: Shard) -> None:
    """Store a finished shard."""
    rows: list[Row] = []
    kept: list[Row] = []
    failures: list[Row] = []
    filtered: list[Row] = []
    for place, item in enumerate(shard.items):
        result = shard.results[place]
        if isinstance(result, str):
            failures.append({"item": task.name(item), "reason": result})
            continue
        rows += result.rows
        kept += result.kept
        if result.filtered is not None:
            filtered.append({"item": task.name(item), "reason": result.filtered})
    ledger.write(shard.number, rows, task.schema, failures, filtered=filtered, kept=kept)
