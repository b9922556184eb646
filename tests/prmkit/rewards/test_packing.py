"""Packed against one row at a time, on small random models of every family that PRMs are made from."""

import json
import logging

import pytest
import torch
from transformers import (
    AutoModelForTokenClassification,
    BertConfig,
    BloomConfig,
    Gemma2Config,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    Qwen2Config,
    Qwen3Config,
)

from prmkit.errors import InputError, ShapeError
from prmkit.rewards.metadata import Pooling
from prmkit.rewards.packable import packing_refused
from prmkit.rewards.packing import (
    Layout,
    pack,
    packed_attention,
    pad,
    pool_logits,
    token_batches,
)
from prmkit.rewards.scorer import step_logits
from prmkit.steps import EncodedSolution

SIZES = {
    "vocab_size": 64,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 128,
    "initializer_range": 0.1,
    "num_labels": 3,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
FAMILIES = {"llama": LlamaConfig, "qwen2": Qwen2Config, "qwen3": Qwen3Config}
FIRST, SECOND = [11, 12, 13], [21, 22, 23, 24, 25]
ROWS = [
    ([*FIRST, 5, 6, 7, 8], 3),
    ([*SECOND, 9, 9, 9], 5),
    ([*FIRST, 5, 30, 31], 3),
    ([*FIRST], 3),
    ([40, 41, 42, 43, 44, 45, 46, 47, 48], 0),
    ([50], 0),
]


def make_model(config, **changes):
    torch.manual_seed(0)
    return AutoModelForTokenClassification.from_config(config(**(SIZES | changes))).eval()


@pytest.fixture(scope="module", params=FAMILIES)
def model(request):
    return make_model(FAMILIES[request.param])


def run_packed(model, rows=ROWS):
    packed = pack(rows)
    with packed_attention(model):
        logits = model(**packed.inputs("cpu"), use_cache=False).logits.flatten(0, 1)
    return [logits[places] for places in packed.places]


def run_alone(model, rows=ROWS):
    return [model(torch.tensor([ids]), use_cache=False).logits[0] for ids, _ in rows]


def loss(logits):
    """The mean cross-entropy of every token of every row."""
    together = torch.cat(logits)
    targets = torch.arange(len(together)) % 3
    return torch.nn.functional.cross_entropy(together, targets)


def gradients(model, run):
    model.zero_grad()
    value = loss(run(model))
    value.backward()
    return value.item(), {name: each.grad.clone() for name, each in model.named_parameters()}


def assert_same(first, second, tolerance=1e-5):
    for one, two in zip(first, second, strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=tolerance)


def test_logits_of_packed_rows_equal_those_of_each_row_alone(model):
    with torch.no_grad():
        alone = run_alone(model)
        assert_same(run_packed(model), alone)
    assert torch.cat(alone).std() > 0.1  # the weights matter


@pytest.mark.parametrize("checkpointing", [False, True], ids=["plain", "gradient checkpointing"])
def test_loss_and_gradients_of_packed_rows_equal_those_of_each_row_alone(model, checkpointing):
    loss_alone, alone = gradients(model, run_alone)
    try:
        if checkpointing:
            model.gradient_checkpointing_enable()
            model.train()
            model.dropout.p = 0.0

        def run(model):
            packed = pack(ROWS)
            logits = model(**packed.inputs("cpu"), use_cache=False).logits.flatten(0, 1)
            return [logits[places] for places in packed.places]

        with packed_attention(model):
            loss_packed, packed = gradients(model, run)
    finally:
        model.gradient_checkpointing_disable()
        model.eval()
    assert loss_packed == pytest.approx(loss_alone, abs=1e-5)
    assert max(each.abs().max() for each in alone.values()) > 0.01
    assert_same(packed.values(), alone.values())


@torch.no_grad()
def test_changing_the_text_of_a_row_never_changes_the_logits_of_another(model):
    before = run_packed(model)
    for index, (ids, prompt) in enumerate(ROWS):
        changed = [*ids[:prompt], *[62 - each % 7 for each in ids[prompt:]], 3, 3]
        after = run_packed(model, [*ROWS[:index], (changed, prompt), *ROWS[index + 1 :]])
        assert_same(after[:index] + after[index + 1 :], before[:index] + before[index + 1 :], tolerance=1e-6)
        assert (after[index][-1] - before[index][-1]).abs().max() > 1e-3


def test_a_shared_prompt_is_computed_once():
    packed = pack(ROWS)
    assert packed.input_ids.shape == (1, len(FIRST) + 4 + 3 + 0 + len(SECOND) + 3 + 9 + 1)
    assert packed.layout == Layout(((3, (4, 3, 0)), (5, (3,)), (0, (9, 1))))
    flat = packed.input_ids[0]
    assert [flat[places].tolist() for places in packed.places] == [ids for ids, _ in ROWS]
    assert [packed.position_ids[0, places].tolist() for places in packed.places] == [
        list(range(len(ids))) for ids, _ in ROWS
    ]
    assert packed.places[0][:3].tolist() == packed.places[2][:3].tolist() == [0, 1, 2]


def test_prompts_that_only_begin_alike_are_not_shared():
    assert pack([([1, 2, 3, 4], 2), ([1, 2, 3, 5], 3)]).input_ids.shape == (1, 8)


@torch.no_grad()
def test_gradients_of_a_prompt_come_from_all_its_rows(model):
    one, both = [([7, 8, 9], 2)], [([7, 8, 9], 2), ([7, 8, 33], 2)]
    with torch.enable_grad():
        _, first = gradients(model, lambda model: [each[-1:] for each in run_packed(model, one)])
        _, second = gradients(model, lambda model: [each[-1:] for each in run_packed(model, both)])
    name = "model.embed_tokens.weight"
    assert (first[name][7] - second[name][7]).abs().max() > 1e-4


@torch.no_grad()
def test_padded_rows_give_the_same_logits(model):
    padded = pad(ROWS, filler=2)
    logits = model(**padded.inputs("cpu"), use_cache=False).logits.flatten(0, 1)
    assert_same([logits[places] for places in padded.places], run_alone(model))
    assert padded.layout is None
    assert padded.input_ids.shape == (6, 9)


def test_the_attention_of_a_model_is_as_before_and_its_checkpoint_unchanged(model, tmp_path):
    model.save_pretrained(tmp_path / "before")
    attention = model.config._attn_implementation
    with packed_attention(model), packed_attention(model):
        assert model.config._attn_implementation != attention
        model.save_pretrained(tmp_path / "within")
    assert model.config._attn_implementation == attention
    with pytest.raises(RuntimeError, match="as before"), packed_attention(model):
        raise RuntimeError("as before")
    assert model.config._attn_implementation == attention
    before, within = ((tmp_path / name / "config.json").read_text() for name in ("before", "within"))
    assert json.loads(before) == json.loads(within)


def test_a_plain_batch_within_packed_attention_is_refused(model):
    with packed_attention(model), pytest.raises(ShapeError, match="needs the layout"):
        model(torch.tensor([[1, 2, 3]]))


@torch.no_grad()
def test_half_precision_stays_half_precision(model):
    wanted, found = run_alone(model), run_packed(model.to(torch.bfloat16))
    model.to(torch.float32)
    assert {each.dtype for each in found} == {torch.bfloat16}
    assert_same([each.float() for each in found], wanted, tolerance=0.2)


def test_the_families_of_prms_can_be_packed(model):
    assert packing_refused(model, 100) is None


@pytest.mark.parametrize(
    ("config", "changes", "reason"),
    [
        (BertConfig, {}, "mixes the rows"),
        (BloomConfig, {"n_head": 4}, "cannot be replaced"),
        (Gemma2Config, {"head_dim": 8}, "softcap"),
        (Qwen2Config, {"use_sliding_window": True, "sliding_window": 99, "max_window_layers": 1}, "looks back 99"),
        (MistralConfig, {"sliding_window": 99}, "looks back 99 tokens, and a row has 100"),
    ],
)
def test_a_model_that_cannot_pack_is_refused_with_the_reason(config, changes, reason):
    assert reason in packing_refused(make_model(config, **changes), 100)


@pytest.mark.parametrize(
    ("config", "reason"),
    [(BertConfig, "mixes the rows of a packed sequence"), (MistralConfig, "looks back 4096 tokens")],
)
def test_a_refusal_is_logged_once(config, reason, caplog):
    model = make_model(config)
    with caplog.at_level(logging.WARNING):
        assert packing_refused(model, 5000) == packing_refused(model, 5000)
    (record,) = caplog.records
    assert record.message.startswith(f"rows are padded, not packed: {type(model).__name__} {reason}")


@torch.no_grad()
def test_weights_that_are_not_numbers_are_refused_in_one_line():
    model = make_model(LlamaConfig)
    with torch.no_grad():
        model.score.weight[0, 0] = float("nan")
    with pytest.raises(InputError, match=r"^the model gives logits that are not numbers; its weights are broken$"):
        packing_refused(model, 9)


def test_a_sliding_window_matters_only_to_rows_that_are_longer():
    model = make_model(MistralConfig, sliding_window=9)
    assert packing_refused(model, 9) is None
    assert_same(run_packed(model), run_alone(model))
    with pytest.raises(ShapeError, match="a row of 10 tokens is longer than the attention window of 9"):
        run_packed(model, [([3] * 10, 2)])


@torch.no_grad()
@pytest.mark.parametrize("kind", ["dynamic", "default"])
def test_a_row_is_read_alone_where_positions_turn_by_the_longest_row(kind):
    rope = {"rope_type": kind, "rope_theta": 10_000.0} | ({"factor": 4.0} if kind == "dynamic" else {})
    model = make_model(LlamaConfig, max_position_embeddings=8, rope_parameters=rope)
    short = EncodedSolution([11, 12, 13, 14], [3], 2)
    long = EncodedSolution(list(range(5, 35)), [29], 2)
    (alone,), (beside, _) = step_logits(model, [short]), step_logits(model, [short, long])
    assert torch.allclose(alone, beside, atol=1e-6)
    assert (packing_refused(model, 30) is None) == (kind == "default")


def test_learned_positions_start_again_with_every_row():
    model = make_model(GPT2Config, n_embd=32, n_layer=2, n_head=4)
    assert packing_refused(model, 100) is None
    assert_same(run_packed(model), run_alone(model))


def test_trying_whether_a_model_packs_leaves_it_in_its_mode():
    model = make_model(LlamaConfig).train()
    packing_refused(model, 10)
    assert model.training


@pytest.mark.parametrize("make", [pack, pad])
@pytest.mark.parametrize("rows", [[], [([], 0)], [([1, 2], 3)]], ids=["no rows", "an empty row", "prompt beyond"])
def test_rows_that_cannot_be_read_are_refused(make, rows):
    with pytest.raises(ShapeError, match=r"there are no rows|cannot have a prompt"):
        make(rows)


def test_batches_hold_every_row_once_within_the_token_limit_and_count_a_prompt_once():
    rows = [
        ([problem] * 10 + [90 + number] * size, 10) for problem in range(5) for number, size in enumerate((5, 20, 30))
    ]
    for limit in (1, 35, 60, 65, 100, 10_000):
        batches = token_batches(rows, limit)
        assert sorted(index for batch in batches for index in batch) == list(range(15))
        computed = [pack([rows[index] for index in batch]).input_ids.numel() for batch in batches]
        assert all(size <= limit or len(batch) == 1 for size, batch in zip(computed, batches, strict=True))
    assert token_batches(rows, 65) == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11], [12, 13, 14]]
    assert token_batches([], 65) == []


def test_rows_of_one_problem_go_into_one_batch_wherever_they_stand():
    rows = [([problem, 7, 8], 1) for _ in range(3) for problem in range(4)]
    assert token_batches(rows, 7) == [[0, 4, 8], [1, 5, 9], [2, 6, 10], [3, 7, 11]]


def test_padded_batches_hold_similar_lengths_within_the_token_limit():
    rows = [([1] * length, 0) for length in (5, 100, 7, 7, 300, 20, 1)]
    batches = token_batches(rows, 120, packed=False)
    assert sorted(index for batch in batches for index in batch) == list(range(7))
    assert batches[0] == [4]  # longer than the limit: alone
    assert all(len(batch) * max(len(rows[index][0]) for index in batch) <= 120 for batch in batches[1:])
    assert len(batches) < len(rows)


def test_a_step_is_read_at_its_last_token_or_as_the_mean_of_the_solution_so_far():
    logits = torch.tensor([[9.0, 9.0], [1.0, 0.0], [3.0, 1.0], [8.0, 2.0]])
    assert pool_logits(logits, [1, 3], 1, Pooling.LAST).tolist() == [[1.0, 0.0], [8.0, 2.0]]
    assert pool_logits(logits, [1, 3], 1, Pooling.MEAN).tolist() == [[1.0, 0.0], [4.0, 1.0]]
