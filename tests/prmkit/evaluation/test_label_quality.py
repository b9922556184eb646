"""Labels beside the truth, and beside labels from more rollouts."""

from dataclasses import replace

import pytest

from prmkit.demo.oracle import StepTruth
from prmkit.demo.stories import LEVELS, make_stories
from prmkit.errors import ShapeError
from prmkit.evaluation.judged import judge_stories
from prmkit.evaluation.label_quality import class_agreement, oracle_agreement
from prmkit.records import EstimateMethod, Problem, Solution, StepEstimate

from .judged_solutions import judgement, labeled


def test_precision_and_recall_count_wrong_steps_that_are_labelled_incorrect() -> None:
    solutions = [labeled([8, 0, 0]), labeled([0, 8, 1], problem="q"), labeled([3, 3, 0], problem="r")]
    truths = [judgement("nww"), judgement("nnn"), judgement("nwn")]
    agreement = oracle_agreement(solutions, truths)
    # judged, rolled out: n8 w0 | n0 n8 | n3 w3: flagged 2, wrong 2, both 1
    assert agreement.precision is not None and agreement.precision.value == 0.5 and agreement.precision.n == 2
    assert agreement.recall is not None and agreement.recall.value == 0.5 and agreement.recall.n == 2
    assert agreement.f1 is not None and agreement.f1.value == 0.5


def test_steps_after_the_first_error_and_graded_steps_do_not_count() -> None:
    agreement = oracle_agreement([labeled([8, 0, 8, 8, 0])], [judgement("nwwnw")])
    assert agreement.recall is not None and agreement.recall.n == 1
    assert agreement.truths[StepTruth.NEEDED].steps == 1
    assert agreement.truths[StepTruth.WRONG].steps == 1


def test_first_errors_agree_where_the_first_incorrect_label_is_the_first_wrong_step() -> None:
    solutions = [labeled([8, 0, 0]), labeled([8, 8, 1], problem="q"), labeled([8, 8, 0], problem="r")]
    agreement = oracle_agreement(solutions, [judgement("nww"), judgement("nnn"), judgement("wnw")])
    assert agreement.first_error is not None and agreement.first_error.value == pytest.approx(2 / 3)
    assert agreement.first_error_wrong is not None and agreement.first_error_wrong.value == 0.5
    assert agreement.first_error_right is not None and agreement.first_error_right.value == 1.0


def test_the_graded_last_step_can_be_the_first_error() -> None:
    agreement = oracle_agreement([labeled([8, 8, 0])], [judgement("nnw")])
    assert agreement.first_error_wrong is not None and agreement.first_error_wrong.value == 1.0


def test_unneeded_steps_have_their_own_row_with_mean_rate_and_class_shares() -> None:
    agreement = oracle_agreement([labeled([8, 2, 6, 0, 1])], [judgement("nuuun")])
    row = agreement.truths[StepTruth.UNNEEDED]
    assert row.steps == 3
    assert row.rate is not None and row.rate.value == pytest.approx(1 / 3)
    assert [share and share.value for share in row.shares] == pytest.approx([1 / 3] * 3)
    empty = agreement.truths[StepTruth.WRONG]
    assert empty.steps == 0 and empty.rate is None and empty.shares == (None, None, None)


def test_without_a_flag_there_is_no_precision_and_without_an_error_no_recall() -> None:
    agreement = oracle_agreement([labeled([8, 1])], [judgement("nn")])
    assert agreement.precision is None and agreement.recall is None and agreement.f1 is None


def test_solutions_of_one_step_and_no_solutions_leave_only_what_can_be_counted() -> None:
    agreement = oracle_agreement([labeled([1])], [judgement("n")])
    assert agreement.f1 is None and agreement.first_error is not None and agreement.first_error.value == 1.0
    assert oracle_agreement([], []).first_error is None


def test_classes_from_few_rollouts_are_counted_against_those_from_many() -> None:
    few = [labeled([0, 3, 8, 1]), labeled([0, 8, 1], problem="q"), labeled([0, 0], problem="only here")]
    many = [labeled([0, 90, 512, 1], 512), labeled([20, 100, 1], 512, problem="q")]
    agreement = class_agreement(few, many)
    assert agreement.counts == ((1, 0, 0), (1, 1, 1), (0, 0, 1))
    assert agreement.accuracy is not None and agreement.accuracy.value == 0.6 and agreement.accuracy.n == 5
    assert agreement.shares[1][0] is not None and agreement.shares[1][0].value == pytest.approx(1 / 3)


def test_tables_without_a_common_solution_or_with_other_steps_are_refused() -> None:
    with pytest.raises(ShapeError, match="share no solution"):
        class_agreement([labeled([0, 1])], [labeled([0, 1], problem="q")])
    with pytest.raises(ShapeError, match="different steps"):
        class_agreement([labeled([0, 1])], [labeled([0, 0, 1])])


def test_missing_judgements_are_refused() -> None:
    with pytest.raises(ShapeError, match="1 solutions but 0 judgements"):
        oracle_agreement([labeled([0, 1])], [])
    with pytest.raises(ShapeError, match="2 steps, 3 judged"):
        oracle_agreement([labeled([0, 1])], [judgement("nnn")])


def test_stories_are_judged_and_other_problems_are_not() -> None:
    story = next(iter(make_stories(1, 0, LEVELS["default"])))
    told = Problem(problem_id="a", problem=story.text, answer=str(story.answer))
    judged = judge_stories([Solution(solution_id="s", problem=told, steps=tuple(story.steps()))])
    assert judged is not None and judged[0].answer_right and judged[0].first_error == -1
    other = Problem(problem_id="b", problem="What is 1 + 1?", answer="2")
    assert judge_stories([Solution(solution_id="s", problem=other, steps=("2",))]) is None


def test_steps_that_were_not_rolled_out_count_for_the_first_error_only() -> None:
    rolled = labeled([8, 0, 0, 0])
    inferred = StepEstimate(successes=0, rollouts=0, method=EstimateMethod.INFERRED)
    searched = replace(rolled, estimates=(inferred, *rolled.estimates[1:]))
    before, after = (oracle_agreement([each], [judgement("nwww")]) for each in (rolled, searched))
    assert (before.truths[StepTruth.NEEDED].steps, after.truths[StepTruth.NEEDED].steps) == (1, 0)
    assert before.first_error_wrong == after.first_error_wrong and after.first_error_wrong is not None
    assert sum(map(sum, class_agreement([searched], [rolled]).counts)) == 2
