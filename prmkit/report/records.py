"""What a report holds. Text may come from users and models: it is escaped where it is written, not here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from prmkit.errors import InputError, ShapeError
from prmkit.evaluation.comparison import Comparison
from prmkit.evaluation.intervals import Estimate

RESERVED = ("title", "headline", "notes", "command", "config", "versions")
"""Keys of metrics.json beside the tables."""


class Unit(StrEnum):
    """How the figures of a column are written."""

    PERCENT = "%"
    """A share in [0, 1] as a percentage."""
    POINTS = "percentage points"
    """A difference of shares, with its sign."""
    NUMBER = "0 to 1"
    """Two decimals."""
    COUNT = "count"
    """Whole, thousands apart."""
    SECONDS = "s"
    """Seconds, to a tenth below ten."""
    WATT_HOURS = "Wh"
    """Watt-hours, to a tenth below ten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of figures."""

    key: str
    """In metrics.json."""
    label: str
    """On the page."""
    unit: Unit
    """Of its figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of figures."""

    key: str
    """In metrics.json."""
    label: str
    """On the page."""
    cells: tuple[Estimate | None, ...]
    """One per column; None where there is nothing to estimate. Exact figures are `Estimate.exact`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A drawing beside a table. What it shows beyond the table is in its data."""

    key: str
    """In metrics.json; unique in the report."""
    title: str
    """Caption."""
    note: str = ""
    """How to read it."""
    legend: tuple[tuple[str, str], ...] = ()
    """A method, whose colour and marker it has, and what to call it."""
    svg: str
    """As `prmkit.report.charts.themed_chart` makes it; the only text of a report that is not escaped."""
    data: Mapping[str, Any] | None = None
    """JSON-able: every figure that is drawn; None where a table has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table: a section of the page, and an entry of metrics.json."""

    key: str
    """In metrics.json; unique in the report."""
    title: str
    """Heading."""
    note: str = ""
    """What the figures mean, in a sentence or two."""
    head: str
    """Label of the column of row labels."""
    columns: tuple[Column, ...]
    """Without that one."""
    rows: tuple[Row, ...]
    """At least one."""
    chart: Chart | None = None
    """Drawn among the curves at the head of the page."""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                raise ShapeError(
                    f"table {self.key!r}, row {row.key!r}: {len(row.cells)} cells for {len(self.columns)} columns"
                )

    def to_json(self) -> dict[str, dict[str, Any]]:
        """`{row: {column: {value, low, high, n}}}`; null where there is nothing to estimate."""
        return {
            row.key: {
                column.key: None if cell is None else cell.to_json()
                for column, cell in zip(self.columns, row.cells, strict=True)
            }
            for row in self.rows
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleStep:
    """A step in the step viewer; None hides what is not known."""

    text: str
    """What the policy wrote."""
    successes: int | None = None
    """Right completions from here."""
    rollouts: int | None = None
    """Completions drawn from here."""
    graded: bool = False
    """The last step: its answer was graded, nothing was drawn."""
    prm: float | None = None
    """The PRM's score, in [0, 1]."""
    truth: str | None = None
    """A judge's word: needed, unneeded, wrong."""

    @property
    def rate(self) -> float | None:
        """Share of right completions."""
        return None if self.successes is None or not self.rollouts else self.successes / self.rollouts


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A solution in the step viewer."""

    name: str
    """`problem_id/solution_id`."""
    problem: str
    """What was asked."""
    answer: str
    """Reference answer."""
    correct: bool
    """The grader's verdict."""
    steps: tuple[ExampleStep, ...]
    """In order."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """Score of the solution by method."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """A problem of which PRM and ORM choose different solutions, one of them right and one wrong."""

    prm: Example
    """What the PRM chooses."""
    orm: Example
    """What the ORM chooses."""

    @property
    def kind(self) -> str:
        """Who is right."""
        return "PRM right, ORM wrong" if self.prm.correct else "ORM right, PRM wrong"


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything on the page. The accuracy and difference tables and the curves come from `comparison`."""

    title: str
    """Heading of the page."""
    headline: str
    """The result in a sentence or two, with intervals, whatever the sign (`prmkit.report.headline`)."""
    comparison: Comparison
    """Of the methods."""
    notes: tuple[str, ...] = ()
    """What a reader must know to judge the result, a sentence each."""
    tables: tuple[Table, ...] = ()
    """Further sections: search, label quality, step quality, cost."""
    examples: tuple[Example, ...] = ()
    """For the step viewer; none leaves it out."""
    disagreements: tuple[Disagreement, ...] = ()
    """For the step viewer, before the examples."""
    examples_note: str = ""
    """How both were chosen."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """JSON-able: the resolved configuration."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """By package."""
    command: str
    """What reproduces it."""

    def __post_init__(self) -> None:
        charts = (table.chart.key for table in self.tables if table.chart is not None and table.chart.data is not None)
        keys = ["accuracy", "difference", *(table.key for table in self.tables), *charts]
        taken = [key for key in keys if keys.count(key) > 1 or key in RESERVED]
        if taken:
            raise InputError(f"two entries of metrics.json would be called {taken[0]!r}; rename a table")
