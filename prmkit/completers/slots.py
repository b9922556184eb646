"""A key-value cache of slots: sequences of different lengths decode together, each in a row of its own.

Rows are aligned at column 0 and columns come in multiples of `BLOCK`, so that the sums inside attention are formed in
the same order whatever the neighbours are: on the CPU in float32 a row's logits are bit for bit the same in any company
of at least `MIN_ROWS` (tests/prmkit/completers/test_transformers.py).
"""

import torch
from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin, DynamicCache

BLOCK = 64
"""Columns are added and attended to in multiples of this."""
MIN_ROWS = 4
"""Fewer rows take other matrix kernels, which round differently."""


class _SlotLayer(CacheLayerMixin):  # type: ignore[misc]
    """Keys and values `[slots, heads, columns, width]` of one layer, written in place at each row's own column."""

    def __init__(self, cache: "SlotCache") -> None:
        super().__init__()
        self.cache = cache

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Never needed: rows are loaded before they decode."""

    def update(
        self, key_states: Tensor, value_states: Tensor, *_args: object, **_kwargs: object
    ) -> tuple[Tensor, Tensor]:
        """Write one new column in each of the first `len(key_states)` rows; return what they attend to."""
        rows, width = len(key_states), self.cache.width
        index = torch.arange(rows, device=key_states.device)
        self.keys[index, :, self.cache.lengths[:rows]] = key_states[:, :, 0]
        self.values[index, :, self.cache.lengths[:rows]] = value_states[:, :, 0]
        return self.keys[:rows, :, :width], self.values[:rows, :, :width]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:  # noqa: ARG002
        """Columns attended to, and the offset of the first."""
        return self.cache.width, 0

    def get_seq_length(self) -> int:
        """Columns in use."""
        return self.cache.width

    def get_max_length(self) -> int:
        """Columns grow as needed."""
        return -1

    def resize(self, columns: int) -> None:
        """Make room for `columns` columns, keeping what is there."""
        for name in ("keys", "values"):
            old = getattr(self, name)
            new = old.new_zeros(old.shape[0], old.shape[1], columns, old.shape[3])
            new[:, :, : old.shape[2]] = old
            setattr(self, name, new)


class SlotCache(Cache):  # type: ignore[misc]
    """The cache of a decoding batch. Active rows are 0 to n-1; the caller moves the last row into a freed one."""

    def __init__(self, slots: int) -> None:
        super().__init__(layers=[])
        self.slots = max(slots, MIN_ROWS)
        self.lengths: Tensor = torch.zeros(self.slots, dtype=torch.long)
        """Tokens in each row."""
        self.width = BLOCK
        """Columns attended to in the step under way."""

    def load(self, row: int, prefix: DynamicCache) -> None:
        """Copy a prefilled prefix (a batch of one) into a row."""
        length = prefix.get_seq_length()
        if not self.layers:
            for layer in prefix.layers:
                ours = _SlotLayer(self)
                ours.keys = layer.keys.new_zeros(self.slots, layer.keys.shape[1], BLOCK, layer.keys.shape[3])
                ours.values = layer.values.new_zeros(self.slots, layer.values.shape[1], BLOCK, layer.values.shape[3])
                self.layers.append(ours)
            self.lengths = self.lengths.to(prefix.layers[0].keys.device)
        self._reserve(length)
        for ours, layer in zip(self.layers, prefix.layers, strict=True):
            ours.keys[row, :, :length] = layer.keys[0]
            ours.values[row, :, :length] = layer.values[0]
        self.lengths[row] = length

    def move(self, source: int, target: int) -> None:
        """Copy one row over another."""
        for layer in self.layers:
            layer.keys[target] = layer.keys[source]
            layer.values[target] = layer.values[source]
        self.lengths[target] = self.lengths[source]

    def prepare(self, rows: int) -> Tensor:
        """Get ready for one token in each of the first `rows` rows.

        Returns:
            Attention mask `[rows, 1, 1, width]` bool, True where a row attends (its past and its new token).
        """
        longest = int(self.lengths[:rows].max()) + 1
        self._reserve(longest)
        self.width = -(-longest // BLOCK) * BLOCK
        columns = torch.arange(self.width, device=self.lengths.device)
        return (columns <= self.lengths[:rows, None])[:, None, None]

    def _reserve(self, columns: int) -> None:
        have = self.layers[0].keys.shape[2]
        if columns > have:
            for layer in self.layers:
                layer.resize(max(2 * have, -(-columns // BLOCK) * BLOCK))
