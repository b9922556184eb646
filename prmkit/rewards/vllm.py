"""Scores of a checkpoint of `prmkit train` by vLLM.

The same checkpoint, encoder and reading as `prmkit.rewards.scorer`, in float32; only the forward pass is vLLM's. Token
classification pooling gives the logits of all tokens of a solution. With a prefix cache the engine classifies instead:
it gives the logits of the last token, and takes what it computed of earlier tokens from its cache, so that every new
step is one request that ends with it. vLLM's step pooling has broken silently more than once (vllm issues 19956, 41049
and 55307); it is not used, and a test holds both ways against transformers. vLLM sets environment variables, seeds and
threads of its process: do not train in it.
"""

import gc
import hashlib
import os
from array import array
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from prmkit.completers.vllm import cpu_arguments, prepare_vllm
from prmkit.errors import EngineError, InputError, first_line
from prmkit.rewards.metadata import Pooling, RewardMetadata
from prmkit.rewards.reading import StepReader, load_parts
from prmkit.steps import EncodedSolution

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SLOTS = 64
"""Solutions, or new steps, that are read together at most."""
STEPS = 1 << 18
"""Steps whose logits are remembered beside the engine's cache, about 900 bytes each."""


class VllmReward(StepReader):
    """A `RewardModel` on a vLLM engine in this process. Build it with `load_vllm_reward`."""

    def __init__(
        self,
        engine: Any,
        tokenizer: "PreTrainedTokenizerBase",
        metadata: RewardMetadata,
        *,
        classifies: bool = False,
        **options: Any,
    ) -> None:
        """Take an engine.

        Args:
            engine: A `vllm.LLM` whose pooling task is token_classify, or classify with a prefix cache.
            tokenizer: Of the checkpoint.
            metadata: Of the checkpoint.
            classifies: The task is classify: only steps not seen before are read.
            options: As of `StepReader`.
        """
        super().__init__(tokenizer, metadata, **options)
        self.tokens_read = 0
        """Tokens that the engine ran so far; what it found in its cache is not among them."""
        self._engine = engine
        self._classifies = classifies
        self._seen: OrderedDict[bytes, Tensor] = OrderedDict()
        """Logits float32 `[C]` by the digest of all ids up to the end of a step; the longest unused first."""

    def step_logits(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[Tensor]:
        """See `StepReader`.

        Raises:
            EngineError: The engine failed, or returned another number of rows than it was given tokens.
        """
        rows = [self.encode(problem, steps) for problem, steps in solutions]
        if self._classifies:
            return self._classify(rows)
        found = self._ask([row.ids for row in rows], "token_classify")
        if (returned := [len(each) for each in found]) != (ids := [len(row.ids) for row in rows]):
            raise EngineError(f"the vllm engine returned {returned[:5]}... rows of logits for {ids[:5]}... tokens")
        return [self.pool(logits_LC, row) for logits_LC, row in zip(found, rows, strict=True)]

    def _classify(self, rows: Sequence[EncodedSolution]) -> list[Tensor]:
        """Logits of the steps of every row, from those seen before and one request for each other step."""
        keys = [_step_keys(row) for row in rows]
        found = {key: self._seen[key] for each in keys for key in each if key in self._seen}
        new = {
            key: row.ids[: end + 1]
            for row, each in zip(rows, keys, strict=True)
            for key, end in zip(each, row.ends, strict=True)
            if key not in found
        }
        found |= zip(new, (each.float().cpu() for each in self._ask(list(new.values()), "classify")), strict=True)
        for key, logits_C in found.items():
            self._seen[key] = logits_C
            self._seen.move_to_end(key)
        while len(self._seen) > STEPS:
            self._seen.popitem(last=False)
        return [torch.stack([found[key] for key in each]) for each in keys]

    def _ask(self, prompts: Sequence[list[int]], task: str) -> list[Tensor]:
        """What the engine's pooling gives for each list of token ids: logits, not vLLM's own softmax."""
        from vllm import PoolingParams, TokensPrompt

        if not prompts:
            return []
        try:
            outputs = self._engine.encode(
                [TokensPrompt(prompt_token_ids=ids) for ids in prompts],
                pooling_params=PoolingParams(use_activation=False),
                pooling_task=task,
                use_tqdm=False,
            )
        except Exception as error:  # an error is an error: no score stands in for it
            raise EngineError(f"the vllm engine failed: {type(error).__name__}: {first_line(error)}") from error
        self.tokens_read += sum(len(each.prompt_token_ids) - each.num_cached_tokens for each in outputs)
        return [each.outputs.data for each in outputs]

    def _keeps_prefixes(self, tokens: int) -> bool:  # noqa: ARG002
        return self._classifies

    def close(self) -> None:
        """Stop the engine; a second call does nothing."""
        if self._engine is not None:
            self._engine.llm_engine.engine_core.shutdown()
            self._engine = None
            gc.collect()


def _step_keys(row: EncodedSolution) -> list[bytes]:
    """A digest of all ids up to the end of each step."""
    digest, keys = hashlib.sha256(), []
    for first, last in pairwise([0, *(end + 1 for end in row.ends)]):
        digest.update(array("q", row.ids[first:last]).tobytes())
        keys.append(digest.digest())
    return keys


def load_vllm_reward(
    folder: str | Path,
    *,
    slots: int = SLOTS,
    tensor_parallel: int = 1,
    prefix_cache: int | None = None,
    **options: Any,
) -> VllmReward:
    """Start an engine for a reward model that `prmkit train` wrote, in float32.

    Args:
        folder: The checkpoint.
        slots: Solutions, or new steps, that are read together at most.
        tensor_parallel: GPUs that share one copy of the model.
        prefix_cache: Bytes of the engine's key-value cache, in which it keeps what it computed of growing solutions, so
            that a longer prefix costs little more than its new tokens; the longest solution must fit. None reads every
            solution in full.
        options: Further arguments of `StepReader`.

    Raises:
        MissingExtraError: vLLM is not installed.
        MissingFileError: As of `prmkit.rewards.scorer.load_reward_model`; so `InputError`, which is also raised where
            the model is read at the mean of a solution's tokens and prefixes are to be kept.
        EngineError: The engine does not start.
    """
    path, tokenizer, metadata, context = load_parts(folder)
    if prefix_cache is not None and metadata.pooling is not Pooling.LAST:
        raise InputError(
            f"{folder}: vllm keeps no prefixes for a model that is read at the mean of its tokens (pooling "
            f"{metadata.pooling}); score with transformers, or without a prefix cache"
        )
    cpu = prepare_vllm()
    from vllm import LLM
    from vllm.config import PoolerConfig

    arguments: dict[str, Any] = {"max_num_seqs": slots, "tensor_parallel_size": tensor_parallel, "dtype": "float32"}
    if cpu:
        arguments |= cpu_arguments(path, slots)
    if prefix_cache is not None:
        arguments |= {"pooler_config": PoolerConfig(task="classify"), "enable_prefix_caching": True}
        arguments["kv_cache_memory_bytes"] = prefix_cache
    try:
        with _cache_size_as_told(told=prefix_cache is not None):
            engine = LLM(path, runner="pooling", use_tqdm_on_load=False, disable_log_stats=True, **arguments)
    except Exception as error:
        told = "" if prefix_cache is None else f" with a prefix cache of {prefix_cache} bytes"
        raise EngineError(
            f"vllm cannot serve {str(folder)!r}{told}: {type(error).__name__}: {first_line(error)}"
        ) from error
    longest = min(filter(None, (context, engine.llm_engine.model_config.max_model_len)))
    return VllmReward(
        engine, tokenizer, metadata, classifies=prefix_cache is not None, **({"context": longest} | options)
    )


@contextmanager
def _cache_size_as_told(*, told: bool) -> Iterator[None]:
    """Within, no environment variable overrides a size that is told to the engine (the CPU build's does)."""
    name = "VLLM_CPU_KVCACHE_SPACE"
    before = os.environ.pop(name, None) if told else None
    try:
        yield
    finally:
        if before is not None:
            os.environ[name] = before
