"""Is it a matter of training that the PRM is ahead? `prmkit compare --recipe stories` with other trainings.

`python -m benchmarks.comparison_training OUT SEED` takes solutions, labels and pool of the default regime that was run
in OUT with SEED, trains three PRMs and three ORMs for twice as long, and three PRMs on soft targets
(docs/training.md), and writes what they solve to `results/comparison_runs/SEED/training/`. It continues where it
stopped.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.comparison import RUNS, TRAINING
from labelers.cluster import cluster
from prmkit.cli.compare import Compare
from prmkit.cli.compare_models import scorings
from prmkit.cli.compare_report import build_report
from prmkit.cli.options import PolicyOptions, RunOptions
from prmkit.cli.recipe_plan import STORIES
from prmkit.cli.recipe_stages import PRM_AGGREGATION, Stages
from prmkit.cli.recipe_tasks import Training, side_by_side
from prmkit.cli.train import TrainPRM
from prmkit.completers.engines import Engine
from prmkit.evaluation.regimes import Outcome
from prmkit.training.choices import Targets

TRAININGS = 3
"""Of each model."""

Trainings = Mapping[str, Sequence[Training]]
"""By method."""


def variants(stages: Stages) -> dict[str, Trainings]:
    """What is trained, by name; where only the PRM is another one it is held against the recipe's ORMs."""
    recipe = stages.trainings(replace(STORIES.default, runs=TRAININGS))
    return {
        "twice-as-long": {
            name: [
                replace(
                    each,
                    out=stages.out / "twice-as-long" / name / each.out.name,
                    config=replace(each.config, epochs=2 * each.config.epochs),
                )
                for each in trainings
            ]
            for name, trainings in recipe.items()
        },
        "soft-targets": recipe
        | {
            "prm": [
                replace(
                    each,
                    out=stages.out / "soft-targets" / "prm" / each.out.name,
                    objective=replace(each.objective, targets=Targets.SOFT),
                )
                for each in recipe["prm"]
                if isinstance(each, TrainPRM)
            ]
        },
    }


def run(stages: Stages, name: str, trainings: Trainings) -> Outcome:
    """Train, score and compare."""
    side_by_side(f"training {name}", [each for all_ in trainings.values() for each in all_])
    pool = stages.pool(STORIES.default.level)
    command = Compare(
        prm=tuple(each.out for each in trainings["prm"]),
        orm=tuple(each.out for each in trainings["orm"]),
        prm_aggregation=PRM_AGGREGATION,
        orm_aggregation=STORIES.default.orm_aggregation,
        training_runs=True,
        pool=pool,
        examples=0,
        seed=stages.seed,
        out=stages.out / f"compared-{name}",
    )
    side_by_side("scoring", [each for all_ in scorings(command, pool).values() for each in all_])
    report = build_report(command)
    return Outcome.of(report.comparison, report.versions.get("commit"))


if __name__ == "__main__":
    out, seed = Path(sys.argv[1]), int(sys.argv[2])
    policy = PolicyOptions(engine=Engine.SIMULATED)
    made = Stages(plan=STORIES, out=out, policy=policy, where=RunOptions(), seed=seed)
    with cluster(RunOptions().cluster()):
        for each, trained in variants(made).items():
            run(made, each, trained).write(RUNS / str(seed) / TRAINING / f"{each}.json")
