from itertools import pairwise

import numpy as np
import pytest
import torch

from prmkit.errors import ShapeError
from prmkit.training.collate import LengthGroupedSampler, collate
from prmkit.training.objectives import Row

SHORT = Row([5, 6], [1], np.asarray([[0.0, 0.25, 0.75]], dtype=np.float32))
LONG = Row([7, 8, 9, 5], [1, 3], np.asarray([[1.0, 0.0, 0.0], [0.0, 0.25, 0.75]], dtype=np.float32))


def test_rows_are_padded_on_the_right_and_padding_is_never_marked():
    batch = collate([SHORT, LONG], pad=1)
    assert batch["input_ids"].tolist() == [[5, 6, 1, 1], [7, 8, 9, 5]]
    assert batch["marked"].tolist() == [[False, True, False, False], [False, True, False, True]]


def test_a_soft_target_reaches_the_batch_as_a_float_in_its_place():
    batch = collate([SHORT, LONG], pad=1)
    assert batch["targets"].dtype == torch.float32
    assert batch["targets"][0, 1].tolist() == [0.0, 0.25, 0.75]
    assert batch["targets"][1, 3].tolist() == [0.0, 0.25, 0.75]
    assert batch["targets"][~batch["marked"]].abs().sum() == 0


@pytest.mark.parametrize(
    "row",
    [
        Row([5, 6], [], np.zeros((0, 3), dtype=np.float32)),
        Row([5, 6], [1], np.zeros((2, 3), dtype=np.float32)),
        Row([5, 6], [2], np.zeros((1, 3), dtype=np.float32)),
    ],
    ids=["nothing marked", "more targets than marks", "mark beyond the end"],
)
def test_a_row_whose_marks_and_targets_do_not_fit_raises(row):
    with pytest.raises(ShapeError, match="a row of 2 tokens marks"):
        collate([SHORT, row], pad=1)


def lengths(count: int = 1000) -> list[int]:
    return torch.randint(10, 300, (count,), generator=torch.Generator().manual_seed(0)).tolist()


def test_an_epoch_takes_every_row_once():
    assert sorted(LengthGroupedSampler(lengths(), 7, seed=0)) == list(range(1000))
    assert sorted(LengthGroupedSampler([3, 1, 2], 7, seed=0)) == [0, 1, 2]


def test_the_order_depends_on_seed_and_epoch_and_nothing_else():
    def order(seed: int, epoch: int) -> list[int]:
        sampler = LengthGroupedSampler(lengths(), 8, seed)
        sampler.set_epoch(epoch)
        torch.rand(3)  # the global random state must not matter
        return list(sampler)

    assert order(0, 0) == order(0, 0)
    assert len({tuple(order(seed, epoch)) for seed in (0, 1) for epoch in (0, 1)}) == 4


def test_batches_hold_similar_lengths_and_come_in_no_order_of_length():
    sizes = lengths()
    order = [sizes[index] for index in LengthGroupedSampler(sizes, 8, seed=0)]
    batches = [order[at : at + 8] for at in range(0, len(order), 8)]
    padding = sum(max(batch) * len(batch) - sum(batch) for batch in batches) / sum(sizes)
    assert padding < 0.1
    rising = sum(max(first) <= max(second) for first, second in pairwise(batches))
    assert 30 < rising < 95
