"""Stress cases: does a right solution keep its rank beside spoilt versions of itself?

Each solution is compared with its own variants (`variants`) by the model's own score of a solution. A variant that is
worse must score lower; one that may still be right (a deleted or repeated step, useless padding) must not gain more
than a margin. The verdict is `pass` where that holds for at least a stated share of the solutions.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from prmkit.errors import InputError
from prmkit.evaluation.intervals import Estimate
from prmkit.evaluation.judged import problem_ratios
from prmkit.evaluation.scoring import Texts, score_texts
from prmkit.evaluation.variants import LONG, MARGIN, PADDINGS, SHARE, VARIANTS, Demand, padded, variant_chance
from prmkit.rewards.base import RewardModel

_DEMANDS = {each.name: each.demand for each in VARIANTS} | {LONG: Demand.NOT_LOWER}
_LABELS = {each.name: each.label for each in VARIANTS} | {LONG: "very long"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StressCase:
    """A right solution."""

    name: str
    """Unique in its source."""
    problem: str
    """What was asked."""
    steps: tuple[str, ...]
    """At least one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredVariant:
    """A variant of one solution beside the original."""

    case: StressCase
    """The original."""
    variant: str
    """Name of the variant."""
    steps: tuple[str, ...]
    """Of the variant."""
    original: float
    """Score of the original."""
    score: float
    """Of the variant."""

    def held(self, margin: float = MARGIN) -> bool:
        """Whether the original does as demanded."""
        if _DEMANDS[self.variant] is Demand.HIGHER:
            return self.original > self.score
        return self.original + margin >= self.score


@dataclass(frozen=True, slots=True, kw_only=True)
class StressFigures:
    """Of one variant."""

    label: str
    """What was done."""
    demand: Demand
    """What is asked of the original."""
    held: Estimate | None
    """Share of solutions in which the original does as demanded; None where no solution has this variant."""
    original: Estimate | None
    """Mean score of those originals."""
    score: Estimate | None
    """Mean score of the variants."""
    passed: bool | None
    """`held` is at least the share asked for."""
    left_out: int
    """Solutions that are too short for the variant, or that do not fit the model's context, spoilt or not."""


def stress_variants(
    model: RewardModel, cases: Sequence[StressCase], *, seed: int = 0, advance: Callable[[int], object] = lambda _: None
) -> list[ScoredVariant]:
    """Score solutions and all their variants.

    Args:
        model: Any reward model.
        cases: Right solutions.
        seed: Of the choice of steps and numbers.
        advance: Told how many texts were scored since it was last called; about nine per case in all.

    Returns:
        Every variant that could be made and fits the model's context.
    """
    scores = _solution_scores(model, [(each.problem, each.steps) for each in cases], advance)
    kept = [(each, score) for each, score in zip(cases, scores, strict=True) if score is not None]
    found: list[ScoredVariant] = []
    for variant in VARIANTS:
        made = [
            (case, original, steps)
            for case, original in kept
            if (steps := variant.make(case.steps, variant_chance(seed, variant.name, case.problem, case.steps)))
        ]
        found += _score(model, variant.name, made, advance)
    for padding in PADDINGS:  # the longest that fits
        long = [
            (case, original, padded(case.steps, variant_chance(seed, LONG, case.problem, case.steps), padding))
            for case, original in kept
        ]
        found += (fitting := _score(model, LONG, long, advance))
        done = {each.case for each in fitting}
        kept = [(case, original) for case, original in kept if case not in done]
    return found


def _score(
    model: RewardModel,
    variant: str,
    made: Sequence[tuple[StressCase, float, tuple[str, ...]]],
    advance: Callable[[int], object],
) -> list[ScoredVariant]:
    """The variants that fit the model's context; `made` holds cases, scores of the originals and spoilt steps."""
    scores = _solution_scores(model, [(case.problem, steps) for case, _, steps in made], advance)
    return [
        ScoredVariant(case=case, variant=variant, steps=steps, original=original, score=score)
        for (case, original, steps), score in zip(made, scores, strict=True)
        if score is not None
    ]


def _solution_scores(
    model: RewardModel, solutions: Sequence[Texts], advance: Callable[[int], object]
) -> list[float | None]:
    """The model's score of every solution; None where it does not fit."""
    return [None if each is None else model.solution_score(each) for each in score_texts(model, solutions, advance)]


def check_bounds(share: float, margin: float) -> None:
    """Refuse a share outside (0, 1] and a margin that is negative or no finite number.

    Raises:
        InputError: Either is.
    """
    if not 0 < share <= 1 or not 0 <= margin < math.inf:
        raise InputError(f"need a share of solutions in (0, 1] and a margin of at least 0, got {share} and {margin}")


def stress_figures(
    scored: Sequence[ScoredVariant], cases: int, *, share: float = SHARE, margin: float = MARGIN, seed: int = 0
) -> dict[str, StressFigures]:
    """The figures of every variant; intervals resample problems.

    Args:
        scored: What `stress_variants` returned.
        cases: How many solutions there were.
        share: Of the solutions, for a verdict `pass`; in (0, 1].
        margin: What a variant that may be right is allowed to gain; at least 0.
        seed: Of the bootstrap.

    Raises:
        InputError: The share or the margin is out of range.
    """
    check_bounds(share, margin)
    figures = {}
    for name, demand in _DEMANDS.items():
        mine = [each for each in scored if each.variant == name]
        every = np.ones(len(mine))
        problems = np.unique([each.case.problem for each in mine], return_inverse=True)[1].astype(np.int64)
        columns = [
            np.array([each.held(margin) for each in mine]),
            np.array([each.original for each in mine]),
            np.array([each.score for each in mine]),
        ]
        held, original, score = problem_ratios(problems, [(column, every) for column in columns], seed)
        figures[name] = StressFigures(
            label=_LABELS[name],
            demand=demand,
            held=held,
            original=original,
            score=score,
            passed=None if held is None else held.value >= share,
            left_out=cases - len(mine),
        )
    return figures
