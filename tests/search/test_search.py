"""Best-of-n and beam search, guided by reward models whose quality is known."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from prmkit.completers import Completion, Request, Sampling
from prmkit.completers.simulated import SimulatedCompleter
from prmkit.demo.oracle import StepTruth, judge_solution
from prmkit.demo.stories import LEVELS, make_stories
from prmkit.errors import InputError, ShapeError
from prmkit.models import DEMO_POLICY, load_tokenizer
from prmkit.records import FinishReason, Problem
from prmkit.rewards.base import Aggregation
from prmkit.steps import TextFormat
from search.beam import BeamSearch
from search.best_of_n import BestOfN
from search.result import SearchResult, result_row
from search.scoring import BatchingScorer

SAMPLING = Sampling(max_tokens=400)
PROBLEMS = [
    Problem(problem_id=str(index), problem=story.text, answer=str(story.answer))
    for index, story in enumerate(make_stories(30, 4, LEVELS["default"]))
]


class Oracle:
    """Scores a step by its exact truth; `sign` -1 inverts it, 0 knows nothing."""

    aggregation = Aggregation.MIN

    def __init__(self, sign: int = 1) -> None:
        self.sign = sign
        self.batches: list[int] = []

    def score_steps(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        self.batches.append(len(solutions))
        return [
            [0.5 + self.sign * (-0.5 if truth is StepTruth.WRONG else 0.5) for truth in judge_solution(*each).steps]
            for each in solutions
        ]


def solver(slip: tuple[float, float] = (0.2, 0.4), repair: float = 0.0) -> SimulatedCompleter:
    tokenizer = load_tokenizer(str(DEMO_POLICY))
    return SimulatedCompleter(tokenizer, TextFormat(prompt="{problem}\n", separator="\n"), slip, repair)


def run(method: BestOfN | BeamSearch, model: Oracle, completer: SimulatedCompleter | None = None) -> list[SearchResult]:
    the_solver = completer or solver()

    async def all_of_them() -> list[SearchResult]:
        scorer = BatchingScorer(model)
        return list(await asyncio.gather(*(method.search(the_solver, scorer, each) for each in PROBLEMS)))

    return asyncio.run(all_of_them())


def accuracy(results: list[SearchResult]) -> float:
    right = [
        each.chosen is not None and each.chosen.steps[-1] == f"The answer is {each.problem.answer}." for each in results
    ]
    return sum(right) / len(right)


BEAM = BeamSearch(sampling=SAMPLING, beams=4, expansions=4)
BEST = BestOfN(sampling=SAMPLING, n=8)


def test_best_of_n_with_an_oracle_finds_whatever_right_solution_was_drawn() -> None:
    results = run(BEST, Oracle())
    drawn = [any(each.steps[-1] == f"The answer is {r.problem.answer}." for each in r.candidates) for r in results]
    assert accuracy(results) == sum(drawn) / len(drawn)


def test_a_better_reward_model_searches_better_and_an_inverted_one_worse() -> None:
    oracle, blind, inverted = (accuracy(run(BEAM, Oracle(sign))) for sign in (1, 0, -1))
    assert oracle > 0.95
    assert inverted + 0.1 < blind < oracle - 0.2


def test_beam_search_keeps_finished_beams_and_fills_up_to_n() -> None:
    results = run(BEAM, Oracle())
    assert all(1 <= len(each.candidates) <= 4 for each in results)
    assert any(len(each.candidates) == 4 for each in results)
    assert {each.finish for result in results for each in result.candidates} == {FinishReason.END}


def test_equal_beams_are_kept_once() -> None:
    results = run(BEAM, Oracle(), solver(slip=(0.0, 0.0)))  # every draw is the same
    assert [len(each.candidates) for each in results] == [1] * len(PROBLEMS)


def test_a_single_beam_prunes_too() -> None:
    greedy = replace(BEAM, beams=1)
    assert accuracy(run(greedy, Oracle())) > accuracy(run(replace(greedy, expansions=1), Oracle())) + 0.1


def test_more_beams_and_more_expansions_write_more_tokens() -> None:
    def tokens(method: BeamSearch | BestOfN) -> int:
        return sum(each.tokens for each in run(method, Oracle(0)))

    assert tokens(BEAM) > tokens(replace(BEAM, beams=2))
    assert tokens(BEAM) > tokens(replace(BEAM, expansions=2))
    assert tokens(BEST) > tokens(replace(BEST, n=4))


def test_no_finished_beam_means_no_answer_and_no_crash() -> None:
    results = run(replace(BEAM, max_steps=1), Oracle())
    assert all(each.chosen is None and each.candidates[0].finish is FinishReason.STEP for each in results)
    assert result_row(results[0], "beam", False)["chosen"] is None


def test_beams_cut_by_the_token_limit_are_not_chosen() -> None:
    results = run(replace(BEAM, sampling=Sampling(max_tokens=4)), Oracle())
    assert all(each.chosen is None and each.candidates[0].finish is FinishReason.LENGTH for each in results)


def test_the_token_limit_bounds_the_whole_solution() -> None:
    results = run(replace(BEAM, sampling=Sampling(max_tokens=60)), Oracle())
    assert max(len(each.token_ids) for result in results for each in result.candidates) <= 60


def test_results_do_not_depend_on_how_many_problems_run_together() -> None:
    async def one(problem: Problem) -> SearchResult:
        return await BEAM.search(solver(), BatchingScorer(Oracle()), problem)

    assert [asyncio.run(one(each)) for each in PROBLEMS[:5]] == run(BEAM, Oracle())[:5]


def test_the_seed_changes_the_search() -> None:
    assert run(replace(BEAM, seed=1), Oracle()) != run(BEAM, Oracle())
    assert run(replace(BEST, seed=1), Oracle()) != run(BEST, Oracle())


def test_candidates_of_many_problems_are_scored_in_common_batches() -> None:
    model = Oracle()
    run(BEST, model)
    assert max(model.batches) > 8 and sum(model.batches) == 8 * len(PROBLEMS)


def test_a_reward_model_that_fails_is_an_error_and_not_a_hang() -> None:
    class Broken(Oracle):
        def score_steps(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
            raise RuntimeError("no more memory")

    with pytest.raises(RuntimeError, match="no more memory"):
        run(BEST, Broken())


@pytest.mark.parametrize("change", [-1, 1])
def test_a_wrong_number_of_scores_is_an_error_and_not_a_hang(change: int) -> None:
    class Miscounting(Oracle):
        def score_steps(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
            return [[0.5]] * (len(solutions) + change)

    async def score() -> None:
        scorer = BatchingScorer(Miscounting())
        both = asyncio.gather(scorer.score("a", ["x"]), scorer.score("b", ["y"]))
        await asyncio.wait_for(both, timeout=10)

    with pytest.raises(ShapeError, match=f"given 2 solutions and scored {2 + change}"):
        asyncio.run(score())


def test_a_policy_that_writes_nothing_has_no_answer() -> None:
    class Mute(SimulatedCompleter):
        async def complete(self, request: Request) -> Completion:
            return Completion(token_ids=(int(self.tokenizer.eos_token_id),), finish=FinishReason.END)

    mute = Mute(load_tokenizer(str(DEMO_POLICY)), TextFormat(prompt="{problem}\n", separator="\n"))
    for method in (BEST, BEAM):
        assert all(each.chosen is None for each in run(method, Oracle(), mute))


@pytest.mark.parametrize("changes", [{"beams": 0}, {"expansions": 0}, {"max_steps": 0}])
def test_impossible_sizes_are_refused(changes: dict[str, int]) -> None:
    with pytest.raises(InputError, match="at least 1"):
        replace(BEAM, **changes)
    with pytest.raises(InputError, match="n must be at least 1"):
        BestOfN(sampling=SAMPLING, n=0)
