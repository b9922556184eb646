"""Tables of several regimes side by side, and PRM against ORM where they learned from different numbers of labels."""

from collections.abc import Mapping

import numpy as np

from prmkit.evaluation.comparison import MAJORITY, PAIRS
from prmkit.evaluation.intervals import Difference, Estimate
from prmkit.evaluation.regimes import Outcome, difference
from prmkit.report.records import Column, Row, Table, Unit
from prmkit.report.tables import difference_name, method_name

METHODS = ("prm", "orm", MAJORITY, "prm-weighted", "orm-weighted")
"""Shown of every regime."""


def solved_table(outcomes: Mapping[str, Outcome], *, seed: int = 0) -> Table:
    """What every regime's methods solve at the largest n.

    Args:
        outcomes: By what a regime is called.
        seed: Of the bootstrap.
    """
    largest = sorted({each.n for each in outcomes.values()})
    return Table(
        key="regimes",
        title="Every regime",
        note=f"At n = {', '.join(map(str, largest))}. Intervals cover problems and training runs. "
        "Every regime that is finished in this folder is here.",
        head="regime",
        columns=(
            *(Column(key=name, label=method_name(name), unit=Unit.PERCENT) for name in METHODS),
            Column(key="runs", label="training runs", unit=Unit.COUNT),
        ),
        rows=tuple(
            Row(
                key=name,
                label=name,
                cells=(*(each.share(method, seed=seed) for method in METHODS), Estimate.exact(each.runs)),
            )
            for name, each in outcomes.items()
        ),
    )


def differences_table(outcomes: Mapping[str, Outcome], *, seed: int = 0) -> Table:
    """Every regime's differences at the largest n; arguments as of `solved_table`."""
    return Table(
        key="regime_differences",
        title="Differences in every regime",
        note="Paired over problems and training runs.",
        head="regime",
        columns=tuple(Column(key=f"{a}-{b}", label=difference_name(a, b), unit=Unit.POINTS) for a, b in PAIRS),
        rows=tuple(
            Row(key=name, label=name, cells=tuple(difference(each, a, each, b, seed=seed) for a, b in PAIRS))
            for name, each in outcomes.items()
        ),
    )


def labels_table(key: str, title: str, prms: Mapping[str, Outcome], orms: Mapping[str, Outcome], *, seed: int) -> Table:
    """PRM minus ORM where the two learned from different numbers of solutions: how far apart they are.

    Args:
        key: In metrics.json.
        title: Heading.
        prms: Regimes by what their PRM learned from; rows.
        orms: Regimes by what their ORM learned from; columns. All on the same problems.
        seed: Of the bootstrap.
    """
    return Table(
        key=key,
        title=title,
        note="PRM of the row minus ORM of the column, over all training runs. Where the interval holds 0 no difference "
        "is shown, which does not make them equal; where it lies below 0 the ORM is ahead.",
        head="PRM from",
        columns=tuple(Column(key=name, label=f"ORM from {name}", unit=Unit.POINTS) for name in orms),
        rows=tuple(
            Row(
                key=name,
                label=name,
                cells=tuple(_gap(prm, orm, seed) for orm in orms.values()),
            )
            for name, prm in prms.items()
        ),
    )


def _gap(prm: Outcome, orm: Outcome, seed: int) -> Difference:
    """Run by run where the ORM's regime has this very PRM."""
    return difference(prm, "prm", orm, "orm", paired=np.array_equal(prm.solved["prm"], orm.solved["prm"]), seed=seed)
