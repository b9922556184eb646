"""Many rows in one sequence, without padding, and without attention from one row to another.

Rows with the very same prompt share one copy of it: the sequence holds the prompt once, then what follows it in each of
the rows. Position ids start again with every prompt. Attention is computed row by row, each row over its prompt and its
own tokens, so every row gets the logits and gradients that it would get alone; everything else in a model works token
by token. `packed_attention` puts this attention, or that of `prmkit.rewards.prefixes`, into a transformers model, and
`pad` is the way for those where it does not fit. Which rows go into a batch is decided here too (`token_batches`), and
how the logits of tokens become those of steps (`pool_logits`). Losses and marks are in `prmkit.training`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from prmkit.errors import ShapeError
from prmkit.rewards.metadata import Pooling

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Row = tuple[Sequence[int], int]
"""Token ids, and how many of them are the prompt."""

ATTENTION = "prmkit-packed"
"""Name of the attention in transformers' `AttentionInterface`."""
_BEYOND_CAUSAL = ("softcap", "s_aux", "position_bias", "indices", "block_indices")
"""What models may ask of an attention besides being causal, scaled and windowed (arguments of transformers' own)."""


class Kernel(Protocol):
    """`scaled_dot_product_attention` with a model's scale, dropout and grouped heads."""

    def __call__(
        self, query: Tensor, key: Tensor, value: Tensor, *, is_causal: bool = False, attn_mask: Tensor | None = None
    ) -> Tensor:
        """Queries `[1, H, Q, D]`, keys and values `[1, G, K, D]`; the result `[1, H, Q, D]`."""
        ...


class Arrangement(Protocol):
    """What attends to what in a sequence: the `layout` of a forward within `packed_attention`."""

    @property
    def longest(self) -> int:
        """Tokens of the longest row, those included that are not in the sequence."""
        ...

    def attend(self, query: Tensor, key: Tensor, value: Tensor, kernel: Kernel) -> Tensor:
        """Attention of one layer; queries and result `[1, H, T, D]`, keys and values `[1, G, T, D]`."""
        ...


@dataclass(frozen=True, slots=True)
class Layout:
    """Where rows lie in a packed sequence: for each prompt its length, and the lengths of what follows it."""

    groups: tuple[tuple[int, tuple[int, ...]], ...]

    @property
    def longest(self) -> int:
        """Tokens of the longest row."""
        return max(prompt + max(rest) for prompt, rest in self.groups)

    def sizes(self) -> list[int]:
        """Lengths of all segments in the order of the sequence: a prompt, its continuations, the next prompt, ..."""
        return [size for prompt, rest in self.groups for size in (prompt, *rest)]

    def attend(self, query: Tensor, key: Tensor, value: Tensor, kernel: Kernel) -> Tensor:
        """Causal attention of each row over its prompt and its own tokens.

        A prompt's own attention is computed again for each of its rows, which costs no more than in unpacked rows, but
        needs no mask, so that the fastest kernels fit. (On a CPU one call per row was as fast as masks, faster than
        batches of rows padded to one length, and used less memory.)
        """
        pieces = zip(*(torch.split(each, self.sizes(), dim=2) for each in (query, key, value)), strict=True)
        results: list[Tensor] = []
        for prompt_length, rest in self.groups:
            prompt = next(pieces)
            for number, _ in enumerate(rest):
                q, k, v = (torch.cat(both, dim=2) for both in zip(prompt, next(pieces), strict=True))
                result = kernel(q, k, v, is_causal=True)
                results.append(result if number == 0 else result[:, :, prompt_length:])
        return torch.cat(results, dim=2)


@dataclass(frozen=True, slots=True)
class Packed:
    """Rows as a model reads them, packed or padded."""

    input_ids: Tensor
    """int64 `[1, T]`, or `[B, T]` where padded."""
    position_ids: Tensor | None
    """int64 `[1, T]`; None where padded."""
    layout: Layout | None
    """None where padded."""
    places: list[Tensor]
    """For each row int64 `[L]`: where its tokens lie in the flattened batch. A shared prompt is in several of them."""

    def inputs(self, device: torch.device | str) -> dict[str, Any]:
        """Arguments of the model's forward. No attention mask is among them: padding is on the right, and a causal
        model never looks at what follows.
        """
        if self.position_ids is None:
            return {"input_ids": self.input_ids.to(device)}
        return {
            "input_ids": self.input_ids.to(device),
            "position_ids": self.position_ids.to(device),
            "layout": self.layout,
        }


def pack(rows: Sequence[Row]) -> Packed:
    """All rows in one sequence.

    Raises:
        ShapeError: There are no rows, or a row is empty or shorter than its prompt.
    """
    _check(rows)
    groups = _by_prompt(rows)
    tokens: list[int] = []
    positions: list[int] = []
    places: list[Tensor] = [torch.empty(0)] * len(rows)
    for shared, members in groups.items():
        start = torch.arange(len(tokens), len(tokens) + len(shared))
        tokens += shared
        positions += range(len(shared))
        for index in members:
            rest = rows[index][0][len(shared) :]
            places[index] = torch.cat([start, torch.arange(len(tokens), len(tokens) + len(rest))])
            tokens += rest
            positions += range(len(shared), len(shared) + len(rest))
    layout = Layout(
        tuple((len(key), tuple(len(rows[each][0]) - len(key) for each in members)) for key, members in groups.items())
    )
    return Packed(torch.tensor([tokens]), torch.tensor([positions]), layout, places)


def pad(rows: Sequence[Row], filler: int = 0) -> Packed:
    """One row per line, padded on the right; `filler` is any id of the vocabulary. Errors: see `pack`."""
    _check(rows)
    width = max(len(ids) for ids, _ in rows)
    input_ids = torch.tensor([[*ids, *[filler] * (width - len(ids))] for ids, _ in rows])
    places = [torch.arange(line * width, line * width + len(ids)) for line, (ids, _) in enumerate(rows)]
    return Packed(input_ids, None, None, places)


def _check(rows: Sequence[Row]) -> None:
    if not rows:
        raise ShapeError("there are no rows to put into a batch")
    for ids, prompt in rows:
        if not ids or not 0 <= prompt <= len(ids):
            raise ShapeError(f"a row of {len(ids)} tokens cannot have a prompt of {prompt}")


def token_batches(rows: Sequence[Row], tokens: int, *, packed: bool = True) -> list[list[int]]:
    """Indices of rows in batches of at most `tokens` tokens, or of a single row.

    Args:
        rows: What to read.
        tokens: Of a batch at most: those that the model computes, so a shared prompt counts once and padding counts.
        packed: Keep rows of one prompt together; False sorts by length for `pad`, the longest first.
    """
    if not packed:
        return _length_batches([len(ids) for ids, _ in rows], tokens)
    batches: list[list[int]] = [[]]
    used = 0
    for shared, members in _by_prompt(rows).items():
        sizes = [len(rows[index][0]) - len(shared) for index in members]
        if batches[-1] and used + len(shared) + sum(sizes) > tokens:
            batches, used = [*batches, []], 0
        used += len(shared)
        for index, size in zip(members, sizes, strict=True):
            if batches[-1] and used + size > tokens:  # the rows of one prompt are more than a batch
                batches, used = [*batches, []], len(shared)
            used += size
            batches[-1].append(index)
    return batches if rows else []


def _by_prompt(rows: Sequence[Row]) -> dict[tuple[int, ...], list[int]]:
    groups: dict[tuple[int, ...], list[int]] = {}
    for index, (ids, prompt) in enumerate(rows):
        groups.setdefault(tuple(ids[:prompt]), []).append(index)
    return groups


def _length_batches(lengths: Sequence[int], tokens: int) -> list[list[int]]:
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda each: -lengths[each]):
        if not batches or (len(batches[-1]) + 1) * lengths[batches[-1][0]] > tokens:
            batches.append([])
        batches[-1].append(index)
    return batches


def pool_logits(logits_LC: Tensor, ends: Sequence[int], prompt_length: int, pooling: Pooling) -> Tensor:
    """Logits of the steps of one row.

    Args:
        logits_LC: Of every token of the row.
        ends: For each of S steps the index of its last token.
        prompt_length: Tokens before the first step.
        pooling: Which logits make up those of a step.

    Returns:
        `[S, C]`.
    """
    last = torch.as_tensor(ends, device=logits_LC.device)
    if pooling is Pooling.LAST:
        return logits_LC[last]
    sums_LC = logits_LC[prompt_length:].cumsum(dim=0)
    return sums_LC[last - prompt_length] / (last - prompt_length + 1)[:, None]


@contextmanager
def packed_attention(model: "PreTrainedModel") -> Iterator[None]:
    """Within, a forward of `model` takes position ids and a `layout` and no mask; afterwards it is as before.

    A training must be within as a whole: gradient checkpointing computes attention again while it goes backward. What
    is saved meanwhile is an ordinary checkpoint, because transformers stores no attention with one.
    """
    from transformers import AttentionInterface

    AttentionInterface.register(ATTENTION, _attend)  # no mask is registered with it, so transformers builds none
    before = model.config._attn_implementation
    model.set_attn_implementation(ATTENTION)
    try:
        yield
    finally:
        model.set_attn_implementation(before)


def _attend(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    _attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    layout: Arrangement | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """The attention that transformers calls; queries `[1, H, T, D]`, the result `[1, T, H, D]`."""
    if layout is None:
        raise ShapeError("packed attention needs the layout that `pack` returns")
    if sliding_window is not None and sliding_window < layout.longest:
        raise ShapeError(f"a row of {layout.longest} tokens is longer than the attention window of {sliding_window}")
    if found := [name for name in _BEYOND_CAUSAL if others.get(name) is not None]:
        raise ShapeError(f"{type(module).__name__} asks for {found[0]}, which packed attention does not know")
    if others.get("is_causal") is False:
        raise ShapeError(f"{type(module).__name__} attends to later tokens, which packed attention does not")
    kernel = partial(
        scaled_dot_product_attention, dropout_p=dropout, scale=scaling, enable_gqa=query.shape[1] != key.shape[1]
    )
    return layout.attend(query, key, value, kernel).transpose(1, 2), None
