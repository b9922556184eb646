"""Results as tables on the terminal."""

from dataclasses import replace
from typing import TYPE_CHECKING

from prmkit.evaluation.comparison import Comparison
from prmkit.evaluation.intervals import Estimate
from prmkit.report.format import interval, number
from prmkit.report.records import Table as Figures
from prmkit.report.records import Unit
from prmkit.report.tables import accuracy_table, difference_table, expectation

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table


def comparison_tables(comparison: Comparison) -> "Group":
    """Problems solved by n and method, and under it the paired differences; every figure with its 95 % interval.

    The first has a column for each of many methods; so that 80 characters hold it, its intervals are written short.
    """
    from rich.console import Group

    tables = [figures_table(replace(accuracy_table(comparison), note=expectation(comparison)), short=True)]
    if comparison.differences:
        tables.append(figures_table(replace(difference_table(comparison), note="")))
    return Group(*tables)


def figures_table(figures: Figures, *, short: bool = False) -> "Table":
    """Any table of a report; every figure that was estimated with its 95 % interval.

    Args:
        figures: The table.
        short: Whether intervals are written in nine characters at most.
    """
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(figures.title), caption=escape(figures.note) or None)
    table.add_column(escape(figures.head))
    for column in figures.columns:
        unit = {Unit.PERCENT: " (%)", Unit.POINTS: " (points)"}.get(column.unit, "")
        table.add_column(escape(column.label + unit), justify="right")
    for row in figures.rows:
        cells = (_cell(cell, column.unit, short) for cell, column in zip(row.cells, figures.columns, strict=True))
        table.add_row(escape(row.label), *cells)
    return table


def _cell(cell: Estimate | None, unit: Unit, short: bool) -> str:
    """A figure, and under it its interval where it has one."""
    if cell is None:
        return ""
    within = interval(cell, unit)
    if short:
        within = within.replace(" to ", "–").replace("100.0", "100")
    return number(cell.value, unit) + (f"\n[dim]{within}[/]" if within else "")
