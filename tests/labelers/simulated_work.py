"""Solutions of stories by the simulated solver, and labelling them: what the tests of labelling share."""

import asyncio
from functools import cache

import pytest

from labelers.first_error import FirstError
from labelers.monte_carlo import LabelTask
from labelers.sample import SampleTask
from labelers.stopping import Fixed, Sequential
from labelers.worker import Done
from prmkit.completers import Completer, Completion, Request, Sampling
from prmkit.completers.simulated import SimulatedCompleter
from prmkit.demo.stories import LEVELS, Story, make_stories
from prmkit.models import DEMO_POLICY, load_tokenizer
from prmkit.records import (
    LabeledSolution,
    Problem,
    Solution,
)
from prmkit.steps import TextFormat
from prmkit.tables import row_label, row_solution

STORIES = list(make_stories(6, 2, LEVELS["default"]))
SAMPLING = Sampling(max_tokens=400)
RULES = (Fixed(rollouts=6), Sequential(), FirstError())
EVERY = pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)


TOKENIZER = cache(lambda: load_tokenizer(str(DEMO_POLICY)))


def solver(slip: tuple[float, float] = (0.02, 0.4), repair: float = 0.05) -> SimulatedCompleter:
    return SimulatedCompleter(TOKENIZER(), TextFormat(prompt="{problem}\n", separator="\n"), slip, repair)


def problem(story: Story) -> Problem:
    return Problem(problem_id=story.text[:12], problem=story.text, answer=str(story.answer))


def text_solution(story: Story, steps: list[str] | None = None) -> Solution:
    return Solution(solution_id="reference", problem=problem(story), steps=tuple(steps or story.steps()))


class Recorder:
    """A completer that remembers what it was asked."""

    def __init__(self, inner: Completer) -> None:
        self.inner, self.requests = inner, list[Request]()
        self.tokenizer, self.text_format = inner.tokenizer, inner.text_format

    async def complete(self, request: Request) -> Completion:
        self.requests.append(request)
        return await self.inner.complete(request)

    def close(self) -> None:
        self.inner.close()


def label(task: LabelTask, *solutions: Solution, completer: Completer | None = None) -> list[LabeledSolution]:
    results = asyncio.run(task.run(completer or solver(), list(solutions)))
    return [
        row_label(row)
        for result in results
        for row in (result.rows if isinstance(result, Done) else pytest.fail(str(result)))
    ]


def sampled(count: int = 3) -> list[Solution]:
    """Solutions of all stories, right and wrong ones."""
    results = asyncio.run(SampleTask(sampling=SAMPLING, n=count).run(solver(), [problem(each) for each in STORIES]))
    return [row_solution(row) for each in results for row in each.rows]


def run(task: LabelTask, solutions: list[Solution], completer: Completer | None = None) -> dict[str, Done]:
    """What came of each solution, by name."""
    results = asyncio.run(task.run(completer or solver(), solutions))
    return {each.name: done for each, done in zip(solutions, results, strict=True) if isinstance(done, Done)}
