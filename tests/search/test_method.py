"""What holds for every search: what comes out depends on settings, models and problem, and no problem waits."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from prmkit.completers import Completion, Request, Sampling
from prmkit.completers.simulated import SimulatedCompleter
from prmkit.completers.transformers import TransformersCompleter
from prmkit.records import Problem
from prmkit.rewards.scorer import ClassifierReward
from prmkit.rewards.simulated import OracleReward
from search.beam import BeamSearch
from search.best_of_n import BestOfN
from search.choice import Choice
from search.method import Method, StepSearch
from search.result import SearchResult
from search.scoring import BatchingScorer

from .searching import EVERY, FEW, FORMAT, METHODS, PROBLEMS, TOKENIZER, Scores, run, solver

CACHES = pytest.mark.parametrize("cache", [1 << 26, 20_000], ids=["cache", "small cache"])


@EVERY
def test_results_do_not_depend_on_how_many_problems_run_together(method: Method) -> None:
    alone = [run(method, OracleReward(), problems=[each])[0] for each in FEW]
    assert alone == run(method, OracleReward())[: len(FEW)] == run(method, OracleReward(), problems=FEW[::-1])[::-1]


@CACHES
@EVERY
def test_a_real_reward_models_results_do_not_depend_on_it_bit_for_bit(
    method: Method, cache: int | None, make_prm: Callable[..., ClassifierReward], one_thread: None
) -> None:
    together = run(method, make_prm(prefix_cache=cache), problems=FEW)
    assert [run(method, make_prm(prefix_cache=cache), problems=[each])[0] for each in FEW[:3]] == together[:3]
    assert len({each.score for result in together for each in result.candidates}) > len(FEW)


def assert_equal_up_to_rounding(first: list[SearchResult], second: list[SearchResult]) -> None:
    for one, other in zip(first, second, strict=True):
        assert (one.predicted, one.tokens, one.ended) == (other.predicted, other.tokens, other.ended)
        assert [each.token_ids for each in one.candidates] == [each.token_ids for each in other.candidates]
        scores, others = ([each.score for each in result.candidates] for result in (one, other))
        assert scores == pytest.approx(others, abs=1e-5)


@EVERY
def test_without_a_prefix_cache_only_the_rounding_of_scores_depends_on_it(
    method: Method, make_prm: Callable[..., ClassifierReward], one_thread: None
) -> None:
    together = run(method, make_prm(), problems=FEW)
    assert_equal_up_to_rounding([run(method, make_prm(), problems=[each])[0] for each in FEW[:3]], together[:3])


@EVERY
def test_the_prefix_cache_changes_what_is_read_and_nothing_that_is_found(
    method: Method, make_prm: Callable[..., ClassifierReward], one_thread: None
) -> None:
    full, kept = (run(method, make_prm(prefix_cache=cache), problems=FEW) for cache in (None, 1 << 26))
    assert_equal_up_to_rounding(full, kept)
    for one, other in zip(full, kept, strict=True):
        assert (one.prm_tokens or 0) > (other.prm_tokens or 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["best-of-n", "lookahead", "mcts"])
def test_with_a_real_engine_and_a_real_reward_model_results_are_the_same_alone_and_together(
    name: str, demo_policy: TransformersCompleter, make_prm: Callable[..., ClassifierReward], one_thread: None
) -> None:
    method = METHODS[name]
    together = run(method, make_prm(prefix_cache=1 << 26), demo_policy, FEW[:3])
    alone = [run(method, make_prm(prefix_cache=1 << 26), demo_policy, [each])[0] for each in FEW[:3]]
    assert alone == together and any(each.chosen for each in together)


@EVERY
def test_the_seed_changes_the_search_and_repeats_it(method: Method) -> None:
    results = [run(replace(method, seed=seed), OracleReward(), problems=FEW) for seed in (0, 0, 1)]
    assert results[0] == results[1] != results[2]


@EVERY
def test_no_problem_waits_for_another(method: Method) -> None:  # pitfall 17: one problem at a time
    class Blocked(SimulatedCompleter):
        """Writes nothing for the first problem until the others are done."""

        def __init__(self) -> None:
            super().__init__(TOKENIZER(), FORMAT)
            self.others_done = asyncio.Event()

        async def complete(self, request: Request) -> Completion:
            if FEW[0].problem in self.tokenizer.decode(request.prompt_ids):
                await self.others_done.wait()
            return await super().complete(request)

    async def search() -> list[SearchResult]:
        policy, scorer = Blocked(), BatchingScorer(OracleReward())
        first, *others = (asyncio.create_task(method.search(policy, scorer, each)) for each in FEW)
        done = await asyncio.wait_for(asyncio.gather(*others), timeout=60)
        assert not first.done()
        policy.others_done.set()
        return [await asyncio.wait_for(first, timeout=60), *done]

    assert [each.problem for each in asyncio.run(search())] == FEW


@EVERY
def test_draws_of_a_round_are_under_way_together(method: Method) -> None:
    class Counting(SimulatedCompleter):
        under_way = most = 0

        async def complete(self, request: Request) -> Completion:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            await asyncio.sleep(0)
            self.under_way -= 1
            return await super().complete(request)

    policy = Counting(TOKENIZER(), FORMAT)
    run(method, OracleReward(), policy, FEW[:1])
    assert policy.most >= (method.expansions if isinstance(method, StepSearch) else 2)


@EVERY
def test_all_draws_have_addresses_of_the_methods_own_purpose(method: Method) -> None:
    class Remembering(SimulatedCompleter):
        def __init__(self) -> None:
            super().__init__(TOKENIZER(), FORMAT, (0.2, 0.4), 0.0)
            self.seeds: list[int] = []

        async def complete(self, request: Request) -> Completion:
            if request.sampling.temperature:
                self.seeds.append(request.seed)
            return await super().complete(request)

    policy, sampler = Remembering(), Remembering()
    run(method, OracleReward(), policy, FEW[:1])
    run(BestOfN(sampling=method.sampling, n=40), OracleReward(), sampler, FEW[:1])
    assert len(set(policy.seeds)) == len(policy.seeds)
    assert (set(policy.seeds) <= set(sampler.seeds)) == (method.purpose == "sample")


@EVERY
def test_the_sampling_is_what_the_policy_is_asked_for(method: Method) -> None:
    asked = set()

    class Asked(SimulatedCompleter):
        async def complete(self, request: Request) -> Completion:
            asked.add((request.sampling.temperature, request.sampling.top_p))
            return await super().complete(request)

    policy = Asked(TOKENIZER(), FORMAT)
    run(replace(method, sampling=Sampling(temperature=0.7, top_p=0.9)), OracleReward(), policy, FEW[:1])
    assert asked == {(0.7, 0.9)} | ({(0.0, 0.9)} if method is METHODS["lookahead"] else set())


@EVERY
def test_the_choice_is_made_among_the_candidates_of_every_method(method: Method) -> None:
    model = Scores({f"The answer is {number}.": (number % 7) / 7 for number in range(200)})  # knows nothing
    wide = replace(method, beams=5) if isinstance(method, BeamSearch) else method
    by_choice = {
        choice: run(replace(wide, choice=choice), model, solver(slip=(0.1, 0.2)), PROBLEMS[:15]) for choice in Choice
    }
    for each in by_choice[Choice.MAX]:
        assert each.chosen is not None
        assert each.chosen.score == max(other.score for other in each.candidates)
    answers = {choice: [each.predicted for each in results] for choice, results in by_choice.items()}
    assert answers[Choice.MAX] != answers[Choice.MAJORITY]


def test_a_problem_that_the_policy_cannot_read_is_its_own_error() -> None:
    async def search() -> list[SearchResult | BaseException]:
        scorer, policy = BatchingScorer(Scores({})), solver()
        strange = Problem(problem_id="strange", problem="Prove it.", answer="1")
        searches = [METHODS["beam"].search(policy, scorer, each) for each in (FEW[0], strange)]
        return await asyncio.gather(*searches, return_exceptions=True)

    found, error = asyncio.run(search())
    assert isinstance(found, SearchResult) and "only reads arithmetic stories" in str(error)
