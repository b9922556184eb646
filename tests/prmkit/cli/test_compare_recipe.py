"""`prmkit compare --recipe stories`, at a size that takes a minute."""

from pathlib import Path

import pytest

from prmkit.cli.compare import Compare
from prmkit.cli.compare_recipe import RESULTS, run_recipe
from prmkit.cli.recipe_plan import Plan, Regime
from prmkit.files import read_json

TINY = Plan(
    default=Regime(labelled=16),
    others=(Regime(labelled=8), Regime(level="easy", labelled=16), Regime(labelled=8, equal_cost=True)),
    per_problem=2,
    rollouts=2,
    test_problems=4,
    pool=4,
    runs=2,
    epochs=1,
)


@pytest.mark.slow
def test_the_recipe_compares_every_regime_and_is_continued(tmp_path: Path) -> None:
    command = Compare(recipe="stories", full=True, out=tmp_path, examples=2, seed=3)
    run_recipe(command, TINY)
    rows = read_json(tmp_path / RESULTS)
    assert {row["regime"] for row in rows} == {"default-16", "default-8", "easy-16", "default-8-equal-cost"}
    headline = [row for row in rows if row["default"]]
    assert {row["name"] for row in headline} >= {"prm_minus_orm", "prm_minus_majority", "orm_minus_majority"}
    for row in rows:
        assert row["low"] <= row["value"] <= row["high"] and row["n"] == 4 and row["seeds"] == [3, 4]
        assert row["command"].startswith("prmkit compare")
    metrics = read_json(tmp_path / "metrics.json")
    assert len(metrics["regimes"]) == 4 and "labels_needed_default" in metrics
    weights = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("model.safetensors")}
    run_recipe(command, TINY)
    assert read_json(tmp_path / RESULTS) == rows
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("model.safetensors")} == weights
