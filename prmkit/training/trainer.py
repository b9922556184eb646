"""transformers' Trainer with the loss, the batches, the validation and the progress bar of reward models."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor
from torch.utils.data import Sampler
from transformers import PreTrainedModel, Trainer, TrainerCallback, TrainingArguments
from transformers.integrations.integration_utils import get_available_reporting_integrations
from transformers.trainer_callback import PrinterCallback

from prmkit.errors import InputError
from prmkit.rewards.base import Aggregation
from prmkit.rewards.metadata import RewardKind
from prmkit.rewards.scorer import step_logits
from prmkit.training.collate import Batch, LengthGroupedSampler, collate
from prmkit.training.data import Example
from prmkit.training.losses import reward_loss
from prmkit.training.metrics import validation_metrics
from prmkit.training.objectives import Row


class RewardTrainer(Trainer):  # type: ignore[misc]
    """Trains a token classifier on rows, validates it on examples."""

    control: Any

    def __init__(
        self,
        model: PreTrainedModel,
        args: TrainingArguments,
        *,
        rows: Sequence[Row],
        validation: Sequence[Example],
        kind: RewardKind,
        neutral_weight: float,
    ) -> None:
        """Train `model` on `rows`; validate on `validation`, which may be empty."""
        super().__init__(
            model=model,
            args=args,
            train_dataset=rows,
            data_collator=partial(collate, pad=model.config.pad_token_id or 0),
        )
        self.remove_callback(PrinterCallback)
        self.validation = validation
        self.kind = kind
        self.neutral_weight = neutral_weight
        self.aggregation = Aggregation.LAST

    def compute_loss(
        self, model: Any, inputs: Batch, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Tensor | tuple[Tensor, Any]:
        """Mean cross-entropy of a batch."""
        del num_items_in_batch  # the mean is over this batch's marks
        outputs = model(input_ids=inputs["input_ids"], use_cache=False)
        loss = reward_loss(self.kind, outputs.logits, inputs["marked"], inputs["targets"])
        return (loss, outputs) if return_outputs else loss

    def _get_train_sampler(self, train_dataset: Sequence[Row] | None = None) -> Sampler[int]:
        rows: Sequence[Row] = self.train_dataset if train_dataset is None else train_dataset
        return LengthGroupedSampler([len(row.ids) for row in rows], self.args.train_batch_size, self.args.seed)

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Validation metrics of the weights as they are, by the code that scores; logged. Empty without examples."""
        del eval_dataset, ignore_keys
        if not self.validation:
            return {}
        logits = step_logits(self.model, [example.encoded for example in self.validation])
        found, self.aggregation = validation_metrics(self.kind, logits, self.validation, self.neutral_weight)
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in found.items()}
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return found


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


class RichProgress(TrainerCallback):  # type: ignore[misc]
    """A bar with the time left, and one line per validation; use as a context manager around `train`."""

    def __init__(self, what: str) -> None:
        """Say what is being done."""
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
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
        shown = [f"{name.removeprefix('eval_')} {value:.3f}" for name, value in (metrics or {}).items()]
        self._bar.console.print(f"step {state.global_step}: " + ", ".join(shown), highlight=False)


def check_report_to(report_to: str) -> None:
    """Refuse a place to report to that is unknown or not installed.

    Raises:
        InputError: The message lists those there are.
    """
    there = ["none", *sorted(get_available_reporting_integrations())]
    if report_to not in there:
        raise InputError(f"cannot report to {report_to!r}; there are {', '.join(there)} (others need their package)")


def training_arguments(
    folder: Path, *, epochs: int, lr: float, batch_size: int, seed: int, report_to: str, steps: int
) -> TrainingArguments:
    """The Trainer's settings: AdamW, 5 % warm-up and linear decay, bfloat16 autocast on GPUs that have it."""
    cuda = torch.cuda.is_available()
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=epochs,
        learning_rate=lr,
        lr_scheduler_type="linear",
        warmup_steps=max(1, steps // 20),
        per_device_train_batch_size=batch_size,
        seed=seed,
        report_to=report_to,
        bf16=cuda and torch.cuda.is_bf16_supported(),
        use_cpu=not cuda,
        save_strategy="no",  # `Milestones` asks for it
        save_total_limit=1,
        logging_steps=max(1, steps // 100),
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_num_workers=0,
        dataloader_pin_memory=cuda,
        log_level="error",
    )
