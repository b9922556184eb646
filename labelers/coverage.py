"""Rates and intervals beside the values they estimate: known exactly, or from many more rollouts."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from labelers.values import interval
from prmkit.errors import ShapeError
from prmkit.evaluation.intervals import LEVEL, Estimate
from prmkit.evaluation.judged import problem_numbers, problem_ratios
from prmkit.records import EstimateMethod, LabeledSolution
from prmkit.report.records import Column, Row, Table, Unit

BANDS = (0.0, 0.05, 0.5, 0.95, 1.0)
"""Ends of the bands of a step's true value; the first includes 0."""

Values = list[float | None]
"""True value in [0, 1] of every step of a solution; None where it is not known."""


def exact_values(labeled: Sequence[LabeledSolution], value: Callable[[str, Sequence[str]], float]) -> list[Values]:
    """Values of all steps that were rolled out, from a completer that knows them.

    Args:
        labeled: Labelled solutions.
        value: From a problem and the steps so far, as `SimulatedCompleter.value`.
    """
    return [
        [
            value(each.solution.problem.problem, each.solution.steps[: at + 1]) if _drawn(each, at) else None
            for at in range(len(each.labels))
        ]
        for each in labeled
    ]


def reference_values(labeled: Sequence[LabeledSolution], reference: Sequence[LabeledSolution]) -> list[Values]:
    """Rates of the same steps in a table with many more rollouts; None where one of the two was not rolled out.

    Raises:
        ShapeError: A solution has other steps there.
    """
    many = {each.solution.name: each for each in reference}
    found: list[Values] = []
    for each in labeled:
        other = many.get(each.solution.name)
        if other is not None and other.solution.steps != each.solution.steps:
            raise ShapeError(f"solution {each.solution.name}: the tables hold different steps of it")
        found.append(
            [
                other.estimates[at].rate if other is not None and _drawn(each, at) and _drawn(other, at) else None
                for at in range(len(each.labels))
            ]
        )
    return found


def intervals(labeled: LabeledSolution) -> tuple[tuple[float, float], ...]:
    """Ends of the interval of every step's value: those stored with the labels, else 95 % intervals of the counts."""
    return labeled.intervals or tuple(interval(each, LEVEL) for each in labeled.estimates)


def _drawn(labeled: LabeledSolution, step: int) -> bool:
    return labeled.estimates[step].method is EstimateMethod.ROLLOUTS


def coverage_table(labeled: Sequence[LabeledSolution], values: Sequence[Values], seed: int) -> Table:
    """How often the steps' intervals hold their value, how wide they are, and whether rates lean to one side."""
    units = [
        (number, *ends[at], each.estimates[at].rate, value)
        for number, each, row in zip(problem_numbers(labeled), labeled, values, strict=True)
        for ends in (intervals(each),)
        for at, value in enumerate(row)
        if value is not None
    ]
    numbers, low, high, rate, true = np.array(units, dtype=np.float64).reshape(-1, 5).T
    covered, width, error = (low <= true) & (true <= high), high - low, rate - true
    band = np.searchsorted(BANDS[1:-1], true)
    rows = {"all": ("all", np.ones(len(true), dtype=np.bool_))}
    for index, (first, last) in enumerate(pairwise(BANDS)):
        rows[f"{first:g}-{last:g}"] = (f"{'' if index == 0 else 'over '}{first:g} to {last:g}", band == index)
    pairs = [(column * mine, mine) for _, mine in rows.values() for column in (covered, width, error)]
    cells = iter(problem_ratios(numbers.astype(np.int64), pairs, seed))
    return Table(
        key="coverage",
        title="Intervals of the steps' values",
        note="Over all steps that were rolled out. The intervals are those stored with the labels: they are to hold "
        "95 % of the values, unless the labels were made with another --level.",
        head="value",
        columns=(
            Column(key="steps", label="steps", unit=Unit.COUNT),
            Column(key="covered", label="within the interval", unit=Unit.PERCENT),
            Column(key="width", label="width", unit=Unit.NUMBER),
            Column(key="bias", label="rate \N{MINUS SIGN} value", unit=Unit.POINTS),
        ),
        rows=tuple(
            Row(key=key, label=label, cells=(Estimate.exact(float(mine.sum())), *(next(cells) for _ in range(3))))
            for key, (label, mine) in rows.items()
        ),
    )
