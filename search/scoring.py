"""Scores candidates of many problems together: what waits while the reward model is busy is its next batch."""

import asyncio
import math
from collections.abc import Sequence

from prmkit.completers import Completer
from prmkit.errors import ShapeError
from prmkit.records import FinishReason
from prmkit.rewards.base import RewardModel, aggregate
from prmkit.steps import split_ids
from search.result import Candidate


class BatchingScorer:
    """A reward model behind an asynchronous front; use it within one event loop."""

    def __init__(self, model: RewardModel) -> None:
        """Score with `model`, in a thread beside the event loop."""
        self.model = model
        self._waiting: list[tuple[tuple[str, Sequence[str]], asyncio.Future[list[float]]]] = []
        self._task: asyncio.Task[None] | None = None

    async def score(self, problem: str, steps: Sequence[str]) -> list[float]:
        """Step scores of one solution, each in [0, 1]."""
        future: asyncio.Future[list[float]] = asyncio.get_running_loop().create_future()
        self._waiting.append(((problem, steps), future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain())
        return await future

    async def _drain(self) -> None:
        while self._waiting:
            await asyncio.sleep(0)  # let the others that are ready join this batch
            batch, self._waiting = self._waiting, []
            try:
                scores = await asyncio.to_thread(self._score_batch, [item for item, _ in batch])
            except Exception as error:
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), each in zip(batch, scores, strict=True):
                if not future.done():
                    future.set_result(each)

    def _score_batch(self, items: list[tuple[str, Sequence[str]]]) -> list[list[float]]:
        scores = self.model.score_steps(items)
        if len(scores) != len(items):
            raise ShapeError(f"the reward model was given {len(items)} solutions and scored {len(scores)}")
        return scores


async def scored_candidate(
    completer: Completer, scorer: BatchingScorer, problem: str, token_ids: tuple[int, ...], finish: FinishReason
) -> Candidate:
    """Cut what the policy wrote into steps and score them."""
    steps, _ = split_ids(completer.tokenizer, token_ids, completer.text_format.separator)
    scores = await scorer.score(problem, steps) if steps else []
    return Candidate(
        token_ids=token_ids,
        steps=tuple(steps),
        step_scores=tuple(scores),
        score=aggregate(scores, scorer.model.aggregation) if steps else -math.inf,
        finish=finish,
    )
