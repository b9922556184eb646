"""Problems, policies and reward models that the tests of search share, and how they are run."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache

import pytest

from prmkit.completers import Completer, Completion, Request, Sampling
from prmkit.completers.simulated import SimulatedCompleter
from prmkit.demo.stories import LEVELS, make_stories
from prmkit.models import DEMO_POLICY, load_tokenizer
from prmkit.records import FinishReason, Problem
from prmkit.rewards.base import Aggregation, RewardModel
from prmkit.rewards.simulated import OracleReward
from prmkit.steps import TextFormat, split_text
from search.adaptive import AdaptiveBestOfN
from search.beam import BeamSearch
from search.best_of_n import BestOfN
from search.choice import Choice
from search.dvts import DVTS
from search.mcts import MCTS
from search.method import Method
from search.nodes import Duplicates
from search.result import Fate, SearchResult, TraceNode
from search.scoring import BatchingScorer

FORMAT = TextFormat(prompt="{problem}\n", separator="\n")
TOKENIZER = cache(lambda: load_tokenizer(str(DEMO_POLICY)))
SAMPLING = Sampling(max_tokens=400)
PROBLEMS = [
    Problem(problem_id=str(index), problem=story.text, answer=str(story.answer))
    for index, story in enumerate(make_stories(30, 4, LEVELS["default"]))
]
FEW = PROBLEMS[:6]
QUESTION = Problem(problem_id="question", problem="What is it?", answer="1")
END = "<|end|>"
"""The end token of the demo policy, as text."""
ONE, TWO = f"The answer is 1.{END}", f"The answer is 2.{END}"
METHODS: dict[str, Method] = {
    "best-of-n": BestOfN(sampling=SAMPLING, n=8),
    "adaptive": AdaptiveBestOfN(sampling=SAMPLING, n=8, round=2, choice=Choice.MAJORITY),
    "beam": BeamSearch(sampling=SAMPLING, beams=2, expansions=3, duplicates=Duplicates.MERGE),
    "lookahead": BeamSearch(sampling=SAMPLING, beams=2, expansions=2, lookahead=2, duplicates=Duplicates.MERGE),
    "dvts": DVTS(sampling=SAMPLING, beams=3, expansions=2),
    "mcts": MCTS(sampling=SAMPLING, simulations=4, expansions=2),
}
EVERY = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
"""Runs a test with every method."""


def solver(slip: tuple[float, float] = (0.2, 0.4), repair: float = 0.0) -> SimulatedCompleter:
    return SimulatedCompleter(TOKENIZER(), FORMAT, slip, repair)


class Script:
    """A policy that writes what a table says: after the steps so far, each of these texts in turn; greedy the first.

    A text is one step, and one that ends with `END` the last one. `requests` are those that came.
    """

    def __init__(self, table: Mapping[tuple[str, ...], Sequence[str]]) -> None:
        self.tokenizer, self.text_format = TOKENIZER(), FORMAT
        self.table = table
        self.requests: list[Request] = []
        self.turns: Counter[tuple[str, ...]] = Counter()

    async def complete(self, request: Request) -> Completion:
        self.requests.append(request)
        _, _, written = self.tokenizer.decode(request.prompt_ids).partition("\n")
        steps = tuple(split_text(written, "\n"))
        text = ""
        while True:
            ways = self.table[steps]
            step = ways[self.turns[steps] % len(ways)] if request.sampling.temperature else ways[0]
            self.turns[steps] += bool(request.sampling.temperature)
            text += step if step.endswith(END) else step + "\n"
            steps = (*steps, step)
            if request.one_step or step.endswith(END):
                break
        ids = tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"])
        if len(ids) > request.sampling.max_tokens:
            return Completion(token_ids=ids[: request.sampling.max_tokens], finish=FinishReason.LENGTH)
        return Completion(token_ids=ids, finish=FinishReason.END if text.endswith(END) else FinishReason.STEP)

    def close(self) -> None:
        """Nothing to free."""


class Scores(RewardModel):
    """Scores a step by its text as a table says; reads a token for the problem and one for every step."""

    threshold = 0.5

    def __init__(
        self, table: Mapping[str, float], aggregation: Aggregation = Aggregation.LAST, default: float = 0.5
    ) -> None:
        self.table, self.aggregation, self.default = table, aggregation, default
        self.solutions: list[tuple[str, ...]] = []

    def score_steps(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        self.solutions += [tuple(steps) for _, steps in solutions]
        return [[self.table.get(step, self.default) for step in steps] for _, steps in solutions]

    def prm_tokens(self, problem: str, steps: Sequence[str], known_steps: int | None = None) -> int:
        return 1 + len(steps) if known_steps is None else len(steps) - known_steps


class CountingOracle(OracleReward):
    """An oracle that reads a token for the problem and one for every step."""

    prm_tokens = Scores.prm_tokens


def run(
    method: Method, model: RewardModel, completer: Completer | None = None, problems: Sequence[Problem] = PROBLEMS
) -> list[SearchResult]:
    """Search these problems together."""
    policy = completer or solver()

    async def all_of_them() -> list[SearchResult]:
        scorer = BatchingScorer(model)
        return list(await asyncio.gather(*(method.search(policy, scorer, each) for each in problems)))

    return asyncio.run(all_of_them())


def ask(method: Method, completer: Completer, model: RewardModel) -> SearchResult:
    """Search the one question of a script."""
    return run(method, model, completer, [QUESTION])[0]


def is_right(result: SearchResult) -> bool:
    return result.predicted == result.problem.answer


def accuracy(results: Sequence[SearchResult]) -> float:
    return sum(map(is_right, results)) / len(results)


def path(result: SearchResult, leaf: int) -> list[TraceNode]:
    """From the first step to a leaf."""
    nodes: list[TraceNode] = []
    while leaf >= 0:
        nodes.insert(0, result.trace[leaf])
        leaf = result.trace[leaf].parent
    return nodes


def fates(result: SearchResult) -> dict[str, Fate]:
    """Of every step drawn, by its text; of equal ones the last."""
    return {each.step: each.fate for each in result.trace}


def check_trace(result: SearchResult) -> None:
    """What holds for the trace of every search."""
    assert all(-1 <= each.parent < index for index, each in enumerate(result.trace))
    assert sum(each.tokens for each in result.trace) == result.tokens
    for each in result.candidates:
        nodes = path(result, each.leaf)
        assert tuple(node.step for node in nodes) == each.steps
        assert tuple(node.score for node in nodes[: len(each.step_scores)]) == each.step_scores
        assert sum(node.tokens for node in nodes) >= len(each.token_ids)
        assert {node.fate for node in nodes[:-1]} <= {Fate.KEPT}
        assert nodes[-1].fate in (Fate.KEPT, Fate.CUT)
        cut_here = nodes[-1].fate is Fate.CUT
        assert not cut_here or each.finish is FinishReason.LENGTH
