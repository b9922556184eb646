"""Small solutions with known counts and verdicts, for the tests of the audit."""

from prmkit.demo.oracle import StepTruth
from prmkit.formats.verdicts import Verdicts
from prmkit.records import EstimateMethod, LabeledSolution, Problem, Solution, StepEstimate, StepLabel

TRUTHS = {"n": StepTruth.NEEDED, "u": StepTruth.UNNEEDED, "w": StepTruth.WRONG, "?": None}


def verdicts(letters: str, answer_right: bool | None = None) -> Verdicts:
    """From letters: n needed, u unneeded, w wrong, ? not judged."""
    return Verdicts(truths=tuple(TRUTHS[each] for each in letters), answer_right=answer_right)


def given(signs: str, problem: str = "p", correct: bool | None = None) -> LabeledSolution:
    """Labels from outside, `+` or `-` per step, without counts."""
    labels = tuple(StepLabel.CORRECT if sign == "+" else StepLabel.INCORRECT for sign in signs)
    none = StepEstimate(successes=0, rollouts=0, method=EstimateMethod.GIVEN)
    return LabeledSolution(
        solution=Solution(
            solution_id="s",
            problem=Problem(problem_id=problem, problem="Why?", answer=None),
            steps=tuple(f"step {index}" for index in range(len(signs))),
            correct=correct,
        ),
        estimates=(none,) * len(labels),
        labels=labels,
        soft_labels=((0.0, 0.0, 1.0),) * len(labels),
    )


def labeled(successes: list[int], rollouts: int = 8, problem: str = "p", name: str = "s") -> LabeledSolution:
    """Counts of each step; the last is graded (0 or 1). Thresholds: none right, half right."""
    *rolled, last = successes
    estimates = [StepEstimate(successes=k, rollouts=rollouts) for k in rolled]
    estimates.append(StepEstimate(successes=last, rollouts=1, method=EstimateMethod.GRADED))
    labels = [StepLabel(-1 if each.rate == 0 else 1 if each.rate >= 0.5 else 0) for each in estimates]
    return LabeledSolution(
        solution=Solution(
            solution_id=name,
            problem=Problem(problem_id=problem, problem="Why?", answer="1"),
            steps=tuple(f"step {index}" for index in range(len(successes))),
            prompt_ids=(1,),
            step_ids=tuple((index,) for index in range(len(successes))),
            correct=last == 1,
        ),
        estimates=tuple(estimates),
        labels=tuple(labels),
        soft_labels=((0.0, 0.0, 1.0),) * len(labels),
    )
