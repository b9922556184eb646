"""Tables of `prmkit evaluate`."""

import io

from rich.console import Console

from prmkit.evaluation.first_error import subset_figures
from prmkit.evaluation.intervals import Estimate
from prmkit.evaluation.judged import JudgedScores
from prmkit.evaluation.prmbench import prmbench_figures
from prmkit.evaluation.step_quality import position_quality
from prmkit.evaluation.stress import StressFigures
from prmkit.evaluation.variants import Demand
from prmkit.formats.verdicts import JudgedSolution, until_first_error
from prmkit.report.evaluation import position_table, prmbench_table, solution_table, stress_table
from prmkit.report.records import Table
from prmkit.report.terminal import figures_table


def items(*errors: int) -> list[JudgedScores]:
    return [
        JudgedScores(
            judged=JudgedSolution(
                name=str(index),
                problem=f"p{index}",
                steps=("a", "b"),
                verdicts=until_first_error(error, 2),
                category="circular",
            ),
            step_scores=(0.9, 0.2),
            score=0.2,
        )
        for index, error in enumerate(errors)
    ]


def shown(table: Table) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(figures_table(table))
    return console.file.getvalue()


def test_the_first_error_table_has_a_row_per_subset_and_the_threshold_in_its_note() -> None:
    table = solution_table(subset_figures(items(1, -1, 0), ["x", "x", "y"], threshold=0.37), 0.37)
    assert [row.key for row in table.rows] == ["x", "y", "average"] and "flagged below 0.37" in table.note
    assert table.to_json()["x"]["first_error_wrong"]["value"] == 1.0 and table.to_json()["y"]["first_error_f1"] is None
    assert "average" in shown(table)


def test_positions_are_rows_and_late_ones_a_range() -> None:
    one = items(1, -1)
    many = JudgedScores(
        judged=JudgedSolution(name="m", problem="m", steps=("a",) * 13, verdicts=until_first_error(-1, 13)),
        step_scores=(0.9,) * 13,
        score=0.9,
    )
    table = position_table(position_quality([*one, many]))
    assert [row.label for row in table.rows[-2:]] == ["9", "10 to 12"]
    assert table.to_json()["0"]["steps"] == Estimate.exact(3).to_json()


def test_prmbench_kinds_are_written_as_words() -> None:
    table = prmbench_table(prmbench_figures(items(1, 0), threshold=0.5), 0.5)
    assert [row.label for row in table.rows] == ["circular", "overall"]
    assert {column.key for column in table.columns} >= {"prmscore", "f1", "negative_f1"}


def test_every_stress_case_has_its_verdict_in_a_word() -> None:
    def figures(passed: bool | None) -> StressFigures:
        held = None if passed is None else Estimate(value=0.9, low=0.8, high=1.0, n=9)
        return StressFigures(
            label="empty", demand=Demand.HIGHER, held=held, original=held, score=held, passed=passed, left_out=1
        )

    table = stress_table({"a": figures(True), "b": figures(False), "c": figures(None)}, 0.8, 0.05)
    assert [row.label for row in table.rows] == [
        "empty: pass (higher)",
        "empty: FAIL (higher)",
        "empty: no case (higher)",
    ]
    assert "80%" in table.note and "0.05 lower" in table.note
    assert table.to_json()["b"]["passed"]["value"] == 0 and table.to_json()["c"]["passed"] is None
    assert "FAIL" in shown(table)
