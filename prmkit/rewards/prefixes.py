"""Growing solutions read once: a tree of what a model computed, so that a longer prefix runs only its new tokens.

A node is a segment of token ids, the prompt of a problem or a step with its separator, with the keys and values that
every layer made of it, and the logits a step is read at. Solutions that begin alike share the nodes of what they have
in common, those of one call and those of later calls. Memory is bounded: the leaves that were used longest ago go
first, and what went is computed again when it is needed. Nothing here is told about searches; they score whole
prefixes again and again (`prmkit.rewards.scorer.ClassifierReward`).

Each segment attends on its own and sequences come in multiples of `MULTIPLE`, so that on the CPU in float32, with one
thread, a row's logits are bit for bit the same whatever is cached and whatever is read beside it.
"""

from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from prmkit.errors import InputError
from prmkit.rewards.metadata import Pooling
from prmkit.rewards.packing import Kernel, packed_attention
from prmkit.steps import EncodedSolution

if TYPE_CHECKING:
    from transformers import PreTrainedModel

MULTIPLE = 16
"""Filler tokens make sequences a multiple of this: other kernels compute what few rows, or the last few, are left of
matrices, and round differently."""


@dataclass(eq=False, slots=True)
class Node:
    """One segment behind all that comes before it."""

    ids: tuple[int, ...]
    """Its own tokens."""
    path: tuple["Node", ...] = ()
    """The segments before it, from the prompt on."""
    start: int = 0
    """Tokens before it."""
    children: dict[tuple[int, ...], "Node"] = field(default_factory=dict)
    keys: list[Tensor] = field(default_factory=list)
    """Of each layer, `[1, G, L, D]`."""
    values: list[Tensor] = field(default_factory=list)
    logits: Tensor = field(default_factory=lambda: torch.empty(0))
    """float32 `[C]`: of the last token, or for mean pooling the sum over all; empty where nothing was computed yet."""
    size: int = 0
    """Bytes of keys and values that are held."""


@dataclass(slots=True)
class _Growth:
    """The sequence of one forward: new segments, each behind its cached or new predecessors, then filler."""

    nodes: Sequence[Node]
    """Predecessors first."""
    sizes: list[int]
    """Tokens of each, and of the filler."""
    masks: list[Tensor]
    """For each bool `[Q, K]`: which of its own tokens attends to which tokens of its path and itself."""

    @property
    def longest(self) -> int:
        """See `prmkit.rewards.packing.Arrangement`."""
        return max(node.start + len(node.ids) for node in self.nodes)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, kernel: Kernel) -> Tensor:
        """Attention of the next layer, whose keys and values stay with the nodes."""
        *queries, filler = torch.split(query, self.sizes, dim=2)
        keys, values = (torch.split(each, self.sizes, dim=2)[:-1] for each in (key, value))
        results: list[Tensor] = []
        for node, mask, q, k, v in zip(self.nodes, self.masks, queries, keys, values, strict=True):
            layer = len(node.keys)
            node.keys.append(k)
            node.values.append(v)
            if node.ids:  # the prompt may be empty
                k = torch.cat([each.keys[layer] for each in (*node.path, node)], dim=2)  # noqa: PLW2901
                v = torch.cat([each.values[layer] for each in (*node.path, node)], dim=2)  # noqa: PLW2901
                results.append(kernel(q, k, v, attn_mask=mask))
        return torch.cat([*results, torch.zeros_like(filler)], dim=2)


class PrefixCache:
    """The tree of one model whose weights do not change."""

    def __init__(self, model: "PreTrainedModel", pooling: Pooling, budget: int) -> None:
        """Take a token classifier that packs (`prmkit.rewards.packable`).

        Args:
            model: Put into evaluation mode when it reads.
            pooling: Which logits make up those of a step.
            budget: Bytes of keys and values that are kept, on the model's device; at least 1. While a batch is read
                its own rows are held besides.

        Raises:
            InputError: The budget is below 1.
        """
        if budget < 1:
            raise InputError(f"a prefix cache needs a budget of at least 1 byte, got {budget}")
        self.budget = budget
        self.held = 0
        """Bytes of keys and values that are held now."""
        self._model = model
        self._pooling = pooling
        self._root = Node(())
        self._recent: OrderedDict[Node, None] = OrderedDict()
        """Every node that is computed or about to be, the longest unused first; always before those it builds on."""

    @torch.no_grad()
    def step_logits(self, rows: Sequence[EncodedSolution], batch_tokens: int) -> tuple[list[Tensor], int]:
        """Logits at the end of every step, of tokens that are new in batches of at most `batch_tokens` or one row.

        Returns:
            For each row float32 `[S, C]` on the CPU, and how many tokens the model ran.
        """
        self._model.eval()
        logits: list[Tensor] = [torch.empty(0)] * len(rows)
        waiting = sorted(range(len(rows)), key=lambda index: rows[index].ids)  # what begins alike is read together
        tokens = 0
        while waiting:
            paths, new = self._plan([rows[index] for index in waiting], batch_tokens)
            pinned = self._touch(paths)
            if new:
                self._run(new, pinned)
            for index, path in zip(waiting, paths, strict=False):
                logits[index] = self._read(rows[index], path)
            self._evict()
            tokens += sum(len(node.ids) for node in new)
            waiting = waiting[len(paths) :]
        return logits, tokens

    def _plan(self, rows: Sequence[EncodedSolution], batch_tokens: int) -> tuple[list[list[Node]], list[Node]]:
        """The paths of the first rows, as many as make a batch, and what is not computed on them."""
        paths: list[list[Node]] = []
        new: dict[Node, None] = {}
        tokens = 0
        for row in rows:
            path = self._path(row)
            missing = [node for node in path if not len(node.logits) and node not in new]
            tokens += sum(len(node.ids) for node in missing)
            if paths and tokens > batch_tokens:
                break
            paths.append(path)
            new |= dict.fromkeys(missing)
        return paths, list(new)

    def _path(self, row: EncodedSolution) -> list[Node]:
        """The nodes of a row, the prompt's and one for each step; those that are new have nothing computed."""
        path = [self._root]
        for first, last in pairwise([0, row.prompt_length, *(end + 1 for end in row.ends)]):
            ids = tuple(row.ids[first:last])
            children = path[-1].children
            if ids not in children:
                children[ids] = Node(ids, tuple(path[1:]), first)
            path.append(children[ids])
        return path[1:]

    def _touch(self, paths: Sequence[Sequence[Node]]) -> Collection[Node]:
        """Make all nodes of the paths the most recent ones, and return them."""
        for path in paths:
            for node in reversed(path):
                self._recent[node] = None
                self._recent.move_to_end(node)
        return {node for path in paths for node in path}

    def _run(self, new: Sequence[Node], pinned: Collection[Node]) -> None:
        """Compute nodes, predecessors first, in one forward; make room before they are stored."""
        ids = [each for node in new for each in node.ids]
        positions = [at for node in new for at in range(node.start, node.start + len(node.ids))]
        filler = [0] * (-len(ids) % MULTIPLE)
        device = self._model.device
        masks = [
            torch.ones(len(node.ids), node.start + len(node.ids), dtype=torch.bool, device=device).tril(node.start)
            for node in new
        ]
        growth = _Growth(new, [*(len(node.ids) for node in new), len(filler)], masks)
        inputs = {
            "input_ids": torch.tensor([ids + filler], device=device),
            "position_ids": torch.tensor([positions + filler], device=device),
        }
        try:
            with packed_attention(self._model):
                logits_TC = self._model(**inputs, layout=growth, use_cache=False).logits[0].float().cpu()
            self._evict(sum(each.nbytes for node in new for each in (*node.keys, *node.values)), pinned)
            for node, own_LC in zip(new, torch.split(logits_TC, growth.sizes)[:-1], strict=True):
                self._store(node, own_LC)
        except BaseException:  # out of memory, say: nothing half computed stays
            for node in reversed(new):
                self._drop(node)
            raise

    def _store(self, node: Node, logits_LC: Tensor) -> None:
        # copies: what the forward made is one block of memory for all nodes of the batch
        node.keys = [each.clone() for each in node.keys]
        node.values = [each.clone() for each in node.values]
        node.size = sum(each.nbytes for each in (*node.keys, *node.values))
        node.logits = logits_LC.sum(dim=0) if self._pooling is Pooling.MEAN or not node.ids else logits_LC[-1].clone()
        self.held += node.size

    def _read(self, row: EncodedSolution, path: Sequence[Node]) -> Tensor:
        """Logits of the steps `[S, C]`, from those of the nodes."""
        found_SC = torch.stack([node.logits for node in path[1:]])
        if self._pooling is Pooling.LAST:
            return found_SC
        return found_SC.cumsum(dim=0) / (torch.tensor(row.ends) - row.prompt_length + 1)[:, None]

    def _evict(self, room: int = 0, pinned: Collection[Node] = ()) -> None:
        """Drop what was used longest ago until so many further bytes fit; never a pinned node."""
        while self._recent and self.held + room > self.budget:
            oldest = next(iter(self._recent))
            if oldest in pinned:
                return  # all behind it are
            self._drop(oldest)

    def _drop(self, node: Node) -> None:
        del self._recent[node]
        self.held -= node.size
        (node.path[-1] if node.path else self._root).children.pop(node.ids)
        node.children.clear()  # rows that were looked up and not read yet: no cycle keeps the node alive
