from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import expit

from prmkit.errors import InputError
from prmkit.evaluation.recalibration import (
    Outcome,
    recalibrate,
    recalibrate_solutions,
    recalibrate_steps,
    step_outcomes,
)
from prmkit.records import (
    EstimateMethod,
    LabeledSolution,
    Problem,
    Solution,
    StepEstimate,
    StepLabel,
)
from prmkit.rewards.base import Aggregation
from prmkit.rewards.calibration import Calibration, CalibrationMethod, fit_scores
from prmkit.rewards.metadata import RewardKind, RewardMetadata
from prmkit.steps import TextFormat

ISOTONIC, PLATT, TEMPERATURE = CalibrationMethod.ISOTONIC, CalibrationMethod.PLATT, CalibrationMethod.TEMPERATURE
PRM = RewardMetadata(kind=RewardKind.PRM, text_format=TextFormat(), separator_ids=(0,), neutral_weight=0.5)
VALUE = RewardMetadata(kind=RewardKind.VALUE, text_format=TextFormat(), separator_ids=(0,))


def labeled_values(values, rollouts, rng, problem):
    """A solution whose steps have these values; its last step is graded."""
    counts = [int(rng.binomial(rollouts, value)) for value in values[:-1]]
    correct = bool(rng.random() < values[-1])
    labels = tuple(StepLabel.CORRECT if 2 * k >= rollouts else StepLabel(-(k == 0)) for k in counts)
    return LabeledSolution(
        solution=Solution(
            solution_id="0",
            problem=Problem(problem_id=problem, problem=problem, answer="1"),
            steps=("s",) * len(values),
            correct=correct,
        ),
        estimates=(
            *(StepEstimate(successes=k, rollouts=rollouts) for k in counts),
            StepEstimate(successes=int(correct), rollouts=1, method=EstimateMethod.GRADED),
        ),
        labels=(*labels, StepLabel.CORRECT if correct else StepLabel.INCORRECT),
        soft_labels=((0.0, 1.0, 0.0),) * len(values),
    )


@pytest.fixture(scope="module")
def bold():
    """Solutions of 150 problems, and logits of a value model that are 2.5 times what they should be."""
    rng = np.random.default_rng(0)
    odds = [rng.normal(size=4) * 1.5 for _ in range(300)]
    labeled = [labeled_values(expit(each), 8, rng, f"p{index // 2}") for index, each in enumerate(odds)]
    return [torch.tensor(2.5 * each[:, None]) for each in odds], labeled


def test_the_temperature_of_a_value_model_is_recovered_from_rollouts(bold):
    logits, labeled = bold
    made = recalibrate_steps(VALUE, logits, labeled, TEMPERATURE, Outcome.RATE)
    assert made.calibration.temperature == pytest.approx(2.5, rel=0.1)
    assert made.after["ece"].value < made.before["ece"].value / 2
    assert made.after["brier"].high < made.before["brier"].value
    assert sum(each.count for each in made.bins_before) == sum(each.count for each in made.bins_after) == 1200


@pytest.mark.parametrize("method", [PLATT, ISOTONIC])
@pytest.mark.parametrize("level", ["steps", "solutions"])
def test_scores_of_steps_and_of_solutions_are_calibrated(bold, method, level):
    logits, labeled = bold
    if level == "steps":
        made = recalibrate_steps(VALUE, logits, labeled, method, Outcome.RATE)
    else:
        made = recalibrate_solutions(VALUE, logits, [each.solution for each in labeled], method)
        assert made.before["ece"].n == 300
    assert made.calibration.method is method
    assert made.after["ece"].value < made.before["ece"].value


def test_the_temperature_of_a_prm_is_fitted_to_the_classes():
    rng = np.random.default_rng(1)
    logits = [torch.tensor(rng.normal(size=(3, 3)) * 2) for _ in range(400)]
    labeled = []
    for index, each in enumerate(logits):
        classes = [int(rng.choice(3, p=row)) for row in each.softmax(-1).numpy()]
        one = labeled_values([0.5] * 3, 2, rng, f"p{index}")
        labels = tuple(StepLabel(number - 1) for number in classes)
        labeled.append(
            LabeledSolution(solution=one.solution, estimates=one.estimates, labels=labels, soft_labels=one.soft_labels)
        )
    made = recalibrate_steps(PRM, [3 * each for each in logits], labeled, TEMPERATURE, Outcome.LABEL)
    assert made.calibration.temperature == pytest.approx(3, rel=0.15)
    assert made.after["ece"].value < made.before["ece"].value


def test_figures_after_calibration_rest_on_problems_it_was_not_fitted_to():
    rng = np.random.default_rng(2)
    scores, outcomes = rng.random(60), (rng.random(60) < 0.5).astype(float)  # nothing to learn

    def read(calibration: Calibration | None, units):
        return scores[units] if calibration is None else calibration.apply(scores[units])

    made = recalibrate(
        lambda units: fit_scores(ISOTONIC, scores[units], outcomes[units]), read, outcomes, np.arange(60)
    )
    within = np.mean((made.calibration.apply(scores) - outcomes) ** 2)  # measured on what it was fitted to
    assert within < 0.25 < made.after["brier"].value


def test_the_seed_deals_other_folds(bold):
    logits, labeled = bold
    one, two, again = (
        recalibrate_steps(VALUE, logits, labeled, ISOTONIC, Outcome.RATE, seed=seed).after["brier"].value
        for seed in (0, 1, 0)
    )
    assert one == again != two


def test_solutions_are_calibrated_under_the_models_own_aggregation(bold):
    logits, labeled = bold
    solutions = [each.solution for each in labeled]

    last, lowest = (
        recalibrate_solutions(replace(VALUE, aggregation=how), logits, solutions, PLATT)
        for how in (Aggregation.LAST, Aggregation.MIN)
    )
    assert last.before["brier"].value != lowest.before["brier"].value


def test_a_rate_is_an_outcome_where_rollouts_were_drawn_and_a_class_everywhere():
    rng = np.random.default_rng(0)
    one = labeled_values([0.0, 0.5, 0.5, 1.0], 4, rng, "p")
    inferred = StepEstimate(successes=0, rollouts=0, method=EstimateMethod.INFERRED)
    labeled = LabeledSolution(
        solution=one.solution,
        estimates=(one.estimates[0], inferred, StepEstimate(successes=1, rollouts=4), one.estimates[3]),
        labels=(StepLabel.INCORRECT, StepLabel.NEUTRAL, StepLabel.NEUTRAL, StepLabel.CORRECT),
        soft_labels=one.soft_labels,
    )
    outcomes, classes = step_outcomes([labeled], Outcome.RATE, 0.25)
    assert outcomes == [[0.0, None, 0.25, 1.0]]
    assert classes == [list(labeled.labels)]
    assert step_outcomes([labeled], Outcome.LABEL, 0.7)[0] == [[0.0, 0.7, 0.7, 1.0]]


def test_the_oracle_counts_no_step_after_the_first_error():
    from prmkit.demo.oracle import judge_solution
    from prmkit.demo.stories import LEVELS, make_stories

    (story,) = make_stories(1, 5, LEVELS["default"])
    steps = ("Nonsense without meaning.", "More of it.")
    assert judge_solution(story.text, steps).first_error == 0
    labeled = LabeledSolution(
        solution=Solution(
            solution_id="0",
            problem=Problem(problem_id="p", problem=story.text, answer="1"),
            steps=steps,
            correct=False,
        ),
        estimates=(StepEstimate(successes=4, rollouts=4),) * 2,
        labels=(StepLabel.CORRECT,) * 2,
        soft_labels=((0.0, 0.0, 1.0),) * 2,
    )
    outcomes, classes = step_outcomes([labeled], Outcome.ORACLE, 0.5)
    assert outcomes == [[0.0, None]]
    assert classes[0][0] is StepLabel.INCORRECT


def test_what_cannot_be_calibrated_is_refused(bold):
    logits, labeled = bold
    with pytest.raises(InputError, match="the oracle judges the demo's stories only"):
        recalibrate_steps(VALUE, logits, labeled, PLATT, Outcome.ORACLE)
    with pytest.raises(InputError, match="at least 2 problems, got 1"):
        recalibrate_steps(VALUE, logits[:2], labeled[:2], PLATT, Outcome.RATE)
    with pytest.raises(InputError, match="no solution is graded"):
        recalibrate_solutions(VALUE, logits[:2], [replace(e.solution, correct=None) for e in labeled[:2]], PLATT)
    inferred = StepEstimate(successes=0, rollouts=0, method=EstimateMethod.INFERRED)
    blank = [
        LabeledSolution(
            solution=each.solution, estimates=(inferred,) * 4, labels=each.labels, soft_labels=each.soft_labels
        )
        for each in labeled[:4]
    ]
    with pytest.raises(InputError, match="no step has an outcome of the kind rate"):
        recalibrate_steps(VALUE, logits[:4], blank, PLATT, Outcome.RATE)
