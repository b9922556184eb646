"""What is chosen on one half of the problems is judged on the other."""

import numpy as np
import pytest

from benchmarks.search_figures import Figures, choose_crosswise, figures, measurements
from benchmarks.search_tables import tables
from search.choice import Choice

LEVELS = ("easy", "hard")
PROBLEMS = 12


def test_a_choice_among_coins_is_no_better_than_a_coin() -> None:
    coins_VP = np.random.default_rng(1).integers(0, 2, size=(50, 200)).astype(np.float64)
    assert coins_VP.mean(axis=1).max() > 0.55  # what choosing and judging on the same problems would say
    chosen = choose_crosswise([str(each) for each in range(50)], coins_VP, np.ones_like(coins_VP))
    assert chosen.right.mean() == pytest.approx(0.5, abs=0.03)


def test_what_is_best_on_both_halves_is_chosen_and_the_cheaper_of_equals() -> None:
    right_VP = np.array([[0.0] * 20, [1.0] * 20, [1.0] * 20])
    tokens_VP = np.array([[1.0] * 20, [9.0] * 20, [5.0] * 20])
    chosen = choose_crosswise(["wrong", "dear", "cheap"], right_VP, tokens_VP)
    assert set(chosen.names) == {"cheap"} and (chosen.right == 1).all() and (chosen.tokens == 5).all()


@pytest.fixture(scope="module")
def made() -> Figures:
    """Of best-of-n that solves every other problem, and a beam search that solves all the hard ones."""

    def cell(level: str, method: str, size: int) -> list[dict[str, object]]:
        solves = method == "beam" and level == "hard"
        right = [{how: solves or bool(index % 2) for how in (*map(str, Choice), "any")} for index in range(PROBLEMS)]
        return [each | {"tokens": 10 * size, "prm_tokens": None, "score": 0.5} for each in right]

    sizes = {"best-of-n": (1, 4, 16, 64), "beam": (4, 64)}
    rows = {
        (level, "some", method, size): cell(level, method, size)
        for level in LEVELS
        for method, many in sizes.items()
        for size in many
    }
    return figures(rows)


def test_the_compute_optimal_search_is_another_on_each_level_and_keeps_to_the_budget(made: Figures) -> None:
    at_four = {row["level"]: row for row in made["compute_optimal"] if row["budget"] == 4}
    assert set(at_four["hard"]["chosen"]) == {"beam (4), max"}
    assert set(at_four["easy"]["chosen"]) == {"best-of-n (1), max"}  # the cheapest of equals
    assert at_four["all, chosen per level"]["accuracy"]["value"] == 0.75
    assert at_four["all, chosen per level"]["minus_best_of_n"]["max"]["value"] == 0.25
    assert all(row["tokens"]["value"] <= row["best_of_n_tokens"]["value"] for row in made["compute_optimal"])
    assert [each.ratio for each in measurements(made)] == [1.5] * 9


def test_the_tables_show_every_search_on_every_level_and_all_together(made: Figures) -> None:
    shown = "\n".join(tables(made))
    for level in (*LEVELS, "all"):
        assert f"\n{level}: share of problems solved\n" in shown
    assert "| beam (64), max | 640 | 75 (" in shown
