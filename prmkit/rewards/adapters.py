"""How published process reward models are written to and read: one row of a table for each family of models.

A row says how problem and steps become token ids, after which token the model is read, and what its outputs mean. Each
follows the code that its authors published, and is tested against it. No weights here: `prmkit.rewards.published`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prmkit.errors import InputError, ShapeError
from prmkit.rewards.base import Aggregation
from prmkit.steps import EncodedSolution

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Head(StrEnum):
    """What gives the probability that a step is good."""

    TOKENS = "tokens"
    """The language-model head: the logit of one token against that of another."""
    CLASSES = "classes"
    """A perceptron of two layers, `score.0` and `score.2`: one class against another."""
    VALUE = "value"
    """One logit, `v_head.summary`, read through a sigmoid."""


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """A family of published models."""

    name: str
    """As `--adapter` takes it."""
    models: tuple[str, ...]
    """Hub names."""
    pattern: str
    """Regular expression that finds the family in a model's name; case does not count."""
    architecture: str | None = None
    """What only these have under `architectures` in their config.json."""
    head: Head
    """How the probability of a good step is computed."""
    positive: str = ""
    """Token, or number of the class, that says a step is good."""
    negative: str = ""
    """Token, or number of the class, that says it is not."""
    tag: str
    """One token; the model is read at it, or, with `turns`, just before it."""
    turns: bool = False
    """Every step is a turn of the user, and `tag` the assistant's answer to it; problem and first step share a turn."""
    system: str | None = None
    """System prompt; with it problem and solution are turns of the model's chat template."""
    prompt: str = "{problem}"
    """Text before the solution; {bos} is the tokenizer's beginning-of-text token."""
    joints: tuple[str, str] = ("", "")
    """Text before the first step, and before each later one."""
    numbered: bool = False
    """Steps begin with `Step 1: `, `Step 2: `; it is put before those that do not."""
    anchored: bool = False
    """The tokenizer puts a blank before every text (SentencePiece); what continues a text must go without it."""
    separator: str = "\n\n"
    """Where a policy's text is cut into steps for it."""
    aggregation: Aggregation
    """As its authors turn step scores into the score of a solution; the last where they do not say."""


ADAPTERS = (
    Adapter(
        name="math-shepherd",
        models=("peiyi9979/math-shepherd-mistral-7b-prm",),
        pattern=r"math-?shepherd",
        head=Head.TOKENS,
        positive="+",
        negative="-",
        tag="ки",
        joints=(" ", "\n"),
        numbered=True,
        anchored=True,
        separator="\n",
        aggregation=Aggregation.MIN,
    ),
    Adapter(
        name="qwen-math-prm",
        models=("Qwen/Qwen2.5-Math-PRM-7B", "Qwen/Qwen2.5-Math-PRM-72B", "Qwen/Qwen2.5-Math-7B-PRM800K"),
        pattern=r"qwen2\.5-math-(prm|7b-prm800k)",
        architecture="Qwen2ForProcessRewardModel",
        head=Head.CLASSES,
        positive="1",
        negative="0",
        tag="<extra_0>",
        system="Please reason step by step, and put your final answer within \\boxed{}.",
        aggregation=Aggregation.PRODUCT,
    ),
    Adapter(
        name="skywork-prm",
        models=("Skywork/Skywork-o1-Open-PRM-Qwen-2.5-1.5B", "Skywork/Skywork-o1-Open-PRM-Qwen-2.5-7B"),
        pattern=r"skywork-o1-open-prm",
        architecture="Qwen2ForPrmModel",
        head=Head.VALUE,
        tag="\n",
        prompt="{bos}{problem}\n",
        separator="\n",
        aggregation=Aggregation.LAST,
    ),
    Adapter(
        name="rlhflow",
        models=("RLHFlow/Llama3.1-8B-PRM-Deepseek-Data", "RLHFlow/Llama3.1-8B-PRM-Mistral-Data"),
        pattern=r"llama3\.1-8b-prm-(deepseek|mistral)",
        head=Head.TOKENS,
        positive="+",
        negative="-",
        tag="+",
        turns=True,
        aggregation=Aggregation.MEAN,
    ),
)
"""All families that are known."""


def choose_adapter(model: str, architectures: Sequence[str], asked: str | None = None) -> tuple[Adapter, str]:
    """The adapter of a model, and why this one.

    Args:
        model: Hub name or folder.
        architectures: What its config.json names.
        asked: Name of an adapter, which then decides.

    Raises:
        InputError: There is no adapter of that name, or nothing tells which one fits.
    """
    known = ", ".join(each.name for each in ADAPTERS)
    if asked is not None:
        for each in ADAPTERS:
            if each.name == asked:
                return each, "asked for"
        raise InputError(f"no adapter {asked!r} for published reward models; there are {known}")
    for each in ADAPTERS:
        if each.architecture in architectures:
            return each, f"its config.json names the architecture {each.architecture}"
    parts = [part for part in Path(model).parts if part.startswith("models--")]  # how the hub's cache names folders
    for each in ADAPTERS:
        if found := re.search(each.pattern, " ".join([*parts, Path(model).name]), re.IGNORECASE):
            return each, f"its name holds {found[0]!r}"
    raise InputError(
        f"model {model!r}: neither a folder written by `prmkit train` nor a published reward model known by name or "
        f"architecture; name its adapter ({known})"
    )


def single_id(tokenizer: "PreTrainedTokenizerBase", text: str) -> int:
    """The one token id of a text.

    Raises:
        InputError: It is not one token.
    """
    ids = list(tokenizer(text, add_special_tokens=False)["input_ids"])
    if len(ids) != 1:
        raise InputError(f"the tokenizer writes {text!r} as {ids}, the model knows it as one token; is it its own one?")
    return int(ids[0])


def write_solution(
    adapter: Adapter, tokenizer: "PreTrainedTokenizerBase", problem: str, steps: Sequence[str]
) -> EncodedSolution:
    """Problem and steps as a published model reads them; white space around steps is left out.

    The ids of the parts are concatenated and tags are appended as ids: adding a step never changes the ids before it,
    and a tag that is part of a step's own text is not read.

    Raises:
        InputError: Tokenizer or chat template do not fit the adapter.
        ShapeError: There are no steps.
    """
    if not steps:
        raise ShapeError("nothing to score: 0 steps")
    tag = single_id(tokenizer, adapter.tag)
    texts = [_numbered(step.strip(), index) if adapter.numbered else step.strip() for index, step in enumerate(steps)]
    if adapter.turns:
        return _write_turns(adapter, tokenizer, problem, texts)
    ids = _prompt_ids(adapter, tokenizer, problem)
    prompt_length, ends = len(ids), []
    for index, text in enumerate(texts):
        ids += _continuation(tokenizer, adapter.joints[index > 0] + text, adapter.tag if adapter.anchored else "")
        ids.append(tag)
        ends.append(len(ids) - 1)
    return EncodedSolution(ids, ends, prompt_length)


def _numbered(step: str, index: int) -> str:
    return step if re.match(r"step\s*\d", step, re.IGNORECASE) else f"Step {index + 1}: {step}"


def _prompt_ids(adapter: Adapter, tokenizer: "PreTrainedTokenizerBase", problem: str) -> list[int]:
    if adapter.system is None:
        text = adapter.prompt.replace("{bos}", tokenizer.bos_token or "").replace("{problem}", problem)
        return list(tokenizer(text)["input_ids"])
    turns = [{"role": "system", "content": adapter.system}, {"role": "user", "content": problem}]
    return list(tokenizer(_rendered(tokenizer, turns), add_special_tokens=False)["input_ids"])


def _continuation(tokenizer: "PreTrainedTokenizerBase", text: str, anchor: str) -> list[int]:
    """Ids of a text that follows another one, as they are within the whole."""
    before = list(tokenizer(anchor, add_special_tokens=False)["input_ids"]) if anchor else []
    ids = list(tokenizer(anchor + text, add_special_tokens=False)["input_ids"])
    if ids[: len(before)] != before:
        raise ShapeError(f"the tokenizer melts {anchor!r} into what follows it: {text[:60]!r}")
    return ids[len(before) :]


def _write_turns(
    adapter: Adapter, tokenizer: "PreTrainedTokenizerBase", problem: str, steps: Sequence[str]
) -> EncodedSolution:
    """Steps as the user's turns, each answered with the tag: the answer to a step is predicted just before it."""
    tag = single_id(tokenizer, adapter.tag)
    turns = [{"role": "user", "content": f"{problem} {steps[0]}"}]
    text = _rendered(tokenizer, turns)
    head, found, tail = text.rpartition(f" {steps[0]}")
    if not found:
        raise InputError("the chat template rewrites what the user says; is it the model's own one?")
    ids = list(tokenizer(head, add_special_tokens=False)["input_ids"])  # shared by all solutions of the problem
    prompt_length = len(ids)
    ids += tokenizer(found + tail, add_special_tokens=False)["input_ids"]
    ends = [len(ids) - 1]
    for step in steps[1:]:
        before = text + adapter.tag
        turns += [{"role": "assistant", "content": adapter.tag}, {"role": "user", "content": step}]
        text = _rendered(tokenizer, turns)
        if not text.startswith(before):
            raise InputError("the chat template rewrites earlier turns; is it the model's own one?")
        ids += [tag, *tokenizer(text[len(before) :], add_special_tokens=False)["input_ids"]]
        ends.append(len(ids) - 1)
    return EncodedSolution(ids, ends, prompt_length)


def _rendered(tokenizer: "PreTrainedTokenizerBase", turns: list[dict[str, Any]]) -> str:
    if not tokenizer.chat_template:
        raise InputError("the model's tokenizer has no chat template, but the model was trained with one")
    return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
