"""Scores of a checkpoint of `prmkit train` by vLLM, whose token classification pooling gives the logits of all tokens.

The same checkpoint, encoder and reading as `prmkit.rewards.scorer`, in float32; only the forward pass is vLLM's. Its
step pooling has broken silently more than once (vllm issues 19956, 41049 and 55307), so the logits of every token are
taken and read here, and a test holds them against transformers. vLLM sets environment variables, seeds and threads of
its process: do not train in it.
"""

import gc
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from prmkit.completers.vllm import cpu_arguments, prepare_vllm
from prmkit.errors import EngineError, first_line
from prmkit.rewards.metadata import RewardMetadata
from prmkit.rewards.reading import StepReader, load_parts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SLOTS = 64
"""Solutions that are read together at most."""


class VllmReward(StepReader):
    """A `RewardModel` on a vLLM engine in this process. Build it with `load_vllm_reward`."""

    def __init__(
        self, engine: Any, tokenizer: "PreTrainedTokenizerBase", metadata: RewardMetadata, **options: Any
    ) -> None:
        """Take a `vllm.LLM` whose pooling task is token_classify; options as of `StepReader`."""
        super().__init__(tokenizer, metadata, **options)
        self._engine = engine

    def step_logits(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[Tensor]:
        """See `StepReader`.

        Raises:
            EngineError: The engine failed, or returned another number of rows than it was given tokens.
        """
        from vllm import PoolingParams, TokensPrompt

        rows = [self.encode(problem, steps) for problem, steps in solutions]
        try:
            outputs = self._engine.encode(
                [TokensPrompt(prompt_token_ids=row.ids) for row in rows],
                pooling_params=PoolingParams(use_activation=False),  # logits, not vLLM's own softmax
                pooling_task="token_classify",
                use_tqdm=False,
            )
        except Exception as error:  # an error is an error: no score stands in for it
            raise EngineError(f"the vllm engine failed: {type(error).__name__}: {first_line(error)}") from error
        if (found := [len(each.outputs.data) for each in outputs]) != (ids := [len(row.ids) for row in rows]):
            raise EngineError(f"the vllm engine returned {found[:5]}... rows of logits for {ids[:5]}... tokens")
        return [self.pool(each.outputs.data, row) for each, row in zip(outputs, rows, strict=True)]

    def close(self) -> None:
        """Stop the engine; a second call does nothing."""
        if self._engine is not None:
            self._engine.llm_engine.engine_core.shutdown()
            self._engine = None
            gc.collect()


def load_vllm_reward(folder: str | Path, *, slots: int = SLOTS, tensor_parallel: int = 1, **options: Any) -> VllmReward:
    """Start an engine for a reward model that `prmkit train` wrote, in float32.

    Args:
        folder: The checkpoint.
        slots: Solutions that are read together at most.
        tensor_parallel: GPUs that share one copy of the model.
        options: Further arguments of `StepReader`.

    Raises:
        MissingExtraError: vLLM is not installed.
        MissingFileError: As of `prmkit.rewards.scorer.load_reward_model`; so `InputError`.
        EngineError: The engine does not start.
    """
    path, tokenizer, metadata, context = load_parts(folder)
    cpu = prepare_vllm()
    from vllm import LLM

    arguments: dict[str, Any] = {"max_num_seqs": slots, "tensor_parallel_size": tensor_parallel, "dtype": "float32"}
    if cpu:
        arguments |= cpu_arguments(path, slots)
    try:
        engine = LLM(path, runner="pooling", use_tqdm_on_load=False, disable_log_stats=True, **arguments)
    except Exception as error:
        raise EngineError(f"vllm cannot serve {str(folder)!r}: {type(error).__name__}: {first_line(error)}") from error
    longest = min(filter(None, (context, engine.llm_engine.model_config.max_model_len)))
    return VllmReward(engine, tokenizer, metadata, **({"context": longest} | options))
