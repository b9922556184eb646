"""Adaptive best-of-n: when it stops, by hand-made scores and votes."""

from dataclasses import replace

import pytest

from prmkit.errors import InputError
from prmkit.rewards.simulated import OracleReward
from search.adaptive import AdaptiveBestOfN
from search.best_of_n import BestOfN
from search.choice import Choice
from search.result import Ended

from .searching import END, ONE, SAMPLING, TWO, Scores, Script, accuracy, ask, run

ADAPTIVE = AdaptiveBestOfN(sampling=SAMPLING, n=16, round=4, certain=0.9)
MAJORITY = replace(ADAPTIVE, choice=Choice.MAJORITY)


def drawn(method: AdaptiveBestOfN, answers: list[str], score: float = 0.5) -> int:
    """Solutions drawn of a policy that writes these answers in turn, each of this score."""
    result = ask(method, Script({(): answers}), Scores({}, default=score))
    assert result.ended is Ended.DONE
    return len(result.candidates)


@pytest.mark.parametrize(("certain", "draws"), [(0.9, 4), (0.94, 4), (0.96, 16)])
def test_a_calibrated_score_that_is_certain_enough_ends_the_draws(certain: float, draws: int) -> None:
    assert drawn(replace(ADAPTIVE, certain=certain), [ONE, TWO], score=0.95) == draws


def test_the_certainty_is_looked_at_after_every_round() -> None:
    answers = [ONE, ONE, ONE, ONE, ONE, TWO]
    model = Scores({"The answer is 2.": 0.95})
    sizes = {
        size: len(ask(replace(ADAPTIVE, round=size), Script({(): answers}), model).candidates) for size in (1, 2, 4)
    }
    assert sizes == {1: 6, 2: 6, 4: 8}


def test_no_more_than_n_are_drawn_however_uncertain() -> None:
    assert [drawn(replace(ADAPTIVE, n=n), [ONE, TWO]) for n in (1, 3, 4, 7)] == [1, 3, 4, 7]


@pytest.mark.parametrize(("certain", "draws"), [(0.95, 4), (0.97, 8), (0.998, 8), (0.9981, 12)])
def test_unanimous_votes_end_the_draws_by_the_beta_rule(certain: float, draws: int) -> None:
    # from a uniform prior the chance that the answer leads is 1 - 1/2^5 after 4 votes, 1 - 1/2^9 = 0.99805 after 8
    assert drawn(replace(MAJORITY, certain=certain), [ONE]) == draws


@pytest.mark.parametrize(("certain", "draws"), [(0.81, 4), (0.82, 8)])
def test_three_votes_against_one_are_certain_to_13_of_16(certain: float, draws: int) -> None:
    # P(Beta(4, 2) > 1/2) = 13/16 = 0.8125 (Aggarwal et al. 2023); after 8, 6 to 2: P(Beta(7, 3) > 1/2) = 0.910
    assert drawn(replace(MAJORITY, certain=certain), [ONE, ONE, TWO, ONE]) == draws


def test_split_votes_are_drawn_to_the_end_where_unanimous_ones_are_not() -> None:
    assert (drawn(MAJORITY, [ONE, TWO]), drawn(MAJORITY, [ONE])) == (16, 4)


def test_weighted_votes_count_by_their_scores() -> None:
    weighted, even = replace(ADAPTIVE, choice=Choice.WEIGHTED), Script({(): [ONE, TWO]})
    # 2 votes to 2 are open; weighted by 0.9 and 0.1 they are 3.6 to 0.4: P(Beta(4.6, 1.4) > 1/2) = 0.925
    assert len(ask(weighted, even, Scores({"The answer is 1.": 0.9}, default=0.1)).candidates) == 4
    assert len(ask(weighted, even, Scores({"The answer is 1.": 0.6}, default=0.5)).candidates) == 16


@pytest.mark.parametrize("score", [0.05, 1.0])
def test_the_scale_of_the_scores_does_not_make_unanimous_votes_uncertain(score: float) -> None:
    assert drawn(replace(ADAPTIVE, choice=Choice.WEIGHTED), [ONE], score=score) == 4


def test_votes_for_no_answer_or_of_no_weight_are_never_certain() -> None:
    weighted = replace(ADAPTIVE, choice=Choice.WEIGHTED, certain=0.6)
    assert drawn(weighted, [ONE], score=0.0) == 16
    assert (
        drawn(replace(weighted, certain=0.1), ["So there is nothing more to say about it, and I give up." + END]) == 16
    )


def test_equal_answers_written_in_different_ways_are_unanimous() -> None:
    halves = ["The answer is 1/2." + END, "The answer is 0.5." + END]
    assert drawn(MAJORITY, halves) == 4


def test_without_a_whole_solution_nothing_is_certain() -> None:
    for choice in Choice:
        method = replace(ADAPTIVE, choice=choice, n=6, sampling=replace(SAMPLING, max_tokens=2), certain=0.1)
        assert drawn(method, [ONE]) == 6


def test_it_draws_what_best_of_n_draws_and_less_of_it() -> None:
    whole = run(BestOfN(sampling=SAMPLING, n=16), OracleReward())
    results = run(ADAPTIVE, OracleReward())
    assert accuracy(results) == accuracy(whole)  # an oracle is calibrated: certain means right
    assert sum(each.tokens for each in results) < 0.7 * sum(each.tokens for each in whole)
    for few, many in zip(results, whole, strict=True):
        assert {each.token_ids for each in few.candidates} <= {each.token_ids for each in many.candidates}
        assert len(few.candidates) == 16 or few.predicted == few.problem.answer


@pytest.mark.parametrize("changes", [{"certain": 0.0}, {"certain": 1.0}, {"certain": float("nan")}, {"round": 0}])
def test_impossible_settings_are_refused(changes: dict[str, float]) -> None:
    with pytest.raises(InputError, match="need 0 < certain < 1 and round >= 1"):
        replace(ADAPTIVE, **changes)
    with pytest.raises(InputError, match="n of at least 1"):
        replace(ADAPTIVE, n=0)
