"""Solutions for the step viewer: which, and with what beside each step."""

import random
from collections.abc import Mapping, Sequence

from prmkit.demo.oracle import Judgement
from prmkit.errors import ShapeError
from prmkit.records import EstimateMethod, Solution, StepEstimate
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
