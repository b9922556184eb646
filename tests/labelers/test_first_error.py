"""The search for the first step without value: exact where it can be, careful where it cannot."""

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelers.first_error import Counts, FirstError

SEARCH = FirstError(confidence=0.95, min_rollouts=4)
NEGLIGIBLE = 0.05
VALUES = st.lists(st.sampled_from([0.0, 0.02, 0.1, 0.3, 0.6, 1.0]), max_size=12)


def search(values: list[float], rule: FirstError = SEARCH, seed: int = 0) -> tuple[int, list[Counts], list[int]]:
    """Index of the first error (the number of steps where there is none), the counts, and the steps looked at."""
    draws = [
        [random.Random(f"{seed}/{step}/{n}").random() < value for n in range(64)] for step, value in enumerate(values)
    ]
    counts: list[Counts] = [(0, 0)] * len(values)
    looked = []
    while (look := rule.look(counts, NEGLIGIBLE)) is not None:
        step, wanted = look
        assert wanted > counts[step][1], "a look that draws nothing would never end"
        counts[step] = sum(draws[step][:wanted]), wanted
        looked.append(step)
    return max((step + 1 for step, (k, _) in enumerate(counts) if k), default=0), counts, looked


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 12])
def test_the_first_error_is_found_wherever_it_is_in_logarithmically_many_looks(steps: int) -> None:
    for first in range(steps + 1):
        found, _, looked = search([1.0] * first + [0.0] * (steps - first))
        assert found == first
        assert len(set(looked)) <= math.ceil(math.log2(steps + 1))


def test_a_solution_of_one_step_needs_no_look() -> None:
    assert SEARCH.look([], NEGLIGIBLE) is None


def test_a_success_proves_all_earlier_steps_so_that_nothing_before_it_is_looked_at() -> None:
    assert SEARCH.look([(0, 0), (0, 0), (1, 4), (0, 0), (0, 0)], NEGLIGIBLE) == (3, 4)


def test_without_success_the_search_goes_to_the_left() -> None:
    assert SEARCH.look([(0, 0), (0, 0), (0, 4), (0, 0), (0, 0)], NEGLIGIBLE) == (0, 4)


def test_the_boundary_is_rolled_out_again_before_it_is_believed() -> None:
    step, wanted = SEARCH.look([(2, 4), (0, 4), (0, 0)], NEGLIGIBLE) or (None, 0)
    assert step == 1 and wanted > 4
    assert SEARCH.look([(2, 4), (0, wanted), (0, 0)], NEGLIGIBLE) is None


def test_where_the_neighbour_is_weak_the_steps_behind_are_looked_at_too() -> None:
    assert SEARCH.look([(1, 8), (0, 16), (0, 0), (0, 0)], NEGLIGIBLE) == (2, 4)
    assert SEARCH.look([(8, 8), (0, 16), (0, 0), (0, 0)], NEGLIGIBLE) is None
    assert SEARCH.look([(1, 8), (0, 16), (1, 4), (0, 0)], NEGLIGIBLE) == (3, 4), "a success there goes on from there"
    assert SEARCH.look([(1, 8), (0, 16), (0, 8), (0, 8)], NEGLIGIBLE) is None, "as many failures again are enough"


def test_a_success_at_the_boundary_moves_the_search_to_the_right() -> None:
    assert SEARCH.look([(2, 4), (1, 16), (0, 0), (0, 4)], NEGLIGIBLE) == (2, 4)
    assert SEARCH.look([(2, 4), (1, 16), (0, 4), (0, 4)], NEGLIGIBLE) == (2, 16)


def test_a_neighbour_of_high_value_makes_a_fall_to_zero_believable_sooner() -> None:
    wanted = [(SEARCH.look([(k, 8), (0, 4)], NEGLIGIBLE) or (1, 4))[1] for k in (1, 3, 5, 8)]
    assert wanted == sorted(wanted, reverse=True) and wanted[0] == 16 and wanted[-1] == 4


@given(VALUES, st.integers(0, 99), st.integers(1, 6), st.integers(0, 12))
@settings(deadline=None)
def test_every_step_that_is_looked_at_stays_within_the_limits(
    values: list[float], seed: int, least: int, more: int
) -> None:
    rule = FirstError(min_rollouts=least, max_rollouts=least + more)
    found, counts, _ = search(values, rule, seed)
    assert all(n == 0 or least <= n <= rule.most for _, n in counts)
    assert found == len(values) or counts[found][1] >= least, "the first error itself was looked at"
    assert not any(k for k, _ in counts[found:])


def test_each_limit_and_the_confidence_change_what_is_drawn() -> None:
    values = [0.9, 0.8, 0.7, 0.0, 0.0, 0.0]

    def rollouts(rule: FirstError) -> int:
        return sum(n for _, n in search(values, rule)[1])

    base = rollouts(SEARCH)
    assert rollouts(replace(SEARCH, min_rollouts=8)) > base
    assert rollouts(replace(SEARCH, confidence=0.999)) > base
    assert rollouts(replace(SEARCH, confidence=0.999)) > rollouts(replace(SEARCH, confidence=0.999, max_rollouts=6))


def test_a_higher_floor_of_value_is_sooner_refuted() -> None:
    wanted = [(SEARCH.look([(2, 8), (0, 4)], floor) or (1, 4))[1] for floor in (0.01, 0.2, 0.5)]
    assert wanted == sorted(wanted, reverse=True) and wanted[0] > wanted[-1]


def test_the_bare_problem_gets_a_first_look_only() -> None:
    assert SEARCH.more(0) == 4 and SEARCH.more(4) == 0
