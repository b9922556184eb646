"""Against references written by hand from what the models' authors published, on tiny models with random weights."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional
from transformers import AutoModelForCausalLM, AutoTokenizer, Qwen2Config, Qwen2Model

from prmkit.errors import InputError, MissingFileError, ShapeError
from prmkit.rewards.base import Aggregation
from prmkit.rewards.published import load_published

PROBLEM = "Janet's ducks lay 16 eggs per day. She eats 3 and bakes with 4. How many are left?"
STEPS = ["Janet's ducks lay 16 eggs per day.", "She uses 3 + 4 = 7 eggs.", "So 16 - 7 = 9 are left. The answer is: 9"]
NAMES = ["math-shepherd", "qwen-math-prm", "skywork-prm", "rlhflow"]


def card_math_shepherd(folder, problem, steps):
    """The model card of peiyi9979/math-shepherd-mistral-7b-prm."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    candidates = tokenizer.encode("+ -")[1:]
    step_tag = tokenizer.encode("ки")[-1]
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    output = "\n".join(f"Step {number}: {step} ки" for number, step in enumerate(steps, start=1))
    ids = torch.tensor([tokenizer.encode(f"{problem} {output}")])
    logits = model(ids).logits[:, :, candidates]
    return logits.softmax(dim=-1)[:, :, 0][ids == step_tag].tolist()


class Qwen2ForProcessRewardModel(torch.nn.Module):
    """As in the repository's modeling_qwen2_rm.py."""

    def __init__(self, folder):
        super().__init__()
        config = Qwen2Config.from_pretrained(folder)
        self.model = Qwen2Model(config)
        self.score = torch.nn.Sequential(
            torch.nn.Linear(config.hidden_size, config.hidden_size),
            torch.nn.ReLU(),
            torch.nn.Linear(config.hidden_size, 2),
        )
        self.load_state_dict(load_file(folder / "model.safetensors"))

    def forward(self, input_ids):
        return self.score(self.model(input_ids=input_ids).last_hidden_state)


def card_qwen(folder, problem, steps):
    """The model card of Qwen/Qwen2.5-Math-PRM-7B."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    messages = [
        {"role": "system", "content": "Please reason step by step, and put your final answer within \\boxed{}."},
        {"role": "user", "content": problem},
        {"role": "assistant", "content": "<extra_0>".join(steps) + "<extra_0>"},
    ]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=False)
    ids = tokenizer.encode(text, return_tensors="pt")
    probabilities = functional.softmax(Qwen2ForProcessRewardModel(folder).eval()(ids), dim=-1)
    return probabilities[ids == tokenizer.encode("<extra_0>")[0]][:, 1].tolist()


def card_skywork(folder, problem, steps):
    """`prepare_input` and the value head of SkyworkAI/skywork-o1-prm-inference."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer.encode(tokenizer.bos_token + problem + "\n")
    flags = [0] * len(ids)
    for step in steps:
        step_ids = [*tokenizer.encode(step), tokenizer.encode("\n")[-1]]
        ids += step_ids
        flags += [0] * (len(step_ids) - 1) + [1]
    weights = load_file(folder / "model.safetensors")
    head = {name: weights.pop(f"v_head.summary.{name}") for name in ("weight", "bias")}
    body = Qwen2Model(Qwen2Config.from_pretrained(folder)).eval()
    body.load_state_dict({name.removeprefix("model."): value for name, value in weights.items()})
    hidden = body(input_ids=torch.tensor([ids])).last_hidden_state
    rewards = torch.sigmoid(functional.linear(hidden, head["weight"], head["bias"]).squeeze(-1))
    return rewards[torch.tensor([flags]) == 1].tolist()


def card_rlhflow(folder, problem, steps):
    """`select_sample` in math-rm/prm_evaluate.py of RLHFlow/RLHF-Reward-Modeling: one forward per step."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    candidates = [tokenizer.encode("+")[-1], tokenizer.encode("-")[-1]]
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    conversation, scores = [], []
    for index, step in enumerate(steps):
        conversation.append({"content": problem + " " + step if index == 0 else step, "role": "user"})
        conversation.append({"content": "+", "role": "assistant"})
        text = tokenizer.apply_chat_template(conversation, tokenize=False)
        ids = tokenizer.encode(text, add_special_tokens=False, return_tensors="pt")
        scores.append(model(ids).logits[:, -3, candidates].softmax(dim=-1)[0, 0].item())
    return scores


CARDS = {
    "math-shepherd": card_math_shepherd,
    "qwen-math-prm": card_qwen,
    "skywork-prm": card_skywork,
    "rlhflow": card_rlhflow,
}


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_scores_are_those_of_the_code_that_the_authors_published(published, name):
    folder = published(name)
    expected = CARDS[name](folder, PROBLEM, STEPS)
    assert len(expected) == 3 and max(expected) - min(expected) > 0.01
    (scores,) = load_published(folder, adapter=name).score_steps([(PROBLEM, STEPS)])
    assert scores == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_scores_do_not_depend_on_the_company_or_on_later_steps(published, name):
    model = load_published(published(name), adapter=name)
    solutions = [(PROBLEM, STEPS), (PROBLEM, STEPS[::-1]), ("What is 1 + 1?", ["2"])]
    together = model.score_steps(solutions)
    assert together[0] == pytest.approx(model.score_steps([(PROBLEM, STEPS)])[0], abs=1e-5)
    assert together[0][:2] == pytest.approx(model.score_steps([(PROBLEM, STEPS[:2])])[0], abs=1e-5)
    assert together[0] != pytest.approx(together[1], abs=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_a_tag_within_a_step_gives_no_score_of_its_own(published, name):
    model = load_published(published(name), adapter=name)
    steps = [STEPS[0], f"The word {model.adapter.tag} is here {model.adapter.tag} twice.", STEPS[2]]
    assert [len(each) for each in model.score_steps([(PROBLEM, steps)])] == [3]


@pytest.mark.parametrize("name", NAMES)
def test_a_trailing_empty_step_is_an_error_and_not_a_score(published, name):
    model = load_published(published(name), adapter=name)
    with pytest.raises(ShapeError, match="step 1 of 2 is blank"):
        model.score_steps([(PROBLEM, [STEPS[0], " \n"])])
    with pytest.raises(ShapeError, match="0 steps"):
        model.score_steps([(PROBLEM, [])])


def test_aggregation_is_the_authors_and_can_be_changed(published):
    found = {name: load_published(published(name), adapter=name).aggregation for name in NAMES}
    assert found == {
        "math-shepherd": Aggregation.MIN,
        "qwen-math-prm": Aggregation.PRODUCT,
        "skywork-prm": Aggregation.LAST,
        "rlhflow": Aggregation.MEAN,
    }
    model = load_published(published("rlhflow"), adapter="rlhflow", aggregation=Aggregation.MAX, threshold=0.3)
    assert (model.solution_score([0.2, 0.7, 0.4]), model.threshold) == (0.7, 0.3)


def test_code_in_the_repository_is_not_run(published):
    folder = published("qwen-math-prm")
    assert "auto_map" in json.loads((folder / "config.json").read_text())
    assert (folder / "remote.py").read_text().startswith("raise SystemExit")
    assert load_published(folder).score_steps([(PROBLEM, STEPS)])


def test_half_precision_is_a_choice_and_the_head_stays_in_float32(published):
    folder = published("qwen-math-prm")
    exact, half = load_published(folder), load_published(folder, dtype="bfloat16")
    assert {each.dtype for each in half.model.model.parameters()} == {torch.bfloat16}
    assert {each.dtype for each in half.model.score.parameters()} == {torch.float32}
    (one,), (two,) = exact.score_steps([(PROBLEM, STEPS)]), half.score_steps([(PROBLEM, STEPS)])
    assert one == pytest.approx(two, abs=0.2) and one != two
    with pytest.raises(InputError, match="dtype 'int3' cannot be used"):
        load_published(folder, dtype="int3")


def test_the_adapter_is_found_with_its_reason_or_asked_for(published):
    found = load_published(published("skywork-prm")).adapter_reason
    assert found == "skywork-prm, its config.json names the architecture Qwen2ForPrmModel"
    assert load_published(published("rlhflow"), adapter="rlhflow").adapter_reason == "rlhflow, asked for"
    with pytest.raises(InputError, match=r"name its adapter \(math-shepherd, qwen-math-prm, skywork-prm, rlhflow\)"):
        load_published(published("rlhflow"))


def test_weights_of_another_model_are_refused_and_not_filled_with_chance(published, tmp_path):
    with pytest.raises(InputError, match=r"its weights lack 'v_head\.summary\.weight'; is it a model of this adapter"):
        load_published(published("rlhflow"), adapter="skywork-prm")
    with pytest.raises(InputError, match="writes 'ки' as"):
        load_published(published("rlhflow"), adapter="math-shepherd")
    folder = shutil.copytree(published("skywork-prm"), tmp_path / "cut")
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"its weights lack 'model\.layers\.1\.mlp\.up_proj\.weight' and 0 more"):
        load_published(folder)


def test_pickled_weights_alone_are_refused(published, tmp_path):
    folder = shutil.copytree(published("math-shepherd"), tmp_path / "math-shepherd")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(MissingFileError, match=r"lacks weights \(\*\.safetensors\)"):
        load_published(folder)


def test_a_solution_beyond_the_context_is_an_error_and_not_a_guess(published):
    with pytest.raises(InputError, match="does not fit the reward model's context of 512"):
        load_published(published("skywork-prm")).score_steps([(PROBLEM, ["eggs " * 600])])


def test_a_device_that_is_not_there_is_an_error_of_one_line(published):
    with pytest.raises(InputError, match="device 'nonsense' cannot be used"):
        load_published(published("skywork-prm"), "nonsense")


def test_a_hub_name_is_fetched_without_code_and_pickles(published, tmp_path, monkeypatch):
    """From the hub's local cache, laid out as the hub library lays it out."""
    from huggingface_hub import constants, snapshot_download

    asked = {}

    def fetch(name, **options):
        asked.update(options)
        return snapshot_download(name, **options)

    commit = "0" * 40
    cached = tmp_path / "models--Skywork--Skywork-o1-Open-PRM-Qwen-2.5-1.5B"
    shutil.copytree(published("skywork-prm"), cached / "snapshots" / commit)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text(commit)
    for name, value in {"HF_HUB_CACHE": str(tmp_path), "HF_HUB_OFFLINE": True}.items():
        monkeypatch.setattr(constants, name, value)
    monkeypatch.setattr("transformers.utils.hub.constants", constants)
    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    model = load_published("Skywork/Skywork-o1-Open-PRM-Qwen-2.5-1.5B")
    assert model.score_steps([(PROBLEM, STEPS)]) == load_published(published("skywork-prm")).score_steps(
        [(PROBLEM, STEPS)]
    )
    assert not any(pattern.endswith((".py", ".bin", ".pt")) or pattern == "*" for pattern in asked["allow_patterns"])
    (cached / "snapshots" / commit / "model.safetensors").unlink()
    with pytest.raises(MissingFileError, match=r"lacks weights"):
        load_published("Skywork/Skywork-o1-Open-PRM-Qwen-2.5-1.5B")
