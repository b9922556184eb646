"""Flags that every `prmkit train` shares."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from prmkit.training.config import TrainConfig

if TYPE_CHECKING:
    from prmkit.rewards.metadata import RewardMetadata


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """Where to, from what, and how."""

    out: Path
    """Folder of the trained model. An unfinished run in it is continued."""
    report_to: str = "none"
    """Where the Trainer reports beside the terminal: none, tensorboard (OUT/tensorboard), wandb, ..."""
    config: Annotated[TrainConfig, tyro.conf.arg(name="")] = field(default_factory=TrainConfig)
    """How."""

    def told(self, metadata: "RewardMetadata") -> None:
        """Say what came of it, and end what `torchrun` began."""
        from accelerate import PartialState

        from prmkit.cli.options import say
        from prmkit.training.processes import is_main, processes

        if is_main():
            figures = ", ".join(f"{name} {value:.3f}" for name, value in metadata.metrics.items())
            say(
                f"{metadata.kind.upper()} in {self.out}: aggregation {metadata.aggregation}; "
                f"{figures or 'not validated'}"
            )
        if processes() > 1:
            PartialState().destroy_process_group()
