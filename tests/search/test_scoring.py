"""Scoring candidates of many problems in common batches, and what becomes of a reward model's failures."""

import asyncio
import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from prmkit.errors import EngineError, InputError, ShapeError
from prmkit.records import FinishReason, Problem
from prmkit.rewards.scorer import ClassifierReward
from prmkit.rewards.simulated import OracleReward
from search.best_of_n import BestOfN
from search.method import Method
from search.result import Fate, SearchResult
from search.scoring import MOST, BatchingScorer

from .searching import EVERY, FEW, PROBLEMS, SAMPLING, Scores, check_trace, run, solver

Solutions = Sequence[tuple[str, Sequence[str]]]
BEST = BestOfN(sampling=SAMPLING, n=8)


class Batches(OracleReward):
    """An oracle that remembers the size of its batches."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def score_steps(self, solutions: Solutions) -> list[list[float]]:
        self.sizes.append(len(solutions))
        return super().score_steps(solutions)


class Spoiled(OracleReward):
    """An oracle whose scores of one problem are spoiled."""

    def __init__(self, problem: Problem, spoil: Callable[[list[float]], list[float]]) -> None:
        super().__init__()
        self.problem, self.spoil = problem.problem, spoil

    def score_steps(self, solutions: Solutions) -> list[list[float]]:
        scores = super().score_steps(solutions)
        return [
            self.spoil(each) if problem == self.problem else each
            for (problem, _), each in zip(solutions, scores, strict=True)
        ]


def outcomes(method: Method, model: OracleReward) -> list[SearchResult | BaseException]:
    """Of the first problems, searched together."""

    async def all_of_them() -> list[SearchResult | BaseException]:
        scorer, policy = BatchingScorer(model), solver()
        searches = (method.search(policy, scorer, each) for each in FEW)
        return await asyncio.wait_for(asyncio.gather(*searches, return_exceptions=True), timeout=60)

    return asyncio.run(all_of_them())


def test_candidates_of_many_problems_are_scored_in_common_batches() -> None:
    model = Batches()
    results = run(BEST, model)
    different = sum(len({each.steps for each in result.candidates}) for result in results)
    assert max(model.sizes) > 8 and sum(model.sizes) == different < 8 * len(PROBLEMS)


def test_a_batch_that_is_large_enough_waits_for_no_further_problem() -> None:
    model = Batches()

    async def score() -> None:
        scorer = BatchingScorer(model)
        solutions = [["a step", str(number)] for number in range(MOST // 2)]
        await asyncio.gather(*(scorer.score(PROBLEMS[0].problem, solutions) for _ in range(5)))

    asyncio.run(score())
    assert model.sizes == [MOST, MOST, MOST // 2]


def test_what_comes_while_the_model_is_busy_is_its_next_batch() -> None:
    class Busy(Batches):
        def __init__(self) -> None:
            super().__init__()
            self.may_go_on = threading.Event()

        def score_steps(self, solutions: Solutions) -> list[list[float]]:
            self.sizes.append(len(solutions))
            assert self.may_go_on.wait(timeout=60)
            return [[0.5] * len(steps) for _, steps in solutions]

    async def score() -> list[int]:
        model = Busy()
        scorer = BatchingScorer(model)
        first = asyncio.create_task(scorer.score("a", [["x"]]))
        while not model.sizes:
            await asyncio.sleep(0.001)
        others = [asyncio.create_task(scorer.score(name, [["x"], ["y"]])) for name in "bcd"]
        await asyncio.sleep(0.01)
        model.may_go_on.set()
        await asyncio.gather(first, *others)
        return model.sizes

    assert asyncio.run(score()) == [1, 6]


def test_nothing_to_score_does_not_ask_the_model() -> None:
    model = Batches()
    assert asyncio.run(BatchingScorer(model).score("a", [])) == [] and not model.sizes


@EVERY
def test_a_reward_model_that_fails_is_an_error_and_not_a_hang(method: Method) -> None:
    class Broken(Batches):
        def score_steps(self, solutions: Solutions) -> list[list[float]]:
            super().score_steps(solutions)
            raise EngineError("no more memory")

    model = Broken()
    found = outcomes(method, model)
    assert [type(each) for each in found] == [EngineError] * len(FEW)
    assert len(model.sizes) < len(FEW)  # not asked once more for every problem


@pytest.mark.parametrize("change", [-1, 1])
def test_a_wrong_number_of_scored_solutions_is_an_error_and_not_a_hang(change: int) -> None:
    class Miscounting(OracleReward):
        def score_steps(self, solutions: Solutions) -> list[list[float]]:
            return [[0.5]] * (len(solutions) + change)

    async def score() -> None:
        scorer = BatchingScorer(Miscounting())
        both = asyncio.gather(scorer.score("a", ["x"]), scorer.score("b", ["y"]))
        await asyncio.wait_for(both, timeout=10)

    with pytest.raises(ShapeError, match=f"returned scores of {1 + change} solutions, it was given 1"):
        asyncio.run(score())


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda scores: [math.nan, *scores[1:]], r"scored \d+ steps as \[nan"),
        (lambda scores: [*scores[:-1], math.inf], r"inf\]"),
        (lambda scores: scores[:-1], r"scored \d+ steps as"),
        (lambda scores: [*scores, 0.5], r"scored \d+ steps as"),
    ],
    ids=["nan", "infinite", "too few", "too many"],
)
@EVERY
def test_scores_that_cannot_be_are_an_error_of_their_problem_alone(
    method: Method, spoil: Callable[[list[float]], list[float]], message: str
) -> None:
    right = outcomes(method, OracleReward())
    found = outcomes(method, Spoiled(FEW[1], spoil))
    assert isinstance(found[1], ShapeError)
    with pytest.raises(ShapeError, match=message):
        raise found[1]
    assert [found[0], *found[2:]] == [right[0], *right[2:]]


def test_a_problem_that_the_model_cannot_read_does_not_fail_the_others_of_its_batch() -> None:
    async def score() -> list[object]:
        scorer = BatchingScorer(OracleReward())
        solutions = [["Eli: 1."], ["x"]]
        story = PROBLEMS[0].problem
        both = (scorer.score(each, solutions) for each in (story, "What is it?"))
        return await asyncio.gather(*both, return_exceptions=True)

    scores, error = asyncio.run(score())
    assert scores == [[0.0], [0.0]]
    assert isinstance(error, InputError) and "arithmetic stories only" in str(error)


def test_a_solution_too_long_for_the_reward_model_counts_as_cut(make_prm: Callable[..., ClassifierReward]) -> None:
    wide = run(BEST, make_prm(), problems=FEW)
    narrow = run(BEST, make_prm(context=130), problems=FEW)
    cut = [each for result in narrow for each in result.candidates if each.finish is FinishReason.LENGTH]
    assert 0 < len(cut) < sum(len(each.candidates) for each in narrow)
    for result, whole in zip(narrow, wide, strict=True):
        check_trace(result)
        assert result.tokens == whole.tokens and len(result.candidates) == len(whole.candidates)
        for each in result.candidates:
            assert (each.finish is FinishReason.LENGTH) == (each.score == -math.inf)
            assert each.finish is not FinishReason.LENGTH or result.trace[each.leaf].fate is Fate.CUT
        assert result.chosen is None or result.chosen.finish is FinishReason.END


@EVERY
def test_no_search_hangs_where_everything_is_too_long(
    method: Method, make_prm: Callable[..., ClassifierReward]
) -> None:
    (result,) = run(method, make_prm(context=20), problems=FEW[:1])
    check_trace(result)
    assert result.chosen is None and {each.finish for each in result.candidates} == {FinishReason.LENGTH}


def test_the_models_own_limit_shows_where_it_cannot_count_its_tokens(
    make_prm: Callable[..., ClassifierReward], one_thread: None
) -> None:
    """As for a model behind a server, which says that a solution is too long only when it is asked for its scores."""

    class Silent(Scores):
        def __init__(self, prm: ClassifierReward) -> None:
            super().__init__({})
            self.prm = prm

        def score_steps(self, solutions: Solutions) -> list[list[float]]:
            return self.prm.score_steps(solutions)

        def prm_tokens(self, problem: str, steps: Sequence[str], known_steps: int | None = None) -> int:
            return 0

    narrow = make_prm(context=130, prefix_cache=1 << 26)
    told, silent = (run(BEST, model, problems=FEW) for model in (narrow, Silent(narrow)))
    assert [replace(each, prm_tokens=0) for each in told] == silent


def test_a_search_that_is_given_up_leaves_the_scorer_in_order() -> None:
    story, solutions = PROBLEMS[0].problem, [["Eli: 1."], ["x", "y"]]

    async def score() -> list[list[float] | None]:
        scorer = BatchingScorer(OracleReward())
        given_up = asyncio.create_task(scorer.score(story, [["x"]]))
        await asyncio.sleep(0)
        given_up.cancel()
        return await asyncio.wait_for(scorer.score(story, solutions), timeout=10)

    assert asyncio.run(score()) == OracleReward().score_steps([(story, steps) for steps in solutions])
