"""The model a training starts from: its tokenizer and text format first, its weights with a new head later.

Also LoRA adapters (peft's) on it, and the language-modelling head that an ORM may keep while it learns.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from prmkit.errors import InputError, MissingExtraError
from prmkit.models import load_config, load_tokenizer, resolve_model
from prmkit.rewards.loading import load_classifier, quiet_transformers
from prmkit.rewards.metadata import CLASSES, RewardKind
from prmkit.steps import TextFormat, find_text_format
from prmkit.training.config import TrainConfig

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

LORA_SCALE = 2
"""What adapters are multiplied by: peft's alpha / rank."""


@dataclass(frozen=True, kw_only=True)
class TextBase:
    """Everything of a base but its weights."""

    name: str
    """As the user gave it."""
    path: str
    """Resolved folder or hub name."""
    tokenizer: "PreTrainedTokenizerBase"
    """Its own."""
    text_format: TextFormat
    """Its own, or what the options say."""
    max_length: int
    """Token ids of a solution at most."""
    vocabulary: int
    """Ids that the model knows are smaller."""

    def check_ids(self, rows: Iterable[Sequence[int]]) -> None:
        """Refuse ids that the model has no embedding for.

        Raises:
            InputError: There is one.
        """
        largest = max((max(ids) for ids in rows), default=-1)
        if largest >= self.vocabulary:
            raise InputError(
                f"model {self.name!r}: its tokenizer gives id {largest}, its vocabulary has {self.vocabulary}"
            )

    @property
    def separator_ids(self) -> tuple[int, ...]:
        """Of the step separator, tokenised alone."""
        return tuple(self.tokenizer(self.text_format.separator, add_special_tokens=False)["input_ids"])


def open_base(config: TrainConfig) -> TextBase:
    """Everything that needs no weights, so that bad data is refused in seconds.

    Raises:
        MissingFileError: The base is not there, or incomplete.
        InputError: Its `prmkit.json` or the text format cannot be used.
    """
    path = resolve_model(config.base)
    tokenizer = load_tokenizer(path)
    model_config = load_config(path).get_text_config()
    context = getattr(model_config, "max_position_embeddings", None)
    return TextBase(
        name=config.base,
        path=path,
        tokenizer=tokenizer,
        text_format=find_text_format(Path(path), tokenizer, config.prompt, config.separator),
        max_length=min(config.max_length, context or config.max_length),
        vocabulary=model_config.vocab_size,
    )


def load_model(base: TextBase, kind: RewardKind, seed: int) -> "PreTrainedModel":
    """The base with a new head: three logits for a PRM, one for any other kind. The head has no dropout, so that
    nothing in a step depends on how its batch is divided.

    Raises:
        MissingFileError: It cannot be loaded.
        InputError: It looks ahead.
    """
    from transformers import set_seed

    classes = CLASSES[kind]
    model = load_classifier(
        base.path,
        num_labels=len(classes),
        id2label=classes,
        label2id={name: index for index, name in classes.items()},
        ignore_mismatched_sizes=True,  # the head of a base that is a reward model of another kind
    )
    set_seed(seed)  # whatever loading has drawn
    for name, parameter in model.named_parameters():  # a base may bring a head of this size, of another objective
        if name in head_parameters(model):
            parameter.data.zero_()
            if parameter.ndim > 1:
                parameter.data.normal_(std=getattr(model.config, "initializer_range", None) or 0.02)
    for module in model.children():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    if model.config.pad_token_id is None:
        model.config.pad_token_id = base.tokenizer.pad_token_id if base.tokenizer.pad_token_id is not None else 0
    _check_causal(model, base.name)
    return model


def _check_causal(model: "PreTrainedModel", name: str) -> None:
    """Refuse a base that looks ahead: its step scores would depend on later steps, and on padding."""
    embeddings = model.get_input_embeddings().weight
    first_logits = model.eval()(input_ids=torch.tensor([[1, 2]])).logits[0, 0]
    (gradient,) = torch.autograd.grad(first_logits.sum(), embeddings)
    if bool(gradient[2].any()):  # of the second token
        raise InputError(f"model {name!r} reads later tokens too ({type(model).__name__}); the base must be causal")


def head_parameters(model: "PreTrainedModel") -> set[str]:
    """Names of the parameters of the new head, under LoRA as well."""
    body = f"{model.base_model_prefix}."
    if hasattr(model, "peft_config"):
        return {name for name, _ in model.named_parameters() if ".modules_to_save." in name}
    return {name for name, _ in model.named_parameters() if not name.startswith(body)}


def add_lora(model: "PreTrainedModel", rank: int) -> "PreTrainedModel":
    """The model with adapters on all linear layers of its body; they and the head are what learns.

    Raises:
        MissingExtraError: peft is not installed.
    """
    try:
        from peft import LoraConfig, TaskType, get_peft_model
    except ImportError:
        raise MissingExtraError("--lora-rank needs peft: pip install 'prmkit[lora]'") from None

    body = getattr(model, model.base_model_prefix)
    adapted: Any = get_peft_model(
        model,
        LoraConfig(
            task_type=TaskType.TOKEN_CLS,
            r=rank,
            lora_alpha=LORA_SCALE * rank,
            target_modules=sorted(
                f"{model.base_model_prefix}.{name}"
                for name, module in body.named_modules()
                if isinstance(module, torch.nn.Linear)
            ),
            modules_to_save=sorted({name.partition(".")[0] for name in head_parameters(model)}),
        ),
    )
    return adapted


def merged(model: "PreTrainedModel") -> "PreTrainedModel":
    """The plain model, adapters added into its weights."""
    return model.merge_and_unload() if hasattr(model, "merge_and_unload") else model


def language_head(base: TextBase, model: "PreTrainedModel") -> Callable[[Tensor], Tensor]:
    """From last hidden states `[M, D]` to logits of the vocabulary `[M, V]`, as the base itself does it.

    A head that is tied to the embeddings is theirs and learns with them; any other stays as it is in the base.

    Raises:
        InputError: The base has no such head, or does more with hidden states than multiply them by it.
    """
    from transformers import AutoModelForCausalLM

    with quiet_transformers(), torch.no_grad():
        causal, found = AutoModelForCausalLM.from_pretrained(base.path, dtype=torch.float32, output_loading_info=True)
        head = causal.get_output_embeddings()
        if head is None or any(name.startswith("lm_head") for name in found["missing_keys"]):
            raise InputError(f"model {base.name!r} has no language-modelling head; leave --lm-weight out")
        outputs = causal.eval()(input_ids=torch.tensor([[1, 2, 3]]), output_hidden_states=True)
        if not torch.allclose(head(outputs.hidden_states[-1]), outputs.logits, atol=1e-4, rtol=1e-4):
            raise InputError(
                f"model {base.name!r} does more with its hidden states than multiply them by its output embeddings; "
                "leave --lm-weight out"
            )
    if head.weight is causal.get_input_embeddings().weight:
        return lambda hidden_MD: hidden_MD @ model.get_input_embeddings().weight.T
    head.requires_grad_(False)
    return lambda hidden_MD: head.to(hidden_MD.device)(hidden_MD)
