"""From published samples with scores (`prmkit.formats.scored`) to the arrays of a comparison.

The publisher's verdicts stand; only votes need answers, which are grouped by the grader used everywhere else.
"""

import numpy as np

from prmkit.errors import InputError
from prmkit.evaluation.best_of_n import NO_ANSWER
from prmkit.evaluation.comparison import ProblemPool
from prmkit.evaluation.pools import with_failed
from prmkit.formats.scored import NONE, SampledProblem, ScoredLayout, ScoredSamples
from prmkit.grading import equivalence_classes


def published_pools(samples: ScoredSamples, drawn: int | None = None) -> tuple[list[ProblemPool], list[str]]:
    """The pools, one per problem.

    Samples that were drawn and are not in the files count as failed: wrong, without a vote, chosen last. PRM800K's
    publisher left samples out that reached no answer, and counts them so (`nones` in `prm800k/eval/eval.py`); as many
    were drawn there as the problem with the most samples has, unless `drawn` says otherwise. RLHFlow's pools are taken
    as they are.

    Args:
        samples: As read.
        drawn: Samples drawn of each problem.

    Returns:
        The pools, and what has to be said about the samples that are not in the files.

    Raises:
        InputError: A problem has more samples than `drawn`.
    """
    sizes = [len(each.given) for each in samples.problems]
    if drawn is not None and max(sizes) > drawn:
        problem_id = samples.problems[int(np.argmax(sizes))].problem_id
        raise InputError(f"problem {problem_id!r} has {max(sizes)} samples, and {drawn} were said to be drawn (-n)")
    if drawn is None and samples.layout is ScoredLayout.PRM800K:
        drawn = max(sizes)
    pools = [with_failed(_pool(each), drawn or len(each.given)) for each in samples.problems]
    failed = sum(len(each.correct) for each in pools) - sum(sizes)
    note = f"{drawn} samples were drawn of each problem; the {failed} that are not in the files count as failed."
    return pools, [note] if failed else []


def _pool(problem: SampledProblem) -> ProblemPool:
    classes = np.array([*equivalence_classes(problem.answers), NO_ANSWER], dtype=np.int64)
    return ProblemPool(
        problem_id=problem.problem_id,
        correct=problem.correct,
        classes=np.where(problem.given == NONE, NO_ANSWER, classes[problem.given]),
        scores=problem.scores,
        characters=problem.characters,
    )
