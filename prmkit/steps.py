"""Text to steps to token ids: where a step ends, and which token a reward model is read at.

Two directions, each one function that everybody uses:

* `split_text` and `split_ids` cut a policy's own text, or its very token ids, into steps;
* `encode_solution` writes a problem and its steps as the token ids that a reward model reads, in training, in scoring
  and in search alike.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prmkit.errors import InputError, ShapeError
from prmkit.files import read_json

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

METADATA_FILE = "prmkit.json"
"""Beside the weights of a policy or reward model: its text format and, for a reward model, how it is read."""

_PROTECTED = re.compile(r"```.*?```|\\\[.*?\\\]|\$\$.*?\$\$|\\begin\{(\w+\*?)\}.*?\\end\{\1\}", re.DOTALL)
_OPENERS = ("```", "\\[", "$$", "\\begin{")


@dataclass(frozen=True, kw_only=True)
class TextFormat:
    """How a model reads a problem and where its steps end."""

    prompt: str = "{problem}\n\n"
    """Text before the first step; `{problem}` stands for the problem."""
    chat: bool = False
    """Wrap the prompt as a user's turn in the tokenizer's chat template."""
    separator: str = "\n\n"
    """Text that ends a step."""

    def __post_init__(self) -> None:
        if "{problem}" not in self.prompt:
            raise InputError(f"the prompt format must contain {{problem}}, got {self.prompt!r}")
        if not self.separator:
            raise InputError("the step separator must not be empty")

    def prompt_ids(self, tokenizer: "PreTrainedTokenizerBase", problem: str) -> list[int]:
        """Token ids of the prompt, with whatever the tokenizer or its chat template puts before it."""
        if self.chat:
            return list(tokenizer(self.chat_text(tokenizer, problem), add_special_tokens=False)["input_ids"])
        return list(tokenizer(self.prompt.replace("{problem}", problem))["input_ids"])

    def chat_text(self, tokenizer: "PreTrainedTokenizerBase", problem: str, **variables: object) -> str:
        """The prompt as a user's turn in the chat template, which may read further variables."""
        turns = [{"role": "user", "content": self.prompt.replace("{problem}", problem).strip()}]
        return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True, **variables))

    def to_json(self) -> dict[str, object]:
        """As stored in `prmkit.json`."""
        return asdict(self)


INSTRUCTION = "{problem}\nPlease reason step by step, and put your final answer within \\boxed{}."
"""The prompt for chat models: what Qwen2.5-Math and DeepSeek state in their model cards."""


def find_text_format(
    folder: Path, tokenizer: "PreTrainedTokenizerBase", prompt: str | None = None, separator: str | None = None
) -> TextFormat:
    """The text format of a model: what its `prmkit.json` says, else a chat template, else plain text.

    Args:
        folder: The model's folder; need not exist (a hub name has none).
        tokenizer: Its tokenizer.
        prompt: Overrides the prompt.
        separator: Overrides the separator.

    Raises:
        InputError: The `prmkit.json` holds something else than a text format; the message names file and field.
    """
    file = folder / METADATA_FILE
    if file.is_file():
        stored = _read_text_format(file)
    elif tokenizer.chat_template:
        stored = {"prompt": INSTRUCTION, "chat": True}
    else:
        stored = {}
    if prompt is not None:
        stored["prompt"] = prompt
    if separator is not None:
        stored["separator"] = separator
    return TextFormat(**stored)


def _read_text_format(file: Path) -> dict[str, Any]:
    """The fields under `text_format`, each of a known name and of its type."""
    whole = read_json(file)
    stored = whole.get("text_format") if isinstance(whole, dict) else None
    if not isinstance(stored, dict):
        raise InputError(f"{file}: expected a JSON object with an object 'text_format'")
    kinds = {name: type(value) for name, value in asdict(TextFormat()).items()}
    for name, value in stored.items():
        if name not in kinds:
            raise InputError(f"{file}: no field {name!r} in 'text_format'; there are {', '.join(kinds)}")
        if not isinstance(value, kinds[name]):
            raise InputError(
                f"{file}: field {name!r} must be {kinds[name].__name__}, found {type(value).__name__} ({value!r})"
            )
    try:
        TextFormat(**stored)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    return stored


def boundaries(text: str, separator: str) -> list[int]:
    """Offsets just after every separator that ends a step.

    A separator inside a code block, displayed equation or LaTeX environment ends nothing, nor does one that follows
    only blank text; further white space after a separator belongs to the step before it.
    """
    protected = [match.span() for match in _PROTECTED.finditer(text)]
    tail = max((end for _, end in protected), default=0)
    if opened := [at for opener in _OPENERS if (at := text.find(opener, tail)) >= 0]:
        protected.append((min(opened), len(text)))  # begun and not closed: the step is still being written
    ends: list[int] = []
    start = 0
    while (at := text.find(separator, start)) >= 0:
        end = at + len(separator)
        end += len(text[end:]) - len(text[end:].lstrip())
        inside = any(first <= at < last for first, last in protected)
        if not inside and text[ends[-1] if ends else 0 : at].strip():
            ends.append(end)
        start = at + len(separator) if inside else max(end, at + 1)
    return ends


def split_text(text: str, separator: str) -> list[str]:
    """The steps of a text, stripped; no blank ones. Empty only for a blank text."""
    cuts = [0, *boundaries(text, separator), len(text)]
    steps = [_bare(text[first:last], separator) for first, last in pairwise(cuts)]
    return [step for step in steps if step]


def _bare(step: str, separator: str) -> str:
    """A step without white space around it and without its separator."""
    return step.strip().removesuffix(separator.strip()).strip()


def split_ids(
    tokenizer: "PreTrainedTokenizerBase", ids: Sequence[int], separator: str
) -> tuple[list[str], list[list[int]]]:
    """Cut a policy's token ids into steps: `(texts, ids of each)`; the ids concatenate to the given ones.

    A cut falls after the token in which the separator ends; tokens of further white space, and an end token, stay with
    the step before them.

    Returns:
        As many texts (stripped, none blank) as lists of ids (none empty). Both empty where nothing but blanks was
        written.
    """
    pieces = tokenizer.batch_decode([[each] for each in ids], skip_special_tokens=True)
    text = "".join(pieces)
    if not text.strip():
        return [], []
    wanted = boundaries(text, separator)
    cuts: list[int] = []
    offset = 0
    for index, piece in enumerate(pieces):
        offset += len(piece)
        if len(cuts) < len(wanted) and offset >= wanted[len(cuts)] and "".join(pieces[index + 1 :]).strip():
            cuts.append(index + 1)
    limits = [0, *cuts, len(ids)]
    step_ids = [list(ids[first:last]) for first, last in pairwise(limits)]
    return [_bare(str(tokenizer.decode(each, skip_special_tokens=True)), separator) for each in step_ids], step_ids


def policy_ids(
    tokenizer: "PreTrainedTokenizerBase", text_format: TextFormat, problem: str, steps: Sequence[str]
) -> tuple[list[int], list[list[int]]]:
    """Token ids of a solution that came as text: tokenised once, whole, then cut at the step boundaries.

    Returns:
        Prompt ids, and the ids of each step.

    Raises:
        ShapeError: The text does not fall into the same steps again (a step that holds a separator itself).
    """
    text = text_format.separator.join(steps) + text_format.separator
    _, step_ids = split_ids(tokenizer, tokenizer(text, add_special_tokens=False)["input_ids"], text_format.separator)
    if len(step_ids) != len(steps):
        raise ShapeError(
            f"{len(steps)} steps fall into {len(step_ids)} at the separator {text_format.separator!r}; "
            "does a step hold the separator, or does the tokenizer drop it?"
        )
    return text_format.prompt_ids(tokenizer, problem), step_ids


@dataclass(frozen=True, slots=True)
class EncodedSolution:
    """A solution as a reward model reads it."""

    ids: list[int]
    """Prompt, then every step followed by the separator's ids."""
    ends: list[int]
    """For each step the index in `ids` of its last separator id: where the model is read."""
    prompt_length: int
    """Ids before the first step."""


def encode_solution(
    tokenizer: "PreTrainedTokenizerBase", text_format: TextFormat, problem: str, steps: Sequence[str]
) -> EncodedSolution:
    """The one encoding of reward models. Each part is tokenised on its own and ids are concatenated, so that adding a
    step never changes the ids before it, and no separator can melt into its neighbours.

    Raises:
        ShapeError: No steps, or the tokenizer has no ids for the separator.
    """
    separator = list(tokenizer(text_format.separator, add_special_tokens=False)["input_ids"])
    if not steps or not separator:
        raise ShapeError(
            f"nothing to score: {len(steps)} steps, separator {text_format.separator!r} has {len(separator)} ids"
        )
    ids = text_format.prompt_ids(tokenizer, problem)
    prompt_length = len(ids)
    ends = []
    for step in steps:
        ids += [*tokenizer(step, add_special_tokens=False)["input_ids"], *separator]
        ends.append(len(ids) - 1)
    return EncodedSolution(ids, ends, prompt_length)
