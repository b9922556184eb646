"""Solutions for the step viewer: which, and with what beside each step."""

import random
from collections.abc import Mapping, Sequence

from prmkit.demo.oracle import Judgement
from prmkit.errors import ShapeError
from prmkit.records import EstimateMethod, FinishReason, Solution, StepEstimate
from prmkit.report.records import Example, ExampleStep


def choose_examples(solutions: Sequence[Solution], count: int = 24, seed: int = 0) -> list[int]:
    """Indices of solutions to show: half right, half wrong where there are enough, at random, one per problem first.

    Args:
        solutions: Graded.
        count: How many at most.
        seed: Of the choice.

    Returns:
        Indices in order; fewer where there are fewer solutions.
    """
    order = list(range(len(solutions)))
    random.Random(seed).shuffle(order)
    seen: set[tuple[str, bool]] = set()
    fresh: dict[bool, list[int]] = {True: [], False: []}
    repeated: dict[bool, list[int]] = {True: [], False: []}
    for index in order:
        right = bool(solutions[index].correct)
        key = solutions[index].problem.problem_id, right
        (repeated if key in seen else fresh)[right].append(index)
        seen.add(key)
    kinds = {right: fresh[right] + repeated[right] for right in (True, False)}
    wrong = min(len(kinds[False]), max(count // 2, count - len(kinds[True])))
    return sorted(kinds[True][: count - wrong] + kinds[False][:wrong])


def find_disagreements(
    solutions: Sequence[Solution], prm: Sequence[float], orm: Sequence[float]
) -> list[tuple[int, int]]:
    """Problems on which best-of-N by one model is right and by the other wrong, N being all solutions of a problem.

    The choice is the highest score and, of equal ones, the first. As in the comparison, a solution that the length
    limit cut is wrong, and chosen only where nothing whole is left.

    Args:
        solutions: Graded, in any order.
        prm: Scores, one per solution.
        orm: Likewise.

    Returns:
        For each such problem, in order of first appearance, the indices of what the PRM and what the ORM chooses.
    """
    whole = [each.finish is not FinishReason.LENGTH for each in solutions]
    members: dict[str, list[int]] = {}
    for index, each in enumerate(solutions):
        members.setdefault(each.problem.problem_id, []).append(index)
    pairs = []
    for indices in members.values():
        chosen = [max(indices, key=lambda index: (whole[index], scores[index])) for scores in (prm, orm)]
        if len({whole[index] and bool(solutions[index].correct) for index in chosen}) > 1:
            pairs.append((chosen[0], chosen[1]))
    return pairs


def make_example(
    solution: Solution,
    *,
    step_scores: Sequence[float] | None = None,
    scores: Mapping[str, float] | None = None,
    estimates: Sequence[StepEstimate] | None = None,
    judgement: Judgement | None = None,
) -> Example:
    """A solution with what is known of its steps.

    Args:
        solution: Graded.
        step_scores: The PRM's, one per step.
        scores: Of the whole solution, by method.
        estimates: Monte-Carlo counts, one per step.
        judgement: An exact judge's.

    Raises:
        ShapeError: Something has another number of steps.
    """
    known: dict[str, Sequence[object] | None] = {
        "scores": step_scores,
        "estimates": estimates,
        "truths": judgement.steps if judgement else None,
    }
    for name, values in known.items():
        if values is not None and len(values) != len(solution.steps):
            raise ShapeError(f"solution {solution.name}: {len(solution.steps)} steps but {len(values)} {name}")
    steps = [
        ExampleStep(
            text=text,
            successes=estimates[index].successes if estimates is not None else None,
            rollouts=estimates[index].rollouts if estimates is not None else None,
            graded=estimates is not None and estimates[index].method is EstimateMethod.GRADED,
            prm=step_scores[index] if step_scores is not None else None,
            truth=str(judgement.steps[index]) if judgement else None,
        )
        for index, text in enumerate(solution.steps)
    ]
    return Example(
        name=solution.name,
        problem=solution.problem.problem,
        answer=solution.problem.answer or "unknown",
        correct=bool(solution.correct),
        steps=tuple(steps),
        scores=dict(scores or {}),
    )
