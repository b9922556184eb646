"""How far labels can be trusted: beside verdicts on the steps, beside exact or well-estimated values, as tables.

Verdicts (an oracle's, people's, a judge's) say whether a step is wrong; values say whether the policy still finds the
answer. The first are held against the incorrect labels, the second against rates, intervals and classes. Intervals of
all figures resample problems. No files here (`prmkit.cli.audit`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prmkit.demo.oracle import Judgement, StepTruth
from prmkit.evaluation.intervals import Estimate, Ints
from prmkit.evaluation.judged import first_index, problem_numbers, problem_ratios
from prmkit.evaluation.label_quality import oracle_agreement
from prmkit.formats.verdicts import Verdicts
from prmkit.records import EstimateMethod, LabeledSolution, StepLabel
from prmkit.report.records import Column, Row, Table, Unit
from prmkit.report.tables import oracle_tables

LAST_INDEX = 8
"""First errors from this step on share a row."""
BANDS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Ends of the bands of a problem's pass rate; the first includes 0."""

Judged = tuple[LabeledSolution, Verdicts]
Shares = Sequence[tuple[NDArray[Any], NDArray[Any]]]
"""Numerators and denominators of a row's cells, one entry per unit (solution or step)."""


def first_flag(labeled: LabeledSolution) -> int:
    """Index of the first step labelled incorrect; -1 where there is none."""
    return first_index([label is StepLabel.INCORRECT for label in labeled.labels])


def with_first_error(labeled: Sequence[LabeledSolution], verdicts: Sequence[Verdicts | None]) -> list[Judged]:
    """The solutions of which it is known where the first error is, or that there is none."""
    return [
        (each, verdict)
        for each, verdict in zip(labeled, verdicts, strict=True)
        if verdict is not None and verdict.first_error is not None
    ]


def judgements(judged: Sequence[Judged]) -> list[Judgement]:
    """Verdicts as `prmkit.evaluation.label_quality` takes them; it looks at nothing after the first error."""
    return [
        Judgement(tuple(truth or StepTruth.WRONG for truth in verdicts.truths), bool(verdicts.answer_right))
        for _, verdicts in judged
    ]


def pass_rates(labeled: Sequence[LabeledSolution]) -> dict[str, float]:
    """How often the policy solves each problem, in [0, 1].

    The rate of the bare problem where it was estimated, else the share of its labelled solutions whose answer is right.
    Problems of which neither is known are left out.
    """
    right: dict[str, list[bool]] = {}
    bare: dict[str, float] = {}
    for each in labeled:
        problem = each.solution.problem.problem_id
        if (graded := graded_right(each)) is not None:
            right.setdefault(problem, []).append(graded)
        if each.problem_estimate is not None:
            bare[problem] = each.problem_estimate.rate
    return {problem: sum(flags) / len(flags) for problem, flags in right.items()} | bare


def truth_tables(
    labeled: Sequence[LabeledSolution], verdicts: Sequence[Verdicts | None], difficulty: Mapping[str, float], seed: int
) -> list[Table]:
    """Labels beside the truth: precision and recall, first errors, and what the grader got wrong.

    Args:
        labeled: Labelled solutions.
        verdicts: One per solution; those without a known first error are left out.
        difficulty: Pass rate in [0, 1] of every problem, as far as it is known.
        seed: Of the bootstrap.
    """
    judged = with_first_error(labeled, verdicts)
    against, truths = oracle_tables(oracle_agreement([each for each, _ in judged], judgements(judged), seed=seed))
    note = "Steps after the first error are not counted, and the graded last step only for the first error."
    return [
        replace(against, note=note),
        truths,
        first_error_table(judged, seed),
        difficulty_table(judged, difficulty, seed),
        grading_table(judged, seed),
    ]


def first_error_table(
    judged: Sequence[Judged], seed: int, *, key: str = "first_error", title: str = "First error, by its index"
) -> Table:
    """Where the labels' first incorrect step lies, by the index of the first wrong step."""
    errors, flags = _first_indices(judged)
    wrong, flagged = errors >= 0, flags >= 0
    early = flagged & ((flags < errors) | ~wrong)
    kinds = [errors == flags, early, wrong & (flags > errors), wrong & ~flagged]
    places = np.minimum(errors, LAST_INDEX)
    groups = {"all": np.ones(len(errors), dtype=np.bool_), "none": ~wrong}
    groups |= {str(index): places == index for index in range(LAST_INDEX + 1) if (places == index).any()}
    names = {"all": "all solutions", "none": "no wrong step", str(LAST_INDEX): f"{LAST_INDEX} or later"}
    return share_table(
        key=key,
        title=title,
        note="Steps count from 0. Of the solutions whose first wrong step is there, the share whose first step "
        "labelled incorrect is the same, an earlier one, a later one, or missing.",
        head="first wrong step",
        columns={"same": "the same", "earlier": "earlier", "later": "later", "missing": "none"},
        problems=problem_numbers([each for each, _ in judged]),
        rows={key: (names.get(key, key), [(kind & group, group) for kind in kinds]) for key, group in groups.items()},
        counted="solutions",
        seed=seed,
    )


def difficulty_table(judged: Sequence[Judged], difficulty: Mapping[str, float], seed: int) -> Table:
    """First-error agreement by the pass rate of the problem, where that is known."""
    judged = [(each, verdict) for each, verdict in judged if each.solution.problem.problem_id in difficulty]
    rates = [difficulty[each.solution.problem.problem_id] for each, _ in judged]
    band = np.searchsorted(BANDS[1:-1], rates)
    errors, flags = _first_indices(judged)
    hit, wrong = errors == flags, errors >= 0
    rows = {}
    for index, (low, high) in enumerate(pairwise(BANDS)):
        mine = band == index
        cells = [(hit & mine, mine), (hit & mine & wrong, mine & wrong), (hit & mine & ~wrong, mine & ~wrong)]
        rows[f"{low:g}-{high:g}"] = (f"{'' if index == 0 else 'over '}{low:.0%} to {high:.0%}", cells)
    return share_table(
        key="difficulty",
        title="First error, by the problem's difficulty",
        note="Share of solutions whose first step labelled incorrect is the first wrong one, or that have neither.",
        head="pass rate of the problem",
        columns={"same": "all", "same_wrong": "with a wrong step", "same_right": "without one"},
        problems=problem_numbers([each for each, _ in judged]),
        rows=rows,
        counted="solutions",
        seed=seed,
    )


def _first_indices(judged: Sequence[Judged]) -> tuple[Ints, Ints]:
    """Index of the first wrong step and of the first step labelled incorrect, -1 where there is none."""
    errors = np.array([verdicts.first_error for _, verdicts in judged], dtype=np.int64)
    return errors, np.array([first_flag(each) for each, _ in judged], dtype=np.int64)


def graded_right(labeled: LabeledSolution) -> bool | None:
    """The grader's verdict on the final answer; None where labels came from outside and their source does not say."""
    last = labeled.estimates[-1]
    return last.successes == 1 if last.method is EstimateMethod.GRADED else labeled.solution.correct


def grading_table(judged: Sequence[Judged], seed: int) -> Table:
    """What the grader accepted against the truth, and right answers that rest on a wrong step."""
    judged = [(each, verdict) for each, verdict in judged if graded_right(each) is not None]
    graded = np.array([graded_right(each) for each, _ in judged], dtype=np.bool_)
    right = np.array([verdicts.answer_right is True for _, verdicts in judged], dtype=np.bool_)
    wrong = np.array([verdicts.answer_right is False for _, verdicts in judged], dtype=np.bool_)
    errors, flags = _first_indices(judged)
    lucky = graded & (errors >= 0)
    rows = {
        "false_positive": ("answer wrong: graded right", [(graded & wrong, wrong)]),
        "false_negative": ("answer right: graded wrong", [(~graded & right, right)]),
        "luck": ("graded right: has a wrong step", [(lucky, graded)]),
        "luck_unseen": ("of these: no step labelled incorrect", [(lucky & (flags < 0), lucky)]),
    }
    return share_table(
        key="grading",
        title="Final answers",
        note="What the grader said of the last step, beside the truth. A right answer after a wrong step is luck, "
        "and the Monte-Carlo labels of such a solution are too good.",
        head="solutions",
        columns={"share": "share"},
        problems=problem_numbers([each for each, _ in judged]),
        rows=rows,
        counted="solutions",
        seed=seed,
    )


def share_table(
    *,
    key: str,
    title: str,
    note: str,
    head: str,
    columns: Mapping[str, str],
    problems: Ints,
    rows: Mapping[str, tuple[str, Shares]],
    counted: str,
    seed: int,
) -> Table:
    """A table of shares: each row has its label and, per column, numerator and denominator by unit.

    The first column counts the units of the row: the first denominator.
    """
    flat = [pair for _, pairs in rows.values() for pair in pairs]
    cells = iter(problem_ratios(problems, flat, seed))
    return Table(
        key=key,
        title=title,
        note=note,
        head=head,
        columns=(
            Column(key=counted, label=counted, unit=Unit.COUNT),
            *(Column(key=name, label=label, unit=Unit.PERCENT) for name, label in columns.items()),
        ),
        rows=tuple(
            Row(
                key=name,
                label=label,
                cells=(Estimate.exact(float(pairs[0][1].sum())), *(next(cells) for _ in pairs)),
            )
            for name, (label, pairs) in rows.items()
        ),
    )
