"""Monte-Carlo step labels: how often a solution's prefix still leads to the right answer.

The method of Math-Shepherd (Wang et al. 2024). From the end of every step but the last, `rollouts` completions are
drawn and their answers graded. The last step holds the answer already: it is graded, never rolled out. No Ray or files
here (`labelers.cluster`, `labelers.ledger`).
"""

import asyncio
from dataclasses import dataclass, field, replace

import pyarrow as pa

from labelers.values import Thresholds, soft_label, step_label
from labelers.worker import Done, raise_exits
from prmkit.completers import Completer, Request, Sampling, draw_seed
from prmkit.errors import InputError
from prmkit.grading import grade_many
from prmkit.records import (
    LABEL_SCHEMA,
    EstimateMethod,
    FinishReason,
    LabeledSolution,
    Solution,
    StepEstimate,
)
from prmkit.steps import policy_ids, split_ids
from prmkit.tables import label_row

_Prefix = tuple[str, tuple[int, ...]]


@dataclass(frozen=True, kw_only=True)
class LabelTask:
    """Label solutions; picklable, and everything that decides the labels besides the engine."""

    sampling: Sampling
    """How rollouts are drawn."""
    rollouts: int = 8
    """Drawn after each step but the last; at least 1."""
    thresholds: Thresholds = field(default_factory=Thresholds)
    """From rates to classes."""
    seed: int = 0
    """Of all rollouts."""

    def __post_init__(self) -> None:
        if self.rollouts < 1:
            raise InputError(f"rollouts must be at least 1, got {self.rollouts}")

    @property
    def schema(self) -> pa.Schema:
        """Of the rows that `run` returns."""
        return LABEL_SCHEMA

    def name(self, item: Solution) -> str:
        """What to call an item in messages."""
        return item.name

    def group(self, item: Solution) -> str:
        """Solutions of one problem share prefixes."""
        return item.problem.problem_id

    async def run(self, completer: Completer, items: list[Solution]) -> list[Done | Exception]:
        """Label a shard: one row per solution, or what went wrong with it. Equal prefixes share their rollouts."""
        shared: dict[_Prefix, asyncio.Task[StepEstimate]] = {}
        results = await asyncio.gather(*(self._row(completer, item, shared) for item in items), return_exceptions=True)
        return raise_exits(results)

    async def _row(
        self, completer: Completer, solution: Solution, shared: dict[_Prefix, "asyncio.Task[StepEstimate]"]
    ) -> Done:
        return Done(rows=[label_row(await self._label(completer, solution, shared))])

    async def _label(
        self, completer: Completer, solution: Solution, shared: dict[_Prefix, "asyncio.Task[StepEstimate]"]
    ) -> LabeledSolution:
        solution = with_ids(completer, solution)
        assert solution.prompt_ids is not None and solution.step_ids is not None
        prefix = solution.prompt_ids
        waiting = []
        for ids in solution.step_ids[:-1]:
            prefix += ids
            key = solution.problem.problem_id, prefix
            if key not in shared:
                shared[key] = asyncio.create_task(self._estimate(completer, solution, prefix))
            waiting.append(shared[key])
        estimates = [*await asyncio.gather(*waiting), await grade_last_step(solution)]
        return LabeledSolution(
            solution=replace(solution, correct=estimates[-1].successes == 1),
            estimates=tuple(estimates),
            labels=tuple(step_label(each, self.thresholds) for each in estimates),
            soft_labels=tuple(soft_label(each, self.thresholds) for each in estimates),
        )

    async def _estimate(self, completer: Completer, solution: Solution, prefix: tuple[int, ...]) -> StepEstimate:
        assert solution.prompt_ids is not None
        problem = solution.problem
        requests = [
            Request(
                prompt_ids=prefix,
                sampling=self.sampling,
                seed=draw_seed(self.seed, "rollout", problem.problem_id, prefix, index),
            )
            for index in range(self.rollouts)
        ]
        completions = await asyncio.gather(*(completer.complete(request) for request in requests))
        start = len(solution.prompt_ids)
        texts = [
            str(completer.tokenizer.decode([*prefix[start:], *each.token_ids], skip_special_tokens=True))
            for each in completions
            if each.finish is not FinishReason.LENGTH  # a text cut short has no answer
        ]
        verdicts = await asyncio.to_thread(grade_many, [(problem.answer, text) for text in texts])
        return StepEstimate(successes=sum(each.equal for each in verdicts), rollouts=self.rollouts)


def with_ids(completer: Completer, solution: Solution) -> Solution:
    """The solution with token ids of this policy.

    Its own where this policy could have written them; else (human text, another policy's, another prompt or separator)
    its text is tokenised once and cut at the step boundaries.
    """
    tokenizer, text_format = completer.tokenizer, completer.text_format
    wanted = tuple(text_format.prompt_ids(tokenizer, solution.problem.problem))
    if solution.step_ids is not None and solution.prompt_ids == wanted:
        ids = [each for part in solution.step_ids for each in part]
        if max(ids) < len(tokenizer) and split_ids(tokenizer, ids, text_format.separator)[0] == list(solution.steps):
            return solution
    prompt, steps = policy_ids(completer.tokenizer, completer.text_format, solution.problem.problem, solution.steps)
    return replace(solution, prompt_ids=tuple(prompt), step_ids=tuple(tuple(ids) for ids in steps))


async def grade_last_step(solution: Solution) -> StepEstimate:
    """Whether the solution's own answer is right, as one graded outcome; one cut by the length limit has no answer."""
    right = False
    if solution.finish is not FinishReason.LENGTH:
        text = "\n".join(solution.steps)
        (verdict,) = await asyncio.to_thread(grade_many, [(solution.problem.answer, text)])
        right = verdict.equal
    return StepEstimate(successes=int(right), rollouts=1, method=EstimateMethod.GRADED)
