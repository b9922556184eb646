"""Tables on the terminal."""

import io
from dataclasses import replace

from rich.console import Console

from prmkit.evaluation.intervals import Estimate
from prmkit.report.records import Column, Row, Table, Unit
from prmkit.report.terminal import comparison_tables, figures_table


def shown(table) -> str:
    console = Console(width=160, file=io.StringIO())
    console.print(table)
    return console.file.getvalue()


def printed(comparison) -> str:
    return shown(comparison_tables(comparison))


def test_every_n_has_every_figure_with_its_interval(report) -> None:
    text = printed(report.comparison)
    for curve in report.comparison.accuracy.values():
        for each in curve:
            assert f"{100 * each.value:.1f}" in text and f"{100 * each.low:.1f}–{100 * each.high:.1f}" in text
    for each in report.comparison.differences["prm", "orm"][1:]:
        assert f"{100 * each.value:+.1f}".replace("-", "−") in text
    assert "PRM − ORM" in text


def test_without_differences_only_the_methods_are_shown(report) -> None:
    assert "−" not in printed(replace(report.comparison, differences={}))


def test_80_columns_hold_every_figure_and_interval_on_a_line(report) -> None:
    console = Console(width=80, file=io.StringIO())
    console.print(comparison_tables(report.comparison))
    for curve in report.comparison.accuracy.values():
        assert f" {100 * curve[-1].low:.1f}–{100 * curve[-1].high:.1f} " in console.file.getvalue()
    assert "…" not in console.file.getvalue()


def test_any_table_shows_figures_intervals_and_gaps_and_no_markup_of_others() -> None:
    share = Estimate(value=0.25, low=0.125, high=0.5, n=8)
    columns = (
        Column(key="n", label="steps", unit=Unit.COUNT),
        Column(key="a", label="share", unit=Unit.PERCENT),
        Column(key="b", label="width", unit=Unit.NUMBER),
    )
    rows = (
        Row(key="x", label="[red]x", cells=(Estimate.exact(1200), share, share)),
        Row(key="y", label="y", cells=(Estimate.exact(0), None, None)),
    )
    text = shown(
        figures_table(Table(key="t", title="[b]Title", note="A note.", head="kind", columns=columns, rows=rows))
    )
    assert all(
        part in text for part in ("[b]Title", "[red]x", "A note.", "share (%)", "25.0", "12.5 to 50.0", "1\u202f200")
    )
    assert "width" in text and "0.25" in text and "0.12 to 0.50" in text and "[dim]" not in text
