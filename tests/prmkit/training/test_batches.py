from itertools import chain, pairwise

import numpy as np
import pytest
import torch

from prmkit.training.batches import Material, ShareSampler, idle
from prmkit.training.data import Row
from prmkit.training.groups import Group, Ranking
from prmkit.training.losses import BinaryLoss, ComparisonLoss
from prmkit.training.pairs import Comparison


def row(problem, length, *, language=False):
    ids = [1, problem, *range(10, 10 + length)]
    return Row(ids, 2, [len(ids) - 1], np.ones((1, 1), dtype=np.float32), language)


ROWS = [row(problem, length) for problem in range(5) for length in (3, 4, 5)]


def material(rows=ROWS, **options):
    return Material(**({"rows": rows, "groups": None, "loss": BinaryLoss(), "tokens": 20, "packed": True} | options))


def pair(first, second):
    return Group((first, second), (Ranking((0, 1), (0, None)),))


def test_parts_hold_every_row_once_and_no_more_tokens_than_asked_for():
    parts = material().parts(range(len(ROWS)))
    assert len(parts) > 3
    assert all(part.batch["input_ids"].numel() <= 20 for part in parts)
    assert sum(part.weight for part in parts) == sum(len(part.batch["marks"]) for part in parts) == len(ROWS)
    assert len(material(tokens=1000).parts(range(len(ROWS)))) == 1


def test_no_items_are_no_parts():
    assert material().parts([]) == []


@pytest.mark.parametrize("packed", [True, False])
def test_a_group_is_never_divided_between_parts(packed):
    groups = [pair(first, first + 1) for first in range(0, 14, 2)]
    compared = material(groups=groups, loss=ComparisonLoss(Comparison.PAIRWISE), packed=packed)
    parts = compared.parts(range(len(groups)))
    assert len(compared) == 7
    assert len(parts) > 1
    assert sum(part.weight for part in parts) == 7
    for part in parts:
        assert part.batch["input_ids"].numel() <= 20
        assert len(part.batch["places"]) == 2 * len(part.rankings.weights)


def test_language_is_learned_at_every_token_that_right_solutions_say():
    (part,) = material([row(7, 3, language=True), row(7, 4)], tokens=100).parts([0, 1])
    flat = part.batch["input_ids"].flatten()
    assert flat[part.said_after].tolist() == [7, 10, 11]  # the last token of the prompt says the first word
    assert part.said.tolist() == [10, 11, 12]
    assert part.language_weight == 3
    (silent,) = material([row(7, 4)], tokens=100).parts([0])
    assert (len(silent.said), silent.language_weight) == (0, 0)


def test_a_filler_counts_nothing():
    filler = material(tokens=1).filler()
    assert (filler.weight, filler.language_weight) == (0, 0)
    assert filler.batch["input_ids"].numel() == 5  # the cheapest row there is
    assert idle(material().parts([0])[0]).weight == 0


def shares(items, size, processes, epoch=0):
    found = []
    for process in range(processes):
        sampler = ShareSampler(material([row(1, 3)] * items).sampler(0), size, process=process, processes=processes)
        sampler.set_epoch(epoch)
        assert len(list(sampler)) == len(sampler)
        found.append(list(sampler))
    return found


@pytest.mark.parametrize(("items", "size", "processes"), [(16, 4, 2), (17, 4, 2), (9, 4, 2), (5, 1, 3), (7, 3, 4)])
def test_processes_share_each_batch_that_one_process_with_as_large_a_batch_would_have(items, size, processes):
    (whole,) = shares(items, size * processes, 1)
    divided = shares(items, size, processes)
    assert [list(chain(*each)) for each in zip(*divided, strict=True)] == whole
    assert sorted(chain(*whole)) == list(range(items))


def test_the_order_depends_on_the_epoch_and_not_on_what_was_drawn_before():
    torch.manual_seed(0)
    first = shares(16, 4, 1, epoch=1)
    torch.manual_seed(1)
    assert shares(16, 4, 1, epoch=1) == first
    assert shares(16, 4, 1, epoch=2) != first


def test_solutions_of_a_problem_follow_each_other():
    order = list(material().sampler(0))
    problems = [ROWS[item].ids[1] for item in order]
    assert sum(first == second for first, second in pairwise(problems)) >= 8
