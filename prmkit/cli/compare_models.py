"""The models that `prmkit compare` compares: single ones, ensembles, or training runs of one recipe."""

import re
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from prmkit.cli.compare_options import CompareOptions
    from prmkit.cli.score import Score
    from prmkit.records import ScoredSolution
    from prmkit.report.tables import Cost
    from prmkit.rewards.base import Aggregation

T = TypeVar("T")

_SCORES = re.compile(r"scores-(prm|orm)(-\d+)?")
"""Folders in OUT that hold scores of the pool."""


def models_of(command: "CompareOptions") -> "Mapping[str, list[tuple[Path, ...]]]":
    """By method: for every training run the models that score together."""
    named = {"prm": command.prm, "orm": command.orm}
    return {name: [(each,) for each in all_] if command.training_runs else [all_] for name, all_ in named.items()}


def check_models(command: "CompareOptions") -> None:
    """Refuse models that cannot be compared.

    Raises:
        InputError: One is missing or of the other kind, or the options about several models do not fit them.
    """
    from prmkit.cli.reward_options import same_model
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
    for models in models_of(command).values():
        if command.training_runs and (same := same_model([str(each) for (each,) in models])):
            raise InputError(f"the training runs name the same model twice: {same[0]} and {same[1]}")
    several = [models[0] for models in models_of(command).values() if len(models[0]) > 1]
    for together in several or [command.prm[:1]]:
        command.rewards.check(list(map(str, together)))
    for name, all_ in (("prm", command.prm), ("orm", command.orm)):
        for folder in all_:
            if (found := RewardMetadata.read(folder).kind) != name:
                raise InputError(f"--{name} {folder}: the folder holds a reward model of the kind {found}")


def _readings(command: "CompareOptions") -> "dict[str, Aggregation | None]":
    """By method, how its step scores are read; None as the checkpoint says."""
    return {"prm": command.prm_aggregation, "orm": command.orm_aggregation}


def scorings(command: "CompareOptions", pool: Path) -> "dict[str, list[Score]]":
    """What scores the whole pool: by method one `Score` for every training run.

    Each stores in OUT/scores-NAME, those of several training runs in OUT/scores-NAME-1, ...
    """
    from prmkit.cli.score import Score

    readings = _readings(command)
    every = {}
    for name, runs in models_of(command).items():
        several = command.rewards if len(runs[0]) > 1 else replace(command.rewards, ensemble=None, deviations=None)
        every[name] = [
            Score(
                model=tuple(map(str, models)),
                solutions=pool,
                out=command.out / (f"scores-{name}-{number}" if len(runs) > 1 else f"scores-{name}"),
                aggregation=readings[name],
                rewards=several,
            )
            for number, models in enumerate(runs, start=1)
        ]
    return every


def score_pool(command: "CompareOptions", pool: Path) -> "tuple[dict[str, list[list[ScoredSolution]]], list[Cost]]":
    """Scores of the whole pool; those that are stored already (`scorings` says where) are not computed again.

    Scores that an earlier comparison left in OUT, of other training runs, are removed: the report says nothing of them.

    Returns:
        By method, for every training run the scored solutions; and what it took.

    Raises:
        InputError: There are no solutions, or one is not graded.
        ShapeError: `--sizes` goes beyond the solutions of a problem.
    """
    from labelers.ledger import read_cost
    from prmkit.cli.score import Pool
    from prmkit.evaluation.comparison import checked_sizes
    from prmkit.evaluation.pools import check_graded
    from prmkit.evaluation.runs import drawn_per_problem
    from prmkit.report.tables import Cost

    read = Pool.read(pool)
    check_graded(read.solutions)
    if command.sizes:
        held = Counter(each.problem.problem_id for each in read.solutions)
        checked_sizes(command.sizes, drawn_per_problem(pool) or max(held.values()))
    every = scorings(command, pool)
    scored = {name: [each.scored(read) for each in runs] for name, runs in every.items()}
    _remove_others(command.out, {each.out.name for runs in every.values() for each in runs})
    stages = by_run({f"score by {name.upper()}": runs for name, runs in every.items()}, ", run")
    return scored, [Cost(stage=stage, seconds=read_cost(each.out)[0]) for stage, each in stages.items()]


def _remove_others(out: Path, folders: set[str]) -> None:
    """Remove scores of the pool in other folders than these; what `prmkit score` did not write stays."""
    from prmkit.evaluation.runs import run_config

    for folder in out.iterdir():
        ours = _SCORES.fullmatch(folder.name) and folder.name not in folders
        if ours and run_config(folder).get("command") == "score":
            shutil.rmtree(folder)


def by_run(every: Mapping[str, list[T]], run: str = " run") -> dict[str, T]:
    """Every training run under a name of its own: `prm run 1`; `prm` where there is one."""
    return {
        f"{name}{run} {number}" if len(runs) > 1 else name: one
        for name, runs in every.items()
        for number, one in enumerate(runs, start=1)
    }


def reading_note(command: "CompareOptions") -> str:
    """How a solution's score comes from those of its steps."""
    from prmkit.rewards.metadata import RewardMetadata

    readings, told = _readings(command), []
    for name, runs in models_of(command).items():
        used = dict.fromkeys(readings[name] or RewardMetadata.read(models[0]).aggregation for models in runs)
        told.append(f"{name.upper()} by {' or '.join(used)}")
    return f"From step scores to a solution's: {', '.join(told)}."


def training_note(command: "CompareOptions") -> str:
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
