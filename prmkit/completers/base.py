"""What every completer is: token ids in, token ids out, one request per draw.

A completer continues a text. Three exist: `prmkit.completers.vllm`, `.transformers` and `.simulated`. Requests are
asynchronous and the completer batches those under way, so many are to be sent at once.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from prmkit.errors import InputError
from prmkit.records import FinishReason
from prmkit.steps import TextFormat

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How tokens are drawn."""

    temperature: float = 1.0
    """0 is greedy; otherwise logits are divided by it."""
    top_p: float = 1.0
    """Smallest set of tokens whose probability reaches this, in (0, 1]."""
    max_tokens: int = 256
    """Tokens written at most; at least 1."""

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < math.inf or not 0 < self.top_p <= 1 or self.max_tokens < 1:
            raise InputError(f"need temperature >= 0, 0 < top_p <= 1 and max_tokens >= 1, got {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One draw."""

    prompt_ids: tuple[int, ...]
    """Everything before the first token to write; at least one id."""
    sampling: Sampling
    """How to draw."""
    seed: int
    """31 bits; the same request gives the same completion, whatever else the completer is doing."""
    one_step: bool = False
    """Stop after the first step separator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What was written."""

    token_ids: tuple[int, ...]
    """Every sampled token, the end token included. The canonical form: text is decoded from it, never the reverse."""
    finish: FinishReason
    """Why it ended. LENGTH also where a step ends with the model's context: nothing can follow it."""
    cached_tokens: int = field(default=0, compare=False)
    """Prompt tokens whose computation the engine reused. It depends on what else the engine did; the tokens do not."""


class Completer(Protocol):
    """Continues token ids. Implementations are built inside the process that uses them."""

    tokenizer: "PreTrainedTokenizerBase"
    """Of the policy."""
    text_format: TextFormat
    """How the policy reads problems and ends steps."""

    async def complete(self, request: Request) -> Completion:
        """Draw one completion.

        Raises:
            InputError: The prompt leaves no room within the model's context.
            EngineError: The engine died.
        """
        ...

    def close(self) -> None:
        """Free the engine; requests under way fail with `EngineError`."""
        ...


def draw_seed(run_seed: int, purpose: str, problem_id: str, prefix_ids: Sequence[int], index: int) -> int:
    """The address of a draw as a 31-bit seed.

    Nothing about workers, order or restarts enters it, so the draw can be repeated anywhere; equal prefixes of
    different solutions get equal rollouts.

    Args:
        run_seed: The `--seed` of the run.
        purpose: Keeps draws of different jobs apart: `sample`, `rollout`, `beam`.
        problem_id: Which problem.
        prefix_ids: Token ids the draw continues.
        index: Number of the draw from this prefix, from 0.
    """
    digest = hashlib.sha256(repr((run_seed, purpose, problem_id, list(prefix_ids), index)).encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
