"""Tables of preferences: of the check before training, and of `prmkit evaluate preference`."""

from collections.abc import Iterable, Mapping

from prmkit.evaluation.intervals import Estimate
from prmkit.evaluation.preference import PreferenceQuality
from prmkit.evaluation.preference_data import PreferenceCheck, RatingCheck
from prmkit.evaluation.rating import RatingQuality
from prmkit.report.records import Column, Row, Table, Unit


def check_tables(check: PreferenceCheck | RatingCheck) -> tuple[Table, Table]:
    """What there is, and what a model may learn from it that nobody meant."""
    counts = {name.replace("_", " "): Estimate.exact(count) for name, count in check.counts().items()}
    return (
        _single("data", "Data", "Dropped rows are not learned from; all else is only told.", counts, Unit.COUNT),
        _single("checks", "Checks", "Shares of ordered pairs, and correlations.", check.figures(), Unit.NUMBER),
    )


def preference_tables(quality: PreferenceQuality, similar: float) -> tuple[Table, ...]:
    """Accuracies, margins, the pull of length, and calibration."""
    accuracies = {
        "all": quality.accuracy,
        "better is longer": quality.if_longer,
        "better is shorter": quality.if_shorter,
        "length controlled": quality.length_controlled,
        "similar lengths": quality.if_similar,
        **{f"domain {name}": each for name, each in quality.by_domain.items()},
    }
    margins = {
        "mean": quality.margin,
        **{f"{share:.0%} quantile": Estimate.exact(value) for share, value in quality.quantiles.items()},
        "median, absolute": Estimate.exact(quality.absolute_margin),
        "median of ties, absolute": None if quality.tie_margin is None else Estimate.exact(quality.tie_margin),
    }
    correlations = {"all responses": quality.length_correlation, "within prompts": quality.length_correlation_within}
    return (
        _single(
            "accuracy",
            "Pairs in the right order",
            "Length controlled: the mean of the accuracy where the better response is longer and where it is shorter. "
            f"Similar lengths differ by at most {similar:.0%} of the longer one.",
            accuracies,
            Unit.PERCENT,
        ),
        _single("margins", "Margins", "Reward of the better response less that of the worse.", margins, Unit.NUMBER),
        _single("length", "Reward and length", "Rank correlation with characters.", correlations, Unit.NUMBER),
        _single(
            "calibration",
            "Calibration",
            "Of the logistic function of the margin's size, as the chance to be right.",
            quality.calibration,
            Unit.NUMBER,
        ),
        _confidence_table(quality),
    )


def _confidence_table(quality: PreferenceQuality) -> Table:
    return Table(
        key="confidence",
        title="Confidence and accuracy",
        note="A reliability diagram as a table: bins of equal mass.",
        head="confidence",
        columns=(
            Column(key="confidence", label="mean", unit=Unit.PERCENT),
            Column(key="accuracy", label="right", unit=Unit.PERCENT),
        ),
        rows=tuple(
            Row(
                key=f"{each.low:.4f}",
                label=f"{each.low:.2f} to {each.high:.2f}",
                cells=(Estimate.exact(each.mean_score, each.count), each.outcome),
            )
            for each in quality.bins
        ),
    )


def rating_tables(quality: RatingQuality) -> tuple[Table, ...]:
    """Rank correlations."""
    correlations: dict[str, Estimate | None] = {
        "reward and rating": quality.correlation,
        **{f"domain {name}": each for name, each in quality.by_domain.items()},
        "reward and length": quality.length_correlation,
    }
    return (_single("correlation", "Rank correlations", "Spearman's, in [−1, 1].", correlations, Unit.NUMBER),)


def _single(key: str, title: str, note: str, figures: Mapping[str, Estimate | None], unit: Unit) -> Table:
    """A table of one column."""
    column = Column(key="value", label="value", unit=unit)
    rows: Iterable[Row] = (Row(key=_key(name), label=name, cells=(each,)) for name, each in figures.items())
    return Table(key=key, title=title, note=note, head="", columns=(column,), rows=tuple(rows))


def _key(name: str) -> str:
    return name.replace(",", "").replace("%", "").replace(" ", "_")
