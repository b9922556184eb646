"""Beam search: what is kept of every round, and how it ends."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

import pytest

from prmkit.errors import InputError
from prmkit.records import FinishReason
from prmkit.rewards.base import Aggregation
from prmkit.rewards.scorer import ClassifierReward
from prmkit.rewards.simulated import OracleReward, Verdict
from search.beam import BeamSearch
from search.choice import Choice
from search.nodes import Duplicates
from search.result import Ended, Fate

from .searching import (
    END,
    FEW,
    ONE,
    SAMPLING,
    TWO,
    Scores,
    Script,
    accuracy,
    ask,
    check_trace,
    fates,
    run,
    solver,
)

BEAM = BeamSearch(sampling=SAMPLING, beams=4, expansions=4)
PAIR = BeamSearch(sampling=SAMPLING, beams=2, expansions=2, duplicates=Duplicates.MERGE)
ENDLESS = defaultdict(lambda: ["go", "on"])


def test_the_first_step_is_drawn_n_times_m_and_every_beam_then_m_times() -> None:
    script = Script({(): ["a", "b", "c"], ("a",): ["d"], ("b",): ["d"], ("c",): ["d"]})
    ask(replace(PAIR, beams=2, expansions=3, max_steps=2), script, Scores({"a": 0.9, "b": 0.8}))
    asked = [len(each.prompt_ids) for each in script.requests]
    assert [asked.count(length) for length in sorted(set(asked))] == [6, 6]  # "a" and "b" are equally long
    assert all(each.one_step for each in script.requests)


def test_the_best_are_kept_and_the_others_pruned() -> None:
    script = Script({(): ["a", "b", "c", "d"]})
    result = ask(replace(PAIR, max_steps=1), script, Scores({"a": 0.1, "b": 0.8, "c": 0.2, "d": 0.9}))
    check_trace(result)
    assert [each.steps for each in result.candidates] == [("d",), ("b",)]
    assert fates(result) == {"a": Fate.PRUNED, "b": Fate.KEPT, "c": Fate.PRUNED, "d": Fate.KEPT}


def test_beams_are_pruned_where_n_is_less_than_m_too() -> None:  # pitfall 17: nothing pruned when n < width
    script = Script({(): [f"s{index}" for index in range(8)]})
    result = ask(replace(PAIR, beams=2, expansions=4, max_steps=1), script, Scores({"s5": 0.9, "s6": 0.8}))
    assert [each.steps for each in result.candidates] == [("s5",), ("s6",)]
    assert list(fates(result).values()).count(Fate.PRUNED) == 6


def test_a_single_beam_prunes_too() -> None:  # pitfall 17; step-level greedy
    greedy = replace(BEAM, beams=1)
    results = run(greedy, OracleReward())
    assert {len(each.candidates) for each in results} == {1}
    assert accuracy(results) > accuracy(run(replace(greedy, expansions=1), OracleReward())) + 0.1


def test_a_beam_that_finished_early_stays_and_takes_a_place() -> None:
    table = {
        (): [ONE, "a"],
        ("a",): ["b", "c"],
        ("a", "b"): ["d", "e"],
        ("a", "b", "d"): [TWO],
    }
    scores = Scores(
        {"The answer is 1.": 0.1, "a": 0.9, "b": 0.9, "c": 0.8, "d": 0.9, "e": 0.8, "The answer is 2.": 0.9}
    )
    script = Script(table)
    result = ask(PAIR, script, scores)
    check_trace(result)
    assert [each.steps[-1] for each in result.candidates] == ["The answer is 2.", "The answer is 1."]
    assert fates(result)["c"] is fates(result)["e"] is Fate.PRUNED  # one place was left for each round
    assert len(script.requests) == 4 + 2 + 2 + 2  # the finished beam is not continued
    assert result.ended is Ended.DONE


def test_beam_search_keeps_finished_beams_and_fills_up_to_n() -> None:
    results = run(BEAM, OracleReward(), problems=FEW)
    assert all(1 <= len(each.candidates) <= 4 for each in results)
    assert any(len(each.candidates) == 4 for each in results)
    assert {each.finish for result in results for each in result.candidates} == {FinishReason.END}


def test_finished_beams_are_not_duplicated_to_fill_the_list() -> None:  # pitfall 17: it inflates weighted votes
    table = {(): ["a", "b", "c", "d"], ("a",): [ONE], ("b",): [TWO], ("c",): [TWO], ("d",): [TWO]}
    method = replace(BEAM, expansions=1, choice=Choice.WEIGHTED)
    scores = Scores({"a": 0.9, "The answer is 1.": 0.9, "The answer is 2.": 0.35})
    result = ask(method, Script(table), scores)
    assert len({each.steps for each in result.candidates}) == len(result.candidates) == 4
    assert result.predicted == "2"  # 3 x 0.35 outvotes 0.9
    few = ask(
        replace(method, duplicates=Duplicates.MERGE), Script({(): ["a", "b"], ("a",): [ONE], ("b",): [TWO]}), scores
    )
    assert [each.steps[0] for each in few.candidates] == ["a", "b"] and few.predicted == "1"


def test_equal_beams_are_kept_once() -> None:
    sure = solver(slip=(0.0, 0.0))  # every draw is the same
    for how, count in ((Duplicates.MERGE, 1), (Duplicates.ACCEPT, 4)):
        results = run(replace(BEAM, duplicates=how), OracleReward(), sure, FEW)
        assert [len(each.candidates) for each in results] == [count] * len(FEW)


def test_no_finished_beam_divides_nothing_by_zero_and_has_no_answer() -> None:  # pitfall 17
    for choice in Choice:
        results = run(replace(BEAM, max_steps=1, choice=choice), OracleReward(), problems=FEW)
        assert all(each.chosen is None and each.candidates[0].finish is FinishReason.STEP for each in results)
        assert {each.ended for each in results} == {Ended.MAX_STEPS}


def test_a_search_goes_on_for_max_steps_and_no_longer() -> None:
    for steps in (1, 3, 7):
        result = ask(replace(PAIR, max_steps=steps), Script(ENDLESS), Scores({}))
        check_trace(result)
        assert {len(each.steps) for each in result.candidates} == {steps}
        assert (result.ended, result.choice) == (Ended.MAX_STEPS, None)


def test_what_is_finished_is_chosen_though_others_reach_max_steps_with_better_scores() -> None:
    table = defaultdict(lambda: ["go", "on"], {(): [ONE, "go"]})
    result = ask(replace(PAIR, max_steps=3), Script(table), Scores({"The answer is 1.": 0.1}, default=0.9))
    assert (result.ended, result.choice, result.predicted) == (Ended.MAX_STEPS, 0, "1")
    assert [each.finish for each in result.candidates] == [FinishReason.END, FinishReason.STEP]


def test_a_beam_cut_by_length_gives_way_to_any_other() -> None:
    table = {(): ["so " * 40, "a"], ("a",): [ONE, "so " * 40]}
    result = ask(replace(PAIR, sampling=replace(SAMPLING, max_tokens=20)), Script(table), Scores({}))
    check_trace(result)
    assert [each.finish for each in result.candidates] == [FinishReason.END]
    assert [each.fate for each in result.trace if len(each.step) > 20] == [Fate.CUT, Fate.MERGED, Fate.CUT]


def test_beams_all_cut_by_length_have_no_answer() -> None:
    result = ask(replace(PAIR, sampling=replace(SAMPLING, max_tokens=20)), Script({(): ["so " * 40]}), Scores({}))
    assert (result.ended, result.choice) == (Ended.DONE, None)
    assert [each.finish for each in result.candidates] == [FinishReason.LENGTH]


def test_a_first_draw_of_nothing_but_blanks_takes_no_place() -> None:
    result = ask(replace(PAIR, max_steps=2), Script({(): [END, "a"], ("a",): ["b", "c"]}), Scores({}))
    assert {each.steps for each in result.candidates} == {("a", "b"), ("a", "c")}


def test_ties_are_decided_by_chance_and_the_seed_repeats_them() -> None:
    def kept(seed: int) -> tuple[str, ...]:
        method = replace(PAIR, beams=1, expansions=6, max_steps=1, seed=seed)
        return ask(method, Script({(): list("abcdef")}), Scores({})).candidates[0].steps

    found = [kept(seed) for seed in range(12)]
    assert len(set(found)) >= 4  # neither the first nor the last is a favourite
    assert [kept(seed) for seed in range(12)] == found


def test_scores_that_differ_by_less_than_rounding_are_ties() -> None:
    def kept(seed: int, more: float) -> str:
        method = replace(PAIR, beams=1, max_steps=1, seed=seed)
        return ask(method, Script({(): ["a", "b"]}), Scores({"a": 0.5 + more})).candidates[0].steps[0]

    assert {kept(seed, 1e-8) for seed in range(8)} == {"a", "b"}
    assert {kept(seed, 1e-4) for seed in range(8)} == {"a"}


def test_the_models_own_aggregation_ranks_the_beams_and_not_always_the_last_step() -> None:  # pitfall 16
    table = {(): ["bad", "fair"], ("bad",): ["great"], ("fair",): ["good"]}
    scores = {"bad": 0.1, "great": 0.9, "fair": 0.5, "good": 0.6}
    method = replace(PAIR, max_steps=2, beams=2)

    def order(how: Aggregation) -> list[str]:
        return [each.steps[0] for each in ask(method, Script(table), Scores(scores, how)).candidates]

    assert order(Aggregation.LAST) == order(Aggregation.MAX) == ["bad", "fair"]
    assert order(Aggregation.MIN) == order(Aggregation.PRODUCT) == order(Aggregation.MEAN) == ["fair", "bad"]


def test_the_aggregation_prunes_as_well_as_orders() -> None:
    table = {(): ["bad", "fair"], ("bad",): ["great"], ("fair",): ["good", "ok"]}
    scores = {"bad": 0.45, "great": 0.9, "fair": 0.5, "good": 0.6, "ok": 0.5}
    method = replace(PAIR, max_steps=2)
    last, least = (
        {each.steps for each in ask(method, Script(table), Scores(scores, how)).candidates}
        for how in (Aggregation.LAST, Aggregation.MIN)
    )
    assert last == {("bad", "great"), ("fair", "good")}
    assert least == {("fair", "ok"), ("fair", "good")}


def test_the_whole_prefix_is_not_re_scored_at_each_step_of_the_search(
    make_prm: Callable[..., ClassifierReward],
) -> None:  # pitfall 19
    lines = [f"step {index} of it" for index in range(30)]
    table = {tuple(lines[:index]): [line] for index, line in enumerate(lines)}

    def read(steps: int, cache: int | None) -> int:
        prm = make_prm(prefix_cache=cache)
        result = ask(replace(PAIR, beams=1, expansions=1, max_steps=steps), Script(table), prm)
        assert len(result.candidates[0].steps) == steps
        if cache:
            assert result.prm_tokens == prm.tokens_read
            assert prm.tokens_read == prm.prm_tokens("What is it?", result.candidates[0].steps)  # each token once
        return prm.tokens_read

    kept, whole = ([read(steps, cache) for steps in (10, 20, 30)] for cache in (1 << 26, None))
    assert abs((kept[2] - kept[1]) - (kept[1] - kept[0])) <= 10  # a line: two-digit numbers are a token longer
    assert whole[2] > 10 * kept[2]


def test_more_beams_and_more_expansions_write_more_tokens() -> None:
    def tokens(method: BeamSearch) -> int:
        return sum(each.tokens for each in run(method, OracleReward(Verdict.CONSTANT), problems=FEW))

    assert tokens(BEAM) > tokens(replace(BEAM, beams=2))
    assert tokens(BEAM) > tokens(replace(BEAM, expansions=2))


@pytest.mark.parametrize("changes", [{"beams": 0}, {"expansions": 0}, {"max_steps": 0}])
def test_impossible_sizes_are_refused(changes: dict[str, int]) -> None:
    with pytest.raises(InputError, match=f"a search needs {next(iter(changes))} of at least 1, got 0"):
        replace(BEAM, **changes)


def test_a_look_ahead_of_fewer_than_no_steps_is_refused() -> None:
    with pytest.raises(InputError, match="a look-ahead of -1 steps"):
        replace(BEAM, lookahead=-1)
