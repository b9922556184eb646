"""The report: one self-contained HTML page and metrics.json, written from the same records.

`records` says what a report holds; `headline`, `tables`, `comparison` and `examples` make its parts from results,
`charts` draws and `write` writes both files. `prmkit demo` and `prmkit compare` differ only in the parts they put in.
"""

from prmkit.report.records import Chart, Column, Disagreement, Example, ExampleStep, Report, Row, Table, Unit
from prmkit.report.write import write_report

__all__ = [
    "Chart",
    "Column",
    "Disagreement",
    "Example",
    "ExampleStep",
    "Report",
    "Row",
    "Table",
    "Unit",
    "write_report",
]
