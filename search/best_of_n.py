"""Best-of-n: draw n whole solutions, take the one the reward model scores highest."""

import asyncio
from dataclasses import dataclass

from prmkit.completers import Completer, Request, Sampling, draw_seed
from prmkit.errors import InputError
from prmkit.records import Problem
from search.result import SearchResult, ranked
from search.scoring import BatchingScorer, scored_candidate


@dataclass(frozen=True, kw_only=True)
class BestOfN:
    """The search and its settings."""

    sampling: Sampling
    """How solutions are drawn."""
    n: int = 16
    """Solutions per problem; at least 1."""
    seed: int = 0
    """Of all draws."""

    def __post_init__(self) -> None:
        if self.n < 1:
            raise InputError(f"n must be at least 1, got {self.n}")

    async def search(self, completer: Completer, scorer: BatchingScorer, problem: Problem) -> SearchResult:
        """Search one problem; run many together."""
        prompt = tuple(completer.text_format.prompt_ids(completer.tokenizer, problem.problem))
        seeds = [draw_seed(self.seed, "sample", problem.problem_id, prompt, index) for index in range(self.n)]
        completions = await asyncio.gather(
            *(completer.complete(Request(prompt_ids=prompt, sampling=self.sampling, seed=seed)) for seed in seeds)
        )
        candidates = await asyncio.gather(
            *(scored_candidate(completer, scorer, problem.problem, each.token_ids, each.finish) for each in completions)
        )
        tokens = sum(len(each.token_ids) for each in completions)
        return SearchResult(problem=problem, candidates=ranked(candidates), tokens=tokens)
