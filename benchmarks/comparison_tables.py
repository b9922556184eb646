"""The tables of README.md and docs/stories-recipe.md: `python -m benchmarks.comparison_tables` prints them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from benchmarks.comparison import RUNS, TRAINING, runs_of
from benchmarks.results import table_line
from prmkit.cli.compare_recipe import needed_tables
from prmkit.cli.recipe_plan import STORIES
from prmkit.evaluation.intervals import Estimate
from prmkit.evaluation.regimes import Outcome, difference, repeated_difference, repeated_share
from prmkit.report.format import interval, number
from prmkit.report.records import Unit
from prmkit.report.regimes import METHODS

Runs = Mapping[str, Outcome]
"""Of one regime, by the seed of the run."""


def headline_rows() -> Iterator[str]:
    """Of the default regime: what every run came to, and all together."""
    runs = runs_of(STORIES.default.name)
    for seed, outcome in runs.items():
        yield table_line(f"seed {seed}", *_shares({seed: outcome}, METHODS), _gap({seed: outcome}, "prm", "orm"))
    if len(runs) > 1:
        yield table_line("both", *_shares(runs, METHODS), _gap(runs, "prm", "orm"))


def regime_rows() -> Iterator[str]:
    """Of every regime that was run: the seeds of its runs, what is solved over all of them, and the differences."""
    for regime in (STORIES.default, *STORIES.others):
        if runs := runs_of(regime.name):
            gaps = [_gap(runs, *pair) for pair in (("prm", "orm"), ("prm", "majority"), ("orm", "majority"))]
            yield table_line(regime.name, ", ".join(runs), *_shares(runs, METHODS[:3]), *gaps)


def needed_rows(level: str) -> Iterator[str]:
    """PRM from the row's number of solutions minus ORM from the column's, in the last run that has every regime."""
    found = {each: runs_of(each.name) for each in (STORIES.default, *STORIES.others) if each.level == level}
    seed = max(set.intersection(*(set(runs) for runs in found.values())))
    (table,) = needed_tables({regime: runs[seed] for regime, runs in found.items()}, int(seed))
    for row in table.rows:
        yield table_line(row.label, *(_figure(cell, Unit.POINTS) for cell in row.cells if cell))


def training_rows() -> Iterator[str]:
    """Of other trainings than the recipe's: what is solved, PRM minus ORM, and either minus its like by the recipe.

    Run i is paired with run i of the recipe, which has the same seed and learned from the same solutions.
    """
    for folder in sorted(RUNS.glob(f"*/{TRAINING}")):
        seed = folder.parent.name
        others = {file.stem: Outcome.read(file) for file in sorted(folder.iterdir())}
        recipe = runs_of(STORIES.default.name)[seed]
        most = max(each.runs for each in others.values())
        like = replace(recipe, solved={name: rows[:most] for name, rows in recipe.solved.items()})
        for name, one in {f"as in the recipe, seed {seed}": like, **others}.items():
            changes = [
                ""
                if np.array_equal(one.solved[each], like.solved[each])
                else _figure(difference(one, each, like, each, seed=int(seed)), Unit.POINTS)
                for each in METHODS[:2]
            ]
            yield table_line(name, *_shares({seed: one}, METHODS[:2]), _gap({seed: one}, "prm", "orm"), *changes)


def pairs_won() -> tuple[int, int]:
    """Of the default regime: pairs of trainings in which the PRM solves more than the ORM, and all of them."""
    gaps = [
        gap
        for outcome in runs_of(STORIES.default.name).values()
        for gap in (outcome.solved["prm"] - outcome.solved["orm"]).mean(axis=1)
    ]
    return sum(bool(gap > 0) for gap in gaps), len(gaps)


def _shares(runs: Runs, methods: tuple[str, ...]) -> list[str]:
    outcomes, seed = list(runs.values()), int(min(runs))
    return [_figure(repeated_share(outcomes, method, seed=seed), Unit.PERCENT) for method in methods]


def _gap(runs: Runs, first: str, second: str) -> str:
    return _figure(repeated_difference(list(runs.values()), first, second, seed=int(min(runs))), Unit.POINTS)


def _figure(found: Estimate, unit: Unit) -> str:
    """`+20.0 (+0.5 to +36.6)`."""
    return f"{number(found.value, unit)} ({interval(found, unit)})"


if __name__ == "__main__":
    for rows in (headline_rows(), regime_rows(), training_rows(), *map(needed_rows, ("hard", "default"))):
        print(*rows, "", sep="\n")
