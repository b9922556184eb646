"""`prmkit train`: a process or outcome reward model from labelled solutions."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

if TYPE_CHECKING:
    from prmkit.training.objectives import Objective


@dataclass(frozen=True, kw_only=True)
class _Options:
    """What PRM and ORM share."""

    labels: Path
    """Run directory of `prmkit label`, or a Parquet or JSONL file of its columns."""
    out: Path
    """Folder of the trained model. An unfinished run in it is continued."""
    base: str = "demo"
    """Causal language model to start from: a folder, a hub name or `demo`."""
    epochs: int = 2
    """Passes over the training split."""
    lr: float | None = None
    """Peak learning rate; by default chosen by the model's size (1e-5 at 7 B, 9e-4 at 0.9 M parameters)."""
    batch_size: int = 32
    """Solutions per optimiser step and device."""
    max_length: int = 2048
    """Longer solutions (in tokens) are cut after the last step that fits; never above the base's context."""
    validation: float = 0.1
    """Share of the problems held out for validation."""
    seed: int = 0
    """Of the split, the new head, the order and dropout."""
    evaluations: int = 4
    """Validations over the run, evenly spaced; a checkpoint to resume from is saved with each."""
    prompt: str | None = None
    """Text before the first step, with {problem} in it; default: the base's own (its prmkit.json or chat template)."""
    separator: str | None = None
    """Text that ends a step; default: the base's own, else a blank line."""
    report_to: str = "none"
    """Where the Trainer reports beside the terminal: none, tensorboard, wandb, ..."""

    def _train(self, objective: "Objective", neutral_weight: float) -> None:
        from prmkit.cli.options import say
        from prmkit.tables import read_labels
        from prmkit.training.train import TrainConfig, train

        config = TrainConfig(
            base=self.base,
            objective=objective,
            epochs=self.epochs,
            lr=self.lr,
            batch_size=self.batch_size,
            max_length=self.max_length,
            validation=self.validation,
            seed=self.seed,
            neutral_weight=neutral_weight,
            evaluations=self.evaluations,
            prompt=self.prompt,
            separator=self.separator,
        )
        metadata = train(
            config,
            read_labels(self.labels),
            self.out,
            say=say,
            report_to=self.report_to,
        )
        figures = ", ".join(f"{name} {value:.3f}" for name, value in metadata.metrics.items())
        say(f"{metadata.kind.upper()} in {self.out}: aggregation {metadata.aggregation}; {figures or 'not validated'}")


@dataclass(frozen=True, kw_only=True)
class TrainPRM(_Options):
    """Train a process reward model: the class of every step, read at the step's end."""

    targets: Literal["hard", "soft"] = "hard"
    """hard: the class of each step; soft: the posterior mass of the three classes."""
    after_error: Literal["keep", "mask"] = "keep"
    """Steps after the first incorrect one: keep their labels (Math-Shepherd) or learn nothing from them (Lightman)."""
    neutral_weight: float = 0.5
    """A step's score is P(correct) + this * P(neutral)."""

    def run(self) -> None:
        """Do it."""
        from prmkit.rewards.metadata import RewardKind
        from prmkit.training.objectives import AfterError, Objective, Targets

        objective = Objective(
            kind=RewardKind.PRM, targets=Targets(self.targets), after_error=AfterError(self.after_error)
        )
        self._train(objective, self.neutral_weight)


@dataclass(frozen=True, kw_only=True)
class TrainORM(_Options):
    """Train an outcome reward model: whether the solution turns out right."""

    loss: Literal["tokens", "last"] = "tokens"
    """tokens: predict it at every token of the solution (Cobbe et al. 2021); last: at the last token."""

    def run(self) -> None:
        """Do it."""
        from prmkit.rewards.metadata import RewardKind
        from prmkit.training.objectives import Objective, TokenLoss

        self._train(Objective(kind=RewardKind.ORM, loss=TokenLoss(self.loss)), neutral_weight=0.5)


Train = (
    Annotated[TrainPRM, tyro.conf.subcommand("prm", prefix_name=False)]
    | Annotated[TrainORM, tyro.conf.subcommand("orm", prefix_name=False)]
)
"""`prmkit train prm` and `prmkit train orm`."""
