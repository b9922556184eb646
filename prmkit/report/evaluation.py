"""Tables of `prmkit evaluate`."""

from collections.abc import Mapping, Sequence

from prmkit.evaluation.first_error import SolutionFigures
from prmkit.evaluation.intervals import Estimate
from prmkit.evaluation.prmbench import KindFigures
from prmkit.evaluation.step_quality import PositionQuality
from prmkit.evaluation.stress import StressFigures
from prmkit.report.records import Column, Row, Table, Unit


def solution_table(figures: Mapping[str, SolutionFigures], threshold: float) -> Table:
    """First errors and lowest scores, one row per subset."""
    columns = {
        "first_error_f1": "F1",
        "first_error_wrong": "first error found",
        "first_error_right": "nothing flagged if right",
        "lowest_last": "lowest on the last step",
        "process_error": "right answers with a wrong step",
        "process_error_flagged": "of these, flagged",
        "process_error_found": "of these, found",
    }
    return Table(
        key="processbench",
        title="First errors",
        note="F1 is the harmonic mean of the accuracies on solutions with and without a wrong step; a step is flagged "
        f"below {threshold:.4g}. In the average every subset counts alike.",
        head="subset",
        columns=_columns(columns),
        rows=_rows(figures, columns),
    )


def position_table(positions: Sequence[PositionQuality]) -> Table:
    """Steps by their index."""
    return Table(
        key="positions",
        title="By step",
        note="Steps up to the first error; the first step has the index 0.",
        head="index",
        columns=(
            Column(key="steps", label="steps", unit=Unit.COUNT),
            Column(key="wrong", label="wrong", unit=Unit.PERCENT),
            Column(key="score_wrong", label="score if wrong", unit=Unit.NUMBER),
            Column(key="score_right", label="score if not", unit=Unit.NUMBER),
            Column(key="recall", label="wrong, and flagged", unit=Unit.PERCENT),
            Column(key="false_alarms", label="not wrong, but flagged", unit=Unit.PERCENT),
        ),
        rows=tuple(
            Row(
                key=str(each.first),
                label=f"{each.first}" if each.first == each.last else f"{each.first} to {each.last}",
                cells=(
                    Estimate.exact(each.steps),
                    each.wrong,
                    each.score_wrong,
                    each.score_right,
                    each.recall,
                    each.false_alarms,
                ),
            )
            for each in positions
        ),
    )


def prmbench_table(figures: Mapping[str, KindFigures], threshold: float) -> Table:
    """PRMScore and its parts, one row per kind, dimension, and over all."""
    columns = {
        "prmscore": "PRMScore",
        "f1": "F1",
        "negative_f1": "F1 of marked",
        "accuracy_right": "not marked, passed",
        "accuracy_wrong": "marked, flagged",
        "first_error": "first marked, flagged",
        "first_found": "first flagged is it",
    }
    return Table(
        key="prmbench",
        title="PRMBench",
        note=f"A step is flagged below {threshold:.4g}. Each dimension is the mean of its kinds, overall rests on all "
        "steps; where no step is marked PRMScore is F1.",
        head="kind",
        columns=_columns(columns),
        rows=_rows(figures, columns),
    )


def stress_table(figures: Mapping[str, StressFigures], share: float, margin: float) -> Table:
    """Variants and their verdicts."""
    return Table(
        key="stress",
        title="Stress cases",
        note=f"pass: the original does as demanded in {share:.0%} of the solutions. It must score higher, or, where "
        f"the variant may be right too, at most {margin:g} lower.",
        head="variant",
        columns=(
            Column(key="held", label="held", unit=Unit.PERCENT),
            Column(key="original", label="score of original", unit=Unit.NUMBER),
            Column(key="score", label="score of variant", unit=Unit.NUMBER),
            Column(key="passed", label="pass", unit=Unit.COUNT),
            Column(key="left_out", label="left out", unit=Unit.COUNT),
        ),
        rows=tuple(
            Row(
                key=name,
                label=f"{each.label}: {verdict(each)} ({each.demand})",
                cells=(
                    each.held,
                    each.original,
                    each.score,
                    None if each.passed is None else Estimate.exact(each.passed),
                    Estimate.exact(each.left_out),
                ),
            )
            for name, each in figures.items()
        ),
    )


def verdict(figures: StressFigures) -> str:
    """In a word."""
    return "no case" if figures.passed is None else "pass" if figures.passed else "FAIL"


def _columns(labels: Mapping[str, str]) -> tuple[Column, ...]:
    return tuple(Column(key=key, label=label, unit=Unit.PERCENT) for key, label in labels.items())


def _rows(figures: Mapping[str, object], columns: Mapping[str, str]) -> tuple[Row, ...]:
    return tuple(
        Row(key=name, label=name.replace("_", " "), cells=tuple(getattr(each, key) for key in columns))
        for name, each in figures.items()
    )
