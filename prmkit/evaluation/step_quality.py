"""How good a reward model's step scores are, against a judge of each step's truth.

Best-of-n alone rewards a PRM that acts like an ORM (Zhang et al. 2025, arXiv:2501.07301); these figures look at the
steps: whether wrong ones score lower, whether the first error is found, and where the lowest score falls.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prmkit.demo.oracle import Judgement, StepTruth
from prmkit.errors import ShapeError
from prmkit.evaluation.intervals import Bools, Estimate, Floats, Ints, statistic_estimate
from prmkit.evaluation.judged import check_judged, first_index, judged_steps, problem_numbers, problem_ratios
from prmkit.records import ScoredSolution

THRESHOLD = 0.5
"""A step with a lower score counts as flagged. Fixed beforehand, never tuned on what it is measured with."""


@dataclass(frozen=True, kw_only=True)
class StepQuality:
    """Step scores beside the truth; steps after the first error are not counted.

    A figure is None where its denominator is 0.
    """

    auc: Estimate | None
    """Chance that a step that is not wrong scores higher than a wrong one; equal scores count half."""
    precision: Estimate | None
    """Of the flagged steps, the share that is wrong."""
    recall: Estimate | None
    """Of the wrong steps, the share that is flagged."""
    f1: Estimate | None
    """Harmonic mean of the two."""
    first_error_wrong: Estimate | None
    """Among solutions with a wrong step: share whose first flagged step is the first wrong one."""
    first_error_right: Estimate | None
    """Among solutions without one: share with no step flagged."""
    first_error_f1: Estimate | None
    """Harmonic mean of these two (ProcessBench's F1)."""
    lowest_last: Estimate | None
    """Share of solutions of two or more steps whose lowest score is the last step's (the last one, among equals)."""


def step_quality(scored: Sequence[ScoredSolution], judgements: Sequence[Judgement], *, seed: int = 0) -> StepQuality:
    """Compare step scores with a judge's verdicts on the same solutions; intervals resample problems.

    Raises:
        ShapeError: A solution or step was not judged or not scored.
    """
    check_judged(scored, judgements)
    for each in scored:
        if len(each.step_scores) != len(each.solution.steps):
            raise ShapeError(
                f"solution {each.solution.name}: {len(each.solution.steps)} steps, {len(each.step_scores)} scores"
            )
    solutions = problem_numbers(scored)
    steps = [
        (number, truth is StepTruth.WRONG, score)
        for number, each, judgement in zip(solutions, scored, judgements, strict=True)
        for truth, score in list(zip(judgement.steps, each.step_scores, strict=True))[: judged_steps(judgement)]
    ]
    problems = np.array([number for number, *_ in steps], dtype=np.int64)
    wrong = np.array([each for _, each, _ in steps], dtype=np.bool_)
    scores = np.array([score for *_, score in steps], dtype=np.float64)
    flagged = scores < THRESHOLD
    hits = wrong & flagged
    precision, recall, f1 = problem_ratios(
        problems, [(hits, flagged), (hits, wrong), (2.0 * hits, 1.0 * wrong + flagged)], seed
    )
    errors = np.array([judgement.first_error for judgement in judgements], dtype=np.int64)
    flags = [first_index([score < THRESHOLD for score in each.step_scores]) for each in scored]
    found = errors == np.array(flags, dtype=np.int64)
    erroneous = errors >= 0
    several = np.array([len(each.step_scores) > 1 for each in scored], dtype=np.bool_)
    last = np.array([each.step_scores[-1] <= min(each.step_scores) for each in scored], dtype=np.bool_) & several
    if_wrong, if_right, lowest_last = problem_ratios(
        solutions, [(found & erroneous, erroneous), (found & ~erroneous, ~erroneous), (last, several)], seed
    )
    return StepQuality(
        auc=_auc(problems, wrong, scores, seed),
        precision=precision,
        recall=recall,
        f1=f1,
        first_error_wrong=if_wrong,
        first_error_right=if_right,
        first_error_f1=_first_error_f1(solutions, found, erroneous, seed),
        lowest_last=lowest_last,
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
        return _divide(((weights_RP @ wins_PP) * weights_RP).sum(axis=1), pairs)

    return statistic_estimate(auc, problems=count, n=len(scores), seed=seed)


def _first_error_f1(solutions: Ints, found: Bools, erroneous: Bools, seed: int) -> Estimate | None:
    if not len(solutions):
        return None
    kinds = [found & erroneous, erroneous, found & ~erroneous, ~erroneous]
    sums_PK = np.stack([np.bincount(solutions, weights=kind) for kind in kinds], axis=1)

    def harmonic(weights_RP: Floats) -> Floats:
        hit_wrong, all_wrong, hit_right, all_right = (weights_RP @ sums_PK).T
        a, b = _divide(hit_wrong, all_wrong), _divide(hit_right, all_right)
        return np.where(a + b == 0, 0.0, _divide(2 * a * b, a + b))

    return statistic_estimate(harmonic, problems=len(sums_PK), n=len(solutions), seed=seed)


def _divide(above: Floats, below: Floats) -> Floats:
    """Quotient; NaN where `below` is 0 (or NaN)."""
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)
