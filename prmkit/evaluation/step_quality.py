"""How good a reward model's step scores are, against a judge of each step's truth.

Best-of-n alone rewards a PRM that acts like an ORM (Zhang et al. 2025, arXiv:2501.07301); these figures look at the
steps: whether wrong ones score lower, whether the first error is found, and where the lowest score falls.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prmkit.demo.oracle import StepTruth
from prmkit.evaluation.first_error import SolutionFigures, divide, solution_figures
from prmkit.evaluation.intervals import Bools, Estimate, Floats, Ints, statistic_estimate
from prmkit.evaluation.judged import JudgedScores, group_numbers, judged_steps, problem_ratios
from prmkit.rewards.base import THRESHOLD

POSITIONS = 10
"""Steps with this index and later ones are put together."""


@dataclass(frozen=True, kw_only=True)
class StepQuality:
    """Step scores beside the truth; steps after the first error are not counted.

    A figure is None where its denominator is 0.
    """

    threshold: float
    """A step that scores lower is flagged."""
    auc: Estimate | None
    """Chance that a step that is not wrong scores higher than a wrong one; equal scores count half."""
    precision: Estimate | None
    """Of the flagged steps, the share that is wrong."""
    recall: Estimate | None
    """Of the wrong steps, the share that is flagged."""
    f1: Estimate | None
    """Harmonic mean of the two."""
    solutions: SolutionFigures
    """First errors, and where the lowest score falls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionQuality:
    """The judged steps at one place. A figure is None where there is nothing to count."""

    first: int
    """Index of the step in its solution, from 0."""
    last: int
    """The highest index in this row."""
    steps: int
    """How many."""
    wrong: Estimate | None
    """Share that is wrong."""
    score_wrong: Estimate | None
    """Mean score of the wrong ones."""
    score_right: Estimate | None
    """Mean score of the others."""
    recall: Estimate | None
    """Of the wrong ones, the share that is flagged."""
    false_alarms: Estimate | None
    """Of the others, the share that is flagged."""


@dataclass(frozen=True, slots=True)
class _Steps:
    """All judged steps, `[N]` each."""

    groups: Ints
    places: Ints
    wrong: Bools
    scores: Floats


def step_quality(items: Sequence[JudgedScores], *, threshold: float = THRESHOLD, seed: int = 0) -> StepQuality:
    """Compare step scores with verdicts on the same solutions; intervals resample problems.

    Args:
        items: Solutions, scores and verdicts; steps count up to the first that is wrong, or that was not judged.
        threshold: In [0, 1], fixed beforehand, never tuned on what it is measured with.
        seed: Of the bootstrap.
    """
    steps = _judged_steps(items)
    flagged = steps.scores < threshold
    hits = steps.wrong & flagged
    precision, recall, f1 = problem_ratios(
        steps.groups, [(hits, flagged), (hits, steps.wrong), (2.0 * hits, 1.0 * steps.wrong + flagged)], seed
    )
    return StepQuality(
        threshold=threshold,
        auc=_auc(steps.groups, steps.wrong, steps.scores, seed),
        precision=precision,
        recall=recall,
        f1=f1,
        solutions=solution_figures(items, threshold=threshold, seed=seed),
    )


def position_quality(
    items: Sequence[JudgedScores], *, threshold: float = THRESHOLD, seed: int = 0
) -> list[PositionQuality]:
    """The same by the index of the step; indices from `POSITIONS` on are one row. Arguments as of `step_quality`."""
    steps = _judged_steps(items)
    places = np.minimum(steps.places, POSITIONS)
    flagged, right = steps.scores < threshold, ~steps.wrong
    rows = np.unique(places).tolist()
    columns: list[tuple[NDArray[np.generic], NDArray[np.generic]]] = []
    for place in rows:
        here = places == place
        columns += [
            (here & steps.wrong, here),
            ((here & steps.wrong) * steps.scores, here & steps.wrong),
            ((here & right) * steps.scores, here & right),
            (here & steps.wrong & flagged, here & steps.wrong),
            (here & right & flagged, here & right),
        ]
    cells = problem_ratios(steps.groups, columns, seed)
    return [
        PositionQuality(
            first=place,
            last=int(steps.places[places == place].max()),
            steps=int((places == place).sum()),
            wrong=wrong,
            score_wrong=score_wrong,
            score_right=score_right,
            recall=recall,
            false_alarms=false_alarms,
        )
        for at, place in enumerate(rows)
        for wrong, score_wrong, score_right, recall, false_alarms in [cells[5 * at : 5 * at + 5]]
    ]


def _judged_steps(items: Sequence[JudgedScores]) -> _Steps:
    rows = [
        (group, place, truth is StepTruth.WRONG, score)
        for group, item in zip(group_numbers(items), items, strict=True)
        for place, (truth, score) in enumerate(zip(item.judged.verdicts.truths, item.step_scores, strict=True))
        if place < judged_steps(item.judged.verdicts.truths)
    ]
    groups, places, wrong, scores = zip(*rows, strict=True) if rows else ((), (), (), ())
    return _Steps(
        groups=np.array(groups, dtype=np.int64),
        places=np.array(places, dtype=np.int64),
        wrong=np.array(wrong, dtype=np.bool_),
        scores=np.array(scores, dtype=np.float64),
    )


def _auc(problems: Ints, wrong: Bools, scores: Floats, seed: int) -> Estimate | None:
    if not len(scores):
        return None
    count = int(problems.max()) + 1
    wins_PP = np.zeros((count, count))  # (right step's problem, wrong step's problem): pairs won, half for equal scores
    for problem in np.unique(problems[wrong]):
        beaten = np.sort(scores[wrong & (problems == problem)])
        ranks = np.searchsorted(beaten, scores[~wrong], "left") + np.searchsorted(beaten, scores[~wrong], "right")
        wins_PP[:, problem] = np.bincount(problems[~wrong], weights=ranks / 2, minlength=count)
    right_P, wrong_P = (np.bincount(problems[kind], minlength=count).astype(np.float64) for kind in (~wrong, wrong))

    def auc(weights_RP: Floats) -> Floats:
        pairs = (weights_RP @ right_P) * (weights_RP @ wrong_P)
        return divide(((weights_RP @ wins_PP) * weights_RP).sum(axis=1), pairs)

    return statistic_estimate(auc, problems=count, n=len(scores), seed=seed)
