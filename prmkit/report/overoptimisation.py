"""What becomes of accuracy where the proxy, the score of the chosen solution, is pushed up: a chart and a table."""

from collections.abc import Mapping
from typing import Any

from prmkit.evaluation.intervals import Estimate
from prmkit.evaluation.overoptimisation import Overoptimisation
from prmkit.report import charts
from prmkit.report.records import Chart, Column, Row, Table, Unit
from prmkit.report.tables import method_name

_HEIGHT = 4.6


def overoptimisation_table(found: Mapping[str, Overoptimisation]) -> Table:
    """Where each method's accuracy turns, what it loses from there on, and the fitted curve of Gao et al. 2023.

    Args:
        found: By method that has scores; at least one.
    """
    largest = next(iter(found.values())).sizes[-1]
    return Table(
        key="overoptimisation",
        title="Over-optimisation",
        note="Choosing the best of n moves away from the policy by KL = log n − (n−1)/n nats at most. Accuracy (gold) "
        f"that falls while the score (proxy) rises is over-optimisation. {_told(found)} The fit is Gao et al.'s "
        "gain over one solution, d (α − β d) with d = √KL, which misses the curve by the root mean square given.",
        head="chosen by",
        columns=(
            Column(key="peak", label="best n", unit=Unit.COUNT),
            Column(key="kl", label="KL there (nats)", unit=Unit.NUMBER),
            Column(key="accuracy", label="solved there", unit=Unit.PERCENT),
            Column(key="fall", label=f"change from there to n = {largest}", unit=Unit.POINTS),
            Column(key="proxy", label=f"score at n = {largest}", unit=Unit.NUMBER),
            Column(key="alpha", label="α", unit=Unit.POINTS),
            Column(key="beta", label="β", unit=Unit.POINTS),
            Column(key="best", label="fit turns at KL", unit=Unit.NUMBER),
            Column(key="residual", label="fit misses by", unit=Unit.PERCENT),
        ),
        rows=tuple(Row(key=name, label=method_name(name), cells=_cells(each)) for name, each in found.items()),
        chart=overoptimisation_chart(found),
    )


def overoptimisation_chart(found: Mapping[str, Overoptimisation]) -> Chart:
    """Gold (share solved, thick) and proxy (expected score of the chosen, thin) against KL, the best n ringed."""

    def draw(gold: Any) -> None:
        proxy = gold.twinx()
        for name, each in found.items():
            charts.draw_curve(gold, each.kl, name, each.gold)
            charts.draw_curve(proxy, each.kl, name, each.proxy, scale=1, thin=True)
            at = each.sizes.index(each.peak)
            ring = {"marker": "o", "markersize": 11, "markerfacecolor": "none", "color": charts.style(name)[0]}
            gold.plot([each.kl[at]], [100 * each.gold[at].value], **ring)
        if _are_chances(found):
            gold.set_ylim(0, 104)
            proxy.set_ylim(0, 1.04)
        gold.set_ylabel("solved (%), thick")
        proxy.set_ylabel("score of the chosen, thin")
        gold.set_xlabel("KL from the policy, log n − (n−1)/n (nats)")
        _name_sizes(gold, next(iter(found.values())))

    label = "Accuracy and score of the chosen solution against KL; " + "; ".join(
        f"{method_name(name)} solves {100 * each.gold[0].value:.1f} % at n = 1, most at n = {each.peak}, "
        f"{100 * each.gold[-1].value:.1f} % at n = {each.sizes[-1]}, where its score is {each.proxy[-1].value:.2f}"
        for name, each in found.items()
    )
    return Chart(
        key="overoptimisation_curves",
        title="Over-optimisation: accuracy (gold) and score (proxy)",
        note="Thick: the share solved (left), its best n ringed; thin: the expected score of the chosen (right)."
        + (" A thin line above its thick one promises more than is solved." if _are_chances(found) else ""),
        legend=tuple((name, method_name(name)) for name in found),
        svg=charts.themed_chart("overoptimisation", label, draw, height=_HEIGHT),
        data={
            name: [
                {"n": n, "kl": kl, "gold": gold.to_json(), "proxy": proxy.to_json()}
                for n, kl, gold, proxy in zip(each.sizes, each.kl, each.gold, each.proxy, strict=True)
            ]
            for name, each in found.items()
        },
    )


def _are_chances(found: Mapping[str, Overoptimisation]) -> bool:
    """Scores in [0, 1] are drawn on the scale of the shares that they stand for; others have a scale of their own."""
    return all(0 <= point.value <= 1 for each in found.values() for point in each.proxy)


def _name_sizes(axes: Any, curves: Overoptimisation) -> None:
    """The n of each KL along the top."""
    top = axes.secondary_xaxis("top")
    top.set_xticks(curves.kl, [str(n) for n in curves.sizes])
    top.tick_params(length=0, labelsize=8)
    top.spines["top"].set_visible(False)
    top.set_xlabel("n", fontsize=8)


def _cells(each: Overoptimisation) -> tuple[Estimate | None, ...]:
    at, fit = each.sizes.index(each.peak), each.fit
    return (
        Estimate.exact(each.peak),
        Estimate.exact(each.kl[at]),
        each.gold[at],
        each.fall,
        each.proxy[-1],
        fit.alpha if fit else None,
        fit.beta if fit else None,
        Estimate.exact(fit.best**2) if fit and fit.best is not None else None,
        Estimate.exact(fit.residual) if fit else None,
    )


def _told(found: Mapping[str, Overoptimisation]) -> str:
    """Where it turns, in words."""
    return " ".join(f"{method_name(name)}: {_turn(each)}." for name, each in found.items())


def _turn(each: Overoptimisation) -> str:
    largest = each.sizes[-1]
    if each.fall is None:
        return f"no turn up to n = {largest}"
    if each.falls:
        return f"turns at n = {each.peak} and falls from there"
    return f"highest at n = {each.peak}, but a fall from there to n = {largest} is not shown"
