"""A language model as judge of many solutions, as the task of a run. Prompt and parsing: `prmkit.rewards.judge`.

A verdict that cannot be read is counted, and the solution keeps no second opinion.
"""

import asyncio
from dataclasses import dataclass

import pyarrow as pa

from labelers.worker import Done, raise_exits
from prmkit.completers import Completer, Request, Sampling, draw_seed
from prmkit.records import Solution
from prmkit.rewards.judge import ask_judge, judge_prompt_ids

JUDGEMENT_SCHEMA = pa.schema(
    [
        pa.field("solution", pa.string()),
        pa.field("first_error", pa.int32()),
        pa.field("said", pa.string()),
    ]
)
"""One row per solution: its name, the verdict (-1: no error; null: none that could be read), what the judge wrote."""


@dataclass(frozen=True, kw_only=True)
class JudgeTask:
    """Ask for the first error of solutions; picklable, and everything that decides the verdicts besides the engine."""

    sampling: Sampling
    """How the judge's answer is drawn; one cut by the token limit is no verdict."""
    seed: int = 0
    """Of all draws."""

    @property
    def schema(self) -> pa.Schema:
        """Of the rows that `run` returns: a judgement file (`prmkit.formats.verdicts`)."""
        return JUDGEMENT_SCHEMA

    def name(self, item: Solution) -> str:
        """What to call an item in messages."""
        return item.name

    def group(self, item: Solution) -> str:
        """Solutions share nothing but the head of the prompt."""
        return item.name

    async def run(self, completer: Completer, items: list[Solution]) -> list[Done | Exception]:
        """One row per solution, or what went wrong with it; all are under way at once."""
        results = await asyncio.gather(*(self._judge(completer, item) for item in items), return_exceptions=True)
        return raise_exits(results)

    async def _judge(self, completer: Completer, solution: Solution) -> Done:
        prompt = judge_prompt_ids(completer, solution.problem.problem, solution.steps)
        seed = draw_seed(self.seed, "judge", solution.problem.problem_id, prompt, 0)
        request = Request(prompt_ids=prompt, sampling=self.sampling, seed=seed)
        first_error, said = await ask_judge(completer, request, len(solution.steps))
        return Done(rows=[{"solution": solution.name, "first_error": first_error, "said": said}])
