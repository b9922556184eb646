"""The tables of README.md and docs/stories-recipe.md: `python -m benchmarks.comparison_tables` prints them."""

from collections.abc import Iterator, Mapping

from benchmarks.comparison import runs_of
from prmkit.cli.recipe_plan import STORIES, Regime
from prmkit.evaluation.intervals import Estimate
from prmkit.evaluation.regimes import Outcome, difference, repeated_difference, repeated_share
from prmkit.report.regimes import METHODS

Runs = Mapping[str, Outcome]
"""Of one regime, by the seed of the run."""


def headline_rows() -> Iterator[str]:
    """Of the default regime: what every run came to, and all together."""
    runs = runs_of(STORIES.default.name)
    for seed, outcome in runs.items():
        yield _row(f"seed {seed}", *_shares({seed: outcome}, METHODS), _gap({seed: outcome}, "prm", "orm"))
    if len(runs) > 1:
        yield _row("both", *_shares(runs, METHODS), _gap(runs, "prm", "orm"))


def regime_rows() -> Iterator[str]:
    """Of every regime that was run: what is solved, and the differences."""
    for regime in (STORIES.default, *STORIES.others):
        if runs := runs_of(regime.name):
            gaps = [_gap(runs, *pair) for pair in (("prm", "orm"), ("prm", "majority"), ("orm", "majority"))]
            yield _row(regime.name, *_shares(runs, METHODS[:3]), *gaps)


def needed_rows(level: str) -> Iterator[str]:
    """PRM from the row's number of solutions minus ORM from the column's, in the last run that has every regime."""
    every = [each for each in (STORIES.default, *STORIES.others) if each.level == level and each.plainly_read]
    same = sorted((each for each in every if not each.equal_cost), key=lambda each: each.labelled)
    seed, outcomes = _whole_run(every)
    columns = [*same, *(each for each in every if each.equal_cost)]
    for prm in same:
        gaps = [difference(outcomes[prm], "prm", outcomes[orm], "orm", seed=int(seed)) for orm in columns]
        yield _row(f"{prm.labelled:,}", *(_points(each, "+") for each in gaps))


def _whole_run(regimes: list[Regime]) -> tuple[str, dict[Regime, Outcome]]:
    found = {regime: runs_of(regime.name) for regime in regimes}
    seed = max(set.intersection(*(set(runs) for runs in found.values())))
    return seed, {regime: runs[seed] for regime, runs in found.items()}


def _shares(runs: Runs, methods: tuple[str, ...]) -> list[str]:
    if len(runs) > 1:
        return [_points(repeated_share(list(runs.values()), method)) for method in methods]
    ((seed, outcome),) = runs.items()
    return [_points(outcome.share(method, seed=int(seed))) for method in methods]


def _gap(runs: Runs, first: str, second: str) -> str:
    if len(runs) > 1:
        return _points(repeated_difference(list(runs.values()), first, second), "+")
    ((seed, outcome),) = runs.items()
    return _points(difference(outcome, first, outcome, second, seed=int(seed)), "+")


def _points(found: Estimate, sign: str = "") -> str:
    """`+20.0 (+0.5 to +36.6)`."""
    value, low, high = (f"{100 * each:{sign}.1f}".replace("-", "−") for each in (found.value, found.low, found.high))
    return f"{value} ({low} to {high})"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    for rows in (headline_rows(), regime_rows(), *map(needed_rows, ("hard", "default"))):
        print(*rows, "", sep="\n")
