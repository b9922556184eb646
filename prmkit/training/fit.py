"""`fit`: from rows to a reward model's folder, for every kind of reward model.

What the rows are and how they are judged is a `Task`; `prmkit.training.train` makes it from labelled solutions.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import EarlyStoppingCallback
from transformers.integrations.integration_utils import TensorBoardCallback

import prmkit
from prmkit.errors import InputError
from prmkit.files import write_json, write_text
from prmkit.rewards.loading import quiet_transformers
from prmkit.rewards.metadata import CLASSES, Pooling, RewardKind, RewardMetadata
from prmkit.rewards.packable import batch_plan, reads_alone
from prmkit.rewards.trained_on import write_trained
from prmkit.steps import EncodedSolution
from prmkit.training.arguments import check_report_to, training_arguments, use_bfloat16
from prmkit.training.base import TextBase, add_lora, language_head, load_model, merged
from prmkit.training.batches import Material
from prmkit.training.callbacks import Milestones, RichProgress
from prmkit.training.card import model_card
from prmkit.training.config import Optimizer, TrainConfig
from prmkit.training.data import Row
from prmkit.training.groups import Group, groups_per_batch
from prmkit.training.losses import RewardLoss
from prmkit.training.optimizers import REST, default_lr
from prmkit.training.processes import is_main, processes, wait_for_all
from prmkit.training.run import HISTORY_FILE, REPORT_FOLDER, RunFolder
from prmkit.training.trainer import RewardTrainer, Validate

if TYPE_CHECKING:
    from transformers import PreTrainedModel, TrainerCallback

Say = Callable[[str], object]


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is learned, and how it is judged."""

    kind: RewardKind
    """Of the model."""
    rows: Sequence[Row]
    """At least one."""
    groups: Sequence[Group] | None = None
    """Comparisons of the rows; None where each is learned alone."""
    loss: RewardLoss
    """Of the marks."""
    pooling: Pooling = Pooling.LAST
    """Which logits make up those of a step."""
    lm_weight: float = 0.0
    """Of the language-modelling loss on the rows that ask for it."""
    validation: Sequence[EncodedSolution]
    """Held-out solutions or responses; may be empty."""
    validate: Validate
    """From their logits to metrics; with patience there must be a `loss` among them."""
    reading: dict[str, Any] = field(default_factory=dict)
    """Further fields of `RewardMetadata`."""
    identity: dict[str, Any]
    """What decides the weights beside the options: objective and data; JSON-able."""
    facts: dict[str, Any]
    """Stored with the model: counts of the data."""
    problems: Sequence[str]
    """Texts that are learned from, see `prmkit.rewards.trained_on`."""
    notes: Sequence[str]
    """Lines for the user: what was left out, what was chosen and why."""


def fit(
    task: Task,
    base: TextBase,
    config: TrainConfig,
    out: Path,
    *,
    say: Say = print,
    report_to: str = "none",
    callbacks: Sequence["TrainerCallback"] = (),
) -> RewardMetadata:
    """Train a reward model, or go on with a run that was interrupted.

    Args:
        task: What to learn.
        base: What to start from.
        config: How.
        out: Folder of the model; see `prmkit.training.run` for what is in it.
        say: Receives lines for the user, in the main process.
        report_to: Where the Trainer reports: `none`, `tensorboard`, `wandb`, ...
        callbacks: Further callbacks of the Trainer.

    Returns:
        The metadata written beside the weights. A finished run with the same configuration is left as it is.

    Raises:
        InputError: The base or an option cannot be used.
        MissingExtraError: LoRA was asked for without peft.
        RunChangedError: `out` holds a run with another configuration or other data.
    """
    say = say if is_main() else _silent
    check_report_to(report_to)
    base.check_ids(row.ids for row in task.rows)
    identity = _identity(task, config)
    run = RunFolder(out, identity)
    wait_for_all()  # before the first writes into the folder that others may still look at
    if run.finished:
        say(f"{out} holds the finished run; nothing to do")
        return RewardMetadata.read(out)
    for note in task.notes:
        say(note)
    _check(task, config)
    trainer, facts = _trainer(task, base, config, run, say=say, report_to=report_to)
    if is_main():
        run.begin()
    metrics = _fit(task.kind, trainer, run, say, (Milestones(config.evaluations), *callbacks))
    metadata = RewardMetadata(
        kind=task.kind,
        text_format=base.text_format,
        separator_ids=base.separator_ids,
        pooling=task.pooling,
        aggregation=trainer.aggregation,
        training=identity | task.facts | facts | _best(trainer, say) | _versions(),
        metrics=metrics,
        **task.reading,
    )
    _write(out, trainer, base, metadata, task.problems)
    if is_main():
        run.remove_checkpoints()
    trainer.accelerator.wait_for_everyone()
    return metadata


def _identity(task: Task, config: TrainConfig) -> dict[str, Any]:
    """Everything that decides the weights, JSON-able."""
    identity = config.identity(processes()) | task.identity
    if task.groups:  # rounded in each process: another number of them may make other batches
        identity["groups_per_step"] = groups_per_batch(task.groups, config.batch_size) * processes()
    return identity | {"computed_in": "bfloat16" if use_bfloat16(config.precision) else "float32"}


def _check(task: Task, config: TrainConfig) -> None:
    """Refuse options that the task cannot serve, before anything is computed."""
    if config.fsdp and task.lm_weight:
        raise InputError("--lm-weight with --fsdp: no process has the whole language-modelling head; leave one out")
    if config.patience is None:
        return
    classes = len(CLASSES[task.kind])
    if (
        not task.validation
        or "loss" not in task.validate([torch.zeros(len(each.ends), classes) for each in task.validation])[0]
    ):
        raise InputError("--patience: the held-out problems give no validation loss; raise --validation")


def _trainer(
    task: Task, base: TextBase, config: TrainConfig, run: RunFolder, *, say: Say, report_to: str
) -> tuple[RewardTrainer, dict[str, Any]]:
    """The trainer of a model, and what was chosen for it."""
    model = load_model(base, task.kind, config.seed)
    lora = config.lora_rank is not None
    chosen = default_lr(model.num_parameters(), lora=lora, optimizer=config.optimizer)
    lr, reason = (config.lr, "asked for") if config.lr else chosen
    say(f"learning rate {lr:.2g}, {reason}{_rates(config.optimizer, lr)}")
    language = (task.lm_weight, language_head(base, model)) if task.lm_weight else None
    model = add_lora(model, config.lora_rank) if config.lora_rank else model
    if task.groups and reads_alone(model):
        raise InputError(
            f"model {base.name!r} turns its positions by the longest row of a batch, and comparisons need several rows "
            "in one; take another loss or base"
        )
    packed, tokens = batch_plan(model, max(len(row.ids) for row in task.rows), config.batch_tokens)
    material = Material(rows=task.rows, groups=task.groups, loss=task.loss, tokens=tokens, packed=packed)
    items = config.batch_size if task.groups is None else groups_per_batch(task.groups, config.batch_size)
    steps = config.epochs * math.ceil(len(material) / (items * processes()))
    arguments = training_arguments(config, run.checkpoints, items=items, steps=steps, lr=lr, report_to=report_to)
    if torch.cuda.device_count() > processes() == 1:
        say(
            f"1 of {torch.cuda.device_count()} GPUs is used; for all of them: torchrun --nproc-per-node "
            f"{torch.cuda.device_count()} -m prmkit train ..."
        )
    with quiet_transformers():
        trainer = RewardTrainer(
            model,
            arguments,
            material=material,
            pooling=task.pooling,
            validation=task.validation,
            validate=task.validate,
            head_share=config.head_epochs / config.epochs,
            language=language,
            optimizer=config.optimizer,
        )
    if config.patience is not None:
        trainer.add_callback(EarlyStoppingCallback(config.patience))
    for callback in trainer.callback_handler.callbacks:
        if isinstance(callback, TensorBoardCallback):  # its own place is a folder that is removed at the end
            callback.logging_dir = callback.logging_dir or str(run.folder / REPORT_FOLDER)
    return trainer, {"learning_rate": lr, "steps": steps, "packed": packed}


def _rates(optimizer: Optimizer, lr: float) -> str:
    """What moves which weights, if they differ."""
    if optimizer == Optimizer.ADAMW:
        return ""
    return f", of the matrices of the layers (Muon); the rest learns at {lr * REST:.2g} (AdamW)"


def _fit(
    kind: RewardKind, trainer: RewardTrainer, run: RunFolder, say: Say, callbacks: Sequence["TrainerCallback"]
) -> dict[str, float]:
    """Train from the start or from the newest checkpoint; the validation metrics at the end."""
    with trainer.args.main_process_first(local=False):
        checkpoint = run.latest_checkpoint()
    if checkpoint is not None:
        say(f"continuing from {checkpoint}")
    with quiet_transformers(), RichProgress(f"training {kind.upper()}", shown=is_main()) as bar:
        for callback in (*callbacks, bar):
            trainer.add_callback(callback)
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        return {name.removeprefix("eval_"): value for name, value in trainer.evaluate().items()}


def _best(trainer: RewardTrainer, say: Say) -> dict[str, int]:
    """Where the weights come from, if not from the end of the run."""
    state = trainer.state
    if not state.best_global_step:
        return {}
    say(f"{state.global_step} of {state.max_steps} steps; the weights are those of step {state.best_global_step}")
    return {"last_step": state.global_step, "best_step": state.best_global_step}


def _versions() -> dict[str, Any]:
    return {
        "versions": {name: version(name) for name in ("torch", "transformers")} | {"prmkit": prmkit.__version__},
    }


def _write(
    out: Path, trainer: RewardTrainer, base: TextBase, metadata: RewardMetadata, problems: Sequence[str]
) -> None:
    """The finished model; `prmkit.json` last, because it says that the rest is whole."""
    state = trainer.accelerator.get_state_dict(trainer.model) if trainer.is_fsdp_enabled else None
    if not is_main():
        return
    with quiet_transformers():
        model: PreTrainedModel = merged(trainer.model)
        model.save_pretrained(out, state_dict=state)
        base.tokenizer.save_pretrained(out)
    write_json(out / HISTORY_FILE, trainer.state.log_history)
    write_trained(out, problems, Path(base.path))
    write_text(out / "README.md", model_card(metadata))
    metadata.write(out)


def _silent(_text: str) -> None:
    """Of a process that is not the main one."""
