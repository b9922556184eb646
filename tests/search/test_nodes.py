"""How solutions under way are ranked."""

import math

from prmkit.records import FinishReason
from search.nodes import Node, best


def node(value: float, tie: int = 0, finish: FinishReason = FinishReason.STEP) -> Node:
    return Node(value=value, tie=tie, finish=finish)


def test_the_highest_values_are_the_best_and_no_more_of_them_than_asked_for() -> None:
    low, high, middle = node(0.1), node(0.9), node(0.5)
    assert best([low, high, middle], 2) == [high, middle]
    assert best([low, high, middle], 9) == [high, middle, low]
    assert best([], 2) == []


def test_equal_values_are_decided_by_the_seeds_of_their_draws() -> None:
    first, second = node(0.5, tie=2), node(0.5, tie=1)
    assert best([first, second], 1) == best([second, first], 1) == [second]


def test_what_was_cut_is_kept_only_where_there_is_no_other() -> None:
    cut, whole = node(-math.inf, finish=FinishReason.LENGTH), node(0.0, finish=FinishReason.END)
    assert best([cut, whole], 2) == [whole]
    assert best([cut], 2) == [cut]


def test_a_node_is_live_until_it_is_finished_and_scored_when_every_step_is() -> None:
    assert {finish: node(0.0, finish=finish).live for finish in FinishReason} == {
        FinishReason.END: False,
        FinishReason.STEP: True,
        FinishReason.LENGTH: False,
    }
    assert not Node(steps=("a", "b"), step_scores=(0.5,)).scored
    assert Node(steps=("a", "b"), step_scores=(0.5, 0.5)).scored
