"""`prmkit train`: a reward model from labelled solutions, or from what people prefer."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from prmkit.cli.train_options import TrainOptions
from prmkit.cli.train_preference import TrainPreference
from prmkit.training.objectives import ORMObjective, PRMObjective, ValueObjective

if TYPE_CHECKING:
    from prmkit.training.objectives import Objective


@dataclass(frozen=True, kw_only=True)
class _FromLabels(TrainOptions):
    """What is learned from labelled solutions."""

    labels: Path
    """Run directory of `prmkit label`, or a Parquet or JSONL file of its columns; an ORM learns from `sample`'s too."""

    def _train(self, objective: "Objective") -> None:
        from prmkit.cli.options import say
        from prmkit.formats.outcomes import read_outcomes
        from prmkit.tables import read_labels
        from prmkit.training.train import train

        read = read_outcomes if isinstance(objective, ORMObjective) else read_labels
        self.told(train(self.config, objective, read(self.labels), self.out, say=say, report_to=self.report_to))


@dataclass(frozen=True, kw_only=True)
class TrainPRM(_FromLabels):
    """Train a process reward model: the class of every step, read at the step's end."""

    objective: Annotated[PRMObjective, tyro.conf.arg(name="")] = field(default_factory=PRMObjective)
    """What it learns."""

    def run(self) -> None:
        """Do it."""
        self._train(self.objective)


@dataclass(frozen=True, kw_only=True)
class TrainORM(_FromLabels):
    """Train an outcome reward model: whether the solution turns out right."""

    objective: Annotated[ORMObjective, tyro.conf.arg(name="")] = field(default_factory=ORMObjective)
    """What it learns."""

    def run(self) -> None:
        """Do it."""
        self._train(self.objective)


@dataclass(frozen=True, kw_only=True)
class TrainValue(_FromLabels):
    """Train a value model: how often rollouts from each step are right, k of n, by regression."""

    def run(self) -> None:
        """Do it."""
        self._train(ValueObjective())


Train = (
    Annotated[TrainPRM, tyro.conf.subcommand("prm", prefix_name=False)]
    | Annotated[TrainORM, tyro.conf.subcommand("orm", prefix_name=False)]
    | Annotated[TrainValue, tyro.conf.subcommand("value", prefix_name=False)]
    | Annotated[TrainPreference, tyro.conf.subcommand("preference", prefix_name=False)]
)
"""`prmkit train prm`, `orm`, `value` and `preference`."""
