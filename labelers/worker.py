"""What runs inside an actor: one engine, and a task that turns the items of a shard into rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import pyarrow as pa

from prmkit.completers import Completer, Completion, Request
from prmkit.completers.engines import Engine, EngineSpec
from prmkit.errors import EngineError, PrmkitError
from prmkit.tables import Row

Item = TypeVar("Item")


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


def raise_exits(results: Sequence[Done | BaseException]) -> list[Done | Exception]:
    """Results of `asyncio.gather(..., return_exceptions=True)`: an item's error is kept, a cancellation goes on."""
    kept: list[Done | Exception] = []
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, Exception):
            raise result
        kept.append(result)
    return kept


class Worker:
    """An actor's inside: one engine, any number of shards at once."""

    def __init__(self, spec: EngineSpec, task: Task[Any], threads: int) -> None:
        if spec.engine is not Engine.VLLM and threads:
            import torch

            torch.set_num_threads(threads)
        self.spec = spec
        self.task = task
        self.completer: Completer | None = None

    async def ready(self) -> None:
        """Start the engine. Not in the constructor: vLLM wants the running event loop, and errors are to be heard."""
        if self.completer is None:
            try:
                self.completer = self.spec.build()
            except PrmkitError:
                raise
            except Exception as error:
                raise EngineError(f"the {self.spec.engine} engine did not start: {error!r}") from error

    async def run(self, items: list[Any]) -> tuple[list[Row], list[Row], int]:
        """Rows, failures and tokens of one shard.

        Raises:
            EngineError: The engine died; the driver replaces it and has the shard done again.
        """
        await self.ready()
        assert self.completer is not None
        counter = CountingCompleter(self.completer)
        results = await self.task.run(counter, items)
        rows: list[Row] = []
        failures: list[Row] = []
        for item, result in zip(items, results, strict=True):
            if isinstance(result, EngineError):
                raise result
            if isinstance(result, Exception):
                failures.append({"item": self.task.name(item), "reason": f"{type(result).__name__}: {result}"})
            else:
                rows += result.rows
        return rows, failures, counter.tokens


class CountingCompleter:
    """A completer that counts the tokens it writes."""

    def __init__(self, inner: Completer) -> None:
        """Count what `inner` writes."""
        self.inner = inner
        self.tokenizer = inner.tokenizer
        self.text_format = inner.text_format
        self.tokens = 0

    async def complete(self, request: Request) -> Completion:
        """As the inner completer."""
        completion = await self.inner.complete(request)
        self.tokens += len(completion.token_ids)
        return completion

    def close(self) -> None:
        """As the inner completer."""
        self.inner.close()
