"""Completions by plain transformers: the engine that runs everywhere, and the default without a CUDA device.

Continuous batching: a thread owns the model; requests join the batch at any token and leave it when they end. A prefix
is computed once (`prmkit.completers.prefill`) and copied into the slot of each request that continues it. On the CPU in
float32 with one thread a request's tokens depend on nothing but the request (see `prmkit.completers.slots`).
"""

import asyncio
import threading
from collections import deque
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from prmkit.completers.base import Completion, Request
from prmkit.completers.prefill import Prefills
from prmkit.completers.slots import MIN_ROWS, SlotCache
from prmkit.errors import EngineError, InputError, MissingFileError, first_line
from prmkit.models import load_tokenizer
from prmkit.records import FinishReason
from prmkit.steps import TextFormat, boundaries

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(eq=False)
class _Draw:
    """A request under way."""

    request: Request
    future: "asyncio.Future[Completion]"
    loop: asyncio.AbstractEventLoop
    written: list[int] = field(default_factory=list)
    cached_tokens: int = 0

    @cached_property
    def uniforms(self) -> np.ndarray:
        """One draw in [0, 1) per token, from the request's own seed; made when it is admitted, not while it waits."""
        generator = np.random.Generator(np.random.Philox(self.request.seed))
        return generator.random(self.request.sampling.max_tokens)

    def settle(self, result: Completion | Exception) -> None:
        """Hand the result to the waiting coroutine, in its own thread."""

        def hand_over() -> None:
            if self.future.done():
                return
            if isinstance(result, Exception):
                self.future.set_exception(result)
            else:
                self.future.set_result(result)

        self.loop.call_soon_threadsafe(hand_over)


class TransformersCompleter:
    """A `Completer` on a transformers causal language model."""

    def __init__(
        self, model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", text_format: TextFormat, slots: int = 64
    ) -> None:
        """Take a loaded model; `slots` is how many requests decode together."""
        self.tokenizer = tokenizer
        self.text_format = text_format
        self._model = model.eval()
        self._slots = slots
        self._context: int = getattr(model.config, "max_position_embeddings", None) or 1 << 30
        self._ends = _end_ids(model, tokenizer)
        self._closing = _closing_ids(tokenizer, text_format.separator)
        self._prefills = Prefills(self._model)
        self._waiting: deque[_Draw] = deque()
        self._wake = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, daemon=True, name="prmkit-transformers")
        self._thread.start()

    @classmethod
    def load(
        cls, policy: str, text_format: TextFormat, *, slots: int = 64, device: str = "cpu"
    ) -> "TransformersCompleter":
        """Load a policy by folder or hub name; float32 on the CPU, its own dtype on a GPU.

        Raises:
            MissingFileError: It cannot be loaded.
        """
        dtype = torch.float32 if device == "cpu" else "auto"
        try:
            model = AutoModelForCausalLM.from_pretrained(policy, dtype=dtype, attn_implementation="sdpa").to(device)
        except Exception as error:  # safetensors, transformers and torch each raise their own
            raise MissingFileError(
                f"model {policy!r}: it cannot be loaded: {type(error).__name__}: {first_line(error)}"
            ) from None
        return cls(model, load_tokenizer(policy), text_format, slots)

    async def complete(self, request: Request) -> Completion:
        """Draw one completion; see `prmkit.completers.base.Completer`."""
        if not 0 < len(request.prompt_ids) < self._context:
            raise InputError(f"a prompt of {len(request.prompt_ids)} tokens does not fit a context of {self._context}")
        loop = asyncio.get_running_loop()
        draw = _Draw(request, loop.create_future(), loop)
        with self._wake:
            if self._closed:
                raise EngineError("the completer is closed")
            self._waiting.append(draw)
            self._wake.notify()
        return await draw.future

    def close(self) -> None:
        """Stop the thread; requests under way fail with `EngineError`."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        active: list[_Draw] = []
        cache = SlotCache(self._slots)
        try:
            while self._await_work(active):
                with torch.inference_mode():
                    self._admit(active, cache)
                    if active:
                        self._advance(active, cache)
            failure: Exception = EngineError("the completer was closed with requests under way")
        except Exception as error:  # whatever it is, those who wait must hear of it
            failure = EngineError(f"the transformers engine died: {error!r}")
        with self._wake:
            self._closed = True
            left = [*active, *self._waiting]
        for draw in left:
            draw.settle(failure)

    def _await_work(self, active: list[_Draw]) -> bool:
        with self._wake:
            self._wake.wait_for(lambda: self._closed or active or self._waiting)
            return not self._closed

    def _admit(self, active: list[_Draw], cache: SlotCache) -> None:
        """Fill free slots; a request's first token comes from its prefix's prefill."""
        while self._waiting and len(active) < self._slots:
            draw = self._waiting[0]  # stays in the queue until it is safe, so that a failure reaches it
            if not draw.future.cancelled():
                prefix, draw.cached_tokens = self._prefills.compute(draw.request.prompt_ids)
                draw.written.append(_sample(prefix.logits, [draw])[0])
                if not self._finish(draw):
                    cache.load(len(active), prefix.cache)
                    active.append(draw)
            self._waiting.popleft()

    def _advance(self, active: list[_Draw], cache: SlotCache) -> None:
        """Write one token in every active slot and free those that finished."""
        rows = max(len(active), MIN_ROWS)  # rows beyond the active ones hold leftovers and are ignored
        last = [draw.written[-1] for draw in active] + [0] * (rows - len(active))
        mask = cache.prepare(rows)
        positions = cache.lengths[:rows, None].clone()
        ids = torch.tensor(last, device=mask.device)[:, None]
        output = self._model(
            input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True
        )
        cache.lengths[: len(active)] += 1
        for draw, token in zip(active, _sample(output.logits[: len(active), -1], active), strict=True):
            draw.written.append(token)
        for row in reversed(range(len(active))):
            if active[row].future.cancelled() or self._finish(active[row]):
                draw = active.pop()
                if row < len(active):
                    cache.move(len(active), row)
                    active[row] = draw

    def _finish(self, draw: _Draw) -> bool:
        """Settle the draw if it ends with its newest token."""
        request, written = draw.request, draw.written
        full = len(request.prompt_ids) + len(written) >= self._context
        if written[-1] in self._ends:
            finish = FinishReason.END
        elif request.one_step and not full and self._ends_step(written):
            finish = FinishReason.STEP
        elif full or len(written) >= request.sampling.max_tokens:
            finish = FinishReason.LENGTH
        else:
            return False
        draw.settle(Completion(token_ids=tuple(written), finish=finish, cached_tokens=draw.cached_tokens))
        return True

    def _ends_step(self, written: list[int]) -> bool:
        if written[-1] not in self._closing:
            return False
        return bool(boundaries(str(self.tokenizer.decode(written)), self.text_format.separator))


def _sample(logits: Tensor, draws: list[_Draw]) -> list[int]:
    """One token per row of `[B, V]`: greedy, or by inverting the cumulative distribution at the row's own draw."""
    greedy = logits.argmax(dim=-1).tolist()
    if all(draw.request.sampling.temperature == 0 for draw in draws):
        return [int(token) for token in greedy]
    settings = [draw.request.sampling for draw in draws]
    heat = torch.tensor([each.temperature or 1.0 for each in settings], dtype=torch.float64, device=logits.device)
    probs = (logits.double() / heat[:, None]).softmax(dim=-1)
    nuclei = torch.tensor([each.top_p for each in settings], dtype=torch.float64, device=logits.device)
    if (nuclei < 1).any():
        ordered, order = probs.sort(dim=-1, descending=True, stable=True)
        outside = ordered.cumsum(dim=-1) - ordered >= nuclei[:, None]
        probs = probs.scatter(1, order, ordered.masked_fill(outside, 0.0))
    cumulative = probs.cumsum(dim=-1)
    uniforms = [draw.uniforms[len(draw.written)] for draw in draws]
    points = torch.tensor(uniforms, dtype=torch.float64, device=logits.device) * cumulative[:, -1]
    drawn = torch.searchsorted(cumulative, points[:, None], right=True)[:, 0].tolist()
    rows = zip(settings, greedy, drawn, strict=True)
    return [int(best if each.temperature == 0 else token) for each, best, token in rows]


def _end_ids(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase") -> set[int]:
    """Tokens that end a text: the model's generation settings know more of them than the tokenizer."""
    configured = model.generation_config.eos_token_id if model.generation_config else None
    ends = configured if isinstance(configured, list) else [configured]
    return {end for end in [*ends, tokenizer.eos_token_id] if end is not None}


def _closing_ids(tokenizer: "PreTrainedTokenizerBase", separator: str) -> set[int]:
    """Tokens with which a separator can end."""
    pieces = tokenizer.batch_decode([[each] for each in range(len(tokenizer))])
    return {index for index, piece in enumerate(pieces) if separator[-1] in piece}


def default_device() -> str:
    """`cuda` where there is one, else `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"
