"""Scores of trained reward models: a token classifier, read at the end of every step.

`read_rows` is the one forward pass of validation and scoring; with a prefix cache, for searches, it is that of
`prmkit.rewards.prefixes`. `prmkit.rewards.reading` is the one reading of both.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from prmkit.rewards.loading import load_classifier, to_device
from prmkit.rewards.metadata import Pooling, RewardMetadata
from prmkit.rewards.packable import batch_plan, packing_refused
from prmkit.rewards.packing import pack, packed_attention, pad, pool_logits, token_batches
from prmkit.rewards.prefixes import PrefixCache
from prmkit.rewards.reading import StepReader, load_parts, logits_to_scores
from prmkit.steps import EncodedSolution

__all__ = ["ClassifierReward", "load_reward_model", "logits_to_scores", "read_rows", "step_logits"]

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

BATCH_TOKENS = 16_384
"""Tokens of a batch in validation and scoring by default."""
CPU_BATCH_TOKENS = 1024
"""The same on a CPU, whose caches larger batches do not fit: they take up to a quarter more time."""


def step_logits(
    model: "PreTrainedModel",
    rows: Sequence[EncodedSolution],
    batch_tokens: int | None = None,
    pooling: Pooling = Pooling.LAST,
) -> list[Tensor]:
    """Logits at the end of every step, float32 `[S, C]` on the CPU for each row; see `read_rows`."""
    return read_rows(model, rows, batch_tokens, pooling)[0]


@torch.no_grad()
def read_rows(
    model: "PreTrainedModel",
    rows: Sequence[EncodedSolution],
    batch_tokens: int | None = None,
    pooling: Pooling = Pooling.LAST,
) -> tuple[list[Tensor], int]:
    """Logits at the end of every step, and how many tokens the model ran for them.

    Rows are packed without padding, and those of one problem share its prompt (`prmkit.rewards.packing`); for a model
    that cannot do that they are padded, and a warning is logged.

    Args:
        model: A token classifier with C classes; put into evaluation mode.
        rows: What to read.
        batch_tokens: Tokens of a batch at most, those counted that the model computes; by default as many as suit the
            device.
        pooling: Which logits make up those of a step.

    Returns:
        For each row float32 `[S, C]` on the CPU, S its number of steps, and the tokens, padding left out. A row's
        logits do not depend on the other rows, rounding aside.
    """
    if not rows:
        return [], 0
    model.eval()
    packed, tokens = batch_plan(model, max(len(row.ids) for row in rows), batch_tokens or default_batch(model))
    plain = [(row.ids, row.prompt_length) for row in rows]
    logits: list[Tensor] = [torch.empty(0)] * len(rows)
    ran = 0
    with packed_attention(model) if packed else nullcontext():
        for batch in token_batches(plain, tokens, packed=packed):
            made = (pack if packed else pad)([plain[index] for index in batch])
            ran += made.input_ids.numel() if packed else sum(len(rows[index].ids) for index in batch)
            found = model(**made.inputs(model.device), use_cache=False).logits.flatten(0, 1).float().cpu()
            for index, places in zip(batch, made.places, strict=True):
                row = rows[index]
                logits[index] = pool_logits(found[places], row.ends, row.prompt_length, pooling)
    return logits, ran


def default_batch(model: "PreTrainedModel") -> int:
    """Tokens of a batch that suit the model's device."""
    return CPU_BATCH_TOKENS if model.device.type == "cpu" else BATCH_TOKENS


class ClassifierReward(StepReader):
    """A `RewardModel` on a transformers token classifier."""

    def __init__(
        self,
        model: "PreTrainedModel",
        tokenizer: "PreTrainedTokenizerBase",
        metadata: RewardMetadata,
        batch_tokens: int | None = None,
        prefix_cache: int | None = None,
        **options: Any,
    ) -> None:
        """Take a loaded model.

        Args:
            model: A token classifier; put into evaluation mode.
            tokenizer: Of the checkpoint.
            metadata: Of the checkpoint.
            batch_tokens: Tokens of a batch at most; by default as many as suit the device.
            prefix_cache: Bytes of keys and values that are kept between calls, so that a longer prefix of a solution
                costs only its new tokens; None keeps nothing. A model that cannot pack reads all in full.
            options: Further arguments of `StepReader`.

        Raises:
            InputError: An option cannot be used.
        """
        options.setdefault("context", getattr(model.config, "max_position_embeddings", None))
        super().__init__(tokenizer, metadata, **options)
        self.model = model.eval()
        self.batch_tokens = batch_tokens
        self.tokens_read = 0
        """Tokens that the model ran so far."""
        self.prefixes = None if prefix_cache is None else PrefixCache(model, metadata.pooling, prefix_cache)
        if self.prefixes:
            packing_refused(model, 1)  # tried now: later another thread may be within the model
        """What is kept of solutions read before; None keeps nothing."""

    def step_logits(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[Tensor]:
        """See `StepReader`."""
        rows = [self.encode(problem, steps) for problem, steps in solutions]
        if self.prefixes and self._keeps_prefixes(max((len(row.ids) for row in rows), default=0)):
            logits, tokens = self.prefixes.step_logits(rows, self.batch_tokens or default_batch(self.model))
        else:
            logits, tokens = read_rows(self.model, rows, self.batch_tokens, self.metadata.pooling)
        self.tokens_read += tokens
        return logits

    def _keeps_prefixes(self, longest: int) -> bool:
        return self.prefixes is not None and packing_refused(self.model, longest) is None


def load_reward_model(folder: str | Path, device: str | None = None, **options: Any) -> ClassifierReward:
    """Load a reward model that `prmkit train` wrote, in float32.

    Args:
        folder: The checkpoint.
        device: `cpu`, `cuda`, ...; by default CUDA where there is one.
        options: Further arguments of `ClassifierReward` and `StepReader`.

    Raises:
        MissingFileError: The folder is not there, holds no `prmkit.json`, or lacks configuration, weights or tokenizer.
        InputError: Its metadata, the device or an option cannot be used.
    """
    path, tokenizer, metadata, _ = load_parts(folder)
    chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
    model = load_classifier(path)
    to_device(model, chosen)
    return ClassifierReward(model, tokenizer, metadata, **options)
