"""Charts as SVG that takes its colours from the page, so that one drawing serves light and dark."""

import io
import re
from collections.abc import Callable, Sequence
from typing import Any

from prmkit.evaluation.comparison import WEIGHTED, Comparison
from prmkit.evaluation.intervals import Estimate
from prmkit.report.format import MINUS
from prmkit.report.records import Chart
from prmkit.report.tables import difference_name, main_pairs, method_name

INK, _GRID, _SPARE = "#010203", "#010204", "#010205"
"""Stand-ins that matplotlib draws with; each becomes a CSS variable."""
STYLES = {
    "prm": ("#020201", "-", "o"),
    "orm": ("#020202", "--", "s"),
    "majority": ("#020203", "-.", "^"),
    "pass": ("#020204", ":", "D"),
    "prm-orm": ("#020202", "--", "s"),
    "prm-majority": ("#020203", "-.", "^"),
}
"""Colour, line and marker: told apart without colours too. A difference looks like the method it is taken from."""
_OTHER = (_SPARE, "-", "v")
_VARIABLES = {
    INK: "--muted",
    _GRID: "--grid",
    _SPARE: "--c-spare",
    "#020201": "--c-prm",
    "#020202": "--c-orm",
    "#020203": "--c-majority",
    "#020204": "--c-pass",
}
_WIDTH, _HEIGHT = 5.0, 3.5
_SETTINGS = {
    "svg.fonttype": "none",
    "font.size": 10,
    "text.parse_math": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": _GRID,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": _GRID,
}

Line = tuple[str, Sequence[Estimate]]


def style(key: str) -> tuple[str, str, str]:
    """Stand-in of the colour, line and marker of a method or difference; a vote by weight looks like its model."""
    return STYLES.get(key.removesuffix(WEIGHTED), _OTHER)


def colour(key: str) -> str:
    """CSS variable of a method or difference."""
    return _VARIABLES[style(key)[0]]


def marker(key: str) -> str:
    """The marker of its line as a character; hollow for a vote by weight."""
    marks = "○□△◇▽" if key.endswith(WEIGHTED) else "●■▲◆▼"
    return marks["os^Dv".index(style(key)[2])]


def accuracy_chart(comparison: Comparison) -> Chart:
    """Problems solved against n, a line per method, with a 95 % band but for votes by weight, which are thin lines."""
    lines = list(comparison.accuracy.items())
    told = ", ".join(f"{method_name(name)} {100 * curve[-1].value:.1f} %" for name, curve in lines)
    label = f"Problems solved against solutions per problem; at {comparison.largest}: {told}"
    return Chart(
        key="accuracy",
        title="Problems solved",
        legend=tuple((name, method_name(name)) for name, _ in lines),
        svg=_chart(comparison.sizes, lines, "problems solved (%)", label),
    )


def difference_chart(comparison: Comparison) -> Chart:
    """Paired differences against n with 95 % bands."""
    lines = [(f"{a}-{b}", comparison.differences[a, b]) for a, b in main_pairs(comparison)]
    names = [difference_name(*pair) for pair in main_pairs(comparison)]
    told = ", ".join(
        f"{name.replace(MINUS, 'minus')} {100 * curve[-1].value:+.1f} points"
        for name, (_, curve) in zip(names, lines, strict=True)
    )
    label = f"Paired differences against solutions per problem; at {comparison.largest}: {told}"
    return Chart(
        key="difference",
        title="Paired differences",
        legend=tuple((key, name) for (key, _), name in zip(lines, names, strict=True)),
        svg=_chart(comparison.sizes, lines, "difference (percentage points)", label, zero=True),
    )


def themed_chart(salt: str, label: str, draw: Callable[[Any], None], *, height: float = _HEIGHT) -> str:
    """An `<svg>` element in the page's colours.

    Args:
        salt: Makes the ids within differ from those of other charts; they repeat from run to run.
        label: What the chart shows, in words.
        draw: Draws on matplotlib axes, with `INK` and the colours of `STYLES`.
        height: Where the width is 5.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({**_SETTINGS, "svg.hashsalt": salt}):
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        figure.patch.set_alpha(0)
        draw(figure.subplots())
        for axes in figure.axes:
            axes.patch.set_alpha(0)
            axes.spines[["top", "right", "left"]].set_visible(False)
            axes.tick_params(length=0)
        figure.axes[0].grid(visible=True, linewidth=0.6)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    return _themed(text.getvalue(), label)


def _chart(sizes: Sequence[int], lines: Sequence[Line], unit: str, label: str, *, zero: bool = False) -> str:
    def draw(axes: Any) -> None:
        for key, curve in lines:
            draw_curve(axes, sizes, key, curve)
        if zero:
            axes.axhline(0, color=INK, linewidth=1)
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:+g}".replace("-", MINUS) if value else "0")
        axes.set_xscale("log", base=2)
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.minorticks_off()
        axes.set_xlabel("solutions per problem n (log2)")
        axes.set_ylabel(unit)

    return themed_chart(unit, label, draw)


def draw_curve(
    axes: Any, at: Sequence[float], key: str, curve: Sequence[Estimate], *, scale: float = 100, thin: bool = False
) -> None:
    """A line in the look of a method, with its 95 % band; thin ones (votes by weight) are hollow and have none."""
    paint, line, mark = style(key)
    thin |= key.endswith(WEIGHTED)
    if not thin:
        ends = ([scale * each.low for each in curve], [scale * each.high for each in curve])
        axes.fill_between(at, *ends, color=paint, alpha=0.13, lw=0)
    look = {"markerfacecolor": "none", "linewidth": 0.9} if thin else {"linewidth": 1.8}
    axes.plot(at, [scale * each.value for each in curve], line, color=paint, marker=mark, markersize=4.5, **look)


def _themed(svg: str, label: str) -> str:
    """The bare `<svg>` element: named for screen readers, scaled by the page, coloured by its variables."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(
        r'(<svg [^>]*?)width="[^"]*"', r"\1", re.sub(r'(<svg [^>]*?)height="[^"]*"', r"\1", svg, count=1), count=1
    )
    for stand_in, variable in _VARIABLES.items():
        svg = svg.replace(stand_in, f"var({variable})")
    quoted = label.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return svg.replace("<svg ", f'<svg role="img" aria-label="{quoted}" ', 1)
