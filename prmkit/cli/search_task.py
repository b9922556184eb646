"""A search as a task of the labelers' engines: a reward model beside the policy's engine in every actor."""

import asyncio
from dataclasses import dataclass, field
from functools import lru_cache

import pyarrow as pa

from labelers.worker import Done
from prmkit.cli.reward_options import RewardEngine, RewardOptions
from prmkit.completers import Completer
from prmkit.errors import EngineError, PrmkitError
from prmkit.grading import grade_many
from prmkit.records import Problem
from prmkit.rewards.base import Aggregation
from search.method import Method
from search.result import RESULT_SCHEMA, SearchResult, result_row
from search.scoring import BatchingScorer


@dataclass(frozen=True, kw_only=True)
class SearchTask:
    """Search problems and grade what was chosen; picklable."""

    command: str
    """Name of the search, as on the command line."""
    method: Method
    """The search."""
    models: tuple[str, ...]
    """Reward models by name; several make an ensemble."""
    rewards: RewardOptions = field(default_factory=RewardOptions)
    """How they are loaded."""
    engine: RewardEngine = "transformers"
    """What computes their logits."""
    aggregation: Aggregation | None = None
    """Of step scores; None takes the models' own."""
    prefix_cache: int | None = None
    """Bytes of the prefixes that a reward model keeps; None keeps none."""
    concurrency: int = 64
    """Problems that an engine searches at the same time."""

    @property
    def schema(self) -> pa.Schema:
        """Of the rows that `run` returns."""
        return RESULT_SCHEMA

    def name(self, item: Problem) -> str:
        """What to call an item in messages."""
        return item.problem_id

    def group(self, item: Problem) -> str:
        """Problems share nothing."""
        return item.problem_id

    def prepare(self) -> None:
        """Load the reward model."""
        _beside(self)

    async def room(self) -> None:
        """Returns as soon as another problem can be searched."""
        async with _beside(self)[1]:
            return

    async def run(self, completer: Completer, items: list[Problem]) -> list[Done | Exception]:
        """One row per problem, or what went wrong with it; no problem waits for another.

        Raises:
            Exception: What is not a problem's fault: a dead engine, a full card, a mistake in the program.
        """
        scorer, turns = _beside(self)

        async def search(problem: Problem) -> SearchResult:
            async with turns:
                return await self.method.search(completer, scorer, problem)

        results = await asyncio.gather(*map(search, items), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not _of_the_problem(result):
                raise result
        found = [each for each in results if isinstance(each, SearchResult)]
        pairs = [(each.problem.known_answer(), "\n".join(each.chosen.steps) if each.chosen else "") for each in found]
        verdicts = iter(await asyncio.to_thread(grade_many, pairs))
        return [
            Done(rows=[result_row(each, self.command, next(verdicts).equal)])
            if isinstance(each, SearchResult)
            else each
            for each in results
            if not isinstance(each, BaseException) or isinstance(each, Exception)
        ]


def _of_the_problem(error: BaseException) -> bool:
    return isinstance(error, PrmkitError | ValueError) and not isinstance(error, EngineError)


@lru_cache(maxsize=1)
def _beside(task: SearchTask) -> tuple[BatchingScorer, asyncio.Semaphore]:
    """The reward model of this process, and who may search with it; all shards of an actor share them."""
    model = task.rewards.load(task.models, task.engine, aggregation=task.aggregation, prefix_cache=task.prefix_cache)
    return BatchingScorer(model), asyncio.Semaphore(task.concurrency)
