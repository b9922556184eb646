"""A search under way on one problem: steps are drawn, scored, ranked, paid for and written into the trace.

The methods say which solutions are continued and how often; everything else is here, once for all of them.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from prmkit.completers import Completer, Completion, Request, draw_seed
from prmkit.errors import TooLongError
from prmkit.records import FinishReason, Problem
from prmkit.steps import split_ids
from search.budget import Purse
from search.choice import choose
from search.method import Method
from search.nodes import Duplicates, Node
from search.result import Candidate, Ended, Fate, SearchResult, TraceNode
from search.scoring import BatchingScorer

_REDRAWS = 2
"""Times that duplicates are drawn again, at most."""
_HEAT = 1.5
"""Factor of the temperature each time."""
_PROSPECTS = (FinishReason.END, FinishReason.STEP, FinishReason.LENGTH)
"""Of equal solutions the one that is whole is kept, before one that can be continued, before one that was cut."""


class Tree:
    """Draws, scores and remembers."""

    def __init__(self, method: Method, completer: Completer, scorer: BatchingScorer, problem: Problem) -> None:
        """Begin; the time runs from here."""
        self.method = method
        self.problem = problem
        self.root = Node()
        self.purse = Purse(method.budget)
        self._completer = completer
        self._scorer = scorer
        self._prompt = tuple(completer.text_format.prompt_ids(completer.tokenizer, problem.problem))
        self._drawn: Counter[tuple[int, ...]] = Counter()
        self._read: set[tuple[str, ...]] = set()
        self._trace: list[TraceNode] = []

    async def draw(
        self,
        parents: Sequence[Node],
        draws: int,
        *,
        one_step: bool = True,
        duplicates: Duplicates = Duplicates.ACCEPT,
    ) -> list[list[Node]]:
        """Continue solutions and score what comes.

        Args:
            parents: What is continued; one that is named twice is continued twice, by different draws.
            draws: From each.
            one_step: False writes whole solutions.
            duplicates: Among the continuations of one parent.

        Returns:
            For each parent its continuations, scored; fewer where there are duplicates or the budget ends
            (`purse.ended`). Those that were cut by a limit of tokens are not scored.
        """
        for parent in parents:
            self._settle(parent, Fate.KEPT)
        families: list[list[Node]] = [[] for _ in parents]
        wanted = [draws] * len(parents)
        again = _REDRAWS if duplicates in (Duplicates.REPLACE, Duplicates.HEAT) else 0
        for attempt in range(1 + again):
            places = [place for place, count in enumerate(wanted) for _ in range(count)]
            if not places or not self.purse.may_write(len(places)):
                break
            heat = _HEAT**attempt if duplicates is Duplicates.HEAT else 1.0
            requests = [self._request(parents[place], one_step, heat) for place in places]
            for at, completion in await self._complete(requests):
                child = self._child(parents[places[at]], requests[at], completion)
                if duplicates is Duplicates.ACCEPT or not self._merged(child, families[places[at]]):
                    families[places[at]].append(child)
            wanted = [draws - len(each) for each in families]
        await self._score([each for family in families for each in family])
        return [[each for each in family if each.scored or each.finish is FinishReason.LENGTH] for family in families]

    async def look_ahead(self, nodes: Sequence[Node], steps: int) -> None:
        """Rank solutions under way by the score they have some greedy steps later (Snell et al. 2024).

        What is written to see that far is not continued. Where it is cut by a limit, the solution keeps its own score.
        """
        fronts = {node.token_ids: node for node in nodes if node.live}  # greedy: equal beginnings go on equally
        for _ in range(steps):
            going = [start for start, front in fronts.items() if front.live]
            if not going or not self.purse.may_write(len(going)):
                break
            requests = [self._request(fronts[start], True, 0.0) for start in going]
            for at, completion in await self._complete(requests):
                child = self._child(fronts[going[at]], requests[at], completion)
                if child.leaf != fronts[going[at]].leaf:
                    self._change(child.leaf, fate=Fate.LOOKAHEAD)
                fronts[going[at]] = child
        await self._score(list(fronts.values()))
        for node in nodes:
            if node.live and fronts[node.token_ids].scored:
                self.rank(node, fronts[node.token_ids].value)

    def rank(self, node: Node, value: float, visits: int = 1) -> None:
        """Give a solution another value than its score."""
        node.value = value
        self._change(node.leaf, value=value, visits=visits)

    def candidates(self, nodes: Iterable[Node]) -> tuple[Candidate, ...]:
        """Those of the nodes that hold a step, as candidates: whole ones before others, then by score."""
        found = sorted(
            (each for each in nodes if each.steps),
            key=lambda each: (each.finish is not FinishReason.END, -round(each.score, 6), each.tie),
        )
        for node in found:
            self._settle(node, Fate.KEPT)
        return tuple(
            Candidate(
                token_ids=each.token_ids,
                steps=each.steps,
                step_scores=each.step_scores,
                score=each.score,
                finish=each.finish,
                leaf=each.leaf,
            )
            for each in found
        )

    async def result(self, nodes: Iterable[Node]) -> SearchResult:
        """The outcome, with these candidates."""
        candidates = self.candidates(nodes)
        under_way = any(each.finish is FinishReason.STEP for each in candidates)
        choice, predicted = await asyncio.to_thread(choose, candidates, self.method.choice)
        return SearchResult(
            problem=self.problem,
            candidates=candidates,
            choice=choice,
            predicted=predicted,
            tokens=self.purse.tokens,
            prm_tokens=self.purse.prm_tokens,
            ended=self.purse.ended or (Ended.MAX_STEPS if under_way else Ended.DONE),
            trace=tuple(self._trace),
            seconds=self.purse.seconds,
        )

    def _request(self, parent: Node, one_step: bool, heat: float) -> Request:
        """The next draw from a solution, or its greedy continuation where `heat`, the temperature's factor, is 0."""
        prefix = self._prompt + parent.token_ids
        sampling = self.method.sampling
        index = self._drawn[parent.token_ids] if heat else 0
        self._drawn[parent.token_ids] += bool(heat)
        return Request(
            prompt_ids=prefix,
            sampling=replace(
                sampling,
                temperature=sampling.temperature * heat,
                max_tokens=sampling.max_tokens - len(parent.token_ids),
            ),
            seed=draw_seed(self.method.seed, self.method.purpose, self.problem.problem_id, prefix, index),
            one_step=one_step,
        )

    async def _complete(self, requests: Sequence[Request]) -> list[tuple[int, Completion]]:
        """Completions by the number of their request, paid; those that the budget leaves no time for are missing."""
        left = self.purse.tokens_left()
        share = None if left is None else left // len(requests)
        tasks = [asyncio.ensure_future(self._completer.complete(_within(each, share))) for each in requests]
        try:
            await asyncio.wait(tasks, timeout=self.purse.time_left())
        finally:
            for task in tasks:
                task.cancel()  # without effect on those that are done
        done = [(at, task) for at, task in enumerate(tasks) if task.done() and not task.cancelled()]
        if len(done) < len(tasks):
            self.purse.ended = self.purse.ended or Ended.SECONDS
        if errors := [error for _, task in done if (error := task.exception())]:
            raise errors[0]
        found = [(at, task.result()) for at, task in done]
        self.purse.tokens += sum(len(each.token_ids) for _, each in found)
        cut = [at for at, each in found if each.finish is FinishReason.LENGTH]
        if any(_within(requests[at], share) is not requests[at] for at in cut):
            self.purse.ended = self.purse.ended or Ended.TOKENS
        return found

    def _child(self, parent: Node, request: Request, completion: Completion) -> Node:
        """A continuation as a node, and its steps in the trace."""
        texts, ids = split_ids(self._completer.tokenizer, completion.token_ids, self._completer.text_format.separator)
        finish, leaf = completion.finish, parent.leaf
        whole = len(completion.token_ids) >= request.sampling.max_tokens
        if (finish is FinishReason.STEP and whole) or not (parent.steps or texts):
            finish = FinishReason.LENGTH  # no room for another step, or nothing but blanks: never an answer
        for text, step_ids in zip(texts, ids, strict=True):
            self._trace.append(TraceNode(parent=leaf, step=text, tokens=len(step_ids), fate=Fate.PRUNED))
            leaf = len(self._trace) - 1
        if not texts and leaf >= 0:
            self._change(leaf, tokens=self._trace[leaf].tokens + len(completion.token_ids))
        if texts and finish is FinishReason.LENGTH:
            self._change(leaf, fate=Fate.CUT)
        return Node(
            token_ids=parent.token_ids + completion.token_ids,
            steps=(*parent.steps, *texts),
            finish=finish,
            step_scores=parent.step_scores,
            score=-math.inf if texts else parent.score,
            value=-math.inf if texts else round(parent.score, 6),
            tie=request.seed,
            leaf=leaf,
        )

    def _merged(self, child: Node, siblings: list[Node]) -> bool:
        """Whether a sibling says the same; the one with better prospects then stands for both."""
        at = next((at for at, each in enumerate(siblings) if each.steps == child.steps), None)
        if at is None:
            return False
        kept, other = sorted((siblings[at], child), key=lambda each: _PROSPECTS.index(each.finish))
        siblings[at] = kept
        if kept.leaf != other.leaf:
            self._change(other.leaf, fate=Fate.MERGED)
        return True

    async def _score(self, nodes: Sequence[Node]) -> None:
        """Score what has new steps and is not cut, as far as the budget goes; equal solutions once."""
        model, problem = self._scorer.model, self.problem.problem
        paid: dict[tuple[str, ...], list[Node]] = {}
        for node in nodes:
            if node.finish is FinishReason.LENGTH or node.scored:
                continue
            if node.steps in paid:
                paid[node.steps].append(node)
                continue
            known = next((size for size in range(len(node.steps), -1, -1) if node.steps[:size] in self._read), None)
            try:
                cost = model.prm_tokens(problem, node.steps, known)
            except TooLongError:
                self._cut(node)
                continue
            if self.purse.pay_read(cost):
                self._read |= {node.steps[:size] for size in range(known or 0, len(node.steps) + 1)}
                paid[node.steps] = [node]
            else:
                self._settle(node, Fate.UNSCORED)
        for equal, scores in zip(paid.values(), await self._scorer.score(problem, list(paid)), strict=True):
            for node in equal:
                self._note(node, scores)

    def _note(self, node: Node, scores: Sequence[float] | None) -> None:
        """Take down the scores of its steps."""
        if scores is None:
            self._cut(node)
            return
        node.step_scores, node.score = tuple(scores), self._scorer.model.solution_score(scores)
        node.value = round(node.score, 6)  # what differs by less does so by the rounding of a batch
        self._change(node.leaf, value=node.value)
        for at, score in zip(self._path(node.leaf), reversed(scores), strict=True):
            self._change(at, score=score)

    def _cut(self, node: Node) -> None:
        """It is longer than the reward model's context."""
        node.finish = FinishReason.LENGTH
        self._change(node.leaf, fate=Fate.CUT)

    def _path(self, leaf: int) -> Iterator[int]:
        """Indices in the trace from a step back to the first."""
        while leaf >= 0:
            yield leaf
            leaf = self._trace[leaf].parent

    def _settle(self, node: Node, fate: Fate) -> None:
        """Say what became of those of its steps of which that was open; unscored is none that was scored."""
        for at in self._path(node.leaf):
            step = self._trace[at]
            if step.fate is Fate.PRUNED and (fate is not Fate.UNSCORED or step.score is None):
                self._change(at, fate=fate)

    def _change(self, at: int, **changes: object) -> None:
        if at >= 0:
            self._trace[at] = replace(self._trace[at], **changes)  # type: ignore[arg-type]


def _within(request: Request, share: int | None) -> Request:
    """The request, with no more tokens than its share of what is left."""
    if share is None or share >= request.sampling.max_tokens:
        return request
    return replace(request, sampling=replace(request.sampling, max_tokens=share))
