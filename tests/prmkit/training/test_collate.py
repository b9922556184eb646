from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import torch
from transformers import AutoModelForTokenClassification, LlamaConfig, Qwen2Config, Qwen3Config

from prmkit.errors import ShapeError
from prmkit.rewards.metadata import Pooling
from prmkit.rewards.packing import packed_attention
from prmkit.training.collate import ProblemGroupedSampler, collate, marked_logits, model_inputs
from prmkit.training.objectives import Row

BAD, SOFT = [1.0, 0.0, 0.0], [0.0, 0.25, 0.75]


def make_row(ids, prompt, positions, targets):
    return Row(ids, prompt, positions, np.asarray(targets, dtype=np.float32).reshape(len(targets), 3))


SHORT = make_row([5, 6], 1, [1], [SOFT])
LONG = make_row([7, 8, 9, 5], 1, [1, 3], [BAD, SOFT])
ALIKE = make_row([7, 8, 6, 6, 6], 1, [4], [BAD])
ROWS = [SHORT, LONG, ALIKE]


@pytest.fixture(params=[True, False], ids=["packed", "padded"])
def packed(request):
    return request.param


def test_every_mark_lies_on_its_token_in_the_order_of_the_rows(packed):
    batch = collate(ROWS, packed=packed)
    assert batch["input_ids"].flatten()[batch["marks"]].tolist() == [6, 8, 5, 6]
    assert [batch["input_ids"].flatten()[places].tolist() for places in batch["places"]] == [row.ids for row in ROWS]
    assert batch["input_ids"].shape == ((1, 2 + 4 + 4) if packed else (3, 5))


def test_a_soft_target_reaches_the_batch_as_a_float_at_its_mark(packed):
    batch = collate(ROWS, packed=packed)
    assert batch["targets"].dtype == torch.float32
    assert batch["targets"].tolist() == [SOFT, BAD, SOFT, BAD]


@pytest.mark.parametrize(
    "row",
    [make_row([5, 6], 1, [], []), make_row([5, 6], 1, [1], [BAD, BAD]), make_row([5, 6], 1, [2], [BAD])],
    ids=["nothing marked", "more targets than marks", "mark beyond the end"],
)
def test_a_row_whose_marks_and_targets_do_not_fit_raises(row):
    with pytest.raises(ShapeError, match="a row of 2 tokens marks"):
        collate([SHORT, row])


def make_model(config):
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
    more = {"vocab_size": 64, "intermediate_size": 48, "initializer_range": 0.1, "num_labels": 3}
    return AutoModelForTokenClassification.from_config(config(**sizes, **more)).eval()


def loss_and_gradients(model, batches, pooling):
    """The mean loss over the marks of all batches, and what it does to the weights."""
    model.zero_grad()
    marks = sum(len(batch["marks"]) for batch in batches)
    total = 0.0
    for batch in batches:
        logits_NC = marked_logits(model(**model_inputs(batch), use_cache=False).logits, batch, pooling)
        loss = torch.nn.functional.cross_entropy(logits_NC, batch["targets"], reduction="sum") / marks
        loss.backward()
        total += loss.item()
    return total, [each.grad.clone() for each in model.parameters()]


@pytest.mark.parametrize("pooling", Pooling)
@pytest.mark.parametrize("config", [LlamaConfig, Qwen2Config, Qwen3Config], ids=["llama", "qwen2", "qwen3"])
def test_loss_and_gradients_of_a_packed_batch_equal_those_of_single_rows(config, pooling):
    model = make_model(config)
    wanted, wanted_gradients = loss_and_gradients(model, [collate([row], packed=False) for row in ROWS], pooling)
    padded, padded_gradients = loss_and_gradients(model, [collate(ROWS, packed=False)], pooling)
    with packed_attention(model):
        found, gradients = loss_and_gradients(model, [collate(ROWS)], pooling)
        parts, parts_gradients = loss_and_gradients(model, [collate(ROWS[:1]), collate(ROWS[1:])], pooling)
    assert found == pytest.approx(wanted, abs=1e-5)
    assert padded == pytest.approx(wanted, abs=1e-5)
    assert parts == pytest.approx(wanted, abs=1e-5)
    for each in zip(wanted_gradients, gradients, padded_gradients, parts_gradients, strict=True):
        for other in each[1:]:
            torch.testing.assert_close(other, each[0], rtol=0, atol=1e-5)
    assert max(each.abs().max() for each in wanted_gradients) > 0.01


def test_pooling_by_the_mean_takes_the_tokens_of_the_solution_up_to_the_mark(packed):
    batch = collate([LONG], packed=packed)
    logits = torch.tensor([[[8.0], [1.0], [2.0], [6.0]]])
    assert marked_logits(logits, batch).tolist() == [[1.0], [6.0]]
    assert marked_logits(logits, batch, Pooling.MEAN).tolist() == [[1.0], [3.0]]


PROBLEMS = [f"p{index % 50}" for index in range(500)]


def order(**changes):
    arguments = {"seed": 0, "epoch": 0} | changes
    epoch = arguments.pop("epoch")
    sampler = ProblemGroupedSampler(PROBLEMS, **arguments)
    sampler.set_epoch(epoch)
    return list(sampler)


def test_an_epoch_takes_every_row_once():
    assert sorted(order()) == list(range(500))
    assert len(ProblemGroupedSampler(PROBLEMS, seed=0)) == 500


def test_the_order_depends_on_seed_and_epoch_and_nothing_else():
    first = order()
    torch.rand(3)  # the global random state must not matter
    assert order() == first
    assert len({tuple(order(seed=seed, epoch=epoch)) for seed in (0, 1) for epoch in (0, 1)}) == 4


def test_solutions_of_a_problem_come_in_groups_and_groups_at_random():
    def problems_of_batches(together):
        found = [PROBLEMS[index] for index in order(together=together)]
        return [found[at : at + 20] for at in range(0, 500, 20)]

    largest = [max(Counter(batch).values()) for batch in problems_of_batches(together=4)]
    assert np.mean(largest) >= 4
    assert max(largest) <= 10
    shared = [20 - len(set(batch)) for batch in problems_of_batches(together=4)]
    alone = [20 - len(set(batch)) for batch in problems_of_batches(together=1)]
    assert np.mean(shared) > 12
    assert np.mean(alone) < 5


def test_epochs_let_other_solutions_of_a_problem_meet():
    def meetings(epoch):
        ordered = order(epoch=epoch)
        return {frozenset(pair) for pair in pairwise(ordered) if PROBLEMS[pair[0]] == PROBLEMS[pair[1]]}

    first, second = meetings(0), meetings(1)
    assert len(first & second) < 0.3 * len(first)
