"""How an engine's use is measured, and when it asks for more."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from labelers.worker import Done, Meter, Usage, Worker
from prmkit.completers import Completion, Request, Sampling
from prmkit.completers.engines import Engine, EngineSpec
from prmkit.errors import EngineError, InputError
from prmkit.models import DEMO_POLICY, load_tokenizer
from prmkit.records import SOLUTION_SCHEMA, FinishReason
from prmkit.steps import TextFormat

REQUEST = Request(prompt_ids=(1,), sampling=Sampling(), seed=0)
SPEC = EngineSpec(engine=Engine.SIMULATED, policy=str(DEMO_POLICY), slots=4)


class SlowCompleter:
    """Writes two tokens in a tenth of a second, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.tokenizer = load_tokenizer(str(DEMO_POLICY))
        self.text_format = TextFormat(prompt="{problem}\n", separator="\n")
        self.error = error
        self.closed = False

    async def complete(self, request: Request) -> Completion:
        await asyncio.sleep(0.1)
        if self.error:
            raise self.error
        return Completion(token_ids=(1, 2), finish=FinishReason.END)

    def close(self) -> None:
        self.closed = True


async def draw(meter: Meter, number: int) -> None:
    await asyncio.gather(*(meter.complete(REQUEST) for _ in range(number)))


@pytest.mark.parametrize(("requests", "share"), [(1, 0.25), (2, 0.5), (4, 1.0), (12, 1.0)])
def test_occupancy_is_the_mean_share_of_slots_in_use(requests: int, share: float) -> None:
    async def measure() -> Usage:
        meter = Meter(SlowCompleter(), slots=4)
        await draw(meter, requests)
        return meter.usage()

    usage = asyncio.run(measure())
    assert usage.full_seconds / usage.seconds == pytest.approx(share, abs=0.05)
    assert (usage.draws, usage.tokens) == (requests, 2 * requests)


def test_time_without_requests_counts_as_empty() -> None:
    async def measure() -> Usage:
        meter = Meter(SlowCompleter(), slots=1)
        await meter.complete(REQUEST)
        await asyncio.sleep(0.1)
        return meter.usage()

    usage = asyncio.run(measure())
    assert usage.full_seconds / usage.seconds == pytest.approx(0.5, abs=0.1)


def test_there_is_room_until_the_slots_and_a_quarter_more_are_taken() -> None:
    async def look() -> list[bool]:
        meter = Meter(SlowCompleter(), slots=8)
        seen = [meter.room.is_set()]
        for number in (9, 1):
            tasks = [asyncio.create_task(meter.complete(REQUEST)) for _ in range(number)]
            await asyncio.sleep(0)
            seen.append(meter.room.is_set())
        await asyncio.sleep(0.15)
        return [*seen, meter.room.is_set(), all(task.done() for task in tasks)]

    assert asyncio.run(look()) == [True, True, False, True, True]


def test_a_request_that_fails_frees_its_slot_and_counts_nothing() -> None:
    async def fail() -> Meter:
        meter = Meter(SlowCompleter(InputError("too long")), slots=1)
        for _ in range(2):
            with pytest.raises(InputError):
                await meter.complete(REQUEST)
        return meter

    meter = asyncio.run(fail())
    assert meter.room.is_set() and meter.usage().draws == meter.usage().tokens == 0
    meter.close()
    assert meter.inner.closed


class EchoTask:
    """Draws one completion per item; an item that is an error fails with it."""

    schema = SOLUTION_SCHEMA

    def name(self, item: Any) -> str:
        return str(item)

    def group(self, item: Any) -> str:
        return str(item)

    async def run(self, completer: Meter, items: list[Any]) -> list[Done | Exception]:
        await draw(completer, len(items))
        return [item if isinstance(item, Exception) else Done(rows=[{"item": item}]) for item in items]


def with_worker(use: Callable[[Worker], Coroutine[Any, Any, Any]]) -> Any:
    async def run() -> Any:
        worker = Worker(SPEC, EchoTask(), 0)
        worker.meter = Meter(SlowCompleter(), slots=4)
        return await use(worker)

    return asyncio.run(run())


def test_a_worker_answers_item_by_item() -> None:
    results, usage = with_worker(lambda worker: worker.run(["a", InputError("no story"), "b"]))
    assert results == [Done(rows=[{"item": "a"}]), "InputError: no story", Done(rows=[{"item": "b"}])]
    assert usage.draws == 3


def test_a_dead_engine_is_no_items_fault() -> None:
    with pytest.raises(EngineError, match="out of memory"):
        with_worker(lambda worker: worker.run(["a", EngineError("out of memory")]))


def test_a_worker_wants_more_only_when_its_engine_has_room() -> None:
    async def watch(worker: Worker) -> tuple[bool, bool]:
        working = asyncio.create_task(worker.run(list("abcdefgh")))
        wanting = asyncio.create_task(worker.wants())
        await asyncio.sleep(0.05)
        early = wanting.done()
        await asyncio.gather(working, wanting)
        return early, wanting.done()

    assert with_worker(watch) == (False, True)


def test_an_engine_that_cannot_be_built_says_why() -> None:
    worker = Worker(EngineSpec(engine=Engine.SIMULATED, policy="/nowhere"), EchoTask(), 0)
    with pytest.raises(Exception, match="nowhere"):
        asyncio.run(worker.ready())
