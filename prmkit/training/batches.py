"""What is computed together: the share of a batch that a process gets, and the parts in which it computes it.

A batch is a number of items; an item is a row, or a group of rows that are compared with each other. Every process gets
a run of consecutive items of each batch, so that several processes learn what one with as large a batch would.
"""

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import Sampler

from prmkit.rewards.packing import token_batches
from prmkit.training.collate import Batch, ProblemGroupedSampler, collate
from prmkit.training.data import Row
from prmkit.training.groups import Group
from prmkit.training.losses import RewardLoss
from prmkit.training.pairs import Rankings, collate_rankings


@dataclass(frozen=True, slots=True)
class Part:
    """Rows that are computed at once."""

    batch: Batch
    """What the model and the loss read."""
    rankings: Rankings | None
    """Over the rows, where they are compared."""
    weight: float
    """What its marks count in the mean over the whole batch; 0 for one that only keeps step with other processes."""
    said_after: Tensor
    """int64 `[M]`: tokens in the flattened batch whose next token is to be predicted; empty without language loss."""
    said: Tensor
    """int64 `[M]`: those next tokens."""
    language_weight: float
    """What they count; M, or 0."""


@dataclass(frozen=True, kw_only=True)
class Material:
    """Rows, and how they are put together."""

    rows: Sequence[Row]
    """At least one."""
    groups: Sequence[Group] | None
    """What is compared; None where every row is learned alone."""
    loss: RewardLoss
    """Of the marks."""
    tokens: int
    """Of a part at most, unless a single item has more."""
    packed: bool
    """False pads."""

    def __len__(self) -> int:
        return len(self.rows if self.groups is None else self.groups)

    def __getitem__(self, item: int) -> int:
        return item

    @property
    def longest(self) -> int:
        """Tokens of the longest row."""
        return max(len(row.ids) for row in self.rows)

    def sampler(self, seed: int) -> Sampler[int]:
        """The order of the items; in epoch e it depends on the seed and e alone."""
        if self.groups is not None:
            return ProblemGroupedSampler(range(len(self.groups)), seed)
        problems: list[Hashable] = [tuple(row.ids[: row.prompt_length]) for row in self.rows]
        return ProblemGroupedSampler(problems, seed)

    def parts(self, items: Sequence[int]) -> list[Part]:
        """These items as parts; none without items."""
        return [self._part(part) for part in self._divided(items)] if items else []

    def filler(self) -> Part:
        """A part that teaches nothing."""
        return idle(self._part([min(range(len(self)), key=self._tokens)]))

    def _divided(self, items: Sequence[int]) -> list[list[int]]:
        if self.groups is None:
            plain = [(self.rows[item].ids, self.rows[item].prompt_length) for item in items]
            batches = token_batches(plain, self.tokens, packed=self.packed)
            return [[items[index] for index in batch] for batch in batches]
        divided: list[list[int]] = [[]]
        used = 0
        for item in items:
            size = self._tokens(item)
            if divided[-1] and used + size > self.tokens:
                divided, used = [*divided, []], 0
            divided[-1].append(item)
            used += size
        return divided

    def _tokens(self, item: int) -> int:
        """What an item costs to compute."""
        if self.groups is None:
            return len(self.rows[item].ids)
        rows = [self.rows[row] for row in self.groups[item].rows]
        if not self.packed:
            return len(rows) * max(len(row.ids) for row in rows)
        return rows[0].prompt_length + sum(len(row.ids) - row.prompt_length for row in rows)

    def _part(self, items: Sequence[int]) -> Part:
        groups = None if self.groups is None else [self.groups[item] for item in items]
        rows = [self.rows[row] for row in (items if groups is None else [row for each in groups for row in each.rows])]
        batch = collate(rows, packed=self.packed)
        rankings = None if groups is None else collate_rankings(groups)
        after = [places[row.prompt_length - 1 : -1] for row, places in zip(rows, batch["places"], strict=True)]
        said = [torch.tensor(row.ids[row.prompt_length :]) for row in rows]
        speaking = [index for index, row in enumerate(rows) if row.language]
        none = torch.empty(0, dtype=torch.int64)
        return Part(
            batch=batch,
            rankings=rankings,
            weight=self.loss.weight(batch["targets"], rankings),
            said_after=torch.cat([none, *(after[index] for index in speaking)]),
            said=torch.cat([none, *(said[index] for index in speaking)]),
            language_weight=float(sum(len(said[index]) for index in speaking)),
        )


def idle(part: Part) -> Part:
    """The same part, counting nothing."""
    return Part(part.batch, part.rankings, 0.0, part.said_after, part.said, 0.0)


class ShareSampler(Sampler[list[int]]):
    """Batches of items, of each the share of one process: as many batches for every process, some of them empty."""

    def __init__(self, order: Sampler[int], size: int, *, process: int = 0, processes: int = 1) -> None:
        """Divide `order` into batches of `size` items per process.

        Args:
            order: All items; has `set_epoch`.
            size: Items of a batch that one process gets.
            process: Which one asks, from 0.
            processes: How many there are.
        """
        self.order = order
        self.size = size
        self.process = process
        self.processes = processes

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of an epoch."""
        self.order.set_epoch(epoch)  # type: ignore[attr-defined]

    def __len__(self) -> int:
        return math.ceil(len(self.order) / (self.size * self.processes))  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[list[int]]:
        items = list(self.order)
        whole = self.size * self.processes
        for start in range(0, len(items), whole):
            batch = items[start : start + whole]
            first, last = (len(batch) * share // self.processes for share in (self.process, self.process + 1))
            yield batch[first:last]
