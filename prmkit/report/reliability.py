"""Reliability diagrams: mean outcome against mean score by bin, as a chart of a page and as a page of its own."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

from prmkit.evaluation.calibration_error import ReliabilityBin
from prmkit.evaluation.intervals import Estimate
from prmkit.report import charts
from prmkit.report.records import Column, Row, Table, Unit
from prmkit.report.tables import method_name
from prmkit.report.write import TEMPLATES

_KEYS = ("prm", "orm", "majority", "pass")
"""Styles of the lines, in order; a method has its own."""
_HEIGHT = 4.6
"""Nearly square."""


def reliability_chart(curves: Mapping[str, Sequence[ReliabilityBin]], *, legend: bool = True) -> str:
    """One line and 95 % bars per named curve beside the diagonal of perfect calibration: an `<svg>` element.

    Args:
        curves: By name.
        legend: Draw it within the chart.
    """
    label = "Outcome against score: " + "; ".join(
        f"{method_name(name)} "
        + ", ".join(f"{100 * each.outcome.value:.0f} % at {100 * each.mean_score:.0f} %" for each in bins)
        for name, bins in curves.items()
    )

    def draw(axes: Any) -> None:
        axes.plot([0, 1], [0, 1], ":", color=charts.INK, linewidth=1)
        for key, (name, bins) in zip(cycle(_KEYS), curves.items(), strict=False):
            _draw(axes, name if name in charts.STYLES else key, method_name(name), bins)
        axes.set_xlabel("mean score")
        axes.set_ylabel("mean outcome")
        if legend:
            axes.legend(frameon=False)

    return charts.themed_chart("reliability", label, draw, height=_HEIGHT)


def _draw(axes: Any, key: str, name: str, bins: Sequence[ReliabilityBin]) -> None:
    paint, line, marker = charts.style(key)
    values = [each.outcome.value for each in bins]
    axes.errorbar(
        [each.mean_score for each in bins],
        values,
        yerr=[
            [max(0.0, value - each.outcome.low) for value, each in zip(values, bins, strict=True)],
            [max(0.0, each.outcome.high - value) for value, each in zip(values, bins, strict=True)],
        ],
        linestyle=line,
        marker=marker,
        color=paint,
        linewidth=1.6,
        elinewidth=0.9,
        markersize=4.5,
        label=name,
    )


def error_table(rows: Mapping[str, Mapping[str, Estimate]], note: str) -> Table:
    """ECE and Brier score, one row per name."""
    return Table(
        key="calibration",
        title="Calibration error",
        note=note,
        head="scores",
        columns=(
            Column(key="ece", label="ECE", unit=Unit.PERCENT),
            Column(key="brier", label="Brier score", unit=Unit.PERCENT),
        ),
        rows=tuple(
            Row(
                key=name.replace(" ", "_"),
                label=method_name(name),
                cells=(each["ece"], each["brier"]),
            )
            for name, each in rows.items()
        ),
    )


def reliability_json(curves: Mapping[str, Sequence[ReliabilityBin]]) -> dict[str, list[dict[str, object]]]:
    """The bins as stored in metrics.json."""
    return {
        name: [
            {
                "low": each.low,
                "high": each.high,
                "count": each.count,
                "mean_score": each.mean_score,
                "outcome": each.outcome.to_json(),
            }
            for each in bins
        ]
        for name, bins in curves.items()
    }


def reliability_page(title: str, curves: Mapping[str, Sequence[ReliabilityBin]], table: Table) -> str:
    """A self-contained HTML page with the diagram and the table."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from prmkit.report import format

    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    environment.globals.update(number=format.number, interval=format.interval)
    return environment.get_template("reliability.html.jinja").render(
        title=title, chart=reliability_chart(curves), table=table
    )
