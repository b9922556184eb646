"""Results in tables, and figures as text."""

from dataclasses import replace

import numpy as np
import pytest

from prmkit.errors import ShapeError
from prmkit.evaluation.intervals import Difference, Estimate
from prmkit.report.format import interval, number, p_value, within
from prmkit.report.records import Row, Unit
from prmkit.report.tables import Cost, accuracy_table, cost_table, main_pairs, method_name


def test_every_method_and_run_has_a_name_of_its_own() -> None:
    names = ["prm", "orm", "majority", "pass", "prm-weighted", "orm-weighted", "mine", "prm run 2", "mine run 2"]
    assert len(set(map(method_name, names))) == len(names)
    assert (method_name("prm-weighted"), method_name("orm run 3"), method_name("mine")) == (
        "vote weighted by PRM",
        "ORM run 3",
        "mine",
    )


def test_the_main_differences_are_those_of_the_first_model_and_not_of_a_vote(report) -> None:
    comparison = report.comparison
    assert len(comparison.differences) == 6
    assert main_pairs(comparison) == [("prm", "orm"), ("prm", "majority")]
    few = {pair: each for pair, each in comparison.differences.items() if pair[0] != "prm"}
    assert main_pairs(replace(comparison, differences=few)) == [("orm", "majority")]
    assert main_pairs(replace(comparison, differences={})) == []


def test_the_table_of_shares_says_what_is_drawn_and_who_has_fewer_solutions(report) -> None:
    comparison = report.comparison
    sizes = len(comparison.sizes)
    exact = replace(comparison, errors={name: np.zeros(sizes) for name in comparison.errors})
    assert "subsets are drawn" not in accuracy_table(exact).note
    drawn = replace(exact, errors={**exact.errors, "majority": np.full(sizes, 0.0004)})
    assert "drawn for the majority vote (standard error at most 0.04 points)" in accuracy_table(drawn).note
    assert "fewer" not in accuracy_table(exact).note
    few = replace(exact, short=(*exact.short[:-1], 3))
    assert "all that there are of the 3 problems with fewer than 16." in accuracy_table(few).note


def test_energy_is_shown_where_some_stage_knows_it() -> None:
    stages = [Cost(stage="a", seconds=1.0), Cost(stage="b", seconds=2.0, energy=0.25)]
    table = cost_table(stages)
    assert table.to_json()["b"]["energy"]["value"] == 0.25 and table.to_json()["a"]["energy"] is None
    assert table.columns[-1].label == "energy (Wh)"
    assert "energy" not in cost_table(stages[:1]).to_json()["a"]


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
        (0.84, Unit.WATT_HOURS, "0.8"),
        (1234.5, Unit.WATT_HOURS, "1\u202f234"),
        (-0.004, Unit.NUMBER, "0.00"),
        (-0.006, Unit.NUMBER, "−0.01"),
    ],
)
def test_figures_are_written_in_their_unit(value, unit, text) -> None:
    assert number(value, unit) == text


def test_exact_figures_have_no_interval_and_plain_estimates_no_p_value() -> None:
    assert interval(Estimate.exact(3), Unit.COUNT) == "" and p_value(Estimate.exact(3)) == ""
    assert interval(Estimate(value=0.5, low=0.25, high=0.75, n=4), Unit.PERCENT) == "25.0 to 75.0"
    assert p_value(Difference(value=0, low=0, high=0, n=1, p_value=0.0001)) == "p\u202f<\u202f0.001"


def test_a_figure_within_a_sentence_has_its_interval_in_brackets() -> None:
    share = Estimate(value=0.5, low=0.25, high=0.75, n=4)
    assert within(share, Unit.PERCENT) == "50.0 % [25.0, 75.0]"
    difference = Difference(value=0.0132, low=-0.01, high=0.03, n=4, p_value=0.2)
    assert within(difference, Unit.POINTS) == "+1.3 points [−1.0, +3.0]"
