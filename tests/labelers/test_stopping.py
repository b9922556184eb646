"""When a prefix has enough rollouts: limits, certainty, and nothing but its own counts."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelers.first_error import FirstError
from labelers.stopping import Fixed, Sequential, until_mixed
from labelers.values import Thresholds, class_mass
from prmkit.errors import InputError

THRESHOLDS = Thresholds()
RULE = Sequential()
RULES = st.builds(
    lambda confidence, low, more: Sequential(confidence=confidence, min_rollouts=low, max_rollouts=low + more),
    st.floats(0.5, 0.99),
    st.integers(1, 8),
    st.integers(0, 16),
)
OUTCOMES = st.lists(st.booleans(), min_size=24, max_size=24)


def rounds(rule: Sequential, outcomes: list[bool], thresholds: Thresholds = THRESHOLDS) -> list[int]:
    """Rollouts after each round, until the rule has enough."""
    totals = [0]
    while more := rule.more(sum(outcomes[: totals[-1]]), totals[-1], thresholds):
        totals.append(totals[-1] + more)
    return totals[1:]


def drawn(rule: Sequential, outcomes: list[bool], thresholds: Thresholds = THRESHOLDS) -> int:
    return rounds(rule, outcomes, thresholds)[-1]


def test_fixed_draws_its_number_at_once() -> None:
    assert Fixed(rollouts=5).more(0) == 5 and Fixed(rollouts=5).more(5) == 0
    assert Fixed(rollouts=5).most == 5


@given(RULES, OUTCOMES)
@settings(deadline=None)
def test_never_fewer_than_the_least_nor_more_than_the_most(rule: Sequential, outcomes: list[bool]) -> None:
    assert rule.min_rollouts <= drawn(rule, outcomes) <= rule.max_rollouts == rule.most


@given(RULES, OUTCOMES)
@settings(deadline=None)
def test_a_step_stops_at_the_first_counts_that_are_certain_so_that_rounds_waste_nothing(
    rule: Sequential, outcomes: list[bool]
) -> None:
    counts = [(sum(outcomes[:n]), n) for n in range(rule.min_rollouts, rule.max_rollouts)]
    first = next((n for k, n in counts if rule.certain(k, n, THRESHOLDS)), rule.max_rollouts)
    assert drawn(rule, outcomes) == first


@given(RULES, OUTCOMES, OUTCOMES)
@settings(deadline=None)
def test_rollouts_that_were_not_drawn_decide_nothing(
    rule: Sequential, outcomes: list[bool], others: list[bool]
) -> None:
    count = drawn(rule, outcomes)
    assert drawn(rule, outcomes[:count] + others) == count


@given(OUTCOMES)
@settings(deadline=None)
def test_a_step_stops_only_when_its_class_is_certain_or_can_no_longer_change(outcomes: list[bool]) -> None:
    count = drawn(RULE, outcomes)
    successes = sum(outcomes[:count])
    label = THRESHOLDS.label(successes / count)
    ends = {THRESHOLDS.label(sum(outcomes[:count] + [right] * (16 - count)) / 16) for right in (False, True)}
    assert class_mass(successes, count, THRESHOLDS)[label + 1] >= RULE.confidence or ends == {label}


def test_a_clear_step_stops_early_and_an_unclear_one_goes_on() -> None:
    assert drawn(RULE, [True] * 24) == 4
    assert drawn(RULE, [False] * 24) == 8
    assert drawn(RULE, [True, False] * 12) > 12


def test_a_class_that_no_outcome_can_change_is_certain_without_confidence() -> None:
    sure = Sequential(confidence=0.999, min_rollouts=1, max_rollouts=8)
    assert drawn(sure, [True] * 24) == 4, "four of eight make a step correct, whatever follows"
    assert drawn(sure, [False] * 24) == 8, "the last rollout could still make it neutral"
    assert drawn(sure, [True, *[False] * 23]) == 6, "one of six cannot become four of eight"


def test_each_limit_and_the_confidence_change_how_many_are_drawn() -> None:
    hopeless = [False] * 24
    assert drawn(RULE, hopeless) == 8
    assert drawn(replace(RULE, confidence=0.95), hopeless) == 16
    assert drawn(replace(RULE, confidence=0.95, max_rollouts=20), hopeless) == 20
    assert drawn(replace(RULE, min_rollouts=10), hopeless) == 10


def test_each_threshold_changes_how_many_are_drawn() -> None:
    hopeless, good = [False] * 24, [True, True, True, False] * 6
    assert drawn(RULE, hopeless, Thresholds(negligible=0.1)) < drawn(RULE, hopeless)
    assert drawn(RULE, hopeless, Thresholds(incorrect=0.2)) < drawn(RULE, hopeless)
    assert drawn(RULE, good, Thresholds(correct=0.7)) > drawn(RULE, good)


@pytest.mark.parametrize("kind", [Sequential, FirstError])
@pytest.mark.parametrize(
    "limits",
    [
        {"confidence": 0.0},
        {"confidence": 1.0},
        {"min_rollouts": 0},
        {"min_rollouts": 9, "max_rollouts": 8},
    ],
)
def test_limits_that_contradict_each_other_are_refused(kind: type, limits: dict[str, float]) -> None:
    with pytest.raises(InputError, match="need 0 < confidence < 1 and 1 <= min-rollouts <= max-rollouts"):
        kind(**limits)


def test_fixed_without_rollouts_is_refused() -> None:
    with pytest.raises(InputError, match="rollouts must be at least 1, got 0"):
        Fixed(rollouts=0)


def test_outcomes_that_are_all_alike_are_looked_at_again_until_one_differs() -> None:
    assert until_mixed(4, 4, 16) == 4 and until_mixed(0, 8, 16) == 8
    assert until_mixed(0, 12, 16) == 4 and until_mixed(16, 16, 16) == 0
    assert until_mixed(1, 4, 16) == 0
