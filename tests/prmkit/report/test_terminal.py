"""Tables on the terminal."""

import io
from dataclasses import replace

import numpy as np
import pytest
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
            assert f"{100 * each.value:.1f}" in text and _interval(each) in text
    for each in report.comparison.differences["prm", "orm"][1:]:
        assert f"{100 * each.value:+.1f}".replace("-", "−") in text
    assert "PRM − ORM" in text


def test_without_differences_only_the_methods_are_shown(report) -> None:
    assert "−" not in printed(replace(report.comparison, differences={}))


@pytest.mark.parametrize("high", [0.999, 1.0])
def test_80_columns_hold_every_figure_and_interval_on_a_line(report, high) -> None:
    wide = Estimate(value=0.5, low=0.207, high=high, n=8)
    curves = {name: (*curve[:-1], wide) for name, curve in report.comparison.accuracy.items()}
    console = Console(width=80, file=io.StringIO())
    console.print(comparison_tables(replace(report.comparison, accuracy=curves)))
    assert console.file.getvalue().count(f" {_interval(wide)} ") == len(curves) == 6
    assert "…" not in console.file.getvalue()


def _interval(each: Estimate) -> str:
    return f"{100 * each.low:.1f}–{100 * each.high:.1f}".replace("100.0", "100")


def test_the_table_says_where_figures_are_drawn_and_by_how_much_they_may_be_off(report) -> None:
    drawn = replace(report.comparison, errors={"prm-weighted": np.full(len(report.comparison.sizes), 0.0005)})
    words = " ".join(printed(drawn).split())
    assert "drawn for the vote weighted by PRM (standard error at most 0.05 points)" in words
    assert "standard error" not in printed(replace(report.comparison, errors={}))


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
