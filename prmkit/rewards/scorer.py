"""Scores of trained reward models: a token classifier, read at the end of every step.

`step_logits` is the one forward pass of validation and scoring; `prmkit.rewards.reading` the one reading of it.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from prmkit.rewards.loading import load_classifier, to_device
from prmkit.rewards.metadata import Pooling, RewardMetadata
from prmkit.rewards.packable import batch_plan
from prmkit.rewards.packing import pack, packed_attention, pad, pool_logits, token_batches
from prmkit.rewards.reading import StepReader, load_parts, logits_to_scores
from prmkit.steps import EncodedSolution

__all__ = ["ClassifierReward", "load_reward_model", "logits_to_scores", "step_logits"]

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

BATCH_TOKENS = 16_384
"""Tokens of a batch in validation and scoring by default."""
CPU_BATCH_TOKENS = 1024
"""The same on a CPU, whose caches larger batches do not fit: they take up to a quarter more time."""


@torch.no_grad()
def step_logits(
    model: "PreTrainedModel",
    rows: Sequence[EncodedSolution],
    batch_tokens: int | None = None,
    pooling: Pooling = Pooling.LAST,
) -> list[Tensor]:
    """Logits at the end of every step.

    Rows are packed without padding, and those of one problem share its prompt (`prmkit.rewards.packing`); for a model
    that cannot do that they are padded, and a warning is logged.

    Args:
        model: A token classifier with C classes; put into evaluation mode.
        rows: What to read.
        batch_tokens: Tokens of a batch at most, those counted that the model computes; by default as many as suit the
            device.
        pooling: Which logits make up those of a step.

    Returns:
        For each row float32 `[S, C]` on the CPU, S its number of steps. A row's logits do not depend on the other rows,
        rounding aside.
    """
    if not rows:
        return []
    model.eval()
    tokens = batch_tokens or (CPU_BATCH_TOKENS if model.device.type == "cpu" else BATCH_TOKENS)
    packed, tokens = batch_plan(model, max(len(row.ids) for row in rows), tokens)
    plain = [(row.ids, row.prompt_length) for row in rows]
    logits: list[Tensor] = [torch.empty(0)] * len(rows)
    with packed_attention(model) if packed else nullcontext():
        for batch in token_batches(plain, tokens, packed=packed):
            made = (pack if packed else pad)([plain[index] for index in batch])
            found = model(**made.inputs(model.device), use_cache=False).logits.flatten(0, 1).float().cpu()
            for index, places in zip(batch, made.places, strict=True):
                row = rows[index]
                logits[index] = pool_logits(found[places], row.ends, row.prompt_length, pooling)
    return logits


class ClassifierReward(StepReader):
    """A `RewardModel` on a transformers token classifier."""

    def __init__(
        self,
        model: "PreTrainedModel",
        tokenizer: "PreTrainedTokenizerBase",
        metadata: RewardMetadata,
        batch_tokens: int | None = None,
        **options: Any,
    ) -> None:
        """Take a loaded model; options as of `StepReader`."""
        options.setdefault("context", getattr(model.config, "max_position_embeddings", None))
        super().__init__(tokenizer, metadata, **options)
        self.model = model.eval()
        self.batch_tokens = batch_tokens

    def step_logits(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[Tensor]:
        """See `StepReader`."""
        rows = [self.encode(problem, steps) for problem, steps in solutions]
        return step_logits(self.model, rows, self.batch_tokens, self.metadata.pooling)


def load_reward_model(folder: str | Path, device: str | None = None, **options: Any) -> ClassifierReward:
    """Load a reward model that `prmkit train` wrote, in float32.

    Args:
        folder: The checkpoint.
        device: `cpu`, `cuda`, ...; by default CUDA where there is one.
        options: Further arguments of `ClassifierReward` and `StepReader`.

    Raises:
        MissingFileError: The folder is not there, holds no `prmkit.json`, or lacks configuration, weights or tokenizer.
        InputError: Its metadata or the device cannot be used.
    """
    path, tokenizer, metadata, _ = load_parts(folder)
    chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
    model = load_classifier(path)
    to_device(model, chosen)
    return ClassifierReward(model, tokenizer, metadata, **options)
