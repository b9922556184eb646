"""What runs inside an actor: one engine, and a task that turns the items of a shard into rows."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import pyarrow as pa

from prmkit.completers import Completer, Completion, Request
from prmkit.completers.engines import Engine, EngineSpec
from prmkit.errors import EngineError, PrmkitError
from prmkit.tables import Row

Item = TypeVar("Item")


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

    async def complete(self, request: Request) -> Completion:
        """As the inner completer."""
        completion = await self.inner.complete(request)
        self.tokens += len(completion.token_ids)
        return completion

    def close(self) -> None:
        """As the inner completer."""
        self.inner.close()
