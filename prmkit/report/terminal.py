"""The comparison as a table on the terminal."""

from typing import TYPE_CHECKING

from prmkit.evaluation.comparison import Comparison
from prmkit.report.format import interval, number
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
            f"{number(cell.value, column.unit)}\n[dim]{interval(cell, column.unit)}[/]"
            for part in parts
            for cell, column in zip(part.rows[row].cells, part.columns, strict=True)
            if cell is not None
        ]
        table.add_row(str(n), *cells)
    return table
