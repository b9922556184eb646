"""Rows to batches, and the order in which rows are trained on.

Batches are packed (`prmkit.rewards.packing`): no padding, and one copy of a prompt for all its rows in the batch. The
marks of a row are kept as places in the flattened batch, so that losses need not know whether rows were packed.
"""

from collections.abc import Hashable, Iterator, Sequence
from typing import Any, TypedDict

import torch
from torch import Tensor
from torch.utils.data import Sampler

from prmkit.errors import ShapeError
from prmkit.rewards.metadata import Pooling
from prmkit.rewards.packing import Layout, pack, pad, pool_logits
from prmkit.training.data import Row

TOGETHER = 4
"""Solutions of one problem that are trained on together, at most."""


class Batch(TypedDict):
    """What the model and the loss read; N marks in the order of the rows and, within a row, of its positions."""

    input_ids: Tensor
    """int64 `[1, T]`, or `[B, T]` where padded."""
    position_ids: Tensor | None
    """int64 `[1, T]`; None where padded."""
    layout: Layout | None
    """None where padded."""
    places: list[Tensor]
    """For each row int64 `[L]`: where its tokens lie in the flattened batch."""
    prompt_lengths: list[int]
    """Of each row."""
    positions: list[list[int]]
    """Of each row, the tokens at which there is a loss."""
    marks: Tensor
    """int64 `[N]`: those tokens in the flattened batch."""
    targets: Tensor
    """float32 `[N, C]`."""


def collate(rows: Sequence[Row], *, packed: bool = True) -> Batch:
    """Make a batch.

    Args:
        rows: At least one.
        packed: False pads the rows, for models that refuse packing (`prmkit.rewards.packable.packing_refused`).

    Raises:
        ShapeError: A row marks no token, or has not one target per mark.
    """
    for row in rows:
        if not row.positions or len(row.positions) != len(row.targets) or max(row.positions) >= len(row.ids):
            raise ShapeError(
                f"a row of {len(row.ids)} tokens marks {row.positions[:8]} with {len(row.targets)} targets; "
                "each row needs at least one mark, and one target for each"
            )
    made = (pack if packed else pad)([(row.ids, row.prompt_length) for row in rows])
    marks = [places[row.positions] for places, row in zip(made.places, rows, strict=True)]
    return {
        "input_ids": made.input_ids,
        "position_ids": made.position_ids,
        "layout": made.layout,
        "places": made.places,
        "prompt_lengths": [row.prompt_length for row in rows],
        "positions": [row.positions for row in rows],
        "marks": torch.cat(marks),
        "targets": torch.cat([torch.from_numpy(row.targets) for row in rows]),
    }


def model_inputs(batch: Batch) -> dict[str, Any]:
    """Arguments of the model's forward; a packed batch needs `packed_attention` around it."""
    if batch["layout"] is None:
        return {"input_ids": batch["input_ids"]}
    return {"input_ids": batch["input_ids"], "position_ids": batch["position_ids"], "layout": batch["layout"]}


def marked_logits(logits_BTC: Tensor, batch: Batch, pooling: Pooling = Pooling.LAST) -> Tensor:
    """Logits at the marks, `[N, C]`, pooled as scoring pools them."""
    flat = logits_BTC.flatten(0, 1)
    if pooling is Pooling.LAST:
        return flat[batch["marks"]]
    rows = zip(batch["places"], batch["positions"], batch["prompt_lengths"], strict=True)
    return torch.cat([pool_logits(flat[places], ends, prompt, pooling) for places, ends, prompt in rows])


class ProblemGroupedSampler(Sampler[int]):
    """A random order in which up to `together` solutions of a problem follow each other, so that a batch computes their
    prompt once; epoch e depends on the seed and e alone.

    A choice between speed and independent batches: every epoch takes each row once and shuffles anew which solutions of
    a problem meet, but the rows of a batch come from fewer problems than in a fully random order (`together=1`).

    (The samplers of transformers take their order from the global random state, which a resumed run no longer has.)
    """

    def __init__(self, problems: Sequence[Hashable], seed: int, together: int = TOGETHER) -> None:
        """Order rows of these problems, one entry per row."""
        self.problems = problems
        self.seed = seed
        self.together = together
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the Trainer before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.problems)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        groups: dict[Hashable, list[int]] = {}
        for index in torch.randperm(len(self.problems), generator=generator).tolist():
            groups.setdefault(self.problems[index], []).append(index)
        chunks = [
            members[at : at + self.together]
            for members in groups.values()
            for at in range(0, len(members), self.together)
        ]
        order = torch.randperm(len(chunks), generator=generator).tolist()
        return (index for chunk in order for index in chunks[chunk])
