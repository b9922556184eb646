import json
import re
from pathlib import Path

import pytest

from prmkit.errors import InputError
from prmkit.models import load_tokenizer
from prmkit.rewards.adapters import ADAPTERS, choose_adapter, write_solution

PROBLEM = "She eats 3 and bakes with 4. How many are left?"
STEPS = ["She uses 3 + 4 = 7 eggs.", "So 16 - 7 = 9 are left.", "The answer is: 9"]
TABLE = {each.name: each for each in ADAPTERS}


@pytest.fixture
def encode(published):
    """`encode(name, steps)`: what is written, and the tokenizer."""

    def encode(name, steps, problem=PROBLEM, **changes):
        tokenizer = load_tokenizer(str(published(name)))
        for field, value in changes.items():
            setattr(tokenizer, field, value)
        return write_solution(TABLE[name], tokenizer, problem, steps), tokenizer

    return encode


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda each: each.name)
def test_every_listed_model_is_known_by_its_name(adapter):
    for model in adapter.models:
        assert choose_adapter(model, ["LlamaForCausalLM"])[0] is adapter
        cached = f"/cache/models--{model.replace('/', '--')}/snapshots/0123"
        found, reason = choose_adapter(cached, [])
        assert found is adapter and reason.startswith("its name holds")


def test_the_architecture_decides_before_the_name_and_what_is_asked_for_before_both():
    found, reason = choose_adapter("RLHFlow/Llama3.1-8B-PRM-Deepseek-Data", ["Qwen2ForProcessRewardModel"])
    assert (found.name, reason) == (
        "qwen-math-prm",
        "its config.json names the architecture Qwen2ForProcessRewardModel",
    )
    assert choose_adapter("x", ["Qwen2ForPrmModel"], "rlhflow") == (TABLE["rlhflow"], "asked for")


def test_a_folder_above_the_model_does_not_name_it():
    with pytest.raises(InputError, match="neither a folder written by `prmkit train` nor a published"):
        choose_adapter("/data/math-shepherd/my-model", ["MistralForCausalLM"])


def test_an_adapter_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(
        InputError, match=r"no adapter 'prm'.*there are math-shepherd, qwen-math-prm, skywork-prm, rlhf"
    ):
        choose_adapter("x", [], "prm")


def test_the_documentation_lists_the_same_models():
    text = (Path(__file__).parents[3] / "docs" / "rewards.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in text.splitlines() if re.match(r"\| `[a-z-]+` \|", line)]
    assert [row[0].strip("|` ") for row in rows][:4] == list(TABLE)
    for row, adapter in zip(rows, ADAPTERS, strict=False):
        assert adapter.models[0] in row[1] and row[5].strip(" |") == str(adapter.aggregation)


@pytest.mark.parametrize("name", TABLE)
def test_adding_a_step_never_changes_the_ids_before_it(encode, name):
    whole, _ = encode(name, STEPS)
    for count in (1, 2):
        part, _ = encode(name, STEPS[:count])
        assert whole.ids[: len(part.ids)] == part.ids and whole.ends[:count] == part.ends
        assert part.prompt_length == whole.prompt_length


@pytest.mark.parametrize("name", TABLE)
def test_solutions_of_one_problem_share_their_prompt(encode, name):
    first, second = encode(name, STEPS)[0], encode(name, STEPS[::-1])[0]
    assert 10 < first.prompt_length == second.prompt_length < first.ends[0]
    assert first.ids[: first.prompt_length] == second.ids[: first.prompt_length]


@pytest.mark.parametrize("name", TABLE)
def test_white_space_around_steps_is_left_out(encode, name):
    assert encode(name, [f" {step}\n" for step in STEPS])[0] == encode(name, STEPS)[0]


def test_math_shepherd_ids_are_those_of_the_whole_text(encode):
    row, tokenizer = encode("math-shepherd", STEPS)
    text = f"{PROBLEM} " + "\n".join(f"Step {n}: {step} ки" for n, step in enumerate(STEPS, start=1))
    assert row.ids == tokenizer(text)["input_ids"]
    assert [row.ids[end] for end in row.ends] == [tokenizer.convert_tokens_to_ids("▁ки")] * 3
    assert encode("math-shepherd", [f"Step {n}: {step}" for n, step in enumerate(STEPS, start=1)])[0] == row


def test_qwen_ids_are_those_of_the_whole_conversation(encode):
    row, tokenizer = encode("qwen-math-prm", STEPS)
    turns = [
        {"role": "system", "content": TABLE["qwen-math-prm"].system},
        {"role": "user", "content": PROBLEM},
        {"role": "assistant", "content": "<extra_0>".join(STEPS) + "<extra_0>"},
    ]
    text = tokenizer.apply_chat_template(turns, tokenize=False)
    assert text.endswith("<|im_end|>\n")
    assert row.ids == tokenizer(text.removesuffix("<|im_end|>\n"))["input_ids"]
    assert row.ids.count(tokenizer.convert_tokens_to_ids("<extra_0>")) == 3


def test_a_separator_cannot_melt_into_the_step_before_it(encode):
    """As "7\\n" would in the text: the newline is appended as an id, and it is what is read."""
    row, tokenizer = encode("skywork-prm", ["7", "8\n\n8", "9"])
    newline = tokenizer("\n")["input_ids"]
    assert len(newline) == 1 and [row.ids[end] for end in row.ends] == newline * 3


@pytest.mark.parametrize("closing", ["<|eot_id|>", "", "<|eot_id|>\n\n", "<|eot_id|> (end of the turn)\n"])
def test_the_answer_to_a_step_is_found_wherever_the_turn_ends_and_not_at_position_minus_three(encode, closing):
    template = (
        "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}{{ CLOSING }}{% endfor %}"
        "{% if add_generation_prompt %}[assistant]{% endif %}"
    ).replace("CLOSING", json.dumps(closing))
    row, tokenizer = encode("rlhflow", STEPS, chat_template=template)
    texts = [str(tokenizer.decode(row.ids[: end + 1])) for end in row.ends]
    assert all(text.endswith("[assistant]") for text in texts)
    assert [len(re.findall(r"\[assistant\]\+", text)) for text in texts] == [0, 1, 2]


@pytest.mark.parametrize("name", ["qwen-math-prm", "rlhflow"])
def test_a_model_without_its_chat_template_is_refused(encode, name):
    with pytest.raises(InputError, match="no chat template"):
        encode(name, STEPS, chat_template=None)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ messages[-1]['content'] }}{{ '>' }}", "rewrites earlier turns"),
        ("{{ messages | length }} turns", "rewrites what the user says"),
    ],
)
def test_a_chat_template_of_another_model_is_refused(encode, template, message):
    with pytest.raises(InputError, match=message):
        encode("rlhflow", STEPS, chat_template=template)


def test_a_tag_that_is_several_tokens_is_refused(published):
    tokenizer = load_tokenizer(str(published("rlhflow")))
    with pytest.raises(InputError, match=r"writes '<extra_0>' as \[\d+, .*the model knows it as one token"):
        write_solution(TABLE["qwen-math-prm"], tokenizer, PROBLEM, STEPS)
