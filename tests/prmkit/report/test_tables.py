"""Results in words and tables."""

from dataclasses import replace

import pytest

from prmkit.errors import ShapeError
from prmkit.evaluation.intervals import Difference, Estimate
from prmkit.report.format import interval, number, p_value
from prmkit.report.records import Row, Unit
from prmkit.report.tables import headline


def with_difference(comparison, value, low, high, p=0.01):
    difference = Difference(value=value, low=low, high=high, n=40, p_value=p)
    return replace(comparison, differences={("prm", "orm"): (difference,) * len(comparison.sizes)})


@pytest.mark.parametrize(
    ("ends", "verdict"),
    [
        (
            (0.05, 0.01, 0.09),
            "+5.0\u202fpoints (95\u202f% interval +1.0 to +9.0, p\u202f=\u202f0.01), the PRM is ahead",
        ),
        (
            (-0.05, -0.09, -0.01),
            "−5.0\u202fpoints (95\u202f% interval −9.0 to −1.0, p\u202f=\u202f0.01), the ORM is ahead",
        ),
        ((0.01, -0.02, 0.04), "which shows no difference"),
    ],
)
def test_the_headline_states_the_difference_whatever_its_sign(report, ends, verdict) -> None:
    assert verdict in headline(with_difference(report.comparison, *ends))


def test_the_headline_names_n_the_problems_and_every_method(report) -> None:
    told = headline(report.comparison)
    assert told.startswith("With 16 solutions for each of 40 problems, the PRM solves ")
    for method in ("prm", "orm", "majority"):
        assert f"{100 * report.comparison.accuracy[method][-1].value:.1f}" in told


def test_a_table_whose_rows_do_not_fit_its_columns_is_refused(report) -> None:
    table = report.tables[0]
    with pytest.raises(ShapeError, match="1 cells for 3 columns"):
        replace(table, rows=(Row(key="a", label="a", cells=(None,)),))


def test_confusion_rows_and_overall_accuracy_are_figures_of_their_own(report) -> None:
    table = next(each for each in report.tables if each.key == "classes").to_json()
    assert table["all"]["same"]["value"] == pytest.approx(
        sum(
            table[name]["same"]["value"] * table[name]["steps"]["value"] for name in ("incorrect", "neutral", "correct")
        )
        / table["all"]["steps"]["value"]
    )


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.7125, Unit.PERCENT, "71.2"),
        (0.014, Unit.POINTS, "+1.4"),
        (-0.014, Unit.POINTS, "−1.4"),
        (0.00001, Unit.POINTS, "0.0"),
        (0.5, Unit.NUMBER, "0.50"),
        (1234567, Unit.COUNT, "1\u202f234\u202f567"),
        (4.25, Unit.SECONDS, "4.2"),
        (75.6, Unit.SECONDS, "76"),
    ],
)
def test_figures_are_written_in_their_unit(value, unit, text) -> None:
    assert number(value, unit) == text


def test_exact_figures_have_no_interval_and_plain_estimates_no_p_value() -> None:
    assert interval(Estimate.exact(3), Unit.COUNT) == "" and p_value(Estimate.exact(3)) == ""
    assert interval(Estimate(value=0.5, low=0.25, high=0.75, n=4), Unit.PERCENT) == "25.0 to 75.0"
    assert p_value(Difference(value=0, low=0, high=0, n=1, p_value=0.0001)) == "p\u202f<\u202f0.001"
