import pytest
import torch
from torch.optim import Muon

from prmkit.rewards.metadata import RewardKind
from prmkit.training.base import add_lora, head_parameters, load_model, open_base
from prmkit.training.config import Optimizer, TrainConfig
from prmkit.training.optimizers import REST, default_lr, make_optimizer, matrices

ADAMW, MUON = Optimizer
LR = 0.01


@pytest.fixture
def model(tiny_base):
    return load_model(open_base(TrainConfig(base=str(tiny_base))), RewardKind.PRM, seed=0)


def made(model, optimizer=MUON):
    return make_optimizer(optimizer, model, lr=LR, adamw={"betas": (0.9, 0.999), "eps": 1e-8, "fused": True})


def names(model, optimizer):
    """Of the parameters in every group."""
    by_parameter = {each: name for name, each in model.named_parameters()}
    return [{by_parameter[each] for each in group["params"]} for group in optimizer.param_groups]


def learn(model, optimizer, steps):
    """Steps along the gradients of a loss that has no randomness."""
    for _ in range(steps):
        loss = (model(input_ids=torch.tensor([[5, 6, 7, 8]])).logits - 1.0).square().mean()
        torch.autograd.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
    return loss


def test_muon_moves_the_matrices_of_the_layers_and_adamw_the_rest(model):
    projections = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj")
    projections += ("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")
    layers = {f"model.layers.{number}.{name}.weight" for number in range(2) for name in projections}
    norms = ("input_layernorm", "post_attention_layernorm")
    rest = {f"model.layers.{number}.{name}.weight" for number in range(2) for name in norms}
    rest |= {"model.embed_tokens.weight", "model.norm.weight"}
    head = {"score.weight", "score.bias"}
    optimizer = made(model)
    assert names(model, optimizer) == [layers, rest, head]
    assert [group["lr"] for group in optimizer.param_groups] == [LR, LR * REST, LR * REST]
    assert names(model, made(model, ADAMW)) == [layers | rest, head]


def test_with_lora_muon_moves_the_adapters(model):
    adapted = add_lora(model, 4)
    learning = {name for name, each in adapted.named_parameters() if each.requires_grad}
    adapters, rest, head = names(adapted, made(adapted))
    assert adapters == {name for name in learning if ".lora_A." in name or ".lora_B." in name}
    assert len(adapters) == 2 * 2 * 7
    assert (rest, head) == (set(), head_parameters(adapted))


def test_positions_and_biases_are_no_matrices_and_transposed_linear_layers_are():
    from transformers import GPT2Config, GPT2ForTokenClassification

    model = GPT2ForTokenClassification(GPT2Config(vocab_size=50, n_positions=16, n_embd=8, n_layer=1, n_head=2))
    inside = ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")
    assert matrices(model) == {f"transformer.h.0.{name}.weight" for name in inside}


def test_the_default_rate_at_the_size_of_the_demo_is_plain_muon_at_a_fiftieth():
    rate, reason = default_lr(904_707, optimizer=MUON)
    assert reason == "chosen for 904,707 parameters"
    for outputs in (128, 384):
        weight = torch.randn(outputs, 128, generator=torch.Generator().manual_seed(0))
        ours, plain = (torch.nn.Parameter(weight.clone()) for _ in range(2))
        for each in (ours, plain):
            each.grad = torch.randn(weight.shape, generator=torch.Generator().manual_seed(1))
        Muon([ours], lr=rate, weight_decay=0.0, adjust_lr_fn="match_rms_adamw").step()
        Muon([plain], lr=0.02, weight_decay=0.0).step()
        assert torch.allclose(ours - weight, plain - weight, rtol=5e-3, atol=1e-6)
    assert rate * REST == pytest.approx(3e-3, rel=0.03)


def test_the_learning_rate_falls_with_the_size_of_the_model():
    assert default_lr(7_000_000_000)[0] == pytest.approx(1e-5)
    assert default_lr(900_000)[0] == pytest.approx(8.8e-4, rel=0.01)
    assert default_lr(7_000_000_000, optimizer=MUON)[0] == pytest.approx(2.25e-5)
    adapters = (pytest.approx(1e-4), "chosen for 7,000,000,000 parameters and LoRA")
    assert [default_lr(7_000_000_000, lora=True, optimizer=each) for each in Optimizer] == [adapters] * 2


@pytest.mark.parametrize("part", ["up_proj", "down_proj", "gate_proj"])
def test_a_step_of_muon_is_a_fifth_of_its_rate_whatever_the_shape_and_the_gradient(model, part):
    weight = getattr(model.model.layers[0].mlp, part).weight
    before = weight.detach().clone()
    weight.grad = 7.0 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(0))
    made(model).step()
    size = (weight - before).square().mean().sqrt().item()
    assert size == pytest.approx(0.2 * LR, rel=0.2)  # five iterations equalise singular values about


@pytest.mark.parametrize("optimizer", Optimizer)
def test_weights_do_not_decay(model, optimizer):
    before = {name: each.detach().clone() for name, each in model.named_parameters()}
    for each in model.parameters():
        each.grad = torch.zeros_like(each)
    made(model, optimizer).step()
    assert all(torch.equal(each, before[name]) for name, each in model.named_parameters())


def test_a_loaded_optimizer_goes_on_exactly(model, tiny_base, tmp_path):
    optimizer = made(model)
    learn(model, optimizer, 3)
    torch.save((model.state_dict(), optimizer.state_dict()), tmp_path / "state.pt")
    learn(model, optimizer, 3)
    again = load_model(open_base(TrainConfig(base=str(tiny_base))), RewardKind.PRM, seed=1)
    loaded = made(again)
    weights, state = torch.load(tmp_path / "state.pt", weights_only=True)
    again.load_state_dict(weights)
    loaded.load_state_dict(state)
    learn(again, loaded, 3)
    assert all(torch.equal(each, dict(again.named_parameters())[name]) for name, each in model.named_parameters())


def test_a_rate_that_is_changed_reaches_both(model):
    optimizer = made(model)
    before = {name: each.detach().clone() for name, each in model.named_parameters()}
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    learn(model, optimizer, 1)
    assert all(torch.equal(each, before[name]) for name, each in model.named_parameters())
    optimizer.param_groups[0]["lr"] = LR
    learn(model, optimizer, 1)
    moved = {name for name, each in model.named_parameters() if not torch.equal(each, before[name])}
    assert moved == matrices(model)


def test_a_closure_is_evaluated_and_its_loss_returned(model):
    optimizer = made(model)

    def loss():
        optimizer.zero_grad()
        found = model(input_ids=torch.tensor([[5, 6]])).logits.square().mean()
        torch.autograd.backward(found)
        return found

    first = optimizer.step(loss)
    assert optimizer.step(loss) < first


def test_the_loss_falls_under_muon(model):
    optimizer = made(model)
    first = learn(model, optimizer, 1)
    assert learn(model, optimizer, 15) < 0.1 * first
