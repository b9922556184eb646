"""Sample solutions of problems from a policy, and grade them."""

import asyncio
from dataclasses import dataclass

import pyarrow as pa

from labelers.worker import Done, raise_exits
from prmkit.completers import Completer, Completion, Request, Sampling, draw_seed
from prmkit.errors import InputError
from prmkit.grading import grade_many
from prmkit.records import SOLUTION_SCHEMA, FinishReason, Problem, Solution
from prmkit.steps import split_ids
from prmkit.tables import solution_row


@dataclass(frozen=True, kw_only=True)
class SampleTask:
    """Draw solutions; picklable, and everything that decides them besides the engine."""

    sampling: Sampling
    """How they are drawn."""
    n: int = 4
    """Solutions per problem; at least 1."""
    seed: int = 0
    """Of all draws."""

    def __post_init__(self) -> None:
        if self.n < 1:
            raise InputError(f"n must be at least 1, got {self.n}")

    @property
    def schema(self) -> pa.Schema:
        """Of the rows that `run` returns."""
        return SOLUTION_SCHEMA

    def name(self, item: Problem) -> str:
        """What to call an item in messages."""
        return item.problem_id

    def group(self, item: Problem) -> str:
        """Problems share nothing."""
        return item.problem_id

    async def run(self, completer: Completer, items: list[Problem]) -> list[Done | Exception]:
        """`n` rows per problem (fewer where nothing but blanks was written), or what went wrong with it."""
        results = await asyncio.gather(*(self._sample(completer, item) for item in items), return_exceptions=True)
        return raise_exits(results)

    async def _sample(self, completer: Completer, problem: Problem) -> Done:
        prompt = tuple(completer.text_format.prompt_ids(completer.tokenizer, problem.problem))
        requests = [
            Request(
                prompt_ids=prompt,
                sampling=self.sampling,
                seed=draw_seed(self.seed, "sample", problem.problem_id, prompt, index),
            )
            for index in range(self.n)
        ]
        completions = await asyncio.gather(*(completer.complete(request) for request in requests))
        drawn = [(index, *_cut(completer, each), each) for index, each in enumerate(completions)]
        if not any(steps for _, steps, _, _ in drawn):
            raise InputError(f"the policy wrote nothing in {self.n} draws")
        drawn = [each for each in drawn if each[1]]
        answer = problem.known_answer()
        verdicts = await asyncio.to_thread(grade_many, [(answer, "\n".join(steps)) for _, steps, _, _ in drawn])
        rows = [
            solution_row(
                Solution(
                    solution_id=f"{self.seed}-{index}",
                    problem=problem,
                    steps=tuple(steps),
                    prompt_ids=prompt,
                    step_ids=tuple(tuple(ids) for ids in step_ids),
                    finish=each.finish,
                    correct=verdict.equal and each.finish is not FinishReason.LENGTH,
                )
            )
            for (index, steps, step_ids, each), verdict in zip(drawn, verdicts, strict=True)
        ]
        return Done(rows=rows)


def _cut(completer: Completer, completion: Completion) -> tuple[list[str], list[list[int]]]:
    return split_ids(completer.tokenizer, completion.token_ids, completer.text_format.separator)
