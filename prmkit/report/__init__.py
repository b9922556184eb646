"""The report: one self-contained HTML page and metrics.json, written from the same records.

`records` says what a report holds, `tables` and `examples` make its parts from results, `charts` draws the curves and
`write` writes both files. `prmkit demo` and `prmkit compare` differ only in the parts they put in.
"""

from prmkit.report.records import Column, Example, ExampleStep, Report, Row, Table, Unit
from prmkit.report.write import write_report

__all__ = ["Column", "Example", "ExampleStep", "Report", "Row", "Table", "Unit", "write_report"]
