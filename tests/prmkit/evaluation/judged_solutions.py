"""Small solutions with known truth, for the tests of this folder."""

from prmkit.demo.oracle import Judgement, StepTruth
from prmkit.evaluation.judged import JudgedScores
from prmkit.formats.verdicts import JudgedSolution, Verdicts
from prmkit.records import (
    EstimateMethod,
    LabeledSolution,
    Problem,
    ScoredSolution,
    Solution,
    StepEstimate,
    StepLabel,
)

TRUTHS = {"n": StepTruth.NEEDED, "u": StepTruth.UNNEEDED, "w": StepTruth.WRONG}


def judged(truths: str, scores: list[float], problem: str = "p", name: str = "s", **fields) -> JudgedScores:
    """Truths as letters (n needed, u unneeded, w wrong, ? not judged) beside scores."""
    verdicts = Verdicts(
        truths=tuple(TRUTHS.get(each) for each in truths), answer_right=fields.pop("answer_right", None)
    )
    return JudgedScores(
        judged=JudgedSolution(
            name=name,
            problem=problem,
            steps=tuple(f"step {index}" for index in range(len(truths))),
            verdicts=verdicts,
            **fields,
        ),
        step_scores=tuple(scores),
        score=scores[-1],
    )


def judgement(truths: str) -> Judgement:
    """From letters: n needed, u unneeded, w wrong."""
    return Judgement(tuple(TRUTHS[each] for each in truths), "w" not in truths)


def solution(steps: int, problem: str = "p", name: str = "s") -> Solution:
    return Solution(
        solution_id=name,
        problem=Problem(problem_id=problem, problem="Why?", answer="1"),
        steps=tuple(f"step {index}" for index in range(steps)),
        correct=True,
    )


def labeled(successes: list[int], rollouts: int = 8, problem: str = "p", name: str = "s") -> LabeledSolution:
    """Counts of each step; the last is graded (0 or 1). Thresholds: none right, half right."""
    *rolled, last = successes
    estimates = [StepEstimate(successes=k, rollouts=rollouts) for k in rolled]
    estimates.append(StepEstimate(successes=last, rollouts=1, method=EstimateMethod.GRADED))
    labels = [StepLabel(-1 if each.rate == 0 else 1 if each.rate >= 0.5 else 0) for each in estimates]
    return LabeledSolution(
        solution=solution(len(successes), problem, name),
        estimates=tuple(estimates),
        labels=tuple(labels),
        soft_labels=((0.0, 0.0, 1.0),) * len(labels),
    )


def scored(scores: list[float], problem: str = "p", name: str = "s") -> ScoredSolution:
    return ScoredSolution(solution=solution(len(scores), problem, name), step_scores=tuple(scores), score=scores[-1])
