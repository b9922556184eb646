"""Searches go where the reward model leads: to the answer with the truth, nowhere without it, astray with its opposite.

Each is held against independent samples of the same policy for the same problems, by intervals over problems.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from prmkit.completers import Completer
from prmkit.evaluation.intervals import Difference, Floats, mean_estimates, paired_differences
from prmkit.formats.problems import read_problems
from prmkit.records import Problem
from prmkit.rewards.base import Aggregation
from prmkit.rewards.simulated import OracleReward, Verdict
from search.beam import BeamSearch
from search.best_of_n import BestOfN
from search.dvts import DVTS
from search.mcts import MCTS
from search.method import Method
from search.nodes import Duplicates, Node

from .searching import SAMPLING, is_right, run, solver

STORIES = read_problems("demo:60", seed=5)
FEW = STORIES[:36]
"""For the demo policy."""
SOLVER = solver(slip=(0.1, 0.4), repair=0.05)
SAMPLES = 32
"""Of each problem."""
BEAM = BeamSearch(sampling=SAMPLING, beams=4, expansions=2, duplicates=Duplicates.ACCEPT)
LOOKAHEAD = replace(BEAM, beams=2, expansions=4, lookahead=1)
OTHERS = pytest.mark.parametrize(
    "method",
    [
        pytest.param(LOOKAHEAD, id="lookahead"),
        pytest.param(DVTS(sampling=SAMPLING, beams=4, expansions=2, duplicates=Duplicates.ACCEPT), id="dvts"),
        pytest.param(MCTS(sampling=SAMPLING, simulations=4, duplicates=Duplicates.ACCEPT), id="mcts"),
        pytest.param(BestOfN(sampling=SAMPLING, n=4), id="best-of-n"),
    ],
)


class FirstInTheAlphabet(BeamSearch):
    """Decides between equal beams by their text and not by chance."""

    def select(self, families: list[list[Node]], count: int) -> list[Node]:
        return sorted((each for family in families for each in family), key=lambda each: each.steps)[:count]


def solved(
    method: Method, verdict: Verdict, completer: Completer = SOLVER, problems: Sequence[Problem] = STORIES
) -> Floats:
    """`[P, 1]`: which problems a search solves. Right is what has no wrong step, and its opposite what has one."""
    how = Aggregation.MAX if verdict is Verdict.INVERTED else Aggregation.MIN
    results = run(method, OracleReward(verdict, aggregation=how), completer, problems)
    return np.array([[is_right(each)] for each in results], dtype=np.float64)


def samples(completer: Completer, problems: Sequence[Problem], count: int) -> Floats:
    """`[P, count]`: which of the samples are right."""
    drawn = run(BestOfN(sampling=SAMPLING, n=count, seed=1), OracleReward(Verdict.CONSTANT), completer, problems)
    right = [[each.steps[-1] == f"The answer is {one.problem.answer}." for each in one.candidates] for one in drawn]
    return np.array(right, dtype=np.float64)


@pytest.fixture(scope="module")
def sampled() -> Floats:
    return samples(SOLVER, STORIES, SAMPLES)


def pass_at(sampled_PS: Floats, n: int) -> Floats:
    """`[P, 1]`: chance that one of n samples is right, from disjoint groups of n."""
    return sampled_PS.reshape(len(sampled_PS), -1, n).max(axis=2).mean(axis=1, keepdims=True)


def gap(ours: Floats, theirs: Floats) -> Difference:
    return paired_differences(ours, theirs)[0]


def holds_zero(difference: Difference) -> bool:
    return difference.low <= 0 <= difference.high


def test_the_samples_say_what_the_solver_can_do(sampled: Floats) -> None:
    chances = np.array([[SOLVER.value(each.problem, [])] for each in STORIES])
    assert holds_zero(gap(pass_at(sampled, 1), chances))
    assert pass_at(sampled, 1).mean() + 0.3 < pass_at(sampled, 4).mean() < 0.9  # there is room on either side


@pytest.mark.parametrize("duplicates", [Duplicates.ACCEPT, Duplicates.MERGE])
def test_beam_search_with_the_truth_solves_all_that_as_many_samples_solve(
    duplicates: Duplicates, sampled: Floats
) -> None:
    found = solved(replace(BEAM, duplicates=duplicates), Verdict.TRUE)
    assert gap(found, pass_at(sampled, BEAM.beams)).low > -0.02


def test_beam_search_with_a_constant_reward_solves_as_many_as_one_sample(sampled: Floats) -> None:
    found = solved(BEAM, Verdict.CONSTANT)
    (one,) = mean_estimates(found)
    assert one.low <= pass_at(sampled, 1).mean() <= one.high
    assert holds_zero(gap(found, pass_at(sampled, 1)))


def test_equal_beams_decided_by_their_text_would_not_pass_for_one_sample(sampled: Floats) -> None:
    biased = FirstInTheAlphabet(sampling=SAMPLING, beams=4, expansions=2, duplicates=Duplicates.ACCEPT)
    assert not holds_zero(gap(solved(biased, Verdict.CONSTANT), pass_at(sampled, 1)))


def test_merging_equal_steps_forgets_how_likely_they_are(sampled: Floats) -> None:
    """Without a reward model to choose, the wrong variants of a step weigh as much as the right one."""
    merged = solved(replace(BEAM, expansions=4, duplicates=Duplicates.MERGE), Verdict.CONSTANT)
    assert gap(merged, pass_at(sampled, 1)).high < 0


def test_beam_search_with_the_opposite_of_the_truth_is_worse_than_sampling(sampled: Floats) -> None:
    assert gap(solved(BEAM, Verdict.INVERTED), pass_at(sampled, 1)).high < 0


@pytest.mark.slow
@OTHERS
def test_the_truth_leads_every_search_to_more_answers_than_sampling(method: Method, sampled: Floats) -> None:
    assert gap(solved(method, Verdict.TRUE), pass_at(sampled, 1)).low > 0.1


@pytest.mark.slow
@OTHERS
def test_a_constant_reward_leads_no_search_anywhere(method: Method, sampled: Floats) -> None:
    assert holds_zero(gap(solved(method, Verdict.CONSTANT), pass_at(sampled, 1)))


@pytest.mark.slow
@OTHERS
def test_the_opposite_of_the_truth_leads_every_search_astray(method: Method, sampled: Floats) -> None:
    assert gap(solved(method, Verdict.INVERTED), pass_at(sampled, 1)).high < 0


@pytest.mark.slow
def test_the_demo_policy_follows_the_truth_and_is_led_astray_by_its_opposite(demo_policy: Completer) -> None:
    beam = replace(BEAM, beams=2)
    sampled_PS = samples(demo_policy, FEW, 4)
    assert gap(solved(beam, Verdict.TRUE, demo_policy, FEW), pass_at(sampled_PS, 2)).low > -0.02
    assert gap(solved(beam, Verdict.INVERTED, demo_policy, FEW), pass_at(sampled_PS, 1)).high < 0
