"""Monte-Carlo step labels: how often a solution's prefix still leads to the right answer.

The method of Math-Shepherd (Wang et al. 2024), with three strategies for where rollouts are drawn and how many
(`labelers.stopping`, `labelers.first_error`). The last step holds the answer already: it is graded, never rolled out.
Every prefix goes its own way: no step, solution or round waits for another. No Ray or files here (`labelers.cluster`,
`labelers.ledger`).
"""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pyarrow as pa

from labelers.first_error import Counts, FirstError
from labelers.rollouts import Prefix, Rollouts, Tally
from labelers.stopping import Fixed, Sequential, until_mixed
from labelers.values import Derivation, Thresholds, check_strategy
from labelers.worker import Done, raise_exits
from prmkit.completers import Completer, Sampling
from prmkit.errors import InputError
from prmkit.grading import grade_many
from prmkit.records import LABEL_SCHEMA, EstimateMethod, FinishReason, Solution, StepEstimate, Strategy
from prmkit.steps import policy_ids, split_ids
from prmkit.tables import label_row, solution_row

T = TypeVar("T")

INFERRED = StepEstimate(successes=0, rollouts=0, method=EstimateMethod.INFERRED)
"""Of a step that was not rolled out."""


@dataclass(frozen=True, kw_only=True)
class LabelTask:
    """Label solutions; picklable, and everything that decides the labels besides the engine."""

    sampling: Sampling
    """How rollouts are drawn."""
    rule: Fixed | Sequential | FirstError = field(default_factory=Fixed)
    """Where they are drawn, and how many."""
    thresholds: Thresholds = field(default_factory=Thresholds)
    """From counts to classes."""
    level: float = 0.95
    """Of the intervals, in (0, 1)."""
    filter_problems: bool = False
    """Leave out the solutions of problems whose own rollouts are all right or all wrong: they teach nothing."""
    keep_rollouts: bool = False
    """Return the rollouts too, as solutions."""
    seed: int = 0
    """Of all rollouts."""

    def __post_init__(self) -> None:
        Derivation(thresholds=self.thresholds, level=self.level)  # refuses what cannot be
        check_strategy(self.strategy, self.thresholds)
        if self.filter_problems and self.rule.most < 2:
            raise InputError("one rollout per prefix is always all right or all wrong: nothing could pass the filter")

    @property
    def strategy(self) -> Strategy:
        """The name of the rule."""
        match self.rule:
            case Fixed():
                return Strategy.FIXED
            case Sequential():
                return Strategy.SEQUENTIAL
            case _:
                return Strategy.FIRST_ERROR

    @property
    def schema(self) -> pa.Schema:
        """Of the rows that `run` returns."""
        return LABEL_SCHEMA

    def most_rollouts(self, solutions: Sequence[Solution]) -> int:
        """Rollouts for these solutions at most; those that solutions share are counted once for each."""
        steps = sum(len(each.steps) - 1 for each in solutions)
        problems = 0 if self._skips_problem else len({each.problem.problem_id for each in solutions})
        return (steps + problems) * self.rule.most

    def name(self, item: Solution) -> str:
        """What to call an item in messages."""
        return item.name

    def group(self, item: Solution) -> str:
        """Solutions of one problem share prefixes."""
        return item.problem.problem_id

    async def run(self, completer: Completer, items: list[Solution]) -> list[Done | Exception]:
        """Label a shard: one row per solution, or what went wrong with it. Equal prefixes share their rollouts."""
        rollouts = Rollouts(completer, self.sampling, self.seed)
        results = await asyncio.gather(*(self._label(rollouts, item) for item in items), return_exceptions=True)
        return raise_exits(results)

    async def _label(self, rollouts: Rollouts, solution: Solution) -> Done:
        tally = Tally()
        solution = with_ids(rollouts.completer, solution)
        bare, *prefixes = rollouts.prefixes(solution)
        tally.meet(prefixes if self._skips_problem else [bare, *prefixes])
        problem: StepEstimate | None = None
        if self.filter_problems:
            problem = await rollouts.count(bare, self._more_of_problem, tally)
            if problem.successes in (0, problem.rollouts):
                return self._done(tally, filtered=_alike(problem))
        steps: Sequence[StepEstimate]
        if isinstance(self.rule, FirstError):
            last = await grade_last_step(solution)
            steps = [INFERRED] * len(prefixes) if last.successes else await self._search(rollouts, prefixes, tally)
        else:
            counts = (rollouts.count(each, self._more, tally) for each in [bare, *prefixes])
            last, counted, *steps = await _all(grade_last_step(solution), *counts)
            problem = problem or counted
        labeled = Derivation(thresholds=self.thresholds, level=self.level).labeled(
            replace(solution, correct=last.successes == 1), [*steps, last], self.strategy, problem
        )
        done = self._done(tally, rows=[label_row(labeled)])
        if self.keep_rollouts:
            drawn = [(bare, problem or INFERRED), *zip(prefixes, steps, strict=True)]
            for prefix, estimate in drawn:
                done.kept.extend(solution_row(kept) for kept in await rollouts.solutions(prefix, estimate.rollouts))
        return done

    @property
    def _skips_problem(self) -> bool:
        """Whether the bare problem is not rolled out."""
        return isinstance(self.rule, FirstError) and not self.filter_problems

    def _more(self, successes: int, rollouts: int) -> int:
        """How many more rollouts a prefix needs."""
        if isinstance(self.rule, Sequential):
            return self.rule.more(successes, rollouts, self.thresholds)
        return self.rule.more(rollouts)

    def _more_of_problem(self, successes: int, rollouts: int) -> int:
        return self._more(successes, rollouts) or until_mixed(successes, rollouts, self.rule.most)

    async def _search(self, rollouts: Rollouts, prefixes: Sequence[Prefix], tally: Tally) -> list[StepEstimate]:
        """Look where the search says until it has found the first error."""
        assert isinstance(self.rule, FirstError)
        counts: list[Counts] = [(0, 0)] * len(prefixes)
        while (look := self.rule.look(counts, self.thresholds.negligible)) is not None:
            index, wanted = look
            counts[index] = await rollouts.successes(prefixes[index], wanted, tally), wanted
        return [StepEstimate(successes=k, rollouts=n) if n else INFERRED for k, n in counts]

    def _done(self, tally: Tally, **fields: Any) -> Done:
        return Done(rollouts=tally.rollouts, most_rollouts=tally.prefixes * self.rule.most, **({"rows": []} | fields))


def _alike(estimate: StepEstimate) -> str:
    verdict = "right" if estimate.successes else "wrong"
    return f"{estimate.rollouts} of {estimate.rollouts} rollouts of the bare problem are {verdict}"


async def _all(*work: Coroutine[Any, Any, T]) -> list[T]:
    """All results; the first error only once nothing is under way any more."""
    results = await asyncio.gather(*work, return_exceptions=True)
    for each in results:
        if isinstance(each, BaseException):
            raise each
    return [each for each in results if not isinstance(each, BaseException)]


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
        (verdict,) = await asyncio.to_thread(grade_many, [(solution.problem.known_answer(), text)])
        right = verdict.equal
    return StepEstimate(successes=int(right), rollouts=1, method=EstimateMethod.GRADED)
