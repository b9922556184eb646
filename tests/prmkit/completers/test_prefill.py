"""Kept prefixes save computation and never change a bit."""

from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from prmkit.completers.prefill import Prefills
from prmkit.completers.slots import BLOCK
from prmkit.models import DEMO_POLICY

IDS = tuple(2 + (7 * place) % 390 for place in range(4 * BLOCK))


@pytest.fixture(scope="module")
def model() -> PreTrainedModel:
    torch.set_num_threads(1)
    return AutoModelForCausalLM.from_pretrained(DEMO_POLICY, dtype=torch.float32).eval()


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.inference_mode():
        yield


def bits(prefills: Prefills, ids: tuple[int, ...]) -> list[torch.Tensor]:
    found, _ = prefills.compute(ids)
    return [found.logits, *(tensor for layer in found.cache.layers for tensor in (layer.keys, layer.values))]


def same(ours: list[torch.Tensor], theirs: list[torch.Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


def test_logits_are_the_models_own(model: PreTrainedModel) -> None:
    for length in (1, 40, BLOCK, BLOCK + 1, 200):
        expected = model(torch.tensor([IDS[:length]])).logits[:, -1]
        assert torch.allclose(Prefills(model).compute(IDS[:length])[0].logits, expected, atol=1e-4)


def test_what_is_kept_changes_no_bit(model: PreTrainedModel) -> None:
    lengths = [1, 2, 60, BLOCK, BLOCK + 1, 100, 2 * BLOCK, 150, 3 * BLOCK - 1, 200]
    alone = [bits(Prefills(model), IDS[:length]) for length in lengths]
    for order in (lengths, lengths[::-1], [200, 60, 200]):
        prefills = Prefills(model)
        for length in order:
            assert same(bits(prefills, IDS[:length]), alone[lengths.index(length)])


def test_a_longer_prefix_starts_from_the_last_whole_chunk_it_shares(model: PreTrainedModel) -> None:
    prefills = Prefills(model)
    assert [prefills.compute(ids)[1] for ids in (IDS[:100], IDS[:100], IDS[:120])] == [0, 100, BLOCK]
    assert prefills.compute(IDS[:150])[1] == BLOCK
    assert prefills.compute(IDS[:140])[1] == 2 * BLOCK  # as of 150
    assert prefills.compute((*IDS[:130], *IDS[:20]))[1] == 2 * BLOCK  # shares 130 tokens with that
    assert prefills.compute((1, *IDS[1:150]))[1] == 0


def test_an_extension_leaves_the_prefix_as_it_was(model: PreTrainedModel) -> None:
    prefills = Prefills(model)
    before = [tensor.clone() for tensor in bits(prefills, IDS[:BLOCK])]
    prefills.compute(IDS[:150])
    assert same(bits(prefills, IDS[:BLOCK]), before)


def test_memory_is_bounded_and_what_went_is_computed_again_the_same(model: PreTrainedModel) -> None:
    first = Prefills(model)
    expected = bits(first, IDS[:100])
    prefills = Prefills(model, bytes_kept=first.size)
    prefills.compute(IDS[:100])
    assert prefills.size == first.size
    prefills.compute((1, *IDS[1:50]))  # the chunk of 64 tokens goes
    assert prefills.size <= first.size and prefills.compute(IDS[:100])[1] == 100
    prefills.compute(IDS[20:180])  # larger than the bound by itself, and kept nevertheless
    assert prefills.compute(IDS[20:180])[1] == 160
    assert prefills.compute(IDS[:100])[1] == 0
    assert same(bits(prefills, IDS[:100]), expected)


def test_positions_that_depend_on_the_length_are_never_read_in_parts(model: PreTrainedModel) -> None:
    config = AutoConfig.from_pretrained(Path(DEMO_POLICY))
    config.rope_parameters = {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}
    torch.manual_seed(0)
    prefills = Prefills(AutoModelForCausalLM.from_config(config).eval())
    assert [prefills.compute(ids)[1] for ids in (IDS[:100], IDS[:120], IDS[:120])] == [0, 0, 120]
