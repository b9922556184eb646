"""What README and docs/stories-recipe.md say of the comparison at home is what was measured and committed."""

from pathlib import Path
from typing import Any

import pytest

from prmkit.files import read_json
from prmkit.report.regimes import METHODS

ROOT = Path(__file__).parent.parent
ROWS = read_json(ROOT / "benchmarks" / "results" / "comparison.json")
FIGURES = read_json(ROOT / "benchmarks" / "results" / "comparison_figures.json")
README = (ROOT / "README.md").read_text(encoding="utf-8")
RECIPE = (ROOT / "docs" / "stories-recipe.md").read_text(encoding="utf-8")


def points(cell: dict[str, float], sign: str = "") -> str:
    """`+20.0 (+0.5 to +36.6)`."""
    value, low, high = (f"{100 * cell[name]:{sign}.1f}".replace("-", "−") for name in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


@pytest.mark.parametrize("n", ["8", "64"])
def test_the_readmes_table_is_the_measured_one(n: str) -> None:
    shares = [points(FIGURES["accuracy"][n][method]) for method in METHODS]
    assert f"| {n} | {' | '.join(shares)} | {points(FIGURES['difference'][n]['prm-orm'], '+')} |" in README


def test_the_headline_is_the_default_regimes_row() -> None:
    (row,) = [each for each in ROWS if each["default"] and each["name"] == "prm_minus_orm"]
    difference = FIGURES["difference"][str(row["n"])]["prm-orm"]
    assert (row["value"], row["low"], row["high"]) == pytest.approx(
        tuple(100 * difference[name] for name in ("value", "low", "high")), abs=1e-3
    )
    found = f"{row['value']:.1f} points [{row['low']:.1f}, {row['high']:.1f}] at n = {row['n']}"
    assert f"beats the ORM by {found}" in " ".join(README.split()) and found in FIGURES["headline"]


def test_every_regime_that_was_run_is_committed_and_in_the_table() -> None:
    assert len({each["regime"] for each in ROWS if each["default"]}) == 1
    regimes = list(dict.fromkeys(each["regime"] for each in ROWS if not each["regime"].startswith("plan ")))
    assert len(regimes) == len(FIGURES["regimes"])
    for name, label in zip(regimes, FIGURES["regimes"], strict=True):
        shares: dict[str, Any] = FIGURES["regimes"][label]
        differences = FIGURES["regime_differences"][label]
        cells = [points(shares["prm"]), points(shares["orm"]), f"{100 * shares['majority']['value']:.1f}"]
        cells += [points(differences[name], "+") for name in ("prm-orm", "prm-majority", "orm-majority")]
        assert f"| {name} | {' | '.join(cells)} |" in RECIPE


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['regime']}, {row['name']}")
def test_every_row_says_what_how_sure_and_how_it_was_made(row: dict[str, Any]) -> None:
    assert -100 <= row["low"] <= row["value"] <= row["high"] <= 100 and 0 < row["p"] <= 1
    assert row["n"] == 64 and row["problems"] == 500 and len(row["seeds"]) >= 3
    assert row["command"].startswith("prmkit compare ") and "--recipe stories" in row["command"] and row["commit"]
