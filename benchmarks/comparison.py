"""Is a PRM ahead of an ORM and of voting? What every run of `prmkit compare --recipe stories` came to, all together.

`python -m benchmarks.comparison [OUT ...]` takes what the recipe left in each OUT into `results/comparison_runs/SEED/`
and writes `results/comparison.json` from all that is there: a list with one entry per regime and difference. A regime
that was run with several seeds has an entry for all of them together and, its name followed by the seed, one for each.
Where the outcomes of one run only were kept, the entry without a seed is of that run, and the others stand as they were
reported (`EARLIER`).
"""

import shutil
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.results import RESULTS
from prmkit.cli.compare_recipe import OUTCOME
from prmkit.cli.compare_recipe import RESULTS as ENTRIES
from prmkit.cli.recipe_plan import STORIES
from prmkit.evaluation.regimes import Outcome, entries
from prmkit.files import read_json, write_json
from prmkit.report.write import METRICS_FILE
from prmkit.steps import METADATA_FILE

RUNS = RESULTS / "comparison_runs"
"""By first seed: outcomes of every regime, entries and figures as the recipe wrote them."""
TRAINING = "training"
"""In the folder of a seed: outcomes of other trainings (`benchmarks.comparison_training`)."""
EARLIER = RUNS / "earlier.json"
"""Entries of runs whose outcomes were not kept: other plans, and intervals as they were made at their commit."""

Entry = dict[str, Any]


def take(out: Path) -> Path:
    """Copy what a run of the recipe left in OUT; its folder in `RUNS`."""
    rows = read_json(out / ENTRIES)
    run = RUNS / str(rows[0]["seeds"][0])
    run.mkdir(parents=True, exist_ok=True)
    for regime in {row["regime"] for row in rows}:
        Outcome.read(out / regime / OUTCOME).write(run / f"{regime}.json")
    shutil.copyfile(out / ENTRIES, run / ENTRIES)
    shutil.copyfile(out / METRICS_FILE, run / METRICS_FILE)
    write_json(run / "models.json", {str(file.parent.relative_to(out)): _model(file) for file in _models(out)})
    return run


def _models(out: Path) -> list[Path]:
    """Of every training, by kind, number of solutions and seed."""
    return sorted(file for kind in ("orm*", "prm") for file in out.glob(f"{kind}/*/*/{METADATA_FILE}"))


def _model(file: Path) -> dict[str, Any]:
    """What a training had to learn from, and what its validation says."""
    stored = read_json(file)
    learned = {name: stored["training"][name] for name in ("training_solutions", "validation_solutions", "steps")}
    return learned | stored["metrics"]


def runs_of(regime: str) -> dict[str, Outcome]:
    """Outcomes of a regime, by the first seed of the run."""
    return {file.parent.name: Outcome.read(file) for file in sorted(RUNS.glob(f"*/{regime}.json"))}


def all_entries() -> list[Entry]:
    """Of every regime in the order of the plan, the earlier ones last."""
    made: dict[str, dict[str, Entry]] = defaultdict(dict)
    for file in sorted(RUNS.glob(f"*/{ENTRIES}")):
        for row in read_json(file):
            made[row["regime"]][file.parent.name] = {key: row[key] for key in ("seeds", "command")}
    rows = []
    for regime in (STORIES.default, *STORIES.others):
        outcomes, default = runs_of(regime.name), regime == STORIES.default
        if not outcomes:
            continue
        for seed, outcome in outcomes.items():
            made[regime.name][seed]["commit"] = outcome.commit
        rows += _with(made[regime.name], entries(regime.name, list(outcomes.values()), default=default))
        if len(outcomes) > 1:
            for seed, outcome in outcomes.items():
                alone = entries(f"{regime.name}, seed {seed}", [outcome], default=False, seed=int(seed))
                rows += _with({seed: made[regime.name][seed]}, alone)
    return rows + read_json(EARLIER)


def _with(made: dict[str, Entry], rows: list[Entry]) -> list[Entry]:
    """The entries with all seeds, commands and commits behind them."""
    told = {
        "seeds": [seed for each in made.values() for seed in each["seeds"]],
        "command": "; ".join(each["command"] for each in made.values()),
        "commit": ", ".join(dict.fromkeys(str(each["commit"]) for each in made.values())),
    }
    return [row | told for row in rows]


if __name__ == "__main__":
    for folder in sys.argv[1:]:
        print(take(Path(folder)))
    write_json(RESULTS / "comparison.json", all_entries())
