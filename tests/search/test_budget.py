"""What a search may spend: never more, and what it has found by then is its answer."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from prmkit.completers import Completion, Request
from prmkit.completers.simulated import SimulatedCompleter
from prmkit.completers.transformers import TransformersCompleter
from prmkit.errors import InputError
from prmkit.records import FinishReason
from prmkit.rewards.scorer import ClassifierReward
from prmkit.rewards.simulated import OracleReward
from search.adaptive import AdaptiveBestOfN
from search.beam import BeamSearch
from search.best_of_n import BestOfN
from search.budget import Budget, Purse
from search.method import Method
from search.result import Ended, Fate, SearchResult
from search.scoring import BatchingScorer

from .searching import (
    END,
    EVERY,
    FEW,
    FORMAT,
    PROBLEMS,
    SAMPLING,
    TOKENIZER,
    CountingOracle,
    Scores,
    Script,
    accuracy,
    ask,
    check_trace,
    fates,
    run,
)


class Hanging(SimulatedCompleter):
    """Writes some draws at once, the others never."""

    def __init__(self, share: int) -> None:
        super().__init__(TOKENIZER(), FORMAT, (0.2, 0.4), 0.0)
        self.share, self.hung, self.cancelled = share, 0, 0

    async def complete(self, request: Request) -> Completion:
        if request.seed % self.share == 0:
            self.hung += 1
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        return await super().complete(request)


@pytest.mark.parametrize("limit", [0, -1, math.inf, math.nan])
@pytest.mark.parametrize("name", ["tokens", "prm_tokens", "seconds"])
def test_a_budget_of_nothing_or_without_end_is_refused(name: str, limit: float) -> None:
    with pytest.raises(InputError, match=f"budget of {name} must be above 0 and finite"):
        Budget(**{name: limit})


def test_a_purse_pays_no_more_than_it_holds_and_names_the_first_limit() -> None:
    purse = Purse(Budget(tokens=10, prm_tokens=10))
    assert purse.may_write(10) and purse.pay_read(10)
    assert not purse.pay_read(1) and purse.ended is Ended.PRM_TOKENS
    assert not purse.may_write(11) and purse.ended is Ended.PRM_TOKENS
    assert purse.prm_tokens == 10


def test_a_purse_without_limits_only_counts() -> None:
    purse = Purse(Budget())
    assert purse.pay_read(10**9) and purse.may_write(10**9) and purse.tokens_left() is None is purse.time_left()
    assert purse.prm_tokens == 10**9 and purse.ended is None


@EVERY
def test_tokens_written_never_exceed_the_budget(method: Method) -> None:
    free = run(method, OracleReward(), problems=FEW)
    reached = 0
    for limit in (1, 7, 40, 100, 250):
        results = run(replace(method, budget=Budget(tokens=limit)), OracleReward(), problems=FEW)
        for result, unlimited in zip(results, free, strict=True):
            check_trace(result)
            assert result.tokens <= limit
            if result.ended is not Ended.TOKENS and method.name != "adaptive":  # whose rounds are smaller then
                assert result == unlimited
            reached += result.ended is Ended.TOKENS
    assert reached > len(FEW)
    plenty = replace(method, budget=Budget(tokens=10**6, prm_tokens=10**6, seconds=600))
    assert run(plenty, CountingOracle(), problems=FEW) == run(method, CountingOracle(), problems=FEW)


@EVERY
def test_tokens_read_never_exceed_the_budget(method: Method, make_prm: Callable[..., ClassifierReward]) -> None:
    for limit in (10, 150, 300):
        prm = make_prm(prefix_cache=1 << 26)
        (result,) = run(replace(method, budget=Budget(prm_tokens=limit)), prm, problems=FEW[:1])
        check_trace(result)
        assert result.prm_tokens is not None and result.prm_tokens == prm.tokens_read <= limit
        if limit < 150:
            assert result.ended is Ended.PRM_TOKENS
            assert result.trace and {each.fate for each in result.trace} <= {Fate.UNSCORED, Fate.MERGED}
            assert result.chosen is None and prm.tokens_read == 0


@EVERY
def test_a_budget_that_pays_for_nothing_gives_no_answer_and_no_crash(method: Method) -> None:
    for budget, ended in [(Budget(tokens=1), Ended.TOKENS), (Budget(seconds=1e-9), Ended.SECONDS)]:
        for result in run(replace(method, budget=budget), OracleReward(), problems=FEW):
            assert result.ended is ended
            assert result.chosen is None is result.predicted and result.tokens <= 1


@EVERY
def test_time_up_cancels_what_is_being_drawn_and_keeps_the_best_so_far(method: Method) -> None:
    policy, limited = Hanging(share=8), replace(method, budget=Budget(seconds=0.3))

    async def search() -> list[SearchResult]:
        scorer = BatchingScorer(OracleReward())
        searches = asyncio.gather(*(limited.search(policy, scorer, each) for each in PROBLEMS))
        results = await asyncio.wait_for(searches, timeout=60)
        await asyncio.sleep(0)
        assert policy.cancelled == policy.hung > 0
        return results

    ended = [each for each in asyncio.run(search()) if each.ended is Ended.SECONDS]
    assert ended
    for result in ended:
        check_trace(result)
        assert result.seconds >= 0.3
    if method.name in ("best-of-n", "adaptive"):
        assert any(each.chosen for each in ended)


def test_a_limit_of_time_leaves_those_that_finish_as_they_are() -> None:
    beam = BeamSearch(sampling=SAMPLING, beams=2, expansions=2)
    free, limited = (
        run(replace(beam, budget=budget), OracleReward(), problems=FEW) for budget in (Budget(), Budget(seconds=600))
    )
    assert free == limited


def test_finished_beams_are_the_answer_when_the_tokens_run_out() -> None:
    table = {(): ["The answer is 1." + END, "So:"], ("So:",): ["more", "less"]}
    beam = BeamSearch(sampling=SAMPLING, beams=2, expansions=2, budget=Budget(tokens=24))
    result = ask(beam, Script(table), Scores({}))
    assert (result.ended, result.predicted) == (Ended.TOKENS, "1")
    assert [each.finish for each in result.candidates] == [FinishReason.END, FinishReason.STEP]


def test_what_is_finished_in_a_round_that_is_not_whole_is_a_candidate_and_the_rest_is_not() -> None:
    table = {(): ["a", "The answer is 1." + END, "b"]}
    beam = BeamSearch(sampling=SAMPLING, beams=1, expansions=3, budget=Budget(prm_tokens=3))
    result = ask(beam, Script(table), Scores({}))
    assert (result.ended, result.prm_tokens, result.predicted) == (Ended.PRM_TOKENS, 3, "1")
    assert fates(result) == {"a": Fate.PRUNED, "The answer is 1.": Fate.KEPT, "b": Fate.UNSCORED}


def test_draws_share_what_is_left_of_the_tokens_evenly() -> None:
    script = Script({(): ["a"]})
    beam = BeamSearch(sampling=SAMPLING, beams=2, expansions=2, max_steps=1, budget=Budget(tokens=103))
    ask(beam, script, Scores({}))
    assert [each.sampling.max_tokens for each in script.requests] == [25] * 4


@pytest.mark.parametrize(("limit", "sizes"), [(None, [6]), (60, [3, 2, 1]), (24, [1, 1, 1, 1])])
def test_best_of_n_draws_as_many_together_as_the_tokens_surely_pay_for(limit: int | None, sizes: list[int]) -> None:
    class Waves(Script):
        under_way, sizes = 0, []

        async def complete(self, request: Request) -> Completion:
            self.under_way += 1
            await asyncio.sleep(0)  # by now all that are drawn together are under way
            if self.under_way:
                self.sizes.append(self.under_way)
            self.under_way = 0
            return await super().complete(request)

    for kind in (BestOfN, AdaptiveBestOfN):
        policy = Waves({(): ["The answer is 1." + END]})  # of 6 tokens
        policy.sizes = []
        more = {} if kind is BestOfN else {"round": 6}
        method = kind(sampling=replace(SAMPLING, max_tokens=20), n=6, budget=Budget(tokens=limit), **more)
        result = ask(method, policy, Scores({}))
        assert policy.sizes == sizes and len(result.candidates) == sum(sizes)


def test_a_budget_of_tokens_read_needs_a_model_that_counts_them() -> None:
    for method in (BestOfN(sampling=SAMPLING), BeamSearch(sampling=SAMPLING)):
        with pytest.raises(InputError, match="needs a reward model that says how many tokens it reads"):
            run(replace(method, budget=Budget(prm_tokens=10**6)), OracleReward(), problems=FEW)
        assert {each.prm_tokens for each in run(method, OracleReward(), problems=FEW[:2])} == {None}


def test_more_tokens_find_more() -> None:
    def solved(limit: int) -> float:
        return accuracy(run(BestOfN(sampling=SAMPLING, n=16, budget=Budget(tokens=limit)), OracleReward()))

    assert solved(1600) > solved(300) + 0.2


@pytest.mark.slow
def test_a_deadline_stops_the_real_engine_which_then_serves_others(demo_policy: TransformersCompleter) -> None:
    method = BestOfN(sampling=SAMPLING, n=64)
    for result in run(replace(method, budget=Budget(seconds=0.3)), OracleReward(), demo_policy, FEW[:2]):
        assert result.ended is Ended.SECONDS and len(result.candidates) < 64
        check_trace(result)
    (after,) = run(replace(method, n=1), OracleReward(), demo_policy, FEW[:1])
    assert after.ended is Ended.DONE and len(after.candidates) == 1
