"""Prefixes that are computed once: keys and values of prompts, kept for requests that continue or extend them.

A prefix is always computed alone and in the same chunks from its beginning, whatever is kept. So what follows from it
depends on its tokens alone, bit for bit on the CPU in float32, and a longer prefix starts from the last whole chunk
that it shares with any that is kept. (What decoding wrote is not taken over: it comes from other matrix kernels, which
round differently.) Memory is bounded; what was used longest ago goes first and is computed again when needed.
"""

import copy
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from transformers import DynamicCache

from prmkit.completers.slots import BLOCK
from prmkit.models import turns_by_length

if TYPE_CHECKING:
    from transformers import PreTrainedModel

BYTES_KEPT = 1 << 30
"""Of keys, values and logits. Every whole chunk of a prefix holds those of all before it as well."""


@dataclass(frozen=True, slots=True)
class Prefilled:
    """What a model made of a prefix."""

    cache: DynamicCache
    """Keys and values; not to be changed."""
    logits: Tensor
    """`[1, V]`: after its last token."""
    size: int
    """Bytes of both."""


class Prefills:
    """Prefixes of one model; for one thread."""

    def __init__(self, model: "PreTrainedModel", *, bytes_kept: int = BYTES_KEPT) -> None:
        """Keep up to `bytes_kept` bytes, and the newest prefix in any case."""
        self._model = model
        self._bytes_kept = bytes_kept
        self._kept: OrderedDict[tuple[int, ...], Prefilled] = OrderedDict()
        self.size = 0
        """Bytes that are kept."""
        # a GPU computes a few hundred tokens in the time of one; rotary positions that depend on the length of what is
        # read allow no parts at all
        chunk = BLOCK if model.device.type == "cpu" else 8 * BLOCK
        self._chunk = 1 << 62 if turns_by_length(model.config) else chunk

    def compute(self, ids: tuple[int, ...]) -> tuple[Prefilled, int]:
        """What the model makes of a prefix of at least one token, and how many of its tokens were computed before."""
        ends = [*range(self._chunk, len(ids), self._chunk), len(ids)]
        known = next((end for end in reversed(ends) if ids[:end] in self._kept), 0)
        if known:
            self._kept.move_to_end(ids[:known])
        for start, end in zip([0, *ends], ends, strict=False):
            if end > known:
                self._extend(ids[:end], start)
        return self._kept[ids], known

    def _extend(self, ids: tuple[int, ...], start: int) -> None:
        """Compute and keep a prefix whose first `start` tokens are kept."""
        cache = _branch(self._kept[ids[:start]].cache) if start else DynamicCache(config=self._model.config)
        new = torch.tensor([ids[start:]], device=self._model.device)
        logits = self._model(input_ids=new, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[:, -1]
        size = logits.nbytes + sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)
        self._kept[ids] = Prefilled(cache, logits, size)
        self.size += size
        while self.size > self._bytes_kept and len(self._kept) > 1:
            self.size -= self._kept.popitem(last=False)[1].size


def _branch(cache: DynamicCache) -> DynamicCache:
    """A cache that grows on its own from the same tensors: layers replace theirs when they grow."""
    grown = copy.copy(cache)
    grown.layers = [copy.copy(layer) for layer in cache.layers]
    return grown
