"""The models that `prmkit compare` compares: single ones, ensembles, or training runs of one recipe."""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from prmkit.cli.compare import Compare
    from prmkit.records import ScoredSolution
    from prmkit.report.tables import Cost

T = TypeVar("T")


def models_of(command: "Compare") -> "Mapping[str, list[tuple[Path, ...]]]":
    """By method: for every training run the models that score together."""
    named = {"prm": command.prm, "orm": command.orm}
    return {name: [(each,) for each in all_] if command.training_runs else [all_] for name, all_ in named.items()}


def check_models(command: "Compare") -> None:
    """Refuse models that cannot be compared.

    Raises:
        InputError: One is missing or of the other kind, or the options about several models do not fit them.
    """
    from prmkit.errors import InputError
    from prmkit.rewards.metadata import RewardMetadata

    if not command.prm or not command.orm:
        raise InputError("name what to compare: --prm and --orm, each with one model or several")
    counts = len(command.prm), len(command.orm)
    if command.training_runs and (counts[0] != counts[1] or counts[0] < 2):
        raise InputError(
            "--training-runs compares run by run: name two or more models with --prm and equally many with --orm, "
            f"not {counts[0]} and {counts[1]}"
        )
    if command.training_runs and (command.rewards.ensemble or command.rewards.deviations is not None):
        raise InputError("--ensemble and --deviations combine models, which --training-runs compares one by one")
    several = [each for each in (command.prm, command.orm) if len(each) > 1]
    for models in several or [command.prm]:
        command.rewards.check(list(map(str, models)))
    for name, all_ in (("prm", command.prm), ("orm", command.orm)):
        for folder in all_:
            if (found := RewardMetadata.read(folder).kind) != name:
                raise InputError(f"--{name} {folder}: the folder holds a reward model of the kind {found}")


def score_pool(command: "Compare", pool: Path) -> "tuple[dict[str, list[list[ScoredSolution]]], list[Cost]]":
    """Scores of the whole pool, stored in OUT/scores-NAME (of several training runs OUT/scores-NAME-1, ...).

    Returns:
        By method, for every training run the scored solutions; and what it took.
    """
    from prmkit.cli.score import Score
    from prmkit.report.tables import Cost
    from prmkit.tables import read_scores

    scored: dict[str, list[list[ScoredSolution]]] = {}
    costs = []
    for name, runs in models_of(command).items():
        scored[name] = []
        for number, models in enumerate(runs, start=1):
            began = time.monotonic()
            folder = command.out / (f"scores-{name}-{number}" if len(runs) > 1 else f"scores-{name}")
            rewards = command.rewards if len(models) > 1 else replace(command.rewards, ensemble=None, deviations=None)
            Score(model=tuple(map(str, models)), solutions=pool, out=folder, rewards=rewards).run()
            scored[name].append(read_scores(folder))
            stage = f"score by {name.upper()}" + (f", run {number}" if len(runs) > 1 else "")
            costs.append(Cost(stage=stage, seconds=time.monotonic() - began))
    return scored, costs


def by_run(every: Mapping[str, list[T]]) -> dict[str, T]:
    """Every training run under a name of its own: `prm run 1`; `prm` where there is one."""
    return {
        f"{name} run {number}" if len(runs) > 1 else name: one
        for name, runs in every.items()
        for number, one in enumerate(runs, start=1)
    }


def training_note(command: "Compare") -> str:
    """What the intervals cover."""
    if command.training_runs:
        return (
            f"{len(command.prm)} training runs of each model, compared run by run: the intervals cover the choice of "
            "problems and the seed of training."
        )
    ensembles = [
        f"the {name} is an ensemble of {len(all_)} models"
        for name, all_ in (("PRM", command.prm), ("ORM", command.orm))
        if len(all_) > 1
    ]
    runs = "; ".join(ensembles) + " that are taken as one" if ensembles else "one training run of each model"
    return f"{runs[0].upper()}{runs[1:]}: the intervals cover the choice of problems, not the seed of training."
