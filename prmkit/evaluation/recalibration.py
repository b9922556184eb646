"""What a calibration is fitted to and what it gains: outcomes of steps, and errors before and after.

The errors after calibration are cross-fitted by problem: each score is mapped by a calibration fitted without its
problem, because one that is measured on what it was fitted to always looks well. The calibration that is kept is fitted
to everything.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import torch
from torch import Tensor

from prmkit.demo.oracle import StepTruth
from prmkit.errors import InputError
from prmkit.evaluation.calibration_error import ReliabilityBin, calibration_estimates, reliability
from prmkit.evaluation.intervals import Estimate, Floats, Ints
from prmkit.evaluation.judged import judge_stories, judged_steps
from prmkit.records import LabeledSolution, Solution, StepLabel
from prmkit.rewards.base import aggregate
from prmkit.rewards.calibration import Calibration, CalibrationMethod, fit_scores, fit_temperature
from prmkit.rewards.metadata import RewardKind, RewardMetadata
from prmkit.rewards.reading import read_probabilities, read_scores

FOLDS = 5
"""Parts of the problems in cross-fitting, or as many as there are problems."""


class Outcome(StrEnum):
    """What a step's score should foretell."""

    RATE = "rate"
    """How often rollouts from the step were right, k/n."""
    LABEL = "label"
    """The class of the step: 1 if it is correct, 0 if not, the neutral weight if it is neutral."""
    ORACLE = "oracle"
    """Whether the oracle of the demo's stories finds the step true; none after the first error."""


def step_outcomes(
    labeled: Sequence[LabeledSolution], how: Outcome, neutral_weight: float
) -> tuple[list[list[float | None]], list[list[StepLabel]]]:
    """Outcome in [0, 1] and class of every step; None where there is no outcome (nothing drawn, after an error).

    Raises:
        InputError: The oracle is asked about problems that are no stories.
    """
    classes = [list(each.labels) for each in labeled]
    match how:
        case Outcome.RATE:
            return [[one.rate if one.rollouts else None for one in each.estimates] for each in labeled], classes
        case Outcome.LABEL:
            worth = {StepLabel.INCORRECT: 0.0, StepLabel.NEUTRAL: neutral_weight, StepLabel.CORRECT: 1.0}
            return [[worth[label] for label in each] for each in classes], classes
    judged = judge_stories([each.solution for each in labeled])
    if judged is None:
        raise InputError("the oracle judges the demo's stories only; take --outcomes rate or label")
    true = [[truth is not StepTruth.WRONG for truth in judgement.steps] for judgement in judged]
    counted = [judged_steps(judgement.steps) for judgement in judged]
    outcomes = [
        [float(each) if index < count else None for index, each in enumerate(steps)]
        for steps, count in zip(true, counted, strict=True)
    ]
    return outcomes, [[StepLabel.CORRECT if each else StepLabel.INCORRECT for each in steps] for steps in true]


@dataclass(frozen=True, kw_only=True)
class Recalibration:
    """A fitted calibration and what it gains."""

    calibration: Calibration
    """Fitted to everything."""
    before: dict[str, Estimate]
    """`ece` and `brier` of the scores as they are."""
    after: dict[str, Estimate]
    """The same of cross-fitted scores."""
    bins_before: list[ReliabilityBin]
    """Reliability diagram of the scores as they are."""
    bins_after: list[ReliabilityBin]
    """The same of cross-fitted scores."""


def recalibrate_steps(
    metadata: RewardMetadata,
    logits: Sequence[Tensor],
    labeled: Sequence[LabeledSolution],
    method: CalibrationMethod,
    how: Outcome,
    *,
    seed: int = 0,
) -> Recalibration:
    """Calibrate the scores of steps; a calibration that the metadata holds is left out.

    Args:
        metadata: Of the model.
        logits: For each solution `[S, C]`.
        labeled: The solutions; at least two problems among them.
        method: Platt scaling and isotonic regression are fitted to the outcomes; the temperature of a PRM to the
            classes, that of any other kind to the outcomes.
        how: What the scores should foretell.
        seed: Of the folds and of the intervals.

    Raises:
        InputError: No step has such an outcome, all are of one problem, or the calibration cannot be fitted.
    """
    metadata = replace(metadata, step_calibration=None)
    found, classes = step_outcomes(labeled, how, metadata.neutral_weight)
    flat = [each for steps in found for each in steps]
    kept = np.array([each is not None for each in flat])
    if not kept.any():
        raise InputError(f"no step has an outcome of the kind {how}; choose other --outcomes")
    outcomes = np.array([each for each in flat if each is not None])
    owners = [each.solution.problem.problem_id for each in labeled for _ in each.labels]
    logits_NC = torch.cat(list(logits))[torch.from_numpy(kept)]
    if metadata.kind is RewardKind.PRM:
        targets_NC = np.eye(3)[np.array([label + 1 for steps in classes for label in steps])[kept]]
    else:
        targets_NC = outcomes[:, None]

    def read(calibration: Calibration | None, units: Ints) -> Floats:
        under = replace(metadata, step_calibration=calibration)
        return np.array(read_scores(read_probabilities(logits_NC[torch.from_numpy(units)], under), under))

    def fit(units: Ints) -> Calibration:
        if method is CalibrationMethod.TEMPERATURE:
            return fit_temperature(logits_NC[torch.from_numpy(units)].double().numpy(), targets_NC[units])
        return fit_scores(method, read(None, units), outcomes[units])

    return recalibrate(fit, read, outcomes, _numbers(owners)[kept], seed=seed)


def recalibrate_solutions(
    metadata: RewardMetadata,
    logits: Sequence[Tensor],
    solutions: Sequence[Solution],
    method: CalibrationMethod,
    *,
    seed: int = 0,
) -> Recalibration:
    """Calibrate the scores of solutions, made of calibrated step scores; the outcome is whether the answer is right.

    Arguments and errors as of `recalibrate_steps`; solutions that are not graded do not count.
    """
    graded = [(each, one) for each, one in zip(solutions, logits, strict=True) if each.correct is not None]
    if not graded:
        raise InputError("no solution is graded (field 'correct')")
    scores = np.array(
        [aggregate(read_scores(read_probabilities(one, metadata), metadata), metadata.aggregation) for _, one in graded]
    )
    outcomes = np.array([float(bool(each.correct)) for each, _ in graded])

    def read(calibration: Calibration | None, units: Ints) -> Floats:
        return scores[units] if calibration is None else calibration.apply(scores[units])

    def fit(units: Ints) -> Calibration:
        return fit_scores(method, scores[units], outcomes[units])

    return recalibrate(fit, read, outcomes, _numbers([each.problem.problem_id for each, _ in graded]), seed=seed)


def _numbers(names: Sequence[str]) -> Ints:
    return np.asarray(np.unique(names, return_inverse=True)[1], dtype=np.int64)


def recalibrate(
    fit: Callable[[Ints], Calibration],
    read: Callable[[Calibration | None, Ints], Floats],
    outcomes: Floats,
    problems: Ints,
    *,
    seed: int = 0,
) -> Recalibration:
    """Fit a calibration and measure it.

    Args:
        fit: From the indices of the units (steps or solutions) to fit to.
        read: Scores in [0, 1] of the units at indices, under a calibration or none.
        outcomes: `[N]`, in [0, 1].
        problems: `[N]`, the number of each unit's problem.
        seed: Of the folds and of the intervals.

    Raises:
        InputError: All are of one problem, or a calibration cannot be fitted.
    """
    found, row_N = np.unique(problems, return_inverse=True)
    if len(found) < 2:
        raise InputError(f"a calibration needs solutions of at least 2 problems, got {len(found)}")
    everything = np.arange(len(outcomes))
    fold_N = (np.random.default_rng(seed).permutation(len(found)) % min(FOLDS, len(found)))[row_N]
    before, after = read(None, everything), np.empty(len(outcomes))
    for fold in np.unique(fold_N):
        calibration = fit(everything[fold_N != fold])
        after[fold_N == fold] = read(calibration, everything[fold_N == fold])
    return Recalibration(
        calibration=fit(everything),
        before=calibration_estimates(before, outcomes, problems, seed=seed),
        after=calibration_estimates(after, outcomes, problems, seed=seed),
        bins_before=reliability(before, outcomes, problems, seed=seed),
        bins_after=reliability(after, outcomes, problems, seed=seed),
    )
