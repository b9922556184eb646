"""Counts to classes, soft labels and intervals."""

import asyncio

import pytest
from scipy.stats import binom

from labelers.monte_carlo import LabelTask
from labelers.sample import SampleTask
from labelers.stopping import Fixed, Sequential
from labelers.values import Derivation, Thresholds, interval, soft_labels, step_labels
from labelers.worker import Done
from prmkit.completers import Sampling
from prmkit.completers.simulated import SimulatedCompleter
from prmkit.demo.stories import LEVELS, make_stories
from prmkit.errors import InputError
from prmkit.models import DEMO_POLICY, load_tokenizer
from prmkit.records import EstimateMethod, LabeledSolution, Problem, Solution, StepEstimate, StepLabel, Strategy
from prmkit.steps import TextFormat
from prmkit.tables import row_label, row_solution

GIVEN = StepEstimate(successes=0, rollouts=0, method=EstimateMethod.GIVEN)
INFERRED = StepEstimate(successes=0, rollouts=0, method=EstimateMethod.INFERRED)
RIGHT, WRONG = (StepEstimate(successes=k, rollouts=1, method=EstimateMethod.GRADED) for k in (1, 0))
DERIVATION = Derivation(thresholds=Thresholds())


def counted(k: int, n: int) -> StepEstimate:
    return StepEstimate(successes=k, rollouts=n)


def label(k: int, n: int, thresholds: Thresholds = DERIVATION.thresholds) -> StepLabel:
    return step_labels([counted(k, n)], Strategy.FIXED, thresholds)[0]


def soft(k: int, n: int, thresholds: Thresholds = DERIVATION.thresholds) -> tuple[float, float, float]:
    return soft_labels([counted(k, n)], thresholds)[0]


@pytest.mark.parametrize(
    ("k", "expected"),
    [(0, StepLabel.INCORRECT), (1, StepLabel.NEUTRAL), (3, StepLabel.NEUTRAL), (4, StepLabel.CORRECT)],
)
def test_no_right_rollout_is_incorrect_half_of_them_correct_and_neutral_between(k: int, expected: StepLabel) -> None:
    assert label(k, 8) is expected


def test_one_lucky_rollout_does_not_make_a_step_correct() -> None:
    assert label(1, 64) is StepLabel.NEUTRAL


def test_each_threshold_moves_its_class() -> None:
    assert label(1, 8, Thresholds(incorrect=0.2)) is StepLabel.INCORRECT
    assert label(3, 8, Thresholds(correct=0.3)) is StepLabel.CORRECT


def test_where_the_first_error_was_searched_a_step_is_correct_if_a_success_goes_through_it() -> None:
    searched = [INFERRED, counted(1, 4), INFERRED, counted(1, 16), counted(0, 16), INFERRED, WRONG]
    labels = step_labels(searched, Strategy.FIRST_ERROR, Thresholds())
    assert labels == (StepLabel.CORRECT,) * 4 + (StepLabel.INCORRECT,) * 3


def test_a_right_answer_is_itself_the_proof_that_no_step_is_lost() -> None:
    assert set(step_labels([INFERRED, INFERRED, RIGHT], Strategy.FIRST_ERROR, Thresholds())) == {StepLabel.CORRECT}


def test_soft_labels_sum_to_one_and_sharpen_with_rollouts() -> None:
    few, many = soft(1, 1), soft(64, 64)
    assert sum(few) == pytest.approx(1) and sum(many) == pytest.approx(1)
    assert few[2] < many[2]


def test_no_success_in_many_rollouts_is_surely_incorrect_in_few_not() -> None:
    assert soft(0, 200)[0] > 0.99
    assert soft(0, 2)[0] < 0.7


def test_each_threshold_moves_soft_mass() -> None:
    assert soft(0, 8, Thresholds(negligible=0.2))[0] > soft(0, 8)[0]
    assert soft(1, 8, Thresholds(incorrect=0.2))[0] > soft(1, 8)[0]
    assert soft(4, 8, Thresholds(correct=0.3))[2] > soft(4, 8)[2]


def test_a_graded_step_is_known() -> None:
    assert soft_labels([WRONG, RIGHT], Thresholds()) == ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0))


def test_an_inferred_step_counts_as_one_success_or_as_the_first_error() -> None:
    before, _, error, after, _ = soft_labels([INFERRED, counted(3, 4), counted(0, 9), INFERRED, WRONG], Thresholds())
    assert before == soft(1, 1) and after == error == soft(0, 9)


def test_thresholds_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(InputError, match="incorrect < correct"):
        Thresholds(incorrect=0.6, correct=0.5)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_a_level_that_is_no_probability_is_refused(level: float) -> None:
    with pytest.raises(InputError, match="level must lie between 0 and 1"):
        Derivation(thresholds=Thresholds(), level=level)


def test_an_interval_holds_the_rate_and_narrows_with_rollouts_and_with_the_level() -> None:
    low, high = interval(counted(3, 8), 0.95)
    assert low < 3 / 8 < high
    wide, narrow = (interval(counted(30, 80), level) for level in (0.95, 0.8))
    assert low < wide[0] < narrow[0] and narrow[1] < wide[1] < high
    assert interval(counted(0, 8), 0.95)[0] == 0.0 and interval(counted(8, 8), 0.95)[1] == 1.0


def test_a_graded_step_is_known_and_of_an_inferred_one_nothing_is() -> None:
    assert interval(RIGHT, 0.95) == (1.0, 1.0) and interval(WRONG, 0.95) == (0.0, 0.0)
    assert interval(INFERRED, 0.95) == (0.0, 1.0) == interval(GIVEN, 0.95)


@pytest.mark.parametrize("n", [1, 4, 16])
def test_the_interval_holds_any_value_at_least_as_often_as_its_level_says(n: int) -> None:
    for value in (0.001, 0.05, 0.3, 0.5, 0.77, 0.999):
        holds = [interval(counted(k, n), 0.9)[0] <= value <= interval(counted(k, n), 0.9)[1] for k in range(n + 1)]
        assert sum(binom.pmf(k, n, value) for k in range(n + 1) if holds[k]) >= 0.9


SOLUTION = Solution(
    solution_id="0", problem=Problem(problem_id="p", problem="1 + 1?", answer="2"), steps=("a", "b", "c"), correct=False
)


def test_other_labels_are_derived_from_the_same_counts() -> None:
    first = DERIVATION.labeled(SOLUTION, [counted(1, 8), counted(4, 8), WRONG], Strategy.FIXED, counted(5, 8))
    strict = Derivation(thresholds=Thresholds(incorrect=0.2, correct=0.7), level=0.5)
    again = strict.relabeled(first)
    assert first.labels == (StepLabel.NEUTRAL, StepLabel.CORRECT, StepLabel.INCORRECT)
    assert again.labels == (StepLabel.INCORRECT, StepLabel.NEUTRAL, StepLabel.INCORRECT)
    assert again.soft_labels != first.soft_labels and again.intervals != first.intervals
    assert (again.estimates, again.problem_estimate) == (first.estimates, first.problem_estimate)
    assert DERIVATION.relabeled(again) == first


@pytest.mark.parametrize(
    ("estimates", "strategy", "said"),
    [
        ([RIGHT, WRONG, WRONG], None, "solution p/0: steps before the last are graded, not rolled out"),
        ([INFERRED, INFERRED, WRONG], Strategy.FIXED, "steps before the last are inferred, not rolled out"),
        ([GIVEN, GIVEN, GIVEN], None, "its labels were given from outside without counts"),
        ([counted(1, 4), counted(0, 4), GIVEN], None, "its labels were given from outside without counts"),
    ],
)
def test_labels_that_do_not_come_from_counts_are_not_derived_again(
    estimates: list[StepEstimate], strategy: Strategy | None, said: str
) -> None:
    labels = (StepLabel.NEUTRAL,) * 3
    soft = ((0.0, 1.0, 0.0),) * 3
    labeled = LabeledSolution(
        solution=SOLUTION, estimates=tuple(estimates), labels=labels, soft_labels=soft, strategy=strategy
    )
    with pytest.raises(InputError, match=said):
        DERIVATION.relabeled(labeled)


def test_a_positive_rate_cannot_be_an_error_where_the_first_error_was_searched() -> None:
    labeled = DERIVATION.labeled(SOLUTION, [INFERRED, INFERRED, RIGHT], Strategy.FIRST_ERROR)
    with pytest.raises(InputError, match=r"a rate of up to 0\.2 cannot count as incorrect"):
        Derivation(thresholds=Thresholds(incorrect=0.2)).relabeled(labeled)


@pytest.mark.parametrize(("k", "n"), [(3, 2), (-1, 2), (0, 0)])
def test_impossible_counts_are_refused(k: int, n: int) -> None:
    with pytest.raises(InputError, match="successes"):
        counted(k, n)


def measured(rule: Fixed | Sequential, problems: int) -> tuple[int, float, float]:
    """Steps of solutions of the simulated solver, the share whose interval holds the known value, and the mean bias."""
    tokenizer = load_tokenizer(str(DEMO_POLICY))
    solver = SimulatedCompleter(tokenizer, TextFormat(prompt="{problem}\n", separator="\n"))
    sampling = Sampling(max_tokens=400)
    asked = [
        Problem(problem_id=str(number), problem=story.text, answer=str(story.answer))
        for number, story in enumerate(make_stories(problems, 11, LEVELS["default"]))
    ]
    held: list[bool] = []
    bias: list[float] = []
    for at in range(0, problems, 100):
        sampled = asyncio.run(SampleTask(sampling=sampling, n=1).run(solver, asked[at : at + 100]))
        solutions = [row_solution(row) for each in sampled if isinstance(each, Done) for row in each.rows]
        for done in asyncio.run(LabelTask(sampling=sampling, rule=rule).run(solver, solutions)):
            assert isinstance(done, Done), done
            labeled = row_label(done.rows[0])
            assert labeled.intervals is not None
            for index, estimate in enumerate(labeled.estimates[:-1]):
                steps = labeled.solution.steps[: index + 1]
                value = solver.value(labeled.solution.problem.problem, steps)
                held.append(labeled.intervals[index][0] <= value <= labeled.intervals[index][1])
                bias.append(estimate.rate - value)
    return len(held), sum(held) / len(held), sum(bias) / len(bias)


@pytest.mark.slow
def test_intervals_hold_the_known_values_of_twenty_thousand_steps_and_fixed_rates_have_no_bias() -> None:
    steps, coverage, bias = measured(Fixed(rollouts=8), 4500)
    assert steps >= 20_000
    assert coverage >= 0.95 - 0.02
    assert abs(bias) < 0.004, "five standard errors"


@pytest.mark.slow
def test_stopping_early_keeps_the_coverage_and_biases_the_rates_as_the_documentation_says() -> None:
    _, coverage, bias = measured(Sequential(), 1500)
    assert coverage >= 0.95 - 0.02
    assert bias == pytest.approx(0.015, abs=0.006)
