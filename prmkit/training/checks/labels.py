"""Checks of `prmkit doctor` on the labels: can they be read, do they fit the steps, is there something to learn."""

import reprlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from prmkit.errors import PrmkitError
from prmkit.records import FinishReason, LabeledSolution, StepLabel
from prmkit.rewards.metadata import RewardKind
from prmkit.tables import Row, row_label
from prmkit.training.checks.findings import Check, Status, check
from prmkit.training.checks.subject import Subject
from prmkit.training.choices import Targets
from prmkit.training.data import Example, unique
from prmkit.training.objectives import Objective, PRMObjective

RARE = 0.05
"""A class with a smaller share of the steps is warned about."""
LOST = 0.1
"""A length limit that takes more than this share of the incorrect steps, or of the solutions, is a violation."""

_PER_STEP = ("labels", "soft_labels", "successes", "rollouts", "methods", "lows", "highs")
_CLASSES = tuple(int(label) for label in StepLabel)

Faults = Mapping[str, Sequence[str]]
"""Descriptions of rows that cannot be used, by the check they belong to."""


def readable(placed: Sequence[tuple[str, Row]]) -> tuple[list[tuple[str, LabeledSolution]], Faults, list[Check]]:
    """Rows that training can read, each with its place; what is wrong with the others; and the checks of that.

    (Faults of `boundaries` are left to that check, which looks at the readable rows too.)
    """
    records: list[tuple[str, LabeledSolution]] = []
    faults: dict[str, list[str]] = defaultdict(list)
    places: dict[str, str] = {}
    for place, row in placed:
        if (fault := _fault(row)) is None:
            try:
                record = row_label(row)
            except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
                fault = "rows", str(error)
            else:
                name = record.solution.name
                if name not in places:
                    places[name] = place
                    records.append((place, record))
                    continue
                fault = "rows", f"solution {name} is at {places[name]} already"
        faults[fault[0]].append(f"{place}: {fault[1]}")
    read = f"{len(records)} of {len(placed)} rows"
    checks = [
        check("rows", faults["rows"], fine=f"{read} can be read", wrong=f"rows cannot be used; {read} can"),
        _types(placed, faults["types"]),
    ]
    return records, faults, checks


def _fault(row: Row) -> tuple[str, str] | None:
    """The check that a row's lists fail, and how; None where they fit (other faults are the reader's to find)."""
    steps, labels = row.get("steps"), row.get("labels")
    if not isinstance(steps, list) or not isinstance(labels, list):
        return None
    for name in _PER_STEP:
        if isinstance(row.get(name), list) and len(row[name]) != len(steps):
            return "boundaries", f"{len(steps)} steps but {len(row[name])} {name}"
    if blank := [index for index, step in enumerate(steps) if isinstance(step, str) and not step.strip()]:
        return "boundaries", f"step {blank[0]} of {len(steps)} is blank and has a label"
    odd = [each for each in labels if isinstance(each, bool) or not isinstance(each, int) or each not in _CLASSES]
    if odd:
        return "types", f"label {odd[0]!r} ({type(odd[0]).__name__}) is none of {_CLASSES}"
    return None


def _types(placed: Sequence[tuple[str, Row]], faults: Sequence[str]) -> Check:
    """Whether labels went through a type that cannot hold them."""
    if faults:
        wrong = "rows have labels of another type or value: a column that was cast (TRL turned -100 into true)?"
        return check("types", faults, fine="", wrong=wrong)
    soft = [(place, row["soft_labels"]) for place, row in placed if isinstance(row.get("soft_labels"), list)]
    whole = all(type(each) is int for _, steps in soft for step in steps if isinstance(step, list) for each in step)
    return check(
        "types",
        [f"{place}: soft_labels {reprlib.repr(steps)}" for place, steps in soft] if whole else [],
        fine="labels are -1, 0 or 1, soft labels are not whole numbers",
        wrong="rows have whole numbers for soft labels; a cast to integers would have made 0 of 0.75",
        status=Status.WARNING,
    )


def data_checks(subject: Subject, faults: Faults) -> list[Check]:
    """All of them, on the pool that training makes of the readable rows."""
    return [
        boundaries(faults, subject.examples, subject.base.separator_ids),
        _targets(subject),
        _soft_against_hard(subject),
        _classes(subject),
        _truncation(subject),
        _duplicates(subject),
        _problems(subject),
        _finish(subject),
    ]


def boundaries(faults: Faults, examples: Sequence[Example], separator: Sequence[int]) -> Check:
    """As many labels as boundaries in every row, and every boundary on the last token of a separator.

    Args:
        faults: Of `readable`.
        examples: What the other rows became.
        separator: Its ids.
    """
    found = list(faults.get("boundaries", ()))
    for example in examples:
        ids, ends = example.encoded.ids, example.encoded.ends
        off = [end for end in ends if ids[max(0, end + 1 - len(separator)) : end + 1] != list(separator)]
        if off:
            found.append(f"solution {example.name}: token {off[0]} is scored and ends no separator")
    labels = sum(len(example.labels) for example in examples)
    marked = sum(len(example.encoded.ends) for example in examples)
    rows = len(examples)
    counted = f"{labels} labels on {marked} boundaries in {rows} rows"
    return check(
        "boundaries",
        found,
        fine=f"{counted}, each at the end of a separator",
        wrong=f"rows have not one label for each step boundary; in the others {counted}",
        labels=labels,
        boundaries=marked,
        rows=rows,
    )


def _targets(subject: Subject) -> Check:
    """Whether every example has targets; a PRM's soft labels are looked at whatever it is to learn."""
    objectives: list[Objective] = [subject.objective]
    if subject.objective.kind is RewardKind.PRM:
        objectives.append(PRMObjective(targets=Targets.SOFT))
    found = []
    for example in subject.examples:
        for objective in objectives:
            try:
                objective.row(example)
            except PrmkitError as error:
                found.append(f"{subject.place(example.name)}: {error}")
                break
    return check(
        "targets", found, fine=f"all {len(subject.examples)} rows have targets", wrong="rows have no target to learn"
    )


def _soft_against_hard(subject: Subject) -> Check:
    """Whether the soft label of a step speaks for the opposite of its class: classes in another order?"""
    found = [
        f"{subject.where(example)}: step {index} is {label.name.lower()} with soft label {soft}"
        for example in subject.examples
        for index, (label, soft) in enumerate(zip(example.labels, example.soft_labels, strict=True))
        if (label is StepLabel.CORRECT and soft[0] > 0.5) or (label is StepLabel.INCORRECT and soft[2] > 0.5)
    ]
    sure = sum(label is not StepLabel.NEUTRAL for example in subject.examples for label in example.labels)
    return check(
        "soft labels",
        found,
        fine="no soft label speaks for the opposite of its step's class",
        wrong=f"of {sure} steps have soft labels for the opposite class; the order is incorrect, neutral, correct",
        status=Status.VIOLATION if len(found) > sure / 2 else Status.WARNING,
    )


def _classes(subject: Subject) -> Check:
    """What there is to learn, in the training split."""
    training = subject.pool.training
    steps = Counter(label for example in training for label in example.labels)
    total = sum(steps.values())
    right = sum(bool(example.correct) for example in training)
    shares = {label.name.lower(): steps[label] / total for label in StepLabel}
    counts: dict[str, Any] = {f"steps_{label.name.lower()}": steps[label] for label in StepLabel}
    counts |= {"solutions": len(training), "solutions_correct": right}
    status = Status.OK
    said = ", ".join(f"{share:.1%} {name}" for name, share in shares.items())
    message = f"{total} steps to learn: {said}; {right} of {len(training)} solutions right"
    if _alike(subject):
        status = Status.VIOLATION
        message += "; every target is the same, so there is nothing to learn"
    elif subject.objective.kind is RewardKind.PRM and min(shares["incorrect"], shares["correct"]) < RARE:
        status = Status.WARNING
        message += f"; one class has less than {RARE:.0%}"
    return Check(name="classes", status=status, message=message, counts=counts)


def _alike(subject: Subject) -> bool:
    """Whether all targets of the training split are one and the same."""
    first: np.ndarray | None = None
    for example in subject.pool.training:
        try:
            row = subject.objective.row(example)
        except PrmkitError:  # told by the check of targets
            continue
        if row is None:
            continue
        targets = row.targets
        first = targets[0] if first is None else first
        if not bool((targets == first).all()):
            return False
    return first is not None


def _truncation(subject: Subject) -> Check:
    """What the length limit takes away: late steps are the wrong ones more often than early ones."""
    kept = {example.name: len(example.labels) for example in subject.examples}
    wrong = lost = 0
    found, different = [], unique([record for _, record in subject.records.values()])
    for record in different:
        name, labels = record.solution.name, record.labels
        end = kept.get(name, 0)
        wrong += labels.count(StepLabel.INCORRECT)
        lost += labels[end:].count(StepLabel.INCORRECT)
        if end < len(labels):
            found.append(f"{subject.place(name)} ({name}): {end} of {len(labels)} steps are left")
    share = lost / wrong if wrong else 0.0
    pool = subject.pool
    too_many = max(share, len(found) / len(different)) > LOST
    return check(
        "truncation",
        found,
        fine=f"no solution is longer than {subject.max_length} tokens",
        wrong=f"of {len(different)} solutions are longer than {subject.max_length} tokens: {pool.cut} are cut, "
        f"{pool.too_long} left out; {lost} of {wrong} incorrect steps ({share:.1%}) are lost with them",
        status=Status.VIOLATION if too_many else Status.WARNING,
        cut=pool.cut,
        too_long=pool.too_long,
        incorrect_steps=wrong,
        incorrect_steps_lost=lost,
    )


def _duplicates(subject: Subject) -> Check:
    """Solutions that are there twice, and those of them that are labelled in different ways."""
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for name, (_, record) in subject.records.items():
        groups[record.solution.problem.problem, record.solution.steps].append(name)
    found, contradictory = [], 0
    for first, *others in groups.values():
        labels = subject.records[first][1].labels
        contradictory += any(subject.records[each][1].labels != labels for each in others)
        found += [f"{subject.place(each)}: {each} is {first} at {subject.place(first)} again" for each in others]
    return check(
        "duplicates",
        found,
        fine="no solution is there twice",
        wrong=f"solutions are copies of earlier ones, which alone are kept; {contradictory} have other labels there",
        status=Status.WARNING,
        contradictory=contradictory,
    )


def _problems(subject: Subject) -> Check:
    """Problems all of whose solutions are right, or all wrong: they say nothing about which solution is better."""
    outcomes: dict[str, list[bool]] = defaultdict(list)
    for _, record in subject.records.values():
        if record.solution.correct is not None:
            outcomes[record.solution.problem.problem_id].append(record.solution.correct)
    several = {name: found for name, found in outcomes.items() if len(found) > 1}
    found = [
        f"{name}: all {len(each)} solutions {'right' if each[0] else 'wrong'}"
        for name, each in several.items()
        if len(set(each)) == 1
    ]
    right = sum(all(each) for each in several.values())
    return check(
        "problems",
        found,
        fine=f"all {len(several)} problems with several graded solutions have right and wrong ones",
        wrong=f"of {len(several)} problems with several graded solutions have only right ones ({right}) or only wrong "
        f"ones ({len(found) - right}); prmkit label --filter-problems leaves such out",
        status=Status.VIOLATION if len(found) == len(several) else Status.WARNING,
        all_right=right,
        all_wrong=len(found) - right,
    )


def _finish(subject: Subject) -> Check:
    """Solutions whose last step was cut at the sampling limit."""
    found = [
        f"{place} ({name}): the last step ends {record.solution.steps[-1][-40:]!r}"
        for name, (place, record) in subject.records.items()
        if record.solution.finish is FinishReason.LENGTH
    ]
    return check(
        "finish",
        found,
        fine="no solution was cut at the policy's token limit",
        wrong="solutions were cut at the policy's token limit: their last steps are no whole steps",
        status=Status.WARNING,
    )
