"""Scores of trained reward models: a token classifier, read at the end of every step.

`step_logits` is the one forward pass of validation and scoring; `logits_to_scores` the one reading of it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from prmkit.errors import InputError, MissingFileError
from prmkit.models import first_line, load_tokenizer, resolve_model
from prmkit.rewards.base import RewardModel
from prmkit.rewards.loading import load_classifier
from prmkit.rewards.metadata import RewardKind, RewardMetadata, check_separator
from prmkit.steps import EncodedSolution, encode_solution

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

BATCH_TOKENS = 16_384
"""Tokens of a batch, padding included, in validation and scoring."""


def length_batches(lengths: Sequence[int], batch_tokens: int) -> list[list[int]]:
    """Indices in batches of similar length, the longest first; at most `batch_tokens` with padding, or a single row."""
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda each: -lengths[each]):
        if not batches or (len(batches[-1]) + 1) * lengths[batches[-1][0]] > batch_tokens:
            batches.append([])
        batches[-1].append(index)
    return batches


def pad_ids(rows: Sequence[Sequence[int]], pad: int) -> Tensor:
    """Token ids as int64 `[B, T]`, padded on the right.

    No attention mask goes with them: a causal model never looks at what follows, and without a mask attention on the
    CPU is several times faster.
    """
    width = max(len(row) for row in rows)
    return torch.tensor([[*row, *[pad] * (width - len(row))] for row in rows])


@torch.no_grad()
def step_logits(
    model: "PreTrainedModel", rows: Sequence[EncodedSolution], batch_tokens: int = BATCH_TOKENS
) -> list[Tensor]:
    """Logits at the end of every step.

    Args:
        model: A token classifier with C classes; put into evaluation mode.
        rows: What to read.
        batch_tokens: Tokens of a batch at most, padding included.

    Returns:
        For each row float32 `[S, C]` on the CPU, S its number of steps. A row's logits do not depend on the other rows.
    """
    model.eval()
    logits: list[Tensor] = [torch.empty(0)] * len(rows)
    for batch in length_batches([len(row.ids) for row in rows], batch_tokens):
        ids_BT = pad_ids([rows[index].ids for index in batch], model.config.pad_token_id or 0)
        logits_BTC = model(input_ids=ids_BT.to(model.device), use_cache=False).logits.float().cpu()
        for place, index in enumerate(batch):
            logits[index] = logits_BTC[place, rows[index].ends]
    return logits


def logits_to_scores(logits_SC: Tensor, kind: RewardKind, neutral_weight: float) -> list[float]:
    """Step scores in [0, 1] from logits `[S, C]`: P(correct) + weight * P(neutral), or the sigmoid of one logit."""
    if kind is not RewardKind.PRM:
        scores_S = logits_SC[:, 0].double().sigmoid()
    else:
        probabilities_SC = logits_SC.double().softmax(dim=-1)
        scores_S = probabilities_SC[:, 2] + neutral_weight * probabilities_SC[:, 1]
    return [min(max(score, 0.0), 1.0) for score in scores_S.tolist()]


class ClassifierReward:
    """A `RewardModel` on a transformers token classifier."""

    def __init__(
        self,
        model: "PreTrainedModel",
        tokenizer: "PreTrainedTokenizerBase",
        metadata: RewardMetadata,
        batch_tokens: int = BATCH_TOKENS,
    ) -> None:
        """Take a loaded model."""
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.metadata = metadata
        self.aggregation = metadata.aggregation
        self.batch_tokens = batch_tokens
        self._context: int = getattr(model.config, "max_position_embeddings", None) or 1 << 30

    def score_steps(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        """Score the steps of many solutions; see `prmkit.rewards.base.RewardModel`.

        Raises:
            InputError: A solution does not fit the model's context.
            ShapeError: A solution has no steps.
        """
        rows = [self._encode(problem, steps) for problem, steps in solutions]
        logits = step_logits(self.model, rows, self.batch_tokens)
        return [logits_to_scores(each, self.metadata.kind, self.metadata.neutral_weight) for each in logits]

    def _encode(self, problem: str, steps: Sequence[str]) -> EncodedSolution:
        row = encode_solution(self.tokenizer, self.metadata.text_format, problem, steps)
        if len(row.ids) > self._context:
            raise InputError(
                f"a solution of {len(row.ids)} tokens ({len(steps)} steps) does not fit the reward model's context of "
                f"{self._context}; it begins {steps[0][:60]!r}"
            )
        return row


def load_reward_model(folder: str | Path, device: str | None = None, **options: Any) -> RewardModel:
    """Load a PRM or ORM that `prmkit train` wrote, in float32.

    Args:
        folder: The checkpoint.
        device: `cpu`, `cuda`, ...; by default CUDA where there is one.
        options: Further arguments of `ClassifierReward`.

    Raises:
        MissingFileError: The folder is not there, holds no `prmkit.json`, or lacks configuration, weights or tokenizer.
        InputError: Its metadata or the device cannot be used.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise MissingFileError(f"reward model {str(folder)!r}: no such folder")
    metadata = RewardMetadata.read(folder)
    path = resolve_model(str(folder))
    tokenizer = load_tokenizer(path)
    check_separator(metadata, tokenizer(metadata.text_format.separator, add_special_tokens=False)["input_ids"], folder)
    chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
    model = load_classifier(path)
    try:
        model.to(chosen)
    except (RuntimeError, AssertionError) as error:  # torch raises the second where it was built without CUDA
        raise InputError(f"device {chosen!r} cannot be used: {first_line(error)}") from None
    return ClassifierReward(model, tokenizer, metadata, **options)
