"""PRMBench (Song et al. 2025, arXiv:2501.03124): PRMScore by kind of error.

Every step counts, those after the first error too: steps that are neither wrong nor (in the kind `redundency`) marked
superfluous should score at least the threshold, the others below. `f1` is that of the first, `negative_f1` that of the
others, PRMScore their mean. Definitions follow the authors' evaluation (github.com/ssmisya/PRMBench, `mr_eval`): counts
are summed over the steps of a kind, the overall PRMScore over all steps, a dimension's is the mean of its kinds, and
`multi_solutions`, which has no marked steps, is scored by `f1` alone. An F1 with nothing to find and nothing flagged is
undefined; one with no hits is 0 (the authors' code writes -1 for some of these).
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from prmkit.demo.oracle import StepTruth
from prmkit.errors import InputError
from prmkit.evaluation.first_error import divide
from prmkit.evaluation.intervals import Estimate, Floats, statistic_estimates
from prmkit.evaluation.judged import JudgedScores, group_numbers
from prmkit.rewards.base import first_flagged

DIMENSIONS = {
    "simplicity": ("redundency", "circular"),
    "soundness": ("counterfactual", "step_contradiction", "domain_inconsistency", "confidence"),
    "sensitivity": ("missing_condition", "deception", "multi_solutions"),
}
"""Kinds of errors by what they test, spelt as in the data."""
KINDS = tuple(kind for kinds in DIMENSIONS.values() for kind in kinds)
OVERALL = "overall"


@dataclass(frozen=True, slots=True, kw_only=True)
class KindFigures:
    """Of one kind, one dimension or all; a figure is None where it is undefined. A dimension's are means of kinds'."""

    prmscore: Estimate | None
    """Mean of the next two; the first alone where no step is marked."""
    f1: Estimate | None
    """Of the steps that are not marked, found by scores of at least the threshold."""
    negative_f1: Estimate | None
    """Of the marked steps, found by scores below it."""
    accuracy_right: Estimate | None
    """Of the steps that are not marked, the share that scores at least the threshold."""
    accuracy_wrong: Estimate | None
    """Of the marked steps, the share that scores below it."""
    first_error: Estimate | None
    """Share of solutions with marked steps in which the first marked one scores below it, whatever came before."""
    first_found: Estimate | None
    """Share of solutions with marked steps whose first flagged step is the first marked one (as in ProcessBench)."""


FIGURES = tuple(each.name for each in fields(KindFigures))


def prmbench_figures(items: Sequence[JudgedScores], *, threshold: float, seed: int = 0) -> dict[str, KindFigures]:
    """The figures of every kind that is there, of every dimension whose kinds all are, and of all steps (`overall`).

    Args:
        items: What `prmkit.formats.prmbench` read, with scores.
        threshold: In [0, 1]; a step that scores lower is flagged.
        seed: Of the bootstrap, which resamples the problems the solutions were made from.

    Raises:
        InputError: No solutions, or one of an unknown kind.
    """
    unknown = [item.judged for item in items if item.judged.category not in KINDS]
    if unknown or not items:
        named = f"solution {unknown[0].name} is of the kind {unknown[0].category!r}" if unknown else "no solutions"
        raise InputError(f"PRMBench: {named}; its kinds are {', '.join(KINDS)}")
    kinds = [kind for kind in KINDS if any(item.judged.category == kind for item in items)]
    dimensions = {name: inside for name, inside in DIMENSIONS.items() if set(inside) <= set(kinds)}
    counts_PKC = _group_counts(items, kinds, threshold)
    marked_K = counts_PKC[..., _MARKED].sum(axis=(0, 2))
    places = [[kinds.index(kind) for kind in inside] for inside in dimensions.values()]

    def figures(weights_RP: Floats) -> Floats:
        sums_RKC = (weights_RP @ counts_PKC.reshape(len(counts_PKC), -1)).reshape(-1, *counts_PKC.shape[1:])
        by_kind_RKF = _figures(sums_RKC, marked_K > 0)
        rows = [by_kind_RKF[:, inside].mean(axis=1) for inside in places]
        rows.append(_figures(sums_RKC.sum(axis=1), marked_K.sum() > 0))
        everything_RKF: Floats = np.concatenate([by_kind_RKF, np.stack(rows, axis=1)], axis=1)
        return everything_RKF.reshape(len(weights_RP), -1)

    by_kind_PKF = _rests_on(counts_PKC)
    more = [by_kind_PKF[:, inside].sum(axis=1) for inside in [*places, list(range(len(kinds)))]]
    rests_on_PKF = np.concatenate([by_kind_PKF, np.stack(more, axis=1)], axis=1)
    cells = iter(statistic_estimates(figures, rests_on_PKF.reshape(len(counts_PKC), -1), seed=seed))
    names = [*kinds, *dimensions, OVERALL]
    return {name: KindFigures(**{figure: next(cells) for figure in FIGURES}) for name in names}


_MARKED = slice(2, 4)
"""Counts per kind: passed and flagged steps that are not marked; passed and flagged steps that are; solutions with
marked steps, those whose first marked step is flagged, and those whose first flagged step it is."""


def _group_counts(items: Sequence[JudgedScores], kinds: Sequence[str], threshold: float) -> Floats:
    """`[P, K, 7]`."""
    groups = group_numbers(items)
    counts = np.zeros((int(groups.max()) + 1, len(kinds), 7))
    for group, item in zip(groups, items, strict=True):
        marked = np.array([truth is not StepTruth.NEEDED for truth in item.judged.verdicts.truths])
        flagged = np.array(item.step_scores) < threshold
        steps = [np.sum((marked == wrong) & (flagged == low)) for wrong in (False, True) for low in (False, True)]
        first = int(marked.argmax())
        found = bool(marked.any()) and first_flagged(item.step_scores, threshold) == first
        solutions = [marked.any(), marked.any() and flagged[first], found]
        counts[group, kinds.index(str(item.judged.category))] += [*steps, *solutions]
    return counts


def _figures(sums: Floats, some_marked: Floats | bool) -> Floats:
    """From counts `[..., 7]` to figures `[..., 7]` in the order of `KindFigures`."""
    true_positive, false_negative, false_positive, true_negative, erroneous, flagged, found = np.moveaxis(sums, -1, 0)
    f1 = divide(2 * true_positive, 2 * true_positive + false_negative + false_positive)
    negative_f1 = divide(2 * true_negative, 2 * true_negative + false_negative + false_positive)
    negative_f1 = np.where(some_marked, negative_f1, np.nan)
    prmscore = np.where(some_marked, (f1 + negative_f1) / 2, f1)
    right = divide(true_positive, true_positive + false_negative)
    wrong = divide(true_negative, true_negative + false_positive)
    shares = [prmscore, f1, negative_f1, right, wrong, divide(flagged, erroneous), divide(found, erroneous)]
    return np.stack(shares, axis=-1)


def _rests_on(counts: Floats) -> Floats:
    """`[..., F]`: all steps for the F1s, right or marked steps for the accuracies, solutions for the first errors."""
    right, marked = counts[..., :2].sum(axis=-1), counts[..., _MARKED].sum(axis=-1)
    every, solutions = right + marked, counts[..., 4]
    return np.stack([every, every, every, right, marked, solutions, solutions], axis=-1)
