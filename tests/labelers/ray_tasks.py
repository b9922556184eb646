"""Tasks that do something to their actor, and reading what a run made of them."""

import asyncio
import json
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray import cloudpickle

from labelers.worker import Done, Worker
from prmkit.completers import Completer, Completion, Request, Sampling
from prmkit.completers.engines import Engine, EngineSpec
from prmkit.energy import EnergyMeter
from prmkit.errors import EngineError
from prmkit.records import SOLUTION_SCHEMA, FinishReason, Problem, Solution
from prmkit.steps import TextFormat
from prmkit.tables import Row, read_solutions, solution_row

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # actors cannot import a test's modules


class SleepingCompleter:
    """Starts at once, and sleeps for every completion."""

    tokenizer = None
    text_format = TextFormat(prompt="{problem}", separator="\n")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def complete(self, request: Request) -> Completion:
        await asyncio.sleep(self.seconds)
        return Completion(token_ids=(1,), finish=FinishReason.END)

    def close(self) -> None:
        pass


@dataclass(frozen=True, kw_only=True)
class IdleSpec(EngineSpec):
    """An engine without a model, so that an actor starts in a second."""

    engine: Engine = Engine.SIMULATED
    policy: str = "none"
    slots: int = 4
    seconds: float = 0.0
    """Of a completion."""
    powercap: str = ""
    """For `CountedWorker`."""

    def build(self) -> SleepingCompleter:
        return SleepingCompleter(self.seconds)


IDLE = IdleSpec()
REQUEST = Request(prompt_ids=(1,), sampling=Sampling(), seed=0)


def row(item: Any, text: str = "The answer is 3.") -> Row:
    problem = Problem(problem_id=str(item), problem="How many?", answer="3")
    return solution_row(Solution(solution_id="0", problem=problem, steps=(text,)))


@dataclass(frozen=True)
class Numbers:
    """One row per number, after a while; some numbers do harm."""

    seconds: float = 0.0
    killers: tuple[int, ...] = ()
    """Kill their actor with a signal."""
    quitters: tuple[int, ...] = ()
    """End their actor's process from inside."""
    breaks_once: str = ""
    """A file: the first shard that does not find it says that its engine died."""
    filters: tuple[int, ...] = ()
    """Are left out."""
    keeps: bool = False
    """A rollout is kept of each."""

    schema = SOLUTION_SCHEMA

    def name(self, item: int) -> str:
        return str(item)

    def group(self, item: int) -> str:
        return str(item)

    async def run(self, completer: Completer, items: list[int]) -> list[Done | Exception]:
        await asyncio.sleep(self.seconds)
        if set(items) & set(self.killers):
            os.kill(os.getpid(), signal.SIGKILL)
        if set(items) & set(self.quitters):
            os._exit(1)
        if self.breaks_once and not Path(self.breaks_once).exists():
            Path(self.breaks_once).touch()
            return [EngineError("out of memory") for _ in items]
        return [self._done(item) for item in items]

    def _done(self, item: int) -> Done:
        if item in self.filters:
            return Done(rows=[], rollouts=2, most_rollouts=8, filtered="all right")
        kept = [row(f"{item}-kept")] if self.keeps else []
        return Done(rows=[row(item)], rollouts=2, most_rollouts=8, kept=kept)


class CountedWorker(Worker):
    """An actor's inside on a machine whose energy counter is a file of the test."""

    async def ready(self) -> float:
        seconds = await super().ready()
        self.energy = EnergyMeter(Path(self.spec.powercap))
        return seconds


@dataclass(frozen=True)
class Where:
    """One row and one completion per number; the row says which process and GPUs did it."""

    schema = SOLUTION_SCHEMA

    def name(self, item: int) -> str:
        return str(item)

    def group(self, item: int) -> str:
        return str(item)

    async def run(self, completer: Completer, items: list[int]) -> list[Done | Exception]:
        import ray

        await asyncio.gather(*(completer.complete(REQUEST) for _ in items))
        context = ray.get_runtime_context()
        place = {"process": os.getpid(), "node": context.get_node_id(), "gpus": sorted(ray.get_gpu_ids())}
        return [Done(rows=[row(item, json.dumps(place))]) for item in items]


def numbers(run: Path) -> list[int]:
    """The numbers a run has rows of, in order; a repeated one is an error of `read_solutions`."""
    return sorted(int(each.problem.problem_id) for each in read_solutions(run))


def places(run: Path) -> list[dict[str, Any]]:
    """Where each number was done."""
    return [json.loads(each.steps[0]) for each in read_solutions(run)]


def reasons(run: Path, part: str) -> dict[str, str]:
    """Items and reasons in a run's `quarantine` or `filtered`."""
    lines = [line for file in sorted((run / part).glob("*.jsonl")) for line in file.read_text().splitlines()]
    return {row["item"]: row["reason"] for row in map(json.loads, lines)}
