"""Which candidate is the answer, on candidates made by hand."""

import pytest

from prmkit.records import FinishReason
from search.choice import Choice, choose, votes
from search.result import Candidate


def candidates(*solutions: tuple[str, float], finish: FinishReason = FinishReason.END) -> list[Candidate]:
    """Of one step each, best first as a search returns them."""
    return [
        Candidate(token_ids=(1,), steps=(text,), step_scores=(score,), score=score, finish=finish)
        for text, score in sorted(solutions, key=lambda each: -each[1])
    ]


NOTHING = "So there is nothing more to say about it, and I give up."
HALVES = candidates(
    ("The answer is 1/2.", 0.3), ("The answer is 0.5.", 0.4), ("So \\boxed{\\frac12}.", 0.2), ("The answer is 3.", 0.8)
)


def test_a_half_written_in_three_ways_is_one_candidate_of_the_vote() -> None:  # pitfall 18: votes by string
    assert [(each.answer, each.count) for each in votes(HALVES).values()] == [("3", 1), ("0.5", 3)]
    assert choose(HALVES, Choice.MAJORITY) == (1, "0.5")


def test_weighted_votes_of_a_class_are_added_up() -> None:
    assert votes(HALVES)[1].weight == pytest.approx(0.9)
    assert choose(HALVES, Choice.WEIGHTED) == (1, "0.5")


def test_max_majority_and_weighted_each_choose_another_candidate() -> None:
    found = candidates(*[("The answer is 1.", 0.9)], *[("The answer is 2.", 0.6)] * 2, *[("The answer is 3.", 0.1)] * 3)
    assert {how: choose(found, how) for how in Choice} == {
        Choice.MAX: (0, "1"),
        Choice.MAJORITY: (3, "3"),
        Choice.WEIGHTED: (1, "2"),
    }


def test_answers_with_equally_many_votes_are_decided_by_their_best_candidate() -> None:
    ones = [("The answer is 1.", 0.3), ("The answer is 1.", 0.2)]
    assert choose(candidates(*ones, ("The answer is 2.", 0.8), ("The answer is 2.", 0.1)), Choice.MAJORITY) == (0, "2")
    assert choose(candidates(*ones, ("The answer is 2.", 0.25), ("The answer is 2.", 0.1)), Choice.MAJORITY)[1] == "1"


@pytest.mark.parametrize("how", Choice)
@pytest.mark.parametrize("finish", [FinishReason.LENGTH, FinishReason.STEP])
def test_what_is_cut_or_under_way_is_not_chosen_and_does_not_vote(how: Choice, finish: FinishReason) -> None:
    others = candidates(*[("The answer is 7.", 0.9)] * 3, finish=finish)
    assert choose(others, how) == (None, None)
    whole = candidates(("The answer is 1.", 0.1))
    assert choose([*whole, *others], how) == (0, "1")
    assert votes(others) == {}


@pytest.mark.parametrize("how", Choice)
def test_without_candidates_there_is_no_choice(how: Choice) -> None:
    assert choose([], how) == (None, None)


@pytest.mark.parametrize("how", Choice)
def test_whole_solutions_that_state_no_answer_leave_the_best_without_a_prediction(how: Choice) -> None:
    assert choose(candidates((NOTHING, 0.3), (NOTHING, 0.2)), how) == (0, None)


def test_a_vote_passes_over_what_states_no_answer_and_the_maximum_does_not() -> None:
    found = candidates((NOTHING, 0.9), ("The answer is 4.", 0.1))
    assert choose(found, Choice.MAJORITY) == choose(found, Choice.WEIGHTED) == (1, "4")
    assert choose(found, Choice.MAX) == (0, None)
