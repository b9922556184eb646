"""How good Monte-Carlo labels are: against a judge of each step's truth, and against labels from many more rollouts.

A judge knows whether a step is wrong; a rate says whether the policy still finds the answer from there. They answer
different questions: a step may be right and the policy lost all the same. So only wrong-or-not and the first error are
held against the judge, and the three classes of value against the same classes from many rollouts.

Graded steps (the last of each solution) are left out except for the first error: nothing about them was estimated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from prmkit.demo.oracle import Judgement, StepTruth
from prmkit.errors import ShapeError
from prmkit.evaluation.intervals import Bools, Estimate, Floats, Ints
from prmkit.evaluation.judged import check_judged, first_index, judged_steps, problem_numbers, problem_ratios
from prmkit.records import EstimateMethod, LabeledSolution, StepLabel


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthRow:
    """The labels of all steps of one truth (needed, unneeded, wrong)."""

    steps: int
    """How many: rolled out, and not after the first error of their solution."""
    rate: Estimate | None
    """Mean rate of right completions; None where there are no such steps."""
    shares: tuple[Estimate | None, ...]
    """Share labelled incorrect, neutral, correct."""


@dataclass(frozen=True, kw_only=True)
class OracleAgreement:
    """Labels beside the truth. A figure is None where its denominator is 0."""

    precision: Estimate | None
    """Of the steps labelled incorrect, the share that is wrong."""
    recall: Estimate | None
    """Of the wrong steps, the share labelled incorrect."""
    f1: Estimate | None
    """Harmonic mean of the two."""
    first_error: Estimate | None
    """Share of solutions whose first step labelled incorrect is the first wrong one (or there is neither)."""
    first_error_wrong: Estimate | None
    """The same among solutions with a wrong step."""
    first_error_right: Estimate | None
    """The same among solutions without one."""
    truths: Mapping[StepTruth, TruthRow]
    """What labels the steps of each truth got."""


@dataclass(frozen=True, kw_only=True)
class ClassAgreement:
    """Classes from few rollouts beside those from many, over the steps that both tables rolled out."""

    accuracy: Estimate | None
    """Share of steps with the same class."""
    counts: tuple[tuple[int, ...], ...]
    """3 x 3: rows are the classes from many rollouts, columns those from few (incorrect, neutral, correct)."""
    shares: tuple[tuple[Estimate | None, ...], ...]
    """The same as shares of each row; None in a row without steps."""


def oracle_agreement(
    labeled: Sequence[LabeledSolution], judgements: Sequence[Judgement], *, seed: int = 0
) -> OracleAgreement:
    """Compare labels with a judge's verdicts on the same solutions; intervals resample problems.

    Steps count whose label was made from rollouts or given from outside, not those graded or inferred.

    Raises:
        ShapeError: A solution or step was not judged.
    """
    check_judged(labeled, judgements)
    solutions = problem_numbers(labeled)
    steps = [
        (number, truth, label, estimate.rate if estimate.rollouts else np.nan)
        for number, each, judgement in zip(solutions, labeled, judgements, strict=True)
        for truth, label, estimate in list(zip(judgement.steps, each.labels, each.estimates, strict=True))[
            : judged_steps(judgement.steps)
        ]
        if estimate.method in (EstimateMethod.ROLLOUTS, EstimateMethod.GIVEN)
    ]
    problems = np.array([number for number, *_ in steps], dtype=np.int64)
    truths = np.array([str(truth) for _, truth, *_ in steps], dtype=np.str_)
    labels = np.array([int(label) for _, _, label, _ in steps], dtype=np.int64)
    rates = np.array([rate for *_, rate in steps], dtype=np.float64)
    wrong, flagged = truths == StepTruth.WRONG, labels == StepLabel.INCORRECT
    hits = wrong & flagged
    precision, recall, f1 = problem_ratios(
        problems, [(hits, flagged), (hits, wrong), (2.0 * hits, 1.0 * wrong + flagged)], seed
    )
    errors = np.array([judgement.first_error for judgement in judgements], dtype=np.int64)
    flags = [first_index([label is StepLabel.INCORRECT for label in each.labels]) for each in labeled]
    agree = errors == np.array(flags, dtype=np.int64)
    every, erroneous = np.ones(len(errors)), errors >= 0
    first_error, if_wrong, if_right = problem_ratios(
        solutions, [(agree, every), (agree & erroneous, erroneous), (agree & ~erroneous, ~erroneous)], seed
    )
    return OracleAgreement(
        precision=precision,
        recall=recall,
        f1=f1,
        first_error=first_error,
        first_error_wrong=if_wrong,
        first_error_right=if_right,
        truths={truth: _truth_row(problems, truths == truth, labels, rates, seed) for truth in StepTruth},
    )


def _truth_row(problems: Ints, mine: Bools, labels: Ints, rates: Floats, seed: int) -> TruthRow:
    drawn = mine & ~np.isnan(rates)
    columns = [(np.where(drawn, rates, 0.0), drawn), *((mine & (labels == label), mine) for label in StepLabel)]
    rate, *shares = problem_ratios(problems, columns, seed)
    return TruthRow(steps=int(mine.sum()), rate=rate, shares=tuple(shares))


def class_agreement(
    labeled: Sequence[LabeledSolution], reference: Sequence[LabeledSolution], *, seed: int = 0
) -> ClassAgreement:
    """Compare classes with those of a second table: the same solutions and thresholds, many more rollouts.

    Solutions that are in one table only are left out; intervals resample problems and take the second table as true.

    Raises:
        ShapeError: The tables share no solution, or a solution has other steps in the other table.
    """
    many = {each.solution.name: each for each in reference}
    shared = [each for each in labeled if each.solution.name in many]
    if not shared:
        raise ShapeError(f"the tables share no solution ({len(labeled)} and {len(reference)} solutions)")
    steps = []
    for number, each in zip(problem_numbers(shared), shared, strict=True):
        other = many[each.solution.name]
        if other.solution.steps != each.solution.steps:
            raise ShapeError(f"solution {each.solution.name}: the tables hold different steps of it")
        steps += [
            (number, int(label), int(true))
            for label, true, estimate in zip(each.labels, other.labels, each.estimates, strict=True)
            if estimate.method is EstimateMethod.ROLLOUTS
        ]
    problems, few, true = np.array(steps, dtype=np.int64).reshape(-1, 3).T
    cells = [(true == row, few == column) for row in StepLabel for column in StepLabel]
    accuracy, *shares = problem_ratios(
        problems, [(few == true, np.ones(len(few))), *((row & column, row) for row, column in cells)], seed
    )
    counts = [int((row & column).sum()) for row, column in cells]
    return ClassAgreement(
        accuracy=accuracy,
        counts=tuple(tuple(counts[at : at + 3]) for at in (0, 3, 6)),
        shares=tuple(tuple(shares[at : at + 3]) for at in (0, 3, 6)),
    )
