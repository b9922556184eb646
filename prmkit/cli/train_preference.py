"""`prmkit train preference`: a reward model of what people prefer, after a look at the data."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from prmkit.cli.options import say
from prmkit.cli.train_options import TrainOptions
from prmkit.errors import InputError
from prmkit.training.config import TrainConfig
from prmkit.training.preferences import PreferenceObjective

if TYPE_CHECKING:
    from prmkit.evaluation.preference_data import PreferenceCheck, RatingCheck


@dataclass(frozen=True, kw_only=True)
class TrainPreference:
    """Train a preference model: which of several responses is better, or how they are rated."""

    data: Path
    """JSONL, JSON or Parquet with chosen and rejected, responses and ranks, or response and rating."""
    out: Path | None = None
    """Folder of the trained model. An unfinished run in it is continued."""
    check_only: bool = False
    """Look at the data and train nothing; in place of --out."""
    report_to: str = "none"
    """Where the Trainer reports beside the terminal: none, tensorboard (OUT/tensorboard), wandb, ..."""
    objective: Annotated[PreferenceObjective, tyro.conf.arg(name="")] = field(default_factory=PreferenceObjective)
    """What it learns."""
    config: Annotated[TrainConfig, tyro.conf.arg(name="")] = field(default_factory=TrainConfig)
    """How."""

    def run(self) -> None:
        """Do it."""
        if (self.out is None) is not self.check_only:
            raise InputError("give --out, the folder of the model, or --check-only, which trains none")
        check = self._check()
        if self.out is None:
            return
        from prmkit.training.train_preference import train_preference

        options = TrainOptions(out=self.out, report_to=self.report_to, config=self.config)
        options.told(train_preference(self.config, self.objective, check, self.out, say=say, report_to=self.report_to))

    def _check(self) -> "PreferenceCheck | RatingCheck":
        """Look at the data, and say what was found."""
        from rich import print as show

        from prmkit.evaluation.preference_data import check_preferences, check_ratings
        from prmkit.formats.preferences import holds_ratings, read_preferences, read_ratings
        from prmkit.report.preference import check_tables
        from prmkit.report.terminal import figures_table
        from prmkit.training.processes import is_main

        ratings = holds_ratings(self.data)
        check = check_ratings(read_ratings(self.data)) if ratings else check_preferences(read_preferences(self.data))
        if is_main():
            for table in check_tables(check):
                show(figures_table(table))
            for warning in check.warnings():
                say(f"warning: {warning}")
        return check
