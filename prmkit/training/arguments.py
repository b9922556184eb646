"""The settings of transformers' Trainer: precision, schedule, reports, several processes."""

from pathlib import Path
from typing import Any

import torch
from transformers import TrainingArguments
from transformers.integrations.integration_utils import get_available_reporting_integrations

from prmkit.errors import InputError
from prmkit.training.config import Precision, TrainConfig

WARM_UP = 0.05
"""Share of the steps in which the learning rate rises."""


def check_report_to(report_to: str) -> None:
    """Refuse a place to report to that is unknown or not installed.

    Raises:
        InputError: The message lists those there are.
    """
    there = ["none", *sorted(get_available_reporting_integrations())]
    if report_to not in there:
        raise InputError(f"cannot report to {report_to!r}; there are {', '.join(there)} (others need their package)")


def training_arguments(
    config: TrainConfig, folder: Path, *, items: int, steps: int, lr: float, report_to: str
) -> TrainingArguments:
    """Gradients cut at norm 1; one GPU per process. What moves the weights: `prmkit.training.optimizers`.

    Args:
        config: The options.
        folder: Of the checkpoints.
        items: Rows or groups of rows of a batch that one process gets.
        steps: Optimiser steps of the whole run.
        lr: Peak learning rate.
        report_to: `none`, `tensorboard`, `wandb`, ...

    Raises:
        InputError: bfloat16 was asked for and the GPU has none.
    """
    cuda = torch.cuda.is_available()
    bfloat16 = use_bfloat16(config.precision)
    patient: dict[str, Any] = {}
    if config.patience is not None:
        patient = {
            "eval_strategy": "steps",  # at the end, and before that when `Milestones` asks for it
            "eval_steps": steps,
            "save_strategy": "steps",
            "save_steps": steps,
            "load_best_model_at_end": True,
            "metric_for_best_model": "loss",
            "restore_callback_states_from_checkpoint": True,
        }
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=config.epochs,
        learning_rate=lr,
        per_device_train_batch_size=items,
        seed=config.seed,
        report_to=report_to,
        bf16=bfloat16,
        use_cpu=not cuda,
        gradient_checkpointing=config.gradient_checkpointing and not config.fsdp,
        gradient_checkpointing_kwargs={"use_reentrant": False},
        ddp_find_unused_parameters=False,
        save_total_limit=1,
        logging_steps=max(1, steps // 100),
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_num_workers=0,
        dataloader_pin_memory=False,
        log_level="error",
        **({"save_strategy": "no"} | patient),
        **sharding(config),
    )
    if arguments.n_gpu > 1:
        arguments._n_gpu = 1  # transformers would split packed batches by their first axis
    return arguments


def warm_up_steps(steps: int) -> int:
    """In which the learning rate rises to its peak."""
    return max(1, int(steps * WARM_UP))


def use_bfloat16(precision: Precision) -> bool:
    """Whether to compute in bfloat16.

    Raises:
        InputError: It was asked for and the GPU has none.
    """
    cuda = torch.cuda.is_available()
    has = cuda and torch.cuda.is_bf16_supported(including_emulation=False)
    if precision is Precision.BFLOAT16 and cuda and not has:
        raise InputError("--precision bfloat16: this GPU has none; take float32")
    return has if precision is Precision.AUTO else precision is Precision.BFLOAT16


def sharding(config: TrainConfig) -> dict[str, Any]:
    """The Trainer's FSDP options; none where it was not asked for. Layers are the units that are spread."""
    if not config.fsdp:
        return {}
    return {
        "fsdp": True,
        "fsdp_config": {
            "fsdp_version": 2,
            "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
            "state_dict_type": "FULL_STATE_DICT",
            "activation_checkpointing": config.gradient_checkpointing,
        },
    }
