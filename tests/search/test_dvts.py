"""Diverse verifier tree search: its subtrees know nothing of each other."""

from dataclasses import replace

from prmkit.records import FinishReason
from prmkit.rewards.simulated import OracleReward
from search.beam import BeamSearch
from search.choice import Choice
from search.dvts import DVTS
from search.nodes import Duplicates
from search.result import Fate

from .searching import ONE, PROBLEMS, SAMPLING, TWO, Scores, Script, accuracy, ask, check_trace, fates, run, solver

PAIR = DVTS(sampling=SAMPLING, beams=2, expansions=2)
TABLE = {
    (): ["a", "x", "b", "y"],  # a subtree draws a and x, the other b and y
    ("a",): ["a1", "a2"],
    ("b",): ["b1", "b2"],
}
SCORES = {"a": 0.9, "x": 0.8, "b": 0.5, "y": 0.1, "a1": 0.9, "a2": 0.8, "b1": 0.2, "b2": 0.1}


def test_an_early_favourite_takes_all_beams_but_not_all_subtrees() -> None:
    beam = BeamSearch(sampling=SAMPLING, beams=2, expansions=2, max_steps=2)
    table = TABLE | {("x",): ["x1", "x2"]}
    taken = ask(beam, Script(table), Scores(SCORES | {"x1": 0.1, "x2": 0.1}))
    spread = ask(replace(PAIR, max_steps=2), Script(table), Scores(SCORES))
    check_trace(spread)
    assert [each.steps for each in taken.candidates] == [("a", "a1"), ("a", "a2")]
    assert [each.steps for each in spread.candidates] == [("a", "a1"), ("b", "b1")]
    assert fates(spread)["x"] is fates(spread)["y"] is Fate.PRUNED


def test_subtrees_draw_differently_from_the_same_beginning() -> None:
    script = Script({(): ["a"], ("a",): ["b"]})
    ask(replace(PAIR, beams=3, max_steps=3), Script({(): ["a"], ("a",): ["b"], ("a", "b"): ["c"]}), Scores({}))
    ask(replace(PAIR, beams=3, max_steps=2), script, Scores({}))
    assert len({each.seed for each in script.requests}) == len(script.requests) == 12


def test_equal_solutions_of_different_subtrees_stay_and_vote() -> None:
    method = replace(PAIR, beams=3, expansions=1, choice=Choice.MAJORITY)
    result = ask(method, Script({(): [ONE, TWO, ONE]}), Scores({"The answer is 2.": 0.9}))
    check_trace(result)
    assert [each.steps[-1] for each in result.candidates] == [
        "The answer is 2.",
        "The answer is 1.",
        "The answer is 1.",
    ]
    assert result.predicted == "1"


def test_equal_continuations_within_a_subtree_can_be_merged() -> None:
    method = replace(PAIR, max_steps=1, duplicates=Duplicates.MERGE)
    result = ask(method, Script({(): ["a", "a", "a", "b"]}), Scores({"a": 0.9}))
    assert [each.fate for each in result.trace] == [Fate.KEPT, Fate.MERGED, Fate.KEPT, Fate.PRUNED]


def test_a_finished_subtree_waits_for_the_others_and_is_not_continued() -> None:
    table = {(): [ONE, ONE, "a", "b"], ("a",): [TWO]}
    script = Script(table)
    result = ask(PAIR, script, Scores({"a": 0.9, "The answer is 1.": 0.2}))
    assert {each.steps[-1] for each in result.candidates} == {"The answer is 1.", "The answer is 2."}
    assert len(script.requests) == 4 + 2


def test_a_subtree_that_was_cut_gives_no_answer_and_leaves_the_others_theirs() -> None:
    table = {(): ["so " * 40, "so " * 40, ONE, ONE]}
    result = ask(replace(PAIR, sampling=replace(SAMPLING, max_tokens=20)), Script(table), Scores({}))
    assert [each.finish for each in result.candidates] == [FinishReason.END, FinishReason.LENGTH]
    assert result.predicted == "1"


def test_look_ahead_ranks_within_a_subtree() -> None:
    table = {(): ["a", "b"], ("a",): ["bad"], ("b",): ["good"]}
    scores = Scores({"a": 0.6, "b": 0.5, "bad": 0.1, "good": 0.9})
    for lookahead, first in ((0, "a"), (1, "b")):
        result = ask(replace(PAIR, max_steps=1, lookahead=lookahead), Script(table), scores)
        assert [each.steps for each in result.candidates] == [(first,)] * 2


def test_more_subtrees_and_more_expansions_solve_more() -> None:
    def solved(**changes: int) -> float:
        return accuracy(run(replace(PAIR, **changes), OracleReward(), solver(slip=(0.4, 0.6)), PROBLEMS[:15]))

    assert solved(beams=5) > solved(beams=1) + 0.1
    assert solved(beams=1, expansions=5) > solved(beams=1, expansions=1) + 0.2


def test_there_is_one_candidate_for_every_subtree() -> None:
    assert {len(each.candidates) for each in run(replace(PAIR, beams=5), OracleReward(), problems=PROBLEMS[:6])} == {5}
