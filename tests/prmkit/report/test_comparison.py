"""The sections of a comparison."""

from dataclasses import replace

import numpy as np
import pytest

from prmkit.evaluation.calibration_error import ece
from prmkit.evaluation.comparison import ProblemPool, compare_pool
from prmkit.report.comparison import sections

from .conftest import make_pools


def made(pools, **options):
    comparison = compare_pool(pools, resamples=200)
    return comparison, {each.key: each for each in sections(comparison, pools, **options)}


@pytest.fixture(scope="module")
def one():
    return made(make_pools(30))


@pytest.fixture(scope="module")
def three():
    return made(make_pools(30, runs=3))


def test_one_training_run_has_every_section_but_that_of_runs(one) -> None:
    assert list(one[1]) == ["overoptimisation", "difficulty", "length", "length_correlation", "calibration"]


def test_the_groups_hold_every_problem_once_and_the_hardest_come_first(one) -> None:
    comparison, tables = one
    for key in ("difficulty", "length"):
        rows = tables[key].to_json().values()
        assert sum(row["problems"]["value"] for row in rows) == 30
        whole = sum(row["problems"]["value"] * row["prm-orm"]["value"] for row in rows) / 30
        assert whole == pytest.approx(comparison.differences["prm", "orm"][-1].value)
        assert {row[f"peak-{name}"]["value"] for row in rows for name in ("prm", "orm")} <= set(comparison.sizes)
    rows = list(tables["difficulty"].to_json().values())
    assert rows[0]["majority"]["value"] < rows[-1]["majority"]["value"]
    assert tables["difficulty"].rows[0].label.startswith("0 to ") and tables["length"].head == "tokens"


def test_scores_are_held_against_correctness_and_the_diagram_has_the_same_scores(one) -> None:
    table = one[1]["calibration"]
    pools = make_pools(30)
    scores, right = (np.concatenate(each) for each in ([p.scores["prm"][0] for p in pools], [p.correct for p in pools]))
    assert table.to_json()["prm"]["ece"]["value"] == pytest.approx(ece(scores, right))
    assert sum(each["count"] for each in table.chart.data["prm"]) == len(scores)
    assert (
        "PRM" in table.chart.svg
        and table.chart.legend == (("prm", "PRM"), ("orm", "ORM"))
        and set(table.chart.data) == {"prm", "orm"}
    )


def test_what_is_not_scored_is_no_part_of_the_calibration() -> None:
    cut = [
        replace(each, scores={"prm": np.where(np.arange(16) < 4, -np.inf, each.scores["prm"][0])})
        for each in make_pools(12)
    ]
    assert sum(each["count"] for each in made(cut)[1]["calibration"].chart.data["prm"]) == 12 * 12


def test_the_note_says_which_solutions_are_no_part_of_the_calibration(one) -> None:
    assert "limit cut, and of published samples those without an answer or a score" in one[1]["calibration"].note


def test_scores_that_are_no_probabilities_have_no_calibration() -> None:
    logits = [replace(each, scores={"prm": 3 * each.scores["prm"]}) for each in make_pools(12)]
    assert "calibration" not in made(logits)[1]


def test_every_training_run_stands_by_itself(three) -> None:
    comparison, tables = three
    rows = tables["runs"].to_json()
    assert list(rows) == ["1", "2", "3"]
    assert np.mean([row["prm-orm"]["value"] for row in rows.values()]) == pytest.approx(
        comparison.differences["prm", "orm"][-1].value
    )
    assert [row["prm"]["value"] for row in rows.values()] == pytest.approx(
        list(comparison.run_outcomes["prm"][:, :, -1].mean(axis=1))
    )
    assert len({row["prm"]["value"] for row in rows.values()}) > 1 and "majority" not in rows["1"]
    assert [row.label for row in tables["calibration"].rows[:4]] == ["PRM run 1", "PRM run 2", "PRM run 3", "ORM run 1"]


def test_pools_without_scores_or_lengths_have_what_can_be_said_of_them() -> None:
    pools = [
        ProblemPool(problem_id=each.problem_id, correct=each.correct, classes=each.classes, scores={})
        for each in make_pools(12)
    ]
    assert list(made(pools)[1]) == ["difficulty"]


def test_the_seed_moves_intervals_and_nothing_else(one) -> None:
    other = made(make_pools(30), seed=1)[1]
    for key in ("overoptimisation", "calibration"):
        first, second = one[1][key].to_json(), other[key].to_json()
        cells = [(first[row][column], second[row][column]) for row in first for column in first[row]]
        assert all(a == b or a["value"] == b["value"] for a, b in cells)
        assert any(a != b for a, b in cells)
