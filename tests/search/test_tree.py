"""What all searches share: the trace, duplicates, look-ahead, limits of length, and where each step ends."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

import pytest

from prmkit.completers import Completion, Request, Sampling
from prmkit.completers.simulated import SimulatedCompleter
from prmkit.errors import EngineError
from prmkit.records import FinishReason
from prmkit.rewards.scorer import ClassifierReward
from prmkit.rewards.simulated import OracleReward
from search.beam import BeamSearch
from search.best_of_n import BestOfN
from search.budget import Budget
from search.method import Method, StepSearch
from search.nodes import Duplicates
from search.result import Ended, Fate
from search.scoring import BatchingScorer

from .searching import (
    END,
    EVERY,
    FEW,
    FORMAT,
    METHODS,
    ONE,
    PROBLEMS,
    QUESTION,
    SAMPLING,
    TOKENIZER,
    TWO,
    Scores,
    Script,
    ask,
    check_trace,
    fates,
    path,
    run,
)

GREEDY = BeamSearch(sampling=SAMPLING, beams=1, expansions=2, duplicates=Duplicates.MERGE)


@EVERY
def test_the_trace_is_a_forest_whose_tokens_add_up_and_whose_leaves_spell_the_candidates(method: Method) -> None:
    for result in run(method, OracleReward(), problems=FEW):
        assert result.candidates
        check_trace(result)


@EVERY
def test_continued_and_final_steps_are_kept_and_others_are_not(method: Method) -> None:
    seen = set()
    for result in run(method, OracleReward(), problems=FEW):
        inner = {each.parent for each in result.trace if each.fate is not Fate.LOOKAHEAD} - {-1}
        leaves = {each.leaf for each in result.candidates}
        kept = {index for index, each in enumerate(result.trace) if each.fate is Fate.KEPT}
        assert inner <= kept
        for index in kept - inner - leaves:  # continued by nothing but ends without text
            assert result.trace[index].step.startswith("The answer is")
        seen |= {each.fate for each in result.trace}
    wanted = {Fate.KEPT}
    if isinstance(method, StepSearch):
        wanted |= {Fate.PRUNED} | ({Fate.MERGED} if method.duplicates is Duplicates.MERGE else set())
    assert seen == wanted | ({Fate.LOOKAHEAD} if method is METHODS["lookahead"] else set())


@EVERY
def test_kept_and_pruned_steps_have_scores_and_values_and_merged_ones_do_not(method: Method) -> None:
    for each in (node for result in run(method, OracleReward(), problems=FEW) for node in result.trace):
        scored = each.fate in (Fate.KEPT, Fate.PRUNED, Fate.LOOKAHEAD)
        assert (each.score is not None) == scored
        if each.fate is Fate.PRUNED or (each.fate is Fate.KEPT and isinstance(method, StepSearch)):
            assert each.value is not None  # of best-of-n only the last steps are ranked
        assert each.visits == 1 or method.name == "mcts"


@EVERY
def test_tokens_of_a_path_are_those_of_its_candidate_where_every_draw_has_text(method: Method) -> None:
    table = defaultdict(lambda: [ONE], {(): ["a", "b", "c"], ("a",): ["d", "e"], ("b",): ["f", "f", TWO]})
    result = ask(method, Script(table), Scores({"b": 0.9}))
    check_trace(result)
    for each in result.candidates:
        assert sum(node.tokens for node in path(result, each.leaf)) == len(each.token_ids)


def test_an_end_without_text_counts_with_the_step_that_it_ends() -> None:
    result = ask(GREEDY, Script({(): ["The answer is 1."], ("The answer is 1.",): [END]}), Scores({}))
    check_trace(result)
    (step,) = (each for each in result.trace if each.fate is Fate.KEPT)
    (candidate,) = result.candidates
    assert candidate.finish is FinishReason.END
    assert step.tokens == len(candidate.token_ids) + 1 == 8  # both draws of the end token


def test_tokens_of_first_draws_that_hold_only_blanks_are_in_no_step() -> None:
    result = ask(BestOfN(sampling=SAMPLING, n=2), Script({(): [END, ONE]}), Scores({}))
    assert [each.tokens for each in result.trace] == [6] and result.tokens == 7
    assert [each.steps for each in result.candidates] == [("The answer is 1.",)]


@EVERY
def test_a_policy_that_writes_nothing_has_no_answer(method: Method) -> None:
    class Mute(SimulatedCompleter):
        async def complete(self, request: Request) -> Completion:
            return Completion(token_ids=(int(self.tokenizer.eos_token_id),), finish=FinishReason.END)

    for result in run(method, OracleReward(), Mute(TOKENIZER(), FORMAT), FEW):
        assert result.candidates == () == result.trace
        assert result.chosen is None and result.tokens > 0


# limits of length


@EVERY
def test_the_token_limit_bounds_the_whole_solution(method: Method) -> None:
    results = run(replace(method, sampling=Sampling(max_tokens=60)), OracleReward(), problems=FEW)
    found = [each for result in results for each in result.candidates]
    assert max(len(each.token_ids) for each in found) <= 60
    assert {FinishReason.LENGTH, FinishReason.END} == {each.finish for each in found}
    for result in results:
        check_trace(result)
        assert result.chosen is None or result.chosen.finish is FinishReason.END


@EVERY
def test_a_step_cut_at_the_limit_does_not_count_as_finished(method: Method) -> None:  # pitfall 15
    for result in run(replace(method, sampling=Sampling(max_tokens=4)), OracleReward(), problems=FEW):
        check_trace(result)
        assert result.chosen is None is result.predicted
        assert {each.finish for each in result.candidates} == {FinishReason.LENGTH}
        assert {each.fate for each in result.trace} <= {Fate.CUT, Fate.MERGED}
        assert all(each.step_scores == () for each in result.candidates)


def test_a_step_that_ends_just_at_the_limit_leaves_no_room_for_another_and_is_cut() -> None:
    script = Script({(): ["abcd"]})
    ids = len(TOKENIZER()("abcd\n", add_special_tokens=False)["input_ids"])
    result = ask(replace(GREEDY, sampling=Sampling(max_tokens=ids)), script, Scores({}))
    assert [each.finish for each in result.candidates] == [FinishReason.LENGTH]
    assert len(script.requests) == 2
    longer = ask(
        replace(GREEDY, sampling=Sampling(max_tokens=ids + 1)), Script({(): ["abcd"], ("abcd",): ["x"]}), Scores({})
    )
    assert [each.steps for each in longer.candidates] == [("abcd", "x")]


def test_a_cut_step_after_scored_ones_keeps_their_scores() -> None:
    table = {(): ["a"], ("a",): ["so " * 40]}
    result = ask(replace(GREEDY, sampling=Sampling(max_tokens=20)), Script(table), Scores({"a": 0.7}))
    (cut,) = result.candidates
    assert (len(cut.steps), cut.step_scores, cut.score) == (2, (0.7,), -float("inf"))
    assert [(each.fate, each.score) for each in result.trace][:2] == [(Fate.KEPT, 0.7), (Fate.MERGED, None)]
    assert result.trace[cut.leaf].fate is Fate.CUT and result.trace[cut.leaf].value is None


def test_steps_that_the_budget_leaves_unscored_are_marked_and_ranked_nowhere() -> None:
    table = {(): ["a", "b"], ("a",): ["c"], ("b",): ["c"]}
    whole = replace(METHODS["best-of-n"], n=2, budget=Budget(prm_tokens=3))
    result = ask(whole, Script({(): [ONE], ("a",): [ONE]} | {(): ["a", "b"], ("a",): [ONE], ("b",): [TWO]}), Scores({}))
    check_trace(result)
    assert fates(result) == {
        "a": Fate.KEPT,
        "The answer is 1.": Fate.KEPT,
        "b": Fate.UNSCORED,
        "The answer is 2.": Fate.UNSCORED,
    }
    result = ask(replace(GREEDY, budget=Budget(prm_tokens=2)), Script(table), Scores({}))
    assert (result.ended, fates(result)) == (Ended.PRM_TOKENS, {"a": Fate.PRUNED, "b": Fate.UNSCORED})


# what is read, and what fails


@pytest.mark.parametrize("cache", [None, 1 << 26])
@EVERY
def test_tokens_read_are_those_that_the_reward_model_ran(
    method: Method, cache: int | None, make_prm: Callable[..., ClassifierReward], one_thread: None
) -> None:
    prm = make_prm(prefix_cache=cache)
    (result,) = run(method, prm, problems=PROBLEMS[:1])
    assert result.prm_tokens is not None
    if cache:
        assert result.prm_tokens == prm.tokens_read
    else:
        assert result.prm_tokens >= prm.tokens_read  # in one batch, solutions of a problem share its prompt


@EVERY
def test_an_engine_that_dies_is_an_error_and_not_a_hang(method: Method) -> None:
    class Dying(SimulatedCompleter):
        left = 5

        async def complete(self, request: Request) -> Completion:
            self.left -= 1
            if self.left < 0:
                raise EngineError("the engine died")
            return await super().complete(request)

    with pytest.raises(EngineError, match="the engine died"):
        run(method, OracleReward(), Dying(TOKENIZER(), FORMAT), FEW[:1])


def test_a_search_that_is_given_up_gives_up_its_draws() -> None:
    class Endless(Script):
        cancelled = 0

        async def complete(self, request: Request) -> Completion:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
            raise AssertionError

    async def give_up() -> int:
        policy = Endless({})
        search = asyncio.create_task(GREEDY.search(policy, BatchingScorer(Scores({})), QUESTION))
        await asyncio.sleep(0.01)
        search.cancel()
        await asyncio.gather(search, return_exceptions=True)
        await asyncio.sleep(0)
        return policy.cancelled

    assert asyncio.run(give_up()) == 2
