"""Best-of-n: the draws of `prmkit sample`, and which of them is taken."""

import asyncio
from dataclasses import replace

import pytest

from labelers.sample import SampleTask
from prmkit.completers import Sampling
from prmkit.errors import InputError
from prmkit.records import FinishReason
from prmkit.rewards.simulated import OracleReward, Verdict
from prmkit.tables import row_solution
from search.best_of_n import BestOfN
from search.choice import Choice

from .searching import END, PROBLEMS, SAMPLING, Scores, Script, accuracy, ask, check_trace, run, solver

BEST = BestOfN(sampling=SAMPLING, n=8)
VOTES = {
    (): ["So", "Thus", "Hence"],
    ("So",): ["The answer is 0.5." + END],
    ("Thus",): ["The answer is \\frac12." + END],
    ("Hence",): ["The answer is 3." + END],
}


def test_the_solutions_are_those_that_prmkit_sample_draws_with_the_same_seed() -> None:
    for seed in (0, 1):
        done = asyncio.run(SampleTask(sampling=SAMPLING, n=8, seed=seed).run(solver(), PROBLEMS[:4]))
        for result, sampled in zip(run(replace(BEST, seed=seed), OracleReward()), done, strict=False):
            solutions = [row_solution(row) for row in sampled.rows]
            wanted = sorted((tuple(sum(each.step_ids, ())), each.steps, each.finish) for each in solutions)
            assert sorted((each.token_ids, each.steps, each.finish) for each in result.candidates) == wanted


def test_with_an_oracle_whatever_right_solution_was_drawn_is_found() -> None:
    results = run(BEST, OracleReward())
    drawn = [any(each.steps[-1] == f"The answer is {r.problem.answer}." for each in r.candidates) for r in results]
    assert accuracy(results) == sum(drawn) / len(drawn) > accuracy(run(replace(BEST, n=1), OracleReward())) + 0.2


def test_fewer_solutions_are_the_first_of_more() -> None:
    more, fewer = run(BEST, OracleReward()), run(replace(BEST, n=3), OracleReward())
    for eight, three in zip(more, fewer, strict=True):
        assert (len(eight.candidates), len(three.candidates)) == (8, 3)
        assert {each.token_ids for each in three.candidates} <= {each.token_ids for each in eight.candidates}
        assert eight.tokens > three.tokens


def test_candidates_come_best_first_and_equal_scores_in_an_order_of_chance_that_the_seed_repeats() -> None:
    results = run(BEST, OracleReward())
    for result in results:
        scores = [each.score for each in result.candidates]
        assert scores == sorted(scores, reverse=True)
        assert result.choice == 0
    assert results == run(BEST, OracleReward())
    blind = run(replace(BEST, n=4), OracleReward(Verdict.CONSTANT))
    drawn = [run(replace(BEST, n=1), OracleReward())[index].candidates[0] for index in range(6)]
    assert {each.candidates[0].token_ids == first.token_ids for each, first in zip(blind, drawn, strict=False)} == {
        True,
        False,
    }  # so the first one drawn is no favourite


def test_max_majority_and_weighted_votes_choose_by_classes_of_equal_answers() -> None:
    scores = {"The answer is 0.5.": 0.35, "The answer is \\frac12.": 0.45, "The answer is 3.": 0.7}

    def chosen(choice: Choice, three: float) -> str | None:
        model = Scores(scores | {"The answer is 3.": three})
        return ask(BestOfN(sampling=SAMPLING, n=3, choice=choice), Script(VOTES), model).predicted

    assert [chosen(how, 0.7) for how in Choice] == ["3", "\\frac12", "\\frac12"]
    assert [chosen(how, 0.9) for how in Choice] == ["3", "\\frac12", "3"]


def test_solutions_are_drawn_whole_and_scored_in_all_their_steps() -> None:
    model, script = Scores({"So": 0.1}), Script(VOTES)
    result = ask(BestOfN(sampling=SAMPLING, n=3), script, model)
    check_trace(result)
    assert not any(each.one_step for each in script.requests)
    assert sorted(each.step_scores for each in result.candidates) == [(0.1, 0.5), (0.5, 0.5), (0.5, 0.5)]
    assert (result.tokens, result.prm_tokens) == (sum(each.tokens for each in result.trace), 1 + 2 * 3)


def test_solutions_that_are_cut_are_candidates_without_scores_and_not_chosen() -> None:
    long = Script({(): ["so " * 40 + END, "The answer is 1." + END]})
    model = Scores({})
    result = ask(BestOfN(sampling=Sampling(max_tokens=20), n=2), long, model)
    check_trace(result)
    assert [(each.finish, each.step_scores) for each in result.candidates] == [
        (FinishReason.END, (0.5,)),
        (FinishReason.LENGTH, ()),
    ]
    assert result.predicted == "1" and model.solutions == [("The answer is 1.",)]


def test_no_solutions_are_refused() -> None:
    with pytest.raises(InputError, match="a search needs n of at least 1, got 0"):
        BestOfN(sampling=SAMPLING, n=0)
