"""The flags of `prmkit compare`; what is done with them is `prmkit.cli.compare` and the files beside it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from prmkit.cli.options import PolicyOptions, RunOptions, SamplingOptions
from prmkit.cli.reward_options import RewardOptions
from prmkit.rewards.base import Aggregation

POOL_SIZE = 64
"""Solutions drawn of each problem unless -n says otherwise."""


@dataclass(frozen=True, kw_only=True)
class CompareOptions:
    """What is compared, on which solutions, and where to."""

    prm: tuple[Path, ...] = ()
    """Process reward model: a folder written by `prmkit train prm`; several make an ensemble."""
    orm: tuple[Path, ...] = ()
    """Outcome reward model: a folder written by `prmkit train orm`, from the same solutions; or several."""
    prm_aggregation: Aggregation | None = None
    """From the PRM's step scores to a solution's; default: the checkpoint's, chosen on its validation problems."""
    orm_aggregation: Aggregation | None = None
    """The same for the ORM; last reads it as a sequence-level model, where the solution ends."""
    training_runs: bool = False
    """The models of --prm, and as many of --orm, are training runs of one recipe with different seeds: they are
    compared run by run, and the intervals cover both problems and runs."""
    out: Path
    """Folder of report.html and metrics.json; an unfinished pool and unfinished scores beside them are continued."""
    problems: str | None = None
    """FILE.jsonl, FILE.parquet, hf:NAME[:CONFIG]:SPLIT, or demo:N[:LEVEL]; a pool of their solutions is drawn."""
    pool: Path | None = None
    """Or an existing pool: a run directory of `prmkit sample`, or a file of its columns."""
    n: Annotated[int | None, tyro.conf.arg(aliases=["-n"])] = None
    """Solutions drawn per problem, by default 64. With --pool all it holds. With --scored as many as were
    drawn there; samples that are not in the files count as failed."""
    sizes: tuple[int, ...] = ()
    """The n to compare at, ascending up to the solutions per problem; default: 1, 2, 4, ... and all."""
    searches: tuple[Path, ...] = ()
    """Run directories of `prmkit search` on the same problems, set beside best-of-n for the same tokens."""
    labels: Path | None = None
    """Monte-Carlo labels (`prmkit label`): judged where the problems are stories, and shown step by step."""
    reference_labels: Path | None = None
    """Labels of the same solutions from many more rollouts; the classes of --labels are held against theirs."""
    scored: tuple[Path, ...] = ()
    """Instead of models: files of samples that others scored and graded (PRM800K's scored samples, RLHFlow's pools)."""
    recipe: Literal["stories"] | None = None
    """Instead of models: sample, label and train them first, on arithmetic stories (docs/stories-recipe.md)."""
    full: bool = False
    """With --recipe: every regime, not the default one alone."""
    examples: int = 24
    """Solutions shown step by step, and half as many problems on which PRM and ORM choose differently."""
    rollouts: int | None = None
    """Rollouts per step of --examples: by default 8, and 0 with --pool (whose policy --policy must name)."""
    dry_run: bool = False
    """Only price the comparison: draw and score the solutions of a few problems, extrapolate, and write nothing."""
    limit: int | None = None
    """Take only the first so many problems."""
    seed: int = 0
    """Of all draws, of the bootstrap, and of the choice of solutions shown."""
    rewards: Annotated[RewardOptions, tyro.conf.arg(name="")] = field(default_factory=RewardOptions)
    policy: Annotated[PolicyOptions, tyro.conf.arg(name="")] = field(default_factory=PolicyOptions)
    sampling: Annotated[SamplingOptions, tyro.conf.arg(name="")] = field(default_factory=SamplingOptions)
    where: Annotated[RunOptions, tyro.conf.arg(name="")] = field(default_factory=RunOptions)
