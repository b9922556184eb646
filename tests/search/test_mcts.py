"""Monte-Carlo tree search: walks, the values they leave, and when there is nothing more to walk to."""

from collections import defaultdict
from dataclasses import replace

import pytest

from prmkit.errors import InputError
from prmkit.records import FinishReason
from prmkit.rewards.simulated import OracleReward
from search.budget import Budget
from search.mcts import MCTS
from search.nodes import Duplicates
from search.result import Ended, Fate, SearchResult

from .searching import END, PROBLEMS, SAMPLING, Scores, Script, accuracy, ask, check_trace, run, solver

PAIR = MCTS(sampling=SAMPLING, expansions=2, simulations=2)
ENDS = ["The answer is 1." + END, "The answer is 2." + END]
TABLE = {(): ["a", "b"], ("a",): ENDS, ("b",): ["The answer is 3." + END, "The answer is 4." + END]}
SCORES = {"a": 0.6, "b": 0.5, "The answer is 1.": 0.6, "The answer is 2.": 0.6, "The answer is 3.": 0.9}


def walked(result: SearchResult) -> dict[str, int]:
    """Simulations that passed through each step."""
    return {each.step: each.visits - 1 for each in result.trace if each.fate is not Fate.MERGED and each.visits > 1}


def test_exploration_tries_what_a_greedy_walk_never_does() -> None:
    greedy = ask(replace(PAIR, exploration=0.0), Script(TABLE), Scores(SCORES))
    curious = ask(replace(PAIR, exploration=1.0), Script(TABLE), Scores(SCORES))
    assert set(walked(greedy)) == {"a", "The answer is 1.", "The answer is 2."}
    assert walked(curious)["a"] == walked(curious)["b"] == 1
    assert greedy.predicted in ("1", "2") and curious.predicted == "3"


def test_values_are_the_mean_of_a_steps_own_score_and_of_what_its_walks_ended_with() -> None:
    result = ask(replace(PAIR, exploration=1.0), Script(TABLE), Scores(SCORES))
    check_trace(result)
    values = {each.step: each.value for each in result.trace}
    assert values["a"] == pytest.approx((0.6 + 0.6) / 2)
    assert values["b"] == pytest.approx((0.5 + 0.9) / 2)
    assert values["The answer is 3."] == pytest.approx(0.9)
    assert values["The answer is 4."] == 0.5  # never walked to: its own score
    assert {each.step: each.score for each in result.trace}["a"] == 0.6


def test_every_simulation_passes_through_one_step_of_each_depth() -> None:
    for result in run(MCTS(sampling=SAMPLING, simulations=6, expansions=3), OracleReward(), problems=PROBLEMS[:6]):
        check_trace(result)
        walks = sum(each.visits - 1 for each in result.trace if each.parent == -1)
        assert 1 <= walks <= 6
        for index, each in enumerate(result.trace):
            assert each.value is None or 0 <= each.value <= 1
            below = [other.visits - 1 for other in result.trace if other.parent == index]
            assert each.visits - 1 >= sum(below)
            assert each.visits == 1 or each.fate is Fate.KEPT
            if below and any(below):  # a walk goes on to the end
                assert each.visits - 1 == sum(below)


def test_simulations_are_the_budget_of_walks() -> None:
    for simulations in (1, 2, 3):
        result = ask(replace(PAIR, simulations=simulations), Script(TABLE), Scores(SCORES))
        assert sum(count for step, count in walked(result).items() if step in "ab") == simulations


def test_a_solution_is_not_walked_to_twice_and_the_search_ends_when_all_are_found() -> None:
    script = Script(TABLE)
    result = ask(replace(PAIR, simulations=50), script, Scores(SCORES))
    assert walked(result) == {"a": 2, "b": 2} | {f"The answer is {number}.": 1 for number in (1, 2, 3, 4)}
    assert len(script.requests) == 2 + 2 + 2
    assert result.ended is Ended.DONE and len(result.candidates) == 4


def test_values_that_differ_by_less_than_rounding_are_ties() -> None:
    def first(seed: int, more: float) -> str:
        method = replace(PAIR, simulations=1, max_steps=1, seed=seed)
        (step,) = walked(ask(method, Script({(): ["a", "b"]}), Scores({"a": 0.5 + more, "c": 0.1})))
        return step

    assert {first(seed, 4e-7) for seed in range(8)} == {"a", "b"}
    assert {first(seed, 1e-4) for seed in range(8)} == {"a"}


def test_the_first_walk_follows_the_scores_alone() -> None:
    result = ask(replace(PAIR, simulations=1, exploration=100.0), Script(TABLE), Scores(SCORES))
    assert walked(result)["a"] == 1


def test_whole_solutions_that_were_drawn_are_candidates_whether_walked_to_or_not() -> None:
    result = ask(replace(PAIR, simulations=1), Script({(): ENDS}), Scores({"The answer is 2.": 0.9}))
    assert [each.steps[0] for each in result.candidates] == ["The answer is 2.", "The answer is 1."]
    assert walked(result) == {"The answer is 2.": 1}


def test_a_walk_that_is_cut_counts_as_worth_nothing_and_is_not_repeated() -> None:
    table = {(): ["a", "b"], ("a",): ["so " * 40], ("b",): ENDS}
    result = ask(
        replace(PAIR, simulations=3, sampling=replace(SAMPLING, max_tokens=20)), Script(table), Scores({"a": 0.9})
    )
    check_trace(result)
    assert {each.step: each.value for each in result.trace}["a"] == pytest.approx(0.45)
    assert walked(result)["a"] == 1 and walked(result)["b"] == 2
    assert [each.finish for each in result.candidates] == [FinishReason.END] * 2 + [FinishReason.LENGTH]


def test_max_steps_ends_a_walk_without_an_answer() -> None:
    endless = defaultdict(lambda: ["go", "on"])
    result = ask(replace(PAIR, simulations=3, max_steps=2), Script(endless), Scores({}))
    check_trace(result)
    assert (result.ended, result.choice) == (Ended.MAX_STEPS, None)
    assert [len(each.steps) for each in result.candidates] == [2, 2, 2]
    assert {each.value for each in result.trace if each.parent >= 0 and each.visits == 2} == {0.25}


def test_an_end_without_text_leaves_its_steps_own_visits_in_the_trace() -> None:
    table = {(): ["a"], ("a",): [END, "b"], ("a", "b"): ENDS[:1]}
    result = ask(replace(PAIR, simulations=5), Script(table), Scores({"a": 0.8, "The answer is 1.": 0.2}))
    check_trace(result)
    assert walked(result) == {"a": 2, "b": 1, "The answer is 1.": 1}
    assert result.trace[0].value == pytest.approx((0.8 + 0.8 + 0.2) / 3)


def test_a_walk_that_the_budget_breaks_off_teaches_nothing() -> None:
    result = ask(replace(PAIR, budget=Budget(tokens=5)), Script(TABLE), Scores(SCORES))
    assert result.ended is Ended.TOKENS
    assert [(each.value, each.visits) for each in result.trace[:2]] == [(0.6, 1), (0.5, 1)]


def test_accepted_duplicates_are_branches_of_their_own() -> None:
    for how, walks in ((Duplicates.MERGE, 1), (Duplicates.ACCEPT, 2)):
        result = ask(replace(PAIR, simulations=5, duplicates=how), Script({(): ENDS[:1]}), Scores({}))
        assert sum(each.visits - 1 for each in result.trace) == walks == len(result.candidates)


def test_more_simulations_find_more_solutions_and_more_expansions_better_ones() -> None:
    def found(**changes: int) -> list[SearchResult]:
        return run(replace(PAIR, **changes), OracleReward(), solver(slip=(0.4, 0.6)), PROBLEMS[:15])

    few, many = found(simulations=1), found(simulations=6)
    assert sum(len(each.candidates) for each in many) > 2 * sum(len(each.candidates) for each in few)
    assert accuracy(found(expansions=5)) > accuracy(found(expansions=1)) + 0.2


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(InputError, match="a search needs simulations of at least 1, got 0"):
        replace(PAIR, simulations=0)
    for exploration in (-0.1, float("inf"), float("nan")):
        with pytest.raises(InputError, match="exploration must be at least 0 and finite"):
            replace(PAIR, exploration=exploration)
