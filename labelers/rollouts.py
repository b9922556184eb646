"""Rollouts of a shard: what follows a prefix is drawn and graded once, and shared by all solutions that begin so.

Every draw has an address (run seed, problem, prefix ids, index), so the first n rollouts of a prefix are the same
whoever asks for them, and however many others want.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import accumulate

from prmkit.completers import Completer, Completion, Request, Sampling, draw_seed
from prmkit.grading import grade_many
from prmkit.records import FinishReason, Problem, Solution, StepEstimate
from prmkit.steps import split_ids

More = Callable[[int, int], int]
"""From successes and rollouts to how many more are wanted; 0 ends it."""


@dataclass
class Tally:
    """What one solution cost."""

    rollouts: int = 0
    """Drawn because it asked first."""
    prefixes: int = 0
    """It was the first to have rolled out, or spared."""

    def meet(self, prefixes: Iterable["Prefix"]) -> None:
        """Count those that no other solution has counted."""
        for each in prefixes:
            self.prefixes += not each.met
            each.met = True


@dataclass(frozen=True, slots=True)
class Rollout:
    """One completion of a prefix."""

    completion: Completion
    right: bool
    """The grader accepted its answer; one cut by the length limit has none."""


@dataclass
class Prefix:
    """The beginning of solutions, and what was drawn from it."""

    problem: Problem
    """Which it begins to solve."""
    prompt_ids: tuple[int, ...]
    """The bare problem."""
    ids: tuple[int, ...]
    """Prompt and steps."""
    step: int
    """How many steps it has."""
    drawn: list[Rollout] = field(default_factory=list)
    """In order of their index."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while more are drawn."""
    met: bool = False
    """A solution has counted it."""
    kept: dict[int, list[Solution]] = field(default_factory=dict)
    """What `Rollouts.solutions` gave, by count."""


class Rollouts:
    """All prefixes of a shard."""

    def __init__(self, completer: Completer, sampling: Sampling, seed: int) -> None:
        """Draw from this completer."""
        self.completer = completer
        self.sampling = sampling
        self.seed = seed
        self._prefixes: dict[tuple[str, tuple[int, ...]], Prefix] = {}

    def prefixes(self, solution: Solution) -> list[Prefix]:
        """The bare problem, and the prefix that ends with each step but the last; the solution has the policy's ids."""
        assert solution.prompt_ids is not None and solution.step_ids is not None
        found = []
        ends = accumulate(solution.step_ids[:-1], lambda before, step: before + step, initial=solution.prompt_ids)
        for step, ids in enumerate(ends):
            key = solution.problem.problem_id, ids
            new = Prefix(solution.problem, solution.prompt_ids, ids, step)
            found.append(self._prefixes.setdefault(key, new))
        return found

    async def count(self, prefix: Prefix, more: More, tally: Tally) -> StepEstimate:
        """Draw in rounds until a rule has enough; each round's outcomes decide the next."""
        successes = rollouts = 0
        while wanted := more(successes, rollouts):
            rollouts += wanted
            successes = await self.successes(prefix, rollouts, tally)
        return StepEstimate(successes=successes, rollouts=rollouts)

    async def successes(self, prefix: Prefix, count: int, tally: Tally) -> int:
        """How many of the first `count` rollouts of a prefix are right; those that are missing are drawn."""
        async with prefix.lock:
            if missing := range(len(prefix.drawn), count):
                prefix.drawn += await self._draw(prefix, missing)
                tally.rollouts += len(missing)
        return sum(each.right for each in prefix.drawn[:count])

    async def _draw(self, prefix: Prefix, indices: range) -> list[Rollout]:
        problem, answer = prefix.problem, prefix.problem.known_answer()
        requests = [
            Request(
                prompt_ids=prefix.ids,
                sampling=self.sampling,
                seed=draw_seed(self.seed, "rollout", problem.problem_id, prefix.ids, index),
            )
            for index in indices
        ]
        completions = await asyncio.gather(*(self.completer.complete(request) for request in requests))
        whole = [each for each in completions if each.finish is not FinishReason.LENGTH]
        written = prefix.ids[len(prefix.prompt_ids) :]
        texts = [
            str(self.completer.tokenizer.decode([*written, *each.token_ids], skip_special_tokens=True))
            for each in whole
        ]
        verdicts = iter(await asyncio.to_thread(grade_many, [(answer, text) for text in texts]))
        return [Rollout(each, each.finish is not FinishReason.LENGTH and next(verdicts).equal) for each in completions]

    async def solutions(self, prefix: Prefix, count: int) -> list[Solution]:
        """The first `count` rollouts of a prefix, which are drawn, as solutions of their own, each text once.

        Their ids name prefix and draw, so that they are the same whichever solution of the problem they are kept with.
        """
        async with prefix.lock:
            if count not in prefix.kept:
                prefix.kept[count] = await asyncio.to_thread(self._cut, prefix, count)
        return prefix.kept[count]

    def _cut(self, prefix: Prefix, count: int) -> list[Solution]:
        digest = hashlib.sha256(repr(prefix.ids).encode()).hexdigest()[:12]
        found: dict[tuple[str, ...], Solution] = {}
        for index, each in enumerate(prefix.drawn[:count]):
            ids = [*prefix.ids[len(prefix.prompt_ids) :], *each.completion.token_ids]
            steps, step_ids = split_ids(self.completer.tokenizer, ids, self.completer.text_format.separator)
            if steps and tuple(steps) not in found:
                found[tuple(steps)] = Solution(
                    solution_id=f"{self.seed}-after{prefix.step}-{digest}-{index}",
                    problem=prefix.problem,
                    steps=tuple(steps),
                    prompt_ids=prefix.prompt_ids,
                    step_ids=tuple(map(tuple, step_ids)),
                    finish=each.completion.finish,
                    correct=each.right,
                )
        return list(found.values())
