"""From graded, scored solutions to the arrays of a comparison."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from prmkit.errors import InputError
from prmkit.evaluation.best_of_n import NO_ANSWER
from prmkit.evaluation.comparison import ProblemPool
from prmkit.grading import equivalence_classes, extract
from prmkit.records import FinishReason, Solution


def build_pools(
    solutions: Sequence[Solution], scores: Mapping[str, Sequence[float]], *, drawn: int | None = None
) -> list[ProblemPool]:
    """Group solutions by problem, and their answers by equivalence.

    A solution that the length limit cut has no answer: it is wrong, casts no vote, and is chosen only where nothing
    whole is left. A draw in which the policy wrote nothing is not in a pool; with `drawn` it counts in the same way.

    Args:
        solutions: Graded, in any order.
        scores: By method: one score per solution, in the same order.
        drawn: Solutions drawn of each problem. None takes the pool as it is, and every problem needs as many.

    Returns:
        One pool per problem, in the order of first appearance, all with the same number of solutions.

    Raises:
        InputError: A solution is not graded, or a problem has more than `drawn` solutions or, without `drawn`, another
            number than the first; the message names it.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for index, solution in enumerate(solutions):
        if solution.correct is None:
            raise InputError(f"solution {solution.name}: not graded (its field 'correct' is missing)")
        members[solution.problem.problem_id].append(index)
    size = drawn or len(next(iter(members.values()), []))
    for problem_id, indices in members.items():
        if len(indices) > size or (drawn is None and len(indices) != size):
            raise InputError(f"problem {problem_id!r} has {len(indices)} solutions where {size} are expected")
    return [
        _pool(
            [solutions[index] for index in indices],
            {name: [all_[i] for i in indices] for name, all_ in scores.items()},
            size,
        )
        for indices in members.values()
    ]


def _pool(solutions: list[Solution], scores: Mapping[str, list[float]], size: int) -> ProblemPool:
    blank = size - len(solutions)
    whole = np.array([each.finish is not FinishReason.LENGTH for each in solutions] + [False] * blank)
    known = all(each.step_ids is not None for each in solutions)
    tokens = [sum(map(len, each.step_ids or ())) for each in solutions] + [0] * blank
    return ProblemPool(
        problem_id=solutions[0].problem.problem_id,
        correct=whole & np.array([bool(each.correct) for each in solutions] + [False] * blank),
        classes=np.array([*answer_classes(solutions), *[NO_ANSWER] * blank]),
        scores={
            name: np.where(whole, np.array([*values, *[-np.inf] * blank]), -np.inf) for name, values in scores.items()
        },
        tokens=np.array(tokens) if known else None,
    )


def answer_classes(solutions: Sequence[Solution]) -> list[int]:
    """Class of each solution's answer, equal where the answers are equivalent; `NO_ANSWER` where there is none."""
    found = [None if each.finish is FinishReason.LENGTH else extract("\n".join(each.steps)) for each in solutions]
    classes = iter(equivalence_classes([each.text for each in found if each is not None]))
    return [NO_ANSWER if each is None else next(classes) for each in found]
