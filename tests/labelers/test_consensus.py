"""Keeping what two opinions agree on."""

from dataclasses import replace

import pytest

from labelers.consensus import Level, consensus, cut, share_tables, truth_table
from labelers.values import Derivation, Thresholds
from prmkit.errors import InputError
from prmkit.records import EstimateMethod, FinishReason, StepEstimate, StepLabel, Strategy
from prmkit.rewards.metadata import RewardKind
from prmkit.steps import EncodedSolution
from prmkit.training.data import Example
from prmkit.training.objectives import objective_of

from .audited_solutions import labeled, verdicts
from .test_audit import values

SOLUTIONS = [
    labeled([8, 0, 0]),  # both: error at 1
    labeled([8, 8, 1], problem="q"),  # labels: none; opinion: at 1
    labeled([8, 3, 1], problem="r"),  # both: none; a neutral step is not wrong
    labeled([0, 8, 1], problem="s"),  # labels: at 0; opinion: none
    labeled([8, 8, 1], problem="t"),  # no opinion
]
GRADED = StepEstimate(successes=1, rollouts=1, method=EstimateMethod.GRADED)
OPINIONS = [verdicts("nw?"), verdicts("nw?"), verdicts("nun"), verdicts("nnn"), None]


def test_whole_solutions_are_kept_where_the_first_errors_agree() -> None:
    found = consensus(SOLUTIONS, OPINIONS, Level.SOLUTIONS)
    assert found.steps_kept == (3, 0, 3, 0, 0)
    assert found.kept == [SOLUTIONS[0], SOLUTIONS[2]]
    assert found.unjudged == 1


def test_steps_are_kept_up_to_the_first_disagreement_or_the_first_that_nobody_judged() -> None:
    found = consensus(SOLUTIONS, OPINIONS, Level.STEPS)
    assert found.steps_kept == (2, 1, 3, 0, 0)
    assert [each.solution.name for each in found.kept] == ["p/s", "q/s", "r/s"]
    assert found.kept[0].labels == (StepLabel.CORRECT, StepLabel.INCORRECT)


def test_verdicts_after_the_error_count_where_there_are_any() -> None:
    assert consensus([labeled([8, 0, 0])], [verdicts("nww")], Level.STEPS).steps_kept == (3,)


def test_a_solution_that_was_cut_keeps_counts_and_ids_and_has_no_answer() -> None:
    shorter = cut(SOLUTIONS[0], 2)
    assert shorter.solution.steps == ("step 0", "step 1") and shorter.solution.step_ids == ((0,), (1,))
    assert [each.successes for each in shorter.estimates] == [8, 0] and len(shorter.soft_labels) == 2
    assert shorter.solution.finish is FinishReason.STEP
    assert shorter.solution.correct is None
    assert cut(SOLUTIONS[0], 3) is SOLUTIONS[0]


def test_intervals_are_cut_too_and_labels_that_rest_on_lost_steps_are_not_derived_anew() -> None:
    searched = replace(
        labeled([8, 8, 1]),
        intervals=((0.1, 0.2), (0.3, 0.4), (1.0, 1.0)),
        strategy=Strategy.FIRST_ERROR,
        estimates=(*[StepEstimate(successes=0, rollouts=0, method=EstimateMethod.INFERRED)] * 2, GRADED),
    )
    shorter = cut(searched, 2)
    assert shorter.intervals == ((0.1, 0.2), (0.3, 0.4)) and shorter.labels == (StepLabel.CORRECT,) * 2
    with pytest.raises(InputError, match="inferred"):
        Derivation(thresholds=Thresholds()).relabeled(shorter)
    assert cut(replace(searched, strategy=Strategy.FIXED), 2).strategy is Strategy.FIXED


def test_an_orm_is_not_taught_from_a_solution_that_was_cut() -> None:
    shorter = cut(SOLUTIONS[0], 2)
    example = Example(
        name="p/s",
        problem_id="p",
        encoded=EncodedSolution([1, 2, 3], [1, 2], 1),
        labels=shorter.labels,
        soft_labels=shorter.soft_labels,
        estimates=shorter.estimates,
        correct=shorter.solution.correct,
    )
    row = objective_of(RewardKind.PRM).row(example)
    assert row is not None and row.positions == [1, 2]
    with pytest.raises(InputError, match="field 'correct' is missing"):
        objective_of(RewardKind.ORM).row(example)


def test_shares_kept_and_lost_are_told_by_class_and_by_solution() -> None:
    steps, solutions = share_tables(SOLUTIONS, consensus(SOLUTIONS, OPINIONS, Level.STEPS), 0)
    assert values(steps, "all") == {"steps": 15, "kept": 0.4, "lost": 0.6}
    assert values(steps, "incorrect") == {"steps": 3, "kept": pytest.approx(1 / 3), "lost": pytest.approx(2 / 3)}
    assert values(steps, "neutral") == {"steps": 1, "kept": 1.0, "lost": 0.0}
    assert values(solutions, "all") == {"solutions": 5, "kept": 0.2, "cut": 0.4, "lost": 0.4}
    assert values(solutions, "error") == {"solutions": 2, "kept": 0.0, "cut": 0.5, "lost": 0.5}
    assert values(solutions, "no_error") == {"solutions": 3, "kept": pytest.approx(1 / 3)} | {
        "cut": pytest.approx(1 / 3),
        "lost": pytest.approx(1 / 3),
    }
    assert "1 solutions without a second opinion" in solutions.note


def test_the_truth_tells_whether_the_filter_helped() -> None:
    truths = [verdicts("nw?"), verdicts("nw?"), verdicts("nun"), verdicts("nnn"), verdicts("nnn")]
    before_after = truth_table(SOLUTIONS, truths, consensus(SOLUTIONS, OPINIONS, Level.SOLUTIONS), 0)
    assert values(before_after, "all") == {"precision": 0.5, "recall": 0.5, "f1": 0.5, "first_error": 0.6}
    assert values(before_after, "kept") == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "first_error": 1.0}
    steps = truth_table(SOLUTIONS, truths, consensus(SOLUTIONS, OPINIONS, Level.STEPS), 0)
    assert values(steps, "kept")["first_error"] == 1.0
    assert steps.to_json()["kept"]["first_error"]["n"] == 3
