"""What README and docs/stories-recipe.md say of the comparison at home is what was measured and committed."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchmarks.comparison import RUNS, all_entries
from benchmarks.comparison_tables import headline_rows, needed_rows, pairs_won, regime_rows, training_rows
from prmkit.cli.recipe_plan import STORIES
from prmkit.files import read_json

ROOT = Path(__file__).parent.parent
ROWS = read_json(ROOT / "benchmarks" / "results" / "comparison.json")
README = (ROOT / "README.md").read_text(encoding="utf-8")
RECIPE = (ROOT / "docs" / "stories-recipe.md").read_text(encoding="utf-8")
PLANS = 3
"""That were run on fresh seeds: docs/stories-recipe.md, "Earlier plans"."""


def test_every_entry_follows_from_the_outcomes_that_are_committed() -> None:
    made = all_entries()
    assert len(made) == len(ROWS)
    for row, found in zip(ROWS, made, strict=True):
        assert {name: each for name, each in row.items() if not isinstance(each, float)} == {
            name: each for name, each in found.items() if not isinstance(each, float)
        }
        assert [row[name] for name in ("value", "low", "high", "p")] == pytest.approx(
            [found[name] for name in ("value", "low", "high", "p")], abs=0.002
        )


def test_the_readmes_table_is_what_was_measured() -> None:
    assert all(row in README for row in headline_rows())


@pytest.mark.parametrize("name", ["prm_minus_orm", "prm_minus_majority", "orm_minus_majority"])
@pytest.mark.parametrize("text", [README, RECIPE], ids=["README", "stories-recipe"])
def test_the_headlines_differences_are_stated_with_their_intervals(text: str, name: str) -> None:
    (row,) = [each for each in ROWS if each["default"] and each["name"] == name]
    value, low, high = (f"{row[name]:+.1f}".replace("-", "−") for name in ("value", "low", "high"))
    assert f"{value} points [{low}, {high}]" in " ".join(text.split())


def test_the_readme_says_how_sure_the_headline_is_and_in_how_many_pairs_of_trainings_it_holds() -> None:
    (row,) = [each for each in ROWS if each["default"] and each["name"] == "prm_minus_orm"]
    won, every = pairs_won()
    words = " ".join(README.split())
    assert f"p = {row['p']:.1g}; {PLANS * row['p']:.1g} corrected for the {PLANS} plans that were tried" in words
    assert f"in {won} of the {every} pairs of trainings" in words


def test_every_regime_of_the_plan_was_run_and_is_in_the_tables() -> None:
    plan = [each.name for each in (STORIES.default, *STORIES.others)]
    entries = Counter(each["regime"] for each in ROWS)
    assert set(plan) <= set(entries) and len(set(entries.values())) == 1
    assert {each["regime"] for each in ROWS if each["default"]} == {STORIES.default.name}
    rows = list(regime_rows())
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == plan
    assert all(row in RECIPE for row in (*rows, *needed_rows("hard"), *needed_rows("default")))


def test_other_trainings_stand_in_the_recipes_text_as_they_came_out() -> None:
    rows = list(training_rows())
    assert len(rows) == 1 + len(list(RUNS.glob("*/training/*.json"))) > 1
    assert all(row in RECIPE for row in rows)


def test_nothing_that_was_run_is_left_out() -> None:
    """The runs whose outcomes were not kept, and every outcome that was."""
    told = {each["regime"].split(",")[0] for each in ROWS}
    assert {each["regime"] for each in read_json(RUNS / "earlier.json")} <= {each["regime"] for each in ROWS}
    assert {file.stem for file in RUNS.glob("*/*-*.json")} <= told


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['regime']}, {row['name']}")
def test_every_row_says_what_how_sure_and_how_it_was_made(row: dict[str, Any]) -> None:
    assert -100 <= row["low"] <= row["value"] <= row["high"] <= 100 and 0 < row["p"] <= 1
    assert row["n"] == 64 and row["problems"] % 500 == 0 and len(row["seeds"]) >= 3
    assert row["command"].startswith("prmkit compare ") and "--recipe stories" in row["command"] and row["commit"]
