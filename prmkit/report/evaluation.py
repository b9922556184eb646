"""Tables of `prmkit evaluate`."""

from collections.abc import Iterable, Mapping, Sequence

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
    columns = {
        "steps": "steps",
        "wrong": "wrong",
        "score_wrong": "score if wrong",
        "score_right": "score if not",
        "recall": "wrong, and flagged",
        "false_alarms": "not wrong, but flagged",
    }
    return Table(
        key="positions",
        title="By step",
        note="Steps up to the first error; the first step has the index 0.",
        head="index",
        columns=_columns(columns, steps=Unit.COUNT, score_wrong=Unit.NUMBER, score_right=Unit.NUMBER),
        rows=tuple(
            Row(
                key=str(each.first),
                label=f"{each.first}" if each.first == each.last else f"{each.first} to {each.last}",
                cells=_cells(each, columns),
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
    columns = {
        "held": "held",
        "original": "score of original",
        "score": "score of variant",
        "passed": "pass",
        "left_out": "left out",
    }
    return Table(
        key="stress",
        title="Stress cases",
        note=f"pass: the original does as demanded in {share:.0%} of the solutions. It must score higher, or, where "
        f"the variant may be right too, at most {margin:g} lower.",
        head="variant",
        columns=_columns(columns, original=Unit.NUMBER, score=Unit.NUMBER, passed=Unit.COUNT, left_out=Unit.COUNT),
        rows=tuple(
            Row(
                key=name,
                label=f"{each.label}: {verdict(each)} ({each.demand})",
                cells=_cells(each, columns),
            )
            for name, each in figures.items()
        ),
    )


def verdict(figures: StressFigures) -> str:
    """In a word."""
    return "no case" if figures.passed is None else "pass" if figures.passed else "FAIL"


def _columns(labels: Mapping[str, str], **units: Unit) -> tuple[Column, ...]:
    """In percent, but for those given."""
    return tuple(Column(key=key, label=label, unit=units.get(key, Unit.PERCENT)) for key, label in labels.items())


def _cells(figures: object, columns: Iterable[str]) -> tuple[Estimate | None, ...]:
    """The fields of these names; counts and verdicts are exact."""
    found = (getattr(figures, key) for key in columns)
    return tuple(each if each is None or isinstance(each, Estimate) else Estimate.exact(each) for each in found)


def _rows(figures: Mapping[str, object], columns: Mapping[str, str]) -> tuple[Row, ...]:
    return tuple(
        Row(key=name, label=name.replace("_", " "), cells=_cells(each, columns)) for name, each in figures.items()
    )
