"""Completions by vLLM's asynchronous engine: the one to use on GPUs. Its CPU build serves the tests.

Prefix caching is on, so that the rollouts of one prefix, and the longer prefixes of one solution, share their
computation: requests hold the very ids that were written, so all whole blocks of a prefix are found again
(`Completion.cached_tokens` says how many tokens that were). On the CPU build in float32 a request's tokens depend on
the request alone. On a GPU vLLM does not promise that: rounding depends on the batch (vllm issues 5543 and 40896), so a
repeated draw may differ there.
"""

import asyncio
import gc
import importlib.metadata
import itertools
import os
from dataclasses import replace
from typing import Any

from prmkit.completers.base import Completion, Request
from prmkit.errors import EngineError, InputError, MissingExtraError
from prmkit.models import load_tokenizer
from prmkit.records import FinishReason
from prmkit.steps import TextFormat, boundaries

_ENVIRONMENT = {"VLLM_NO_USAGE_STATS": "1", "VLLM_LOGGING_LEVEL": "ERROR", "TOKENIZERS_PARALLELISM": "false"}
_CPU_ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # one process fewer; the asynchronous engine keeps its own
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # automatic binding puts every engine on the same core
    "OMP_NUM_THREADS": "1",  # float32 sums in one order; engines, not threads, use the cores
    "VLLM_CPU_KVCACHE_SPACE": "1",
}


def is_cpu_build() -> bool:
    """Whether the installed vLLM is the CPU build.

    Raises:
        MissingExtraError: vLLM is not installed.
    """
    for name, is_cpu in (("vllm-cpu", True), ("vllm", False)):
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        return is_cpu or "cpu" in version
    raise MissingExtraError(
        "the vllm engine is not installed: pip install 'prmkit[vllm]', or use --engine transformers"
    )


def prepare_vllm() -> bool:
    """Set what vLLM reads from the environment when it is imported; what is set already stays.

    Returns:
        Whether the installed vLLM is the CPU build.

    Raises:
        MissingExtraError: vLLM is not installed.
    """
    cpu = is_cpu_build()
    for name, value in (_ENVIRONMENT | (_CPU_ENVIRONMENT if cpu else {})).items():
        os.environ.setdefault(name, value)
    return cpu


class VllmCompleter:
    """A `Completer` on vLLM. Build and use it inside one running event loop."""

    def __init__(
        self,
        policy: str,
        text_format: TextFormat,
        *,
        slots: int = 256,
        tensor_parallel: int = 1,
        gpu_memory: float = 0.9,
    ) -> None:
        """Start an engine for a policy by folder or hub name.

        Args:
            policy: What `prmkit.models.resolve_model` returned.
            text_format: How the policy reads problems and ends steps.
            slots: Requests that decode together at most.
            tensor_parallel: GPUs that share one copy of the model.
            gpu_memory: Share of each GPU's memory that the engine takes, in (0, 1]. The CPU build does not heed it.
        """
        prepare_vllm()
        from vllm.v1.engine.async_llm import AsyncLLM

        self.tokenizer = load_tokenizer(policy)
        self.text_format = text_format
        arguments = engine_arguments(policy, slots=slots, tensor_parallel=tensor_parallel, gpu_memory=gpu_memory)
        self._engine: Any = AsyncLLM.from_engine_args(arguments)
        self._context: int = self._engine.model_config.max_model_len
        self._numbers = itertools.count()

    async def complete(self, request: Request) -> Completion:
        """Draw one completion; see `prmkit.completers.base.Completer`."""
        first = await self._draw(request, ())
        written = first.token_ids
        finish = first.finish
        while finish is FinishReason.STEP:
            full = len(request.prompt_ids) + len(written) >= self._context
            ended = boundaries(str(self.tokenizer.decode(written)), self.text_format.separator)
            if full or (not ended and len(written) >= request.sampling.max_tokens):
                finish = FinishReason.LENGTH
            elif ended:
                break
            else:  # a separator that ends no step (after blanks, or inside a formula): write on
                more = await self._draw(request, written)
                written, finish = written + more.token_ids, more.finish
        return replace(first, token_ids=written, finish=finish)

    async def _draw(self, request: Request, written: tuple[int, ...]) -> Completion:
        from vllm import SamplingParams, TokensPrompt
        from vllm.exceptions import VLLMValidationError
        from vllm.sampling_params import RequestOutputKind

        sampling = request.sampling
        parameters = SamplingParams(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_tokens=sampling.max_tokens - len(written),
            seed=request.seed + len(written),
            stop=[self.text_format.separator] if request.one_step else None,
            include_stop_str_in_output=True,
            detokenize=request.one_step,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        prompt = TokensPrompt(prompt_token_ids=[*request.prompt_ids, *written])
        last: Any = None
        try:
            async for output in self._engine.generate(prompt, parameters, request_id=str(next(self._numbers))):
                last = output
        except VLLMValidationError as error:
            raise InputError(f"a prompt of {len(request.prompt_ids)} tokens was refused: {error}") from None
        except asyncio.CancelledError:
            raise
        except Exception as error:
            raise EngineError(f"the vllm engine died: {error!r}") from error
        drawn = last.outputs[0]
        return Completion(
            token_ids=tuple(drawn.token_ids),
            finish=_finish(drawn.finish_reason, drawn.stop_reason),
            cached_tokens=last.num_cached_tokens or 0,
        )

    def close(self) -> None:
        """Stop the engine and its process, in the running event loop; a second call does nothing."""
        if self._engine is None:
            return
        self._engine.shutdown()
        self._engine = None
        gc.collect()  # left to the interpreter's exit, the engine's destructor would print an error


def _finish(reason: str, stopped_by: object) -> FinishReason:
    """Translate vLLM's words; an unknown one is an error, never a finished text."""
    match reason, stopped_by:
        case "stop", str():
            return FinishReason.STEP
        case "stop", _:
            return FinishReason.END
        case "length", _:
            return FinishReason.LENGTH
    raise EngineError(f"vllm ended a request with the reason {reason!r}")


def engine_arguments(policy: str, *, slots: int, tensor_parallel: int = 1, gpu_memory: float = 0.9) -> Any:
    """The `vllm.AsyncEngineArgs` of a completer; arguments as of `VllmCompleter`."""
    cpu = prepare_vllm()
    from vllm import AsyncEngineArgs

    # the CPU build reads gpu_memory_utilization as a share of the host's memory, and then goes by
    # VLLM_CPU_KVCACHE_SPACE, which is set: so it is not told
    build = cpu_arguments(policy, slots) if cpu else {"gpu_memory_utilization": gpu_memory}
    return AsyncEngineArgs(
        model=policy,
        max_num_seqs=slots,
        tensor_parallel_size=tensor_parallel,
        # within a Ray placement group vLLM would want a bundle for each GPU; ours holds all of them
        distributed_executor_backend="mp" if tensor_parallel > 1 else None,
        enable_prefix_caching=True,
        disable_log_stats=True,
        **build,
    )


def cpu_arguments(policy: str, slots: int) -> dict[str, Any]:
    """Settings of the CPU build for a model's folder or hub name.

    A prefill split over two steps kills the engine when requests carry seeds, so a step's token budget is so large that
    it never happens.
    """
    from transformers import AutoConfig

    context = min(getattr(AutoConfig.from_pretrained(policy), "max_position_embeddings", 4096), 4096)
    return {
        "dtype": "float32",
        "enforce_eager": True,
        "block_size": 32,
        "max_model_len": context,
        "max_num_batched_tokens": slots * context,
    }
