"""Rows to padded batches, and the order in which rows are trained on."""

from collections.abc import Iterator, Sequence
from typing import TypedDict

import torch
from torch import Tensor
from torch.utils.data import Sampler

from prmkit.errors import ShapeError
from prmkit.rewards.scorer import pad_ids
from prmkit.training.objectives import Row

_GROUPED_BATCHES = 16
"""Batches drawn together and sorted by length, so that little is padding."""


class Batch(TypedDict):
    """What the model and the loss read."""

    input_ids: Tensor
    """int64 `[B, T]`."""
    marked: Tensor
    """bool `[B, T]`: where there is a loss."""
    targets: Tensor
    """float32 `[B, T, C]`; zero where nothing is marked."""


def collate(rows: Sequence[Row], pad: int) -> Batch:
    """Pad rows to a batch.

    Raises:
        ShapeError: A row marks no token, or has not one target per mark.
    """
    for row in rows:
        if not row.positions or len(row.positions) != len(row.targets) or row.positions[-1] >= len(row.ids):
            raise ShapeError(
                f"a row of {len(row.ids)} tokens marks {row.positions[:8]} with {len(row.targets)} targets; "
                "each row needs at least one mark, and one target for each"
            )
    input_ids = pad_ids([row.ids for row in rows], pad)
    marked = torch.zeros(input_ids.shape, dtype=torch.bool)
    targets = torch.zeros((*input_ids.shape, rows[0].targets.shape[1]), dtype=torch.float32)
    for index, row in enumerate(rows):
        marked[index, row.positions] = True
        targets[index, row.positions] = torch.from_numpy(row.targets)
    return {"input_ids": input_ids, "marked": marked, "targets": targets}


class LengthGroupedSampler(Sampler[int]):
    """A random order in which neighbours have similar lengths; epoch e depends on the seed and e alone.

    (The sampler of transformers takes its order from the global random state, which a resumed run no longer has.)
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        """Order rows of these lengths."""
        self.lengths = lengths
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the Trainer before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        order = torch.randperm(len(self.lengths), generator=generator).tolist()
        group = self.batch_size * _GROUPED_BATCHES
        grouped = [
            sorted(order[at : at + group], key=lambda each: self.lengths[each]) for at in range(0, len(order), group)
        ]
        flat = [index for each in grouped for index in each]
        batches = [flat[at : at + self.batch_size] for at in range(0, len(flat), self.batch_size)]
        last = [batches.pop()] if len(batches[-1]) < self.batch_size else []  # the rest must stay at the end
        shuffled = [batches[index] for index in torch.randperm(len(batches), generator=generator).tolist()]
        return (index for batch in [*shuffled, *last] for index in batch)
