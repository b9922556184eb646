"""From graded, scored solutions to the arrays of a comparison."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from prmkit.errors import InputError
from prmkit.evaluation.best_of_n import NO_ANSWER
from prmkit.evaluation.comparison import ProblemPool
from prmkit.evaluation.intervals import Floats
from prmkit.grading import equivalence_classes, extract
from prmkit.records import FinishReason, Solution


def build_pools(
    solutions: Sequence[Solution],
    scores: Mapping[str, Sequence[float] | Sequence[Sequence[float]]],
    *,
    drawn: int | None = None,
) -> list[ProblemPool]:
    """Group solutions by problem, and their answers by equivalence.

    A solution that the length limit cut has no answer: it is wrong, casts no vote, and is chosen only where nothing
    whole is left. A draw in which the policy wrote nothing is not in a pool; with `drawn` it counts in the same way.

    Args:
        solutions: Graded, in any order.
        scores: By method: one score per solution, in the same order; or such a list for each of T training runs.
        drawn: Solutions drawn of each problem. None takes the pool as it is; problems may differ in number.

    Returns:
        One pool per problem, in the order of first appearance, with `drawn` solutions each where that is given.

    Raises:
        InputError: A solution is not graded, or a problem has more than `drawn` solutions; the message names it.
    """
    check_graded(solutions)
    members: dict[str, list[int]] = defaultdict(list)
    for index, solution in enumerate(solutions):
        members[solution.problem.problem_id].append(index)
    for problem_id, indices in members.items():
        if drawn is not None and len(indices) > drawn:
            raise InputError(f"problem {problem_id!r} has {len(indices)} solutions where {drawn} were drawn")
    columns = {name: np.atleast_2d(np.asarray(values, dtype=np.float64)) for name, values in scores.items()}
    return [
        _pool(
            [solutions[index] for index in indices],
            {name: values_TM[:, indices] for name, values_TM in columns.items()},
            drawn or len(indices),
        )
        for indices in members.values()
    ]


def check_graded(solutions: Iterable[Solution]) -> None:
    """Refuse solutions of which it is not known whether they are right.

    Raises:
        InputError: One is not graded; the message names the first.
    """
    for each in solutions:
        if each.correct is None:
            raise InputError(f"solution {each.name}: not graded (its field 'correct' is missing)")


def with_failed(pool: ProblemPool, size: int) -> ProblemPool:
    """The pool with failed draws added, up to `size` solutions: wrong, without an answer, chosen last, of no length.

    Args:
        pool: Of at most `size` solutions.
        size: Solutions drawn.
    """
    blank = (0, size - pool.size)
    axes = {name: ((0, 0),) * (values.ndim - 1) + (blank,) for name, values in pool.scores.items()}
    return replace(
        pool,
        correct=np.pad(pool.correct, blank),
        classes=np.pad(pool.classes, blank, constant_values=NO_ANSWER),
        scores={name: np.pad(each, axes[name], constant_values=-np.inf) for name, each in pool.scores.items()},
        tokens=None if pool.tokens is None else np.pad(pool.tokens, blank),
        characters=None if pool.characters is None else np.pad(pool.characters, blank),
    )


def _pool(solutions: list[Solution], scores: Mapping[str, Floats], size: int) -> ProblemPool:
    whole = np.array([each.finish is not FinishReason.LENGTH for each in solutions])
    known = all(each.step_ids is not None for each in solutions)
    there = ProblemPool(
        problem_id=solutions[0].problem.problem_id,
        correct=whole & np.array([bool(each.correct) for each in solutions]),
        classes=np.array(answer_classes(solutions)),
        scores={
            name: np.where(whole, values if len(values) > 1 else values[0], -np.inf) for name, values in scores.items()
        },
        tokens=np.array([sum(map(len, each.step_ids or ())) for each in solutions]) if known else None,
        characters=np.array([sum(map(len, each.steps)) for each in solutions]),
    )
    return with_failed(there, size)


def answer_classes(solutions: Sequence[Solution]) -> list[int]:
    """Class of each solution's answer, equal where the answers are equivalent; `NO_ANSWER` where there is none."""
    found = [None if each.finish is FinishReason.LENGTH else extract("\n".join(each.steps)) for each in solutions]
    classes = iter(equivalence_classes([each.text for each in found if each is not None]))
    return [NO_ANSWER if each is None else next(classes) for each in found]
