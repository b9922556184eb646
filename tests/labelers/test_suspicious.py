"""Steps for a person to read."""

import pytest

from labelers.coverage import intervals
from labelers.suspicious import Evidence, Reason, Suspicion, suspicious_steps
from prmkit.records import LabeledSolution

from .audited_solutions import given, labeled, verdicts


def found(each: LabeledSolution, known: Evidence | None = None, **options: float) -> list[Suspicion]:
    return suspicious_steps([each], [known or Evidence()], most=int(options.get("most", 50)))


CASES = {
    Reason.TRUTH_WRONG: (labeled([8, 8, 8, 1]), Evidence(truth=verdicts("nw??")), 1),
    Reason.TRUTH_RIGHT: (labeled([8, 0, 0, 0]), Evidence(truth=verdicts("nnw?")), 1),
    Reason.OPINION_WRONG: (labeled([8, 8, 8, 1]), Evidence(opinion=verdicts("w???")), 0),
    Reason.OPINION_RIGHT: (labeled([8, 0, 0, 0]), Evidence(opinion=verdicts("nnw?")), 1),
    Reason.REFERENCE: (labeled([8, 4, 0]), Evidence(values=[0.2, 0.5, None]), 0),
    Reason.GRADER: (labeled([8, 8, 1]), Evidence(truth=verdicts("nnw", answer_right=False)), 2),
    Reason.RISE: (labeled([0, 8, 0]), Evidence(), 0),
    Reason.DIP: (labeled([8, 1, 8, 1]), Evidence(), 1),
    Reason.LUCK: (labeled([8, 0, 1]), Evidence(), 1),
    Reason.SLIP: (labeled([8, 8, 0]), Evidence(), 2),
}


@pytest.mark.parametrize("reason", list(Reason))
def test_each_contradiction_is_found_at_its_step(reason: Reason) -> None:
    each, known, step = CASES[reason]
    assert [one.step for one in found(each, known) if str(reason) in one.reasons] == [step]


def test_the_grader_is_suspected_whichever_way_it_errs_and_not_where_it_agrees() -> None:
    denied = found(labeled([8, 8, 0]), Evidence(truth=verdicts("nnn", answer_right=True)))
    assert [(each.step, each.reasons[0], each.strength) for each in denied] == [(2, str(Reason.GRADER), 1.0)]
    assert found(labeled([8, 8, 0]), Evidence(truth=verdicts("nnw", answer_right=False))) == []


def test_a_reason_is_told_once_at_its_strongest() -> None:
    each = labeled([0, 6, 8, 0])
    (line,) = found(each, Evidence(truth=verdicts("w???", answer_right=False)))
    assert line.reasons == (str(Reason.RISE),)
    assert line.strength == pytest.approx(intervals(each)[2][0] - intervals(each)[0][1], abs=1e-4)


def test_steps_that_fit_together_are_not_suspicious() -> None:
    fitting = Evidence(truth=verdicts("nnn"), opinion=verdicts("nnn"), values=[0.9, 0.9, None])
    assert found(labeled([8, 7, 1]), fitting) == []
    assert found(labeled([8, 0, 0]), Evidence(truth=verdicts("nw?"))) == []


def test_what_few_rollouts_explain_is_not_suspicious() -> None:
    assert [each.step for each in found(labeled([64, 30, 60, 1], 64))] == [1]
    assert found(labeled([3, 2, 3, 1], 4)) == []


def test_what_follows_an_error_is_not_held_against_verdicts() -> None:
    assert found(labeled([8, 0, 0, 0]), Evidence(truth=verdicts("nwnn"), opinion=verdicts("nw?n"))) == []


def test_labels_given_from_outside_without_a_verdict_on_the_answer_accuse_no_grader() -> None:
    truth = Evidence(truth=verdicts("nn", answer_right=True))
    assert found(given("+-"), truth) == []
    assert [each.step for each in found(given("+-", correct=False), truth)] == [1]


def test_the_strongest_come_first_and_only_so_many() -> None:
    solutions = [labeled([0, 8, 1], problem="weak"), labeled([0, 64, 1], 64, problem="strong")]
    both = suspicious_steps(solutions, [Evidence(), Evidence()], most=9)
    assert [each.solution for each in both] == ["strong/s", "weak/s"] and both[0].strength > both[1].strength > 0
    assert suspicious_steps(solutions, [Evidence(), Evidence()], most=1) == both[:1]


def test_several_reasons_of_a_step_share_its_line_the_strongest_first() -> None:
    (line,) = found(labeled([8, 0, 1]), Evidence(truth=verdicts("nnn"), values=[0.9, 0.5, None]))
    assert line.reasons[:2] == (str(Reason.TRUTH_RIGHT), str(Reason.LUCK)) and str(Reason.REFERENCE) in line.reasons
    assert (line.text, line.successes, line.rollouts, line.label) == ("step 1", 0, 8, "incorrect")
    assert line.to_json()["strength"] == line.strength == pytest.approx(1 - line.high, abs=1e-3)
