"""What happens between the Trainer's steps: validations, the epoch's order, the progress bar."""

from types import TracebackType
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from transformers import TrainerCallback

from prmkit.training.batches import ShareSampler


class Milestones(TrainerCallback):  # type: ignore[misc]
    """Validates and saves a checkpoint at evenly spaced steps of the run, its end not included."""

    def __init__(self, evaluations: int) -> None:
        """Divide the run into so many parts."""
        self.evaluations = evaluations

    def on_step_end(self, _args: Any, state: Any, control: Any, **_: Any) -> None:
        """Ask the Trainer for it where it is due."""
        due = {state.max_steps * part // self.evaluations for part in range(1, self.evaluations)}
        if state.global_step in due:
            control.should_evaluate = control.should_save = True


class EpochOrder(TrainerCallback):  # type: ignore[misc]
    """Tells the sampler which epoch begins; a resumed run gets the order that it was interrupted in."""

    def __init__(self, sampler: ShareSampler) -> None:
        """Tell it to this one."""
        self.sampler = sampler

    def on_epoch_begin(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        """`state.epoch` counts fractions of an epoch that were done before an interruption."""
        self.sampler.set_epoch(int(state.epoch or 0))


class RichProgress(TrainerCallback):  # type: ignore[misc]
    """A bar with the time left, and one line per validation; use as a context manager around `train`."""

    def __init__(self, what: str, *, shown: bool = True) -> None:
        """Say what is being done, if it is to be shown at all."""
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            disable=not shown,
        )
        self._shown = shown
        self._what = what
        self._task = self._bar.add_task(what, total=None)

    def __enter__(self) -> "RichProgress":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def on_step_end(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        """Advance."""
        self._bar.update(self._task, completed=state.global_step, total=state.max_steps)

    def on_log(self, _args: Any, _state: Any, _control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        """Show the training loss."""
        if logs and "loss" in logs:
            self._bar.update(self._task, description=f"{self._what}, loss {logs['loss']:.3f}")

    def on_evaluate(
        self, _args: Any, state: Any, _control: Any, metrics: dict[str, float] | None = None, **_: Any
    ) -> None:
        """Print the metrics of a validation."""
        if not self._shown:
            return
        shown = [f"{name.removeprefix('eval_')} {value:.3f}" for name, value in (metrics or {}).items()]
        self._bar.console.print(f"step {state.global_step}: " + ", ".join(shown), highlight=False)
