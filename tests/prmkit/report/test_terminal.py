"""The comparison on the terminal."""

import io
from dataclasses import replace

from rich.console import Console

from prmkit.report.terminal import comparison_table


def printed(comparison) -> str:
    console = Console(width=160, file=io.StringIO())
    console.print(comparison_table(comparison))
    return console.file.getvalue()


def test_every_n_has_every_figure_with_its_interval(report) -> None:
    text = printed(report.comparison)
    for curve in report.comparison.accuracy.values():
        for each in curve:
            assert f"{100 * each.value:.1f}" in text and f"{100 * each.low:.1f} to {100 * each.high:.1f}" in text
    for each in report.comparison.differences["prm", "orm"][1:]:
        assert f"{100 * each.value:+.1f}".replace("-", "−") in text
    assert "PRM − ORM" in text


def test_without_differences_only_the_methods_are_shown(report) -> None:
    assert "−" not in printed(replace(report.comparison, differences={}))
