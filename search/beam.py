"""Beam search over reasoning steps, pruned by a reward model at every step boundary (Snell et al. 2024)."""

import asyncio
from dataclasses import dataclass, replace

from prmkit.completers import Completer, Request, Sampling, draw_seed
from prmkit.errors import InputError
from prmkit.records import FinishReason, Problem
from search.result import Candidate, SearchResult, ranked
from search.scoring import BatchingScorer, scored_candidate


@dataclass(frozen=True, kw_only=True)
class BeamSearch:
    """The search and its settings.

    Every beam under way is continued by `expansions` different draws of one step; equal continuations count once. Of
    all that results the best are kept, so many that finished and unfinished beams together are `beams`. A finished beam
    stays. The search ends when all beams are finished, or at `max_steps`.
    """

    sampling: Sampling
    """How steps are drawn; `max_tokens` bounds the whole solution."""
    beams: int = 4
    """N: beams kept; at least 1."""
    expansions: int = 4
    """M: draws from each beam; at least 1. The first step is drawn N x M times."""
    max_steps: int = 40
    """Steps of a solution at most."""
    seed: int = 0
    """Of all draws."""

    def __post_init__(self) -> None:
        if min(self.beams, self.expansions, self.max_steps) < 1:
            raise InputError(
                "beams, expansions and max_steps must be at least 1, "
                f"got {self.beams}, {self.expansions}, {self.max_steps}"
            )

    async def search(self, completer: Completer, scorer: BatchingScorer, problem: Problem) -> SearchResult:
        """Search one problem; run many together."""
        prompt = tuple(completer.text_format.prompt_ids(completer.tokenizer, problem.problem))
        here = _Here(self, completer, scorer, problem, prompt)
        kept = [Candidate(token_ids=(), steps=(), step_scores=(), score=0.0, finish=FinishReason.STEP)]
        tokens = 0
        for step in range(self.max_steps):
            live = [each for each in kept if each.finish is FinishReason.STEP]
            if not live:
                break
            new, written = await here.expand(live, self.expansions if step else self.beams * self.expansions)
            tokens += written
            done = [each for each in kept if each.finish is not FinishReason.STEP]
            kept = [*done, *best(new, self.beams - len(done))]
        return SearchResult(problem=problem, candidates=ranked(kept), tokens=tokens)


@dataclass(frozen=True, slots=True)
class _Here:
    """A search under way on one problem."""

    settings: BeamSearch
    completer: Completer
    scorer: BatchingScorer
    problem: Problem
    prompt: tuple[int, ...]

    async def expand(self, live: list[Candidate], draws: int) -> tuple[list[Candidate], int]:
        """The different continuations of all live beams, scored, and the tokens they cost."""
        found: dict[tuple[int, ...], FinishReason] = {}
        tokens = 0
        starts = [(beam.token_ids, index) for beam in live for index in range(draws)]
        completions = await asyncio.gather(
            *(self.completer.complete(self._request(start, index)) for start, index in starts)
        )
        for (start, _), completion in zip(starts, completions, strict=True):
            tokens += len(completion.token_ids)
            ids = start + completion.token_ids
            full = completion.finish is FinishReason.STEP and len(ids) >= self.settings.sampling.max_tokens
            found[ids] = FinishReason.LENGTH if full else completion.finish
        candidates = await asyncio.gather(
            *(
                scored_candidate(self.completer, self.scorer, self.problem.problem, ids, finish)
                for ids, finish in found.items()
            )
        )
        # what holds no step yet cannot be continued to one: the policy wrote only blanks
        return [each if each.steps else replace(each, finish=FinishReason.LENGTH) for each in candidates], tokens

    def _request(self, start: tuple[int, ...], index: int) -> Request:
        prefix = self.prompt + start
        left = self.settings.sampling.max_tokens - len(start)
        return Request(
            prompt_ids=prefix,
            sampling=replace(self.settings.sampling, max_tokens=left),
            seed=draw_seed(self.settings.seed, "beam", self.problem.problem_id, prefix, index),
            one_step=True,
        )


def best(candidates: list[Candidate], count: int) -> list[Candidate]:
    """The best by score; those cut by the length limit have no answer and are kept only where there is no other."""
    whole = [each for each in candidates if each.finish is not FinishReason.LENGTH] or candidates
    return sorted(whole, key=lambda each: -each.score)[:count]
