"""Results as tables on the terminal."""

from typing import TYPE_CHECKING

from prmkit.evaluation.comparison import Comparison
from prmkit.evaluation.intervals import Estimate
from prmkit.report.format import interval, number
from prmkit.report.records import Table as Figures
from prmkit.report.records import Unit
from prmkit.report.tables import accuracy_table, difference_table

if TYPE_CHECKING:
    from rich.table import Table


def comparison_table(comparison: Comparison) -> "Table":
    """Problems solved by n and method, and the paired differences; every figure with its 95 % interval."""
    from rich.table import Table

    table = Table(title="problems solved (%) and paired differences (points), with 95 % intervals")
    table.add_column("n", justify="right")
    parts = [accuracy_table(comparison)]
    if comparison.differences:
        parts.append(difference_table(comparison))
    for column in (column for part in parts for column in part.columns):
        table.add_column(column.label, justify="right")
    for row, n in enumerate(comparison.sizes):
        cells = [
            _cell(cell, column.unit)
            for part in parts
            for cell, column in zip(part.rows[row].cells, part.columns, strict=True)
            if cell is not None
        ]
        table.add_row(str(n), *cells)
    return table


def figures_table(figures: Figures) -> "Table":
    """Any table of a report; every figure that was estimated with its 95 % interval."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(figures.title), caption=escape(figures.note) or None)
    table.add_column(escape(figures.head))
    for column in figures.columns:
        unit = f" ({column.unit})" if column.unit in (Unit.PERCENT, Unit.POINTS) else ""
        table.add_column(escape(column.label + unit), justify="right")
    for row in figures.rows:
        cells = (_cell(cell, column.unit) for cell, column in zip(row.cells, figures.columns, strict=True))
        table.add_row(escape(row.label), *cells)
    return table


def _cell(cell: Estimate | None, unit: Unit) -> str:
    """A figure, and under it its interval where it has one."""
    if cell is None:
        return ""
    within = interval(cell, unit)
    return number(cell.value, unit) + (f"\n[dim]{within}[/]" if within else "")
