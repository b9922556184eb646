"""Consensus filter: keep what Monte-Carlo labels and a second opinion agree on (Zhang et al. 2025, arXiv:2501.07301).

Whole solutions are kept when both put the first error at the same step, or find none (the paper's filter). Step by
step, a solution is kept up to the first step about which they disagree; training data has no holes, for a step is read
with everything before it. What nobody gave a second opinion on is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from labelers.audit import Judged, first_flag, judgements, share_table, with_first_error
from prmkit.demo.oracle import StepTruth
from prmkit.evaluation.judged import problem_numbers
from prmkit.evaluation.label_quality import oracle_agreement
from prmkit.formats.verdicts import Verdicts
from prmkit.records import FinishReason, LabeledSolution, StepLabel, Strategy
from prmkit.report.records import Column, Row, Table, Unit


class Level(StrEnum):
    """What is kept or lost."""

    STEPS = "steps"
    """The steps of a solution up to the first disagreement."""
    SOLUTIONS = "solutions"
    """Whole solutions."""


@dataclass(frozen=True, kw_only=True)
class Consensus:
    """What both agree on."""

    kept: list[LabeledSolution]
    """Whole solutions as they were, and cut ones without a verdict on their answer."""
    steps_kept: tuple[int, ...]
    """Of every solution that was given, from its beginning; 0 where all of it is lost."""
    unjudged: int
    """Solutions of which the second opinion says nothing."""


def consensus(labeled: Sequence[LabeledSolution], verdicts: Sequence[Verdicts | None], level: Level) -> Consensus:
    """Keep what labels and second opinion agree on: whether a step is wrong. Neutral and correct both are not.

    Args:
        labeled: Labelled solutions.
        verdicts: The second opinion, one per solution.
        level: Whole solutions or steps.
    """
    steps = [
        0 if verdict is None else _agreed(each, verdict, level) for each, verdict in zip(labeled, verdicts, strict=True)
    ]
    return Consensus(
        kept=[cut(each, count) for each, count in zip(labeled, steps, strict=True) if count],
        steps_kept=tuple(steps),
        unjudged=sum(verdict is None or set(verdict.truths) == {None} for verdict in verdicts),
    )


def _agreed(labeled: LabeledSolution, verdicts: Verdicts, level: Level) -> int:
    if level is Level.SOLUTIONS:
        return len(labeled.labels) if verdicts.first_error == first_flag(labeled) else 0
    for index, (label, truth) in enumerate(zip(labeled.labels, verdicts.truths, strict=True)):
        if truth is None or (truth is StepTruth.WRONG) != (label is StepLabel.INCORRECT):
            return index
    return len(labeled.labels)


def cut(labeled: LabeledSolution, steps: int) -> LabeledSolution:
    """The first so many steps of a labelled solution, with their labels.

    A shortened one no longer has an answer: `correct` is None, so that an ORM is not taught from it, and `finish` says
    that it ends with a step. Labels of a search for the first error rest on steps that may be gone; without their
    strategy `prmkit relabel` does not derive them anew.
    """
    if steps == len(labeled.labels):
        return labeled
    solution = labeled.solution
    return replace(
        labeled,
        solution=replace(
            solution,
            steps=solution.steps[:steps],
            step_ids=None if solution.step_ids is None else solution.step_ids[:steps],
            finish=FinishReason.STEP,
            correct=None,
        ),
        estimates=labeled.estimates[:steps],
        labels=labeled.labels[:steps],
        soft_labels=labeled.soft_labels[:steps],
        intervals=None if labeled.intervals is None else labeled.intervals[:steps],
        strategy=None if labeled.strategy is Strategy.FIRST_ERROR else labeled.strategy,
    )


def share_tables(labeled: Sequence[LabeledSolution], found: Consensus, seed: int) -> list[Table]:
    """Shares kept and lost: of the steps by their label, of the solutions by whether the labels find an error."""
    numbers = problem_numbers(labeled)
    sizes = [len(each.labels) for each in labeled]
    problems = np.repeat(numbers, sizes)
    labels = np.array([int(label) for each in labeled for label in each.labels], dtype=np.int64)
    kept = np.array(
        [at < count for count, size in zip(found.steps_kept, sizes, strict=True) for at in range(size)], dtype=np.bool_
    )
    classes = {"all": np.ones(len(labels), dtype=np.bool_)}
    classes |= {label.name.lower(): labels == label for label in StepLabel}
    steps = share_table(
        key="consensus_steps",
        title="Steps on which the second opinion agrees",
        note="By the class that Monte-Carlo gave them. A solution is kept from its beginning, so an agreed step after "
        "a disagreement is lost too.",
        head="label",
        columns={"kept": "kept", "lost": "lost"},
        problems=problems,
        rows={key: (key, [(kept & mine, mine), (~kept & mine, mine)]) for key, mine in classes.items()},
        counted="steps",
        seed=seed,
    )
    counts = np.array(found.steps_kept, dtype=np.int64)
    whole, part = counts == np.array(sizes, dtype=np.int64), (counts > 0) & (counts < np.array(sizes, dtype=np.int64))
    flagged = np.array([first_flag(each) >= 0 for each in labeled], dtype=np.bool_)
    groups = {
        "all": ("all", np.ones(len(sizes), dtype=np.bool_)),
        "error": ("with a step labelled incorrect", flagged),
        "no_error": ("without one", ~flagged),
    }
    solutions = share_table(
        key="consensus_solutions",
        title="Solutions on which the second opinion agrees",
        note=f"{found.unjudged} solutions without a second opinion count as lost.",
        head="solutions",
        columns={"kept": "kept whole", "cut": "kept in part", "lost": "lost"},
        problems=numbers,
        rows={
            key: (label, [(kind & mine, mine) for kind in (whole, part, counts == 0)])
            for key, (label, mine) in groups.items()
        },
        counted="solutions",
        seed=seed,
    )
    return [steps, solutions]


def truth_table(
    labeled: Sequence[LabeledSolution], truths: Sequence[Verdicts | None], found: Consensus, seed: int
) -> Table:
    """Whether what is kept is closer to the truth: agreement before and after the filter."""
    before = with_first_error(labeled, truths)
    after = with_first_error(found.kept, [
        None if truth is None else Verdicts(truths=truth.truths[:count], answer_right=truth.answer_right)
        for truth, count in zip(truths, found.steps_kept, strict=True)
        if count
    ])  # fmt: skip
    columns = {
        "precision": "incorrect: is wrong (precision)",
        "recall": "wrong: is incorrect (recall)",
        "f1": "F1",
        "first_error": "first error agrees",
    }
    return Table(
        key="consensus_truth",
        title="Labels against the truth, before and after the filter",
        note="A solution that was cut counts with the steps that are left of it.",
        head="solutions",
        columns=tuple(Column(key=key, label=label, unit=Unit.PERCENT) for key, label in columns.items()),
        rows=tuple(
            _agreement(key, label, judged, tuple(columns), seed)
            for key, label, judged in (("all", "all", before), ("kept", "kept", after))
        ),
    )


def _agreement(key: str, label: str, judged: Sequence[Judged], figures: Sequence[str], seed: int) -> Row:
    agreement = oracle_agreement([each for each, _ in judged], judgements(judged), seed=seed)
    return Row(key=key, label=label, cells=tuple(getattr(agreement, name) for name in figures))
