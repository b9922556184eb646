"""report.html and metrics.json, from one `Report`."""

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prmkit.evaluation.comparison import PASS, WEIGHTED
from prmkit.evaluation.intervals import Estimate
from prmkit.files import write_json, write_text
from prmkit.report import charts, format
from prmkit.report.records import Chart, Report, Table, Unit
from prmkit.report.tables import accuracy_table, difference_name, difference_table, main_pairs, method_name

if TYPE_CHECKING:
    from jinja2 import Environment

REPORT_FILE = "report.html"
METRICS_FILE = "metrics.json"
TEMPLATES = Path(__file__).parent / "templates"


def write_report(out: Path, report: Report) -> None:
    """Write `out/report.html` and `out/metrics.json`; each is whole or absent. `out` is made where it does not exist.

    The page holds everything it needs and asks nothing of the network. Whatever text it shows is escaped.
    """
    write_json(out / METRICS_FILE, metrics(report))
    write_text(out / REPORT_FILE, render(report))


def metrics(report: Report) -> dict[str, Any]:
    """Every figure of the tables and curves as `{value, low, high, n}`, by table, row and column."""
    return {
        "title": report.title,
        "headline": report.headline,
        "notes": list(report.notes),
        "command": report.command,
        "versions": dict(report.versions),
        "config": dict(report.config),
        "monte_carlo_error": _monte_carlo_errors(report),
        **{table.key: table.to_json() for table in _all_tables(report)},
        **{chart.key: dict(chart.data) for chart in _charts(report) if chart.data is not None},
    }


def _monte_carlo_errors(report: Report) -> dict[str, dict[str, float]]:
    """By method and n: the standard error of a share that is not exact."""
    comparison = report.comparison
    return {
        name: {str(n): float(error) for n, error in zip(comparison.sizes, errors, strict=True) if error > 0}
        for name, errors in comparison.errors.items()
        if errors.max() > 0
    }


def page_environment() -> "Environment":
    """How templates become pages: whatever text they show is escaped, and a name that is not there is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(report: Report) -> str:
    """The page."""
    environment = page_environment()
    environment.globals.update(
        number=format.number,
        interval=format.interval,
        p_value=format.p_value,
        colour=charts.colour,
        marker=charts.marker,
        method_name=method_name,
        Unit=Unit,
    )
    return environment.get_template("report.html.jinja").render(
        report=report,
        tables=_all_tables(report),
        tiles=_tiles(report),
        charts=_charts(report),
        kinds=_kinds(report),
        config=json.dumps(dict(report.config), indent=2, ensure_ascii=False, default=str),
    )


def _all_tables(report: Report) -> list[Table]:
    comparison = report.comparison
    pairs = [difference_table(comparison)] if comparison.differences else []
    return [accuracy_table(comparison), *pairs, *report.tables]


def _charts(report: Report) -> list[Chart]:
    comparison = report.comparison
    pairs = [charts.difference_chart(comparison)] if comparison.differences else []
    return [
        charts.accuracy_chart(comparison),
        *pairs,
        *(each.chart for each in report.tables if each.chart is not None),
    ]


def _tiles(report: Report) -> list[tuple[str, Estimate, Unit]]:
    """The figures at the top: every method at the largest n, then the differences; votes by weight are in the table."""
    comparison = report.comparison
    tiles = [
        (f"{method_name(name)}, n = {comparison.largest}", curve[-1], Unit.PERCENT)
        for name, curve in comparison.accuracy.items()
        if name != PASS and not name.endswith(WEIGHTED)
    ]
    return tiles + [
        (difference_name(*pair), comparison.differences[pair][-1], Unit.POINTS) for pair in main_pairs(comparison)
    ]


def _kinds(report: Report) -> dict[str, int]:
    """How many entries of the step viewer each filter shows."""
    right = sum(each.correct for each in report.examples)
    kinds = {
        "all": len(report.disagreements) + len(report.examples),
        **Counter(each.kind for each in report.disagreements),
        "right": right,
        "wrong": len(report.examples) - right,
    }
    return {kind: count for kind, count in kinds.items() if count or kind == "all"}
