"""Records refuse what cannot be."""

from dataclasses import replace

import pytest

from prmkit.errors import InputError
from prmkit.records import EstimateMethod, LabeledSolution, Problem, Solution, StepEstimate, StepLabel

PROBLEM = Problem(problem_id="p", problem="1 + 1?", answer="2")
SOLUTION = Solution(solution_id="0", problem=PROBLEM, steps=("1 + 1 = 2.", "The answer is 2."))


@pytest.mark.parametrize("field", ["problem_id", "problem", "answer"])
def test_a_problem_with_a_blank_field_is_refused(field: str) -> None:
    with pytest.raises(InputError, match=f"field '{field}' is empty"):
        Problem(**{"problem_id": "p", "problem": "1 + 1?", "answer": "2"} | {field: " "})


@pytest.mark.parametrize("steps", [(), ("a", " ")])
def test_a_solution_needs_steps_with_text(steps: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="solution p/0: no steps, or a blank one"):
        replace(SOLUTION, steps=steps)


def test_token_ids_must_be_of_as_many_steps() -> None:
    with pytest.raises(InputError, match="2 steps but token ids of 1"):
        replace(SOLUTION, step_ids=((1, 2),))


@pytest.mark.parametrize(("successes", "rollouts"), [(-1, 4), (5, 4), (0, 0)])
def test_counts_must_be_possible(successes: int, rollouts: int) -> None:
    with pytest.raises(InputError, match=f"got {successes}/{rollouts}"):
        StepEstimate(successes=successes, rollouts=rollouts)


def test_the_rate_is_the_share_of_successes() -> None:
    assert StepEstimate(successes=3, rollouts=4).rate == 0.75


@pytest.mark.parametrize(("successes", "rollouts"), [(0, 1), (1, 1)])
def test_an_inferred_step_has_no_rollouts(successes: int, rollouts: int) -> None:
    with pytest.raises(InputError, match=f"a step whose label is inferred has no rollouts, got {successes}/{rollouts}"):
        StepEstimate(successes=successes, rollouts=rollouts, method=EstimateMethod.INFERRED)


def test_an_inferred_step_has_no_rate() -> None:
    inferred = StepEstimate(successes=0, rollouts=0, method=EstimateMethod.INFERRED)
    with pytest.raises(InputError, match="a step whose label is inferred has no rate"):
        _ = inferred.rate


@pytest.mark.parametrize(("successes", "rollouts"), [(0, 1), (1, 1)])
def test_a_label_given_from_outside_has_no_counts_and_no_rate(successes: int, rollouts: int) -> None:
    with pytest.raises(InputError, match=f"a step whose label is given has no rollouts, got {successes}/{rollouts}"):
        StepEstimate(successes=successes, rollouts=rollouts, method=EstimateMethod.GIVEN)
    with pytest.raises(InputError, match="a step whose label is given has no rate"):
        _ = StepEstimate(successes=0, rollouts=0, method=EstimateMethod.GIVEN).rate


def test_values_are_rates_where_there_are_any_and_else_what_the_soft_labels_expect() -> None:
    given = StepEstimate(successes=0, rollouts=0, method=EstimateMethod.GIVEN)
    labeled = LabeledSolution(
        solution=SOLUTION,
        estimates=(StepEstimate(successes=3, rollouts=4), given),
        labels=(StepLabel.CORRECT, StepLabel.NEUTRAL),
        soft_labels=((0.5, 0.0, 0.5), (0.25, 0.5, 0.25)),
    )
    assert labeled.values == (0.75, 0.5)


def test_a_problem_without_an_answer_is_allowed_and_cannot_be_graded() -> None:
    unknown = replace(PROBLEM, answer=None)
    assert unknown.answer is None and PROBLEM.known_answer() == "2"
    with pytest.raises(InputError, match=r"problem 'p': it has no reference answer .* prmkit convert --problems"):
        unknown.known_answer()


def test_intervals_are_of_every_step() -> None:
    one, soft = StepEstimate(successes=1, rollouts=1), (0.0, 0.0, 1.0)
    labels = (StepLabel.CORRECT,) * 2
    with pytest.raises(InputError, match="differ in number"):
        LabeledSolution(
            solution=SOLUTION, estimates=(one, one), labels=labels, soft_labels=(soft, soft), intervals=((0.0, 1.0),)
        )


def test_every_step_needs_an_estimate_and_a_label() -> None:
    one = StepEstimate(successes=1, rollouts=1)
    soft = (0.0, 0.0, 1.0)
    with pytest.raises(InputError, match="differ in number"):
        LabeledSolution(solution=SOLUTION, estimates=(one, one), labels=(StepLabel.CORRECT,), soft_labels=(soft, soft))
