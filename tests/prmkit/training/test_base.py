import sys

import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from prmkit.errors import InputError, MissingExtraError
from prmkit.rewards.metadata import RewardKind
from prmkit.training.base import add_lora, head_parameters, language_head, load_model, merged, open_base
from prmkit.training.config import TrainConfig

IDS = torch.tensor([[5, 6, 7, 8]])


@pytest.fixture
def base(tiny_base):
    return open_base(TrainConfig(base=str(tiny_base)))


@pytest.fixture
def untied(tiny_base, tokenizer, tmp_path):
    """A base whose language-modelling head is its own."""
    torch.manual_seed(3)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    LlamaForCausalLM(LlamaConfig(vocab_size=400, tie_word_embeddings=False, **sizes)).save_pretrained(tmp_path / "base")
    tokenizer.save_pretrained(tmp_path / "base")
    return open_base(TrainConfig(base=str(tmp_path / "base")))


def test_the_new_head_has_no_dropout_and_is_all_that_is_new(base):
    model = load_model(base, RewardKind.PRM, seed=0).train()
    assert head_parameters(model) == {"score.weight", "score.bias"}
    assert torch.equal(model(IDS).logits, model(IDS).logits)  # in training


def test_the_seed_makes_the_head(base):
    first, same, other = (load_model(base, RewardKind.ORM, seed=seed).score.weight for seed in (0, 0, 1))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_a_length_limit_never_exceeds_the_context_of_the_base(tiny_base):
    assert open_base(TrainConfig(base=str(tiny_base))).max_length == 256
    assert open_base(TrainConfig(base=str(tiny_base), max_length=100)).max_length == 100


def test_adapters_and_the_head_are_what_learns_and_merging_gives_a_plain_model_with_the_same_logits(base):
    model = load_model(base, RewardKind.PRM, seed=0)
    names, before = set(model.state_dict()), model(IDS).logits
    adapted = add_lora(model, 4)
    learning = {name for name, each in adapted.named_parameters() if each.requires_grad}
    assert all("lora_" in name or name in head_parameters(adapted) for name in learning)
    assert len(head_parameters(adapted) & learning) == 2
    assert torch.equal(adapted(input_ids=IDS).logits, before)  # adapters begin at zero
    for name, each in adapted.named_parameters():
        if name in learning:
            torch.nn.init.normal_(each, std=0.1)
    changed = adapted.eval()(input_ids=IDS).logits
    plain = merged(adapted)
    assert set(plain.state_dict()) == names
    assert torch.allclose(plain(IDS).logits, changed, atol=1e-5)
    assert not torch.allclose(changed, before, atol=1e-2)


def test_a_missing_peft_says_which_command_brings_it(base, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingExtraError, match=r"--lora-rank needs peft: pip install 'prmkit\[lora\]'"):
        add_lora(load_model(base, RewardKind.PRM, seed=0), 4)


@pytest.mark.parametrize("which", ["base", "untied"])
def test_the_language_loss_is_that_of_the_base_itself(which, request):
    base = request.getfixturevalue(which)
    model = load_model(base, RewardKind.ORM, seed=0).eval()
    hidden = model(IDS, output_hidden_states=True).hidden_states[-1][0]
    found = cross_entropy(language_head(base, model)(hidden[:-1]), IDS[0, 1:])
    whole = AutoModelForCausalLM.from_pretrained(base.path)
    assert torch.allclose(found, whole(IDS, labels=IDS).loss, atol=1e-5)


def test_a_base_without_a_language_modelling_head_is_refused(untied, tmp_path, tokenizer):
    load_model(untied, RewardKind.PRM, seed=0).save_pretrained(tmp_path / "prm")
    tokenizer.save_pretrained(tmp_path / "prm")
    reward = open_base(TrainConfig(base=str(tmp_path / "prm")))
    with pytest.raises(InputError, match="has no language-modelling head; leave --lm-weight out"):
        language_head(reward, load_model(reward, RewardKind.ORM, seed=0))


def test_a_base_that_scales_its_logits_is_refused(tmp_path, tokenizer):
    from transformers import GraniteConfig, GraniteForCausalLM

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    GraniteForCausalLM(GraniteConfig(vocab_size=400, logits_scaling=2.0, **sizes)).save_pretrained(tmp_path / "granite")
    tokenizer.save_pretrained(tmp_path / "granite")
    base = open_base(TrainConfig(base=str(tmp_path / "granite")))
    with pytest.raises(InputError, match="does more with its hidden states"):
        language_head(base, GraniteForCausalLM.from_pretrained(base.path))


def test_the_head_is_new_where_the_base_has_one_for_another_objective(base, tmp_path):
    load_model(base, RewardKind.ORM, seed=0).save_pretrained(tmp_path / "orm")
    base.tokenizer.save_pretrained(tmp_path / "orm")
    before = open_base(TrainConfig(base=str(tmp_path / "orm")))
    old, new = (load_model(each, RewardKind.VALUE, seed=1).score.weight for each in (base, before))
    assert not torch.equal(new, load_model(base, RewardKind.ORM, seed=0).score.weight)
    assert torch.equal(new, old)
