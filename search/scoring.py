"""Scores candidates of many problems together: what waits while the reward model is busy is its next batch."""

import asyncio
import math
from collections.abc import Sequence
from itertools import accumulate, islice

from prmkit.errors import ShapeError
from prmkit.rewards.base import RewardModel, score_fitting

Steps = Sequence[str]
_Waiting = tuple[list[tuple[str, Steps]], asyncio.Future[list[list[float] | None]]]


MOST = 256
"""Solutions of a batch, after which no further problem joins it: its scores are there when all of it was read."""


class BatchingScorer:
    """A reward model behind an asynchronous front; use it within one event loop."""

    def __init__(self, model: RewardModel) -> None:
        """Score with `model`, in a thread beside the event loop."""
        self.model = model
        self._waiting: list[_Waiting] = []
        self._task: asyncio.Task[None] | None = None

    async def score(self, problem: str, solutions: Sequence[Steps]) -> list[list[float] | None]:
        """Step scores of solutions of one problem, which come into one batch.

        Returns:
            For each solution one score in [0, 1] per step; None where it does not fit the model's context.

        Raises:
            ShapeError: The model returned another number of scores than steps, or one that is no number.
            Exception: What the model raised. Where that is a `ValueError`, as for what cannot be scored, only those get
                it whose solutions raise it on their own.
        """
        if not solutions:
            return []
        future: asyncio.Future[list[list[float] | None]] = asyncio.get_running_loop().create_future()
        self._waiting.append(([(problem, steps) for steps in solutions], future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain())
        return await future

    async def _drain(self) -> None:
        while self._waiting:
            await asyncio.sleep(0)  # let the others that are ready join this batch
            sizes = accumulate(len(items) for items, _ in self._waiting)
            count = 1 + sum(size < MOST for size in islice(sizes, len(self._waiting) - 1))
            batch, self._waiting = self._waiting[:count], self._waiting[count:]
            await self._settle(batch)

    async def _settle(self, batch: list[_Waiting]) -> None:
        """Score what waits together, and tell those who wait."""
        try:
            scores = await asyncio.to_thread(self._score_batch, [each for items, _ in batch for each in items])
        except Exception as error:
            if len(batch) > 1 and isinstance(error, ValueError):  # of one of them: the others get their scores
                for each in batch:
                    await self._settle([each])
                return
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        at = 0
        for items, future in batch:
            if not future.done():
                future.set_result(scores[at : at + len(items)])
            at += len(items)

    def _score_batch(self, items: list[tuple[str, Steps]]) -> list[list[float] | None]:
        scores = score_fitting(self.model, items)
        for (problem, steps), found in zip(items, scores, strict=True):
            if found is not None and (len(found) != len(steps) or not all(map(math.isfinite, found))):
                raise ShapeError(
                    f"the reward model scored {len(steps)} steps as {found}; the problem begins {problem[:60]!r}"
                )
        return scores
