"""Look-ahead: what is written to see further is greedy, scored, paid for, and not continued."""

import asyncio
from dataclasses import replace

import pytest

from prmkit.completers import Request, Sampling
from prmkit.completers.transformers import TransformersCompleter
from prmkit.rewards.simulated import OracleReward
from search.beam import BeamSearch
from search.budget import Budget
from search.nodes import Duplicates
from search.result import Ended, Fate

from .searching import (
    END,
    ONE,
    PROBLEMS,
    SAMPLING,
    TOKENIZER,
    TWO,
    Scores,
    Script,
    ask,
    check_trace,
    path,
    run,
)

GREEDY = BeamSearch(sampling=SAMPLING, beams=1, expansions=2, duplicates=Duplicates.MERGE)


AHEAD = {(): ["a", "b"], ("a",): ["bad"], ("b",): ["good"], ("a", "bad"): [ONE], ("b", "good"): [TWO]}
AHEAD_SCORES = {"a": 0.6, "b": 0.5, "bad": 0.1, "good": 0.9, "The answer is 1.": 0.95, "The answer is 2.": 0.05}


def test_look_ahead_text_is_scored_and_changes_what_is_kept() -> None:  # pitfall 16: generated, paid for, never scored
    model = Scores(AHEAD_SCORES)
    without = ask(GREEDY, Script(AHEAD), Scores(AHEAD_SCORES))
    ahead = ask(replace(GREEDY, lookahead=1), Script(AHEAD), model)
    assert (without.predicted, ahead.predicted) == ("1", "2")
    assert {("a", "bad"), ("b", "good")} <= set(model.solutions)
    assert ahead.tokens > without.tokens and (ahead.prm_tokens or 0) > (without.prm_tokens or 0)
    check_trace(ahead)
    first = {each.step: each for each in ahead.trace[:4]}
    assert (first["a"].score, first["a"].value, first["a"].fate) == (0.6, 0.1, Fate.PRUNED)
    assert (first["b"].score, first["b"].value, first["b"].fate) == (0.5, 0.9, Fate.KEPT)
    assert first["bad"].fate is first["good"].fate is Fate.LOOKAHEAD


def test_each_further_step_of_look_ahead_sees_further() -> None:
    assert ask(replace(GREEDY, lookahead=2), Script(AHEAD), Scores(AHEAD_SCORES)).predicted == "1"


def test_look_ahead_is_greedy_one_step_each_and_takes_no_number_from_the_draws() -> None:
    def asked(lookahead: int) -> list[Request]:
        script = Script(AHEAD)
        ask(replace(GREEDY, lookahead=lookahead, max_steps=2), script, Scores({}))
        return script.requests

    requests = asked(2)
    assert [each.sampling.temperature for each in requests[:6]] == [1.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    assert all(each.one_step for each in requests)
    assert [each for each in requests if each.sampling.temperature] == asked(0)


def test_steps_whose_look_ahead_the_budget_leaves_unscored_are_not_themselves_unscored() -> None:
    result = ask(replace(GREEDY, lookahead=1, budget=Budget(prm_tokens=3)), Script(AHEAD), Scores({}))
    check_trace(result)
    assert result.ended is Ended.PRM_TOKENS
    assert [(each.fate, each.score) for each in result.trace] == [(Fate.PRUNED, 0.5)] * 2 + [(Fate.LOOKAHEAD, None)] * 2


def test_what_was_looked_at_ahead_is_drawn_anew_when_its_step_is_continued() -> None:
    script = Script(AHEAD | {("b",): ["good", "other"], ("b", "other"): [ONE]})
    result = ask(replace(GREEDY, lookahead=1), script, Scores(AHEAD_SCORES))
    assert [each.steps for each in result.candidates] == [("b", "other", "The answer is 1.")]


def test_look_ahead_that_ends_at_once_leaves_a_steps_own_value_and_fate() -> None:
    table = {(): ["The answer is 1.", "The answer is 2."], ("The answer is 1.",): [END], ("The answer is 2.",): [END]}
    result = ask(replace(GREEDY, lookahead=1), Script(table), Scores({"The answer is 2.": 0.9}))
    check_trace(result)
    assert result.predicted == "2"
    assert [(each.value, each.fate) for each in result.trace] == [(0.5, Fate.PRUNED), (0.9, Fate.KEPT)]


def test_an_end_is_ranked_by_its_own_score_and_not_by_what_was_seen_ahead_of_its_last_step() -> None:
    table = {
        (): ["a"],
        ("a",): ["high", END],  # greedy: high
        ("a", "high"): ["low"],
        ("a", "high", "low"): [ONE],
    }
    scores = Scores({"a": 0.2, "high": 0.9, "low": 0.3})
    result = ask(replace(GREEDY, lookahead=1), Script(table), scores)
    # "a" looks like 0.9; to end there is worth 0.2, to go on 0.3 (seen ahead of "high")
    assert result.candidates[0].steps == ("a", "high", "low", "The answer is 1.")


def test_a_step_whose_look_ahead_is_cut_keeps_its_own_score() -> None:
    long = "so " * 40
    table = {(): ["a", "b"], ("a",): [long], ("b",): ["bad"]}
    method = replace(GREEDY, lookahead=1, max_steps=1, sampling=Sampling(max_tokens=20))
    result = ask(method, Script(table), Scores({"a": 0.6, "b": 0.7, "bad": 0.1}))
    check_trace(result)
    assert [(each.step, each.value) for each in result.trace[:2]] == [("a", 0.6), ("b", 0.1)]
    assert result.candidates[0].steps == ("a",)


@pytest.mark.slow
def test_the_real_policy_is_looked_ahead_with_its_greedy_continuation(demo_policy: TransformersCompleter) -> None:
    method = BeamSearch(sampling=Sampling(max_tokens=200), beams=1, expansions=3, lookahead=1)
    (result,) = run(method, OracleReward(), demo_policy, PROBLEMS[:1])
    check_trace(result)
    ahead = [index for index, each in enumerate(result.trace) if each.fate is Fate.LOOKAHEAD]
    assert ahead
    for index in ahead[:2]:
        steps = [each.step for each in path(result, index)]
        text = "".join(f"{each}\n" for each in [PROBLEMS[0].problem, *steps[:-1]])
        ids = tuple(TOKENIZER()(text)["input_ids"])
        request = Request(prompt_ids=ids, sampling=Sampling(temperature=0.0), seed=1, one_step=True)
        completion = asyncio.run(demo_policy.complete(request))
        assert TOKENIZER().decode(completion.token_ids, skip_special_tokens=True).strip() == steps[-1]
