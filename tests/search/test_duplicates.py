"""Equal next steps: merged, replaced, replaced at a higher temperature, or accepted."""

from dataclasses import replace

import pytest

from prmkit.completers import Completion, Request, Sampling
from prmkit.completers.transformers import TransformersCompleter
from prmkit.errors import InputError
from prmkit.records import FinishReason
from prmkit.rewards.simulated import OracleReward
from search.beam import BeamSearch
from search.dvts import DVTS
from search.mcts import MCTS
from search.nodes import Duplicates
from search.result import Fate

from .searching import (
    END,
    ONE,
    PROBLEMS,
    SAMPLING,
    Scores,
    Script,
    ask,
    check_trace,
    run,
)

GREEDY = BeamSearch(sampling=SAMPLING, beams=1, expansions=2, duplicates=Duplicates.MERGE)


def drawn(how: Duplicates) -> tuple[list[str], list[float]]:
    """First steps that are kept of a, a, a, b, and the temperatures of all draws."""
    script = Script({(): ["a", "a", "a", "b"]})
    result = ask(replace(GREEDY, beams=3, expansions=1, max_steps=1, duplicates=how), script, Scores({}))
    check_trace(result)
    return sorted(each.steps[0] for each in result.candidates), [each.sampling.temperature for each in script.requests]


def test_merged_duplicates_count_once() -> None:
    assert drawn(Duplicates.MERGE) == (["a"], [1.0] * 3)


def test_accepted_duplicates_each_count() -> None:
    assert drawn(Duplicates.ACCEPT) == (["a", "a", "a"], [1.0] * 3)


def test_replaced_duplicates_count_once_and_others_are_drawn_in_their_place_twice_at_most() -> None:
    assert drawn(Duplicates.REPLACE) == (["a", "b"], [1.0] * 6)  # two again: b, a; one again: a


def test_heated_duplicates_are_replaced_at_temperatures_that_rise() -> None:
    assert drawn(Duplicates.HEAT) == (["a", "b"], [1.0] * 3 + [1.5] * 2 + [2.25])


def test_nothing_is_drawn_again_where_all_are_different() -> None:
    for how in Duplicates:
        script = Script({(): ["a", "b", "c"]})
        ask(replace(GREEDY, beams=3, expansions=1, max_steps=1, duplicates=how), script, Scores({}))
        assert len(script.requests) == 3


def test_draws_of_one_solution_have_seeds_of_their_own_replaced_ones_too() -> None:
    for how in (Duplicates.REPLACE, Duplicates.HEAT):
        script = Script({(): ["a"]})
        ask(replace(GREEDY, beams=2, max_steps=1, duplicates=how), script, Scores({}))
        assert len({each.seed for each in script.requests}) == len(script.requests) == 4 + 3 + 3


def test_duplicates_cannot_be_replaced_at_temperature_zero() -> None:
    for how in (Duplicates.REPLACE, Duplicates.HEAT):
        with pytest.raises(InputError, match="temperature 0 every draw is the same"):
            replace(GREEDY, sampling=Sampling(temperature=0.0), duplicates=how)


def test_greedy_draws_are_all_the_same_and_merge() -> None:
    result = ask(replace(GREEDY, sampling=Sampling(temperature=0.0), max_steps=1), Script({(): ["a", "b"]}), Scores({}))
    assert [each.fate for each in result.trace] == [Fate.KEPT, Fate.MERGED]


@pytest.mark.parametrize("order", [0, 1])
def test_of_equal_steps_the_one_that_is_finished_stands_for_both(order: int) -> None:
    twins = ["The answer is 1.", ONE]
    script = Script({(): twins[order:] + twins[:order]})
    result = ask(GREEDY, script, Scores({}))
    check_trace(result)
    assert len(script.requests) == 2
    (candidate,) = result.candidates
    assert candidate.finish is FinishReason.END and candidate.leaf == 1 - order
    assert sorted(each.fate for each in result.trace) == [Fate.KEPT, Fate.MERGED]


@pytest.mark.parametrize("order", [0, 1])
def test_of_equal_steps_the_one_that_can_be_continued_stands_for_one_that_was_cut(order: int) -> None:
    class Cutting(Script):
        async def complete(self, request: Request) -> Completion:
            done = await super().complete(request)
            cut = len(self.requests) == 1 + order
            return Completion(token_ids=done.token_ids[:-1], finish=FinishReason.LENGTH) if cut else done

    result = ask(GREEDY, Cutting({(): ["a"], ("a",): [ONE]}), Scores({}))
    check_trace(result)
    assert result.predicted == "1" and result.candidates[0].leaf == 2
    assert [each.fate for each in result.trace[:2]] == [Fate.MERGED, Fate.KEPT][:: 1 - 2 * order]


def test_of_ends_without_text_a_whole_one_is_taken_before_one_that_was_cut() -> None:
    class Blank(Script):
        async def complete(self, request: Request) -> Completion:
            done = await super().complete(request)
            if len(self.requests) != 3:
                return done
            return Completion(token_ids=done.token_ids[:1] * 2, finish=FinishReason.LENGTH)  # blanks up to the limit

    script = Blank({(): ["The answer is 1."], ("The answer is 1.",): ["\n", END]})
    result = ask(GREEDY, script, Scores({}))
    check_trace(result)
    assert [each.finish for each in result.candidates] == [FinishReason.END] and result.predicted == "1"


@pytest.mark.slow
def test_heat_finds_more_different_steps_of_the_real_policy_than_drawing_again(
    demo_policy: TransformersCompleter,
) -> None:
    def different(how: Duplicates) -> int:
        method = BeamSearch(sampling=Sampling(temperature=0.7), beams=8, expansions=1, max_steps=1, duplicates=how)
        results = run(method, OracleReward(), demo_policy, PROBLEMS[:8])
        return sum(len(each.candidates) for each in results)

    assert different(Duplicates.MERGE) < different(Duplicates.REPLACE) < different(Duplicates.HEAT)


def test_by_default_beams_count_every_draw_and_the_tree_search_counts_equal_ones_once() -> None:
    fates = {}
    for method in (BeamSearch(sampling=SAMPLING), DVTS(sampling=SAMPLING), MCTS(sampling=SAMPLING)):
        result = ask(replace(method, max_steps=1), Script({(): ["a"]}), Scores({}))
        fates[method.name] = Fate.MERGED in {each.fate for each in result.trace}
    assert fates == {"beam": False, "dvts": False, "mcts": True}
