"""Whether the first error is found, and where the lowest score falls: figures of whole solutions, by subset.

ProcessBench's F1 (Zheng et al. 2024, arXiv:2412.06559) is the harmonic mean of two accuracies: among solutions with a
wrong step the share whose first flagged step is the first wrong one, and among those without one the share in which no
step is flagged. A step is flagged when it scores below the threshold. The steps themselves are `step_quality`'s matter.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from prmkit.evaluation.intervals import Estimate, Floats, statistic_estimates
from prmkit.evaluation.judged import JudgedScores, group_numbers
from prmkit.rewards.base import first_flagged


@dataclass(frozen=True, slots=True, kw_only=True)
class SolutionFigures:
    """Of one subset; a figure is None where its denominator is 0."""

    first_error_f1: Estimate | None
    """Harmonic mean of the next two (ProcessBench's F1); 0 where both are."""
    first_error_wrong: Estimate | None
    """Among solutions with a wrong step: share whose first flagged step is the first wrong one."""
    first_error_right: Estimate | None
    """Among solutions without one: share with no step flagged."""
    lowest_last: Estimate | None
    """Share of solutions of two or more steps whose lowest score is the last step's; one in which it ties with others
    counts 1/m, where m is the number of steps of the lowest score."""
    process_error: Estimate | None
    """Among solutions with a right final answer: share with a wrong step."""
    process_error_flagged: Estimate | None
    """Among those (right answer, wrong step): share in which some step is flagged."""
    process_error_found: Estimate | None
    """Among those: share whose first flagged step is the first wrong one."""


FIGURES = tuple(each.name for each in fields(SolutionFigures))
"""In this order everywhere below."""


def solution_figures(items: Sequence[JudgedScores], *, threshold: float, seed: int = 0) -> SolutionFigures:
    """The figures of all solutions; intervals resample problems.

    Args:
        items: Solutions, scores and verdicts. One whose first error is not known counts for `lowest_last` only.
        threshold: In [0, 1]; fixed beforehand, or chosen on other problems (`prmkit.evaluation.thresholds`).
        seed: Of the bootstrap.
    """
    return subset_figures(items, ["all"] * len(items), threshold=threshold, seed=seed)["all"]


def subset_figures(
    items: Sequence[JudgedScores], subsets: Sequence[str], *, threshold: float, seed: int = 0, average: str = "average"
) -> dict[str, SolutionFigures]:
    """The figures of every subset, and their mean over the subsets under the name `average`.

    Args:
        items: As of `solution_figures`.
        subsets: For each item its subset.
        threshold: As of `solution_figures`.
        seed: Of the bootstrap, which resamples the problems of all subsets together.
        average: Name of the mean, in which every subset counts alike, as in ProcessBench; with a single subset there is
            none.
    """
    names = list(dict.fromkeys(subsets)) or ["all"]
    if not items:
        return dict.fromkeys(names, SolutionFigures(**dict.fromkeys(FIGURES)))
    counts_PSKD = _group_sums(items, subsets, names, threshold)

    def shares(weights_RP: Floats) -> Floats:
        sums_RSKD = (weights_RP @ counts_PSKD.reshape(len(counts_PSKD), -1)).reshape(-1, *counts_PSKD.shape[1:])
        figures_RSF = _figures(sums_RSKD)
        everywhere_RSF: Floats = np.concatenate([figures_RSF, figures_RSF.mean(axis=1, keepdims=True)], axis=1)
        return everywhere_RSF.reshape(len(weights_RP), -1)

    below_PSK = counts_PSKD[..., 1]
    rests_on_PSF = np.concatenate([below_PSK[..., :1] + below_PSK[..., 1:2], below_PSK], axis=2)
    rests_on_PSF = np.concatenate([rests_on_PSF, rests_on_PSF.sum(axis=1, keepdims=True)], axis=1)
    cells = iter(statistic_estimates(shares, rests_on_PSF.reshape(len(counts_PSKD), -1), seed=seed))
    found = {name: SolutionFigures(**{figure: next(cells) for figure in FIGURES}) for name in [*names, average]}
    if len(names) == 1:
        del found[average]
    return found


def _group_sums(
    items: Sequence[JudgedScores], subsets: Sequence[Hashable], names: Sequence[str], threshold: float
) -> Floats:
    """`[P, S, K, 2]`: for each group of problems and subset the numerators and denominators of K shares."""
    groups = group_numbers(items)
    sums = np.zeros((int(groups.max()) + 1, len(names), 6, 2))
    for group, subset, item in zip(groups, subsets, items, strict=True):
        sums[group, names.index(str(subset))] += _counts(item, threshold)
    return sums


def _counts(item: JudgedScores, threshold: float) -> NDArray[np.float64]:
    """`[K, 2]`, in the order of `SolutionFigures` without its F1."""
    scores, truth = item.step_scores, item.judged.verdicts.first_error
    flagged = first_flagged(scores, threshold)
    known, wrong = truth is not None, truth is not None and truth >= 0
    found = flagged == truth
    lucky = bool(item.judged.verdicts.answer_right) and wrong
    several, lowest = len(scores) > 1, min(scores)
    pairs = [
        (wrong and found, wrong),
        (known and not wrong and found, known and not wrong),
        (several * (scores[-1] == lowest) / scores.count(lowest), several),
        (lucky, bool(item.judged.verdicts.answer_right) and known),
        (lucky and flagged >= 0, lucky),
        (lucky and found, lucky),
    ]
    return np.array(pairs, dtype=np.float64)


def _figures(sums: Floats) -> Floats:
    """Shares from numerators and denominators `[..., K, 2]`, the F1 of the first two before them; NaN for 0 of 0."""
    above, below = sums[..., 0], sums[..., 1]
    shares = divide(above, below)
    a, b = shares[..., 0], shares[..., 1]
    f1 = np.where(a + b == 0, 0.0, divide(2 * a * b, a + b))
    return np.concatenate([f1[..., None], shares], axis=-1)


def divide(above: Floats, below: Floats) -> Floats:
    """Quotient; NaN where `below` is 0 (or NaN)."""
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)
