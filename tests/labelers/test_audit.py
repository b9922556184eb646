"""Labels beside verdicts."""

from dataclasses import replace
from typing import Any

import pytest

from labelers.audit import difficulty_table, first_error_table, grading_table, pass_rates, truth_tables
from prmkit.records import StepEstimate
from prmkit.report.records import Table

from .audited_solutions import given, labeled, verdicts


def values(table: Table, row: str) -> dict[str, Any]:
    """Values of a row, None where there is nothing to estimate."""
    return {key: cell and cell["value"] for key, cell in table.to_json()[row].items()}


def test_first_errors_are_told_apart_by_where_the_labels_put_them() -> None:
    judged = [
        (labeled([8, 0, 0]), verdicts("nww")),
        (labeled([0, 0, 0], problem="q"), verdicts("nw?")),
        (labeled([8, 8, 0], problem="r"), verdicts("nw?")),
        (labeled([8, 8, 1], problem="s"), verdicts("nw?")),
        (labeled([8, 8, 1], problem="t"), verdicts("nun")),
        (labeled([8, 0, 1], problem="u"), verdicts("nnn")),
    ]
    table = first_error_table(judged, 0)
    assert values(table, "1") == {"solutions": 4, "same": 0.25, "earlier": 0.25, "later": 0.25, "missing": 0.25}
    assert values(table, "none") == {"solutions": 2, "same": 0.5, "earlier": 0.5, "later": 0.0, "missing": 0.0}
    assert values(table, "all")["same"] == pytest.approx(2 / 6)
    assert "0" not in table.to_json()


def test_late_first_errors_share_a_row() -> None:
    judged = [
        (labeled([8] * 8 + [0, 0, 0]), verdicts("n" * 8 + "www")),
        (labeled([8] * 11 + [0], problem="q"), verdicts("n" * 11 + "w")),
    ]
    table = first_error_table(judged, 0)
    assert values(table, "8")["solutions"] == 2 and values(table, "8")["same"] == 1.0
    assert [row.label for row in table.rows if row.key == "8"] == ["8 or later"]


def test_agreement_is_told_by_the_pass_rate_of_the_problem() -> None:
    judged = [
        (labeled([0, 0], problem="hard"), verdicts("w?")),
        (labeled([0, 1], problem="hard", name="t"), verdicts("nn")),
        (labeled([8, 1], problem="easy"), verdicts("nn")),
    ]
    table = difficulty_table(judged, {"hard": 0.25, "easy": 0.26}, 0)
    assert values(table, "0-0.25") == {"solutions": 2, "same": 0.5, "same_wrong": 1.0, "same_right": 0.0}
    assert values(table, "0.25-0.5") == {"solutions": 1, "same": 1.0, "same_wrong": None, "same_right": 1.0}
    assert values(table, "0.75-1")["solutions"] == 0


def test_a_problem_is_as_hard_as_its_solutions_are_wrong_unless_its_own_rate_is_known() -> None:
    solutions = [labeled([8, 1]), labeled([8, 0], name="t"), labeled([8, 0], problem="q")]
    assert pass_rates(solutions) == {"p": 0.5, "q": 0.0}
    estimated = replace(solutions[2], problem_estimate=StepEstimate(successes=3, rollouts=4))
    assert pass_rates([*solutions[:2], estimated]) == {"p": 0.5, "q": 0.75}


def test_the_grader_is_held_against_the_truth_and_lucky_answers_are_counted() -> None:
    judged = [
        (labeled([8, 1]), verdicts("nw", answer_right=False)),  # graded right, wrong
        (labeled([8, 0], problem="q"), verdicts("nn", answer_right=True)),  # graded wrong, right
        (labeled([0, 8, 1], problem="r"), verdicts("w??", answer_right=True)),  # luck, seen by the labels
        (labeled([8, 8, 1], problem="s"), verdicts("w??", answer_right=True)),  # luck, not seen
        (labeled([8, 8, 1], problem="t"), verdicts("nnn")),  # nobody said whether the answer is right
    ]
    table = grading_table(judged, 0)
    assert values(table, "false_positive") == {"solutions": 1, "share": 1.0}
    assert values(table, "false_negative") == {"solutions": 3, "share": pytest.approx(1 / 3)}
    assert values(table, "luck") == {"solutions": 4, "share": 0.75}
    assert values(table, "luck_unseen") == {"solutions": 3, "share": pytest.approx(2 / 3)}


def test_labels_given_from_outside_are_audited_as_far_as_they_say_anything() -> None:
    """No counts, no grader, perhaps no verdict on the answer: what is not known is left out, not counted as wrong."""
    solutions = [given("+-"), given("++", "q", correct=True), given("--", "r", correct=False)]
    assert pass_rates(solutions) == {"q": 1.0, "r": 0.0}
    truth = [verdicts("nw"), verdicts("nw", answer_right=True), verdicts("nw", answer_right=False)]
    tables = {table.key: table for table in truth_tables(solutions, truth, pass_rates(solutions), 0)}
    against = {row: cell["share"] and cell["share"]["value"] for row, cell in tables["labels"].to_json().items()}
    assert against["precision"] == pytest.approx(2 / 3) and against["recall"] == pytest.approx(2 / 3)
    assert values(tables["first_error"], "all")["solutions"] == 3
    assert values(tables["grading"], "false_positive") == {"solutions": 1, "share": 0.0}
    assert sum(row["solutions"]["value"] for row in tables["difficulty"].to_json().values()) == 2
    assert all(row["rate"] is None for row in tables["truths"].to_json().values())


def test_solutions_whose_first_error_is_not_known_are_left_out() -> None:
    solutions = [labeled([8, 0, 0]), labeled([8, 8, 1], problem="q"), labeled([8, 8, 1], problem="r")]
    tables = truth_tables(solutions, [verdicts("nw?"), None, verdicts("n?n")], {"p": 0.0, "q": 1.0, "r": 1.0}, 0)
    by_key = {table.key: table for table in tables}
    assert set(by_key) == {"labels", "truths", "first_error", "difficulty", "grading"}
    assert values(by_key["first_error"], "all") == {
        "solutions": 1,
        "same": 1.0,
        "earlier": 0.0,
        "later": 0.0,
        "missing": 0.0,
    }
    assert by_key["labels"].to_json()["recall"]["share"]["n"] == 1


def test_every_figure_has_an_interval_over_problems_and_what_it_rests_on() -> None:
    judged = [(labeled([8, 0 if number % 3 else 8, 0], problem=str(number)), verdicts("nw?")) for number in range(30)]
    cell = first_error_table(judged, 0).to_json()["all"]["same"]
    assert cell["value"] == pytest.approx(2 / 3) and cell["n"] == 30
    assert 0.4 < cell["low"] < 0.6
    assert 0.7 < cell["high"] < 0.9
