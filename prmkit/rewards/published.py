"""Published process reward models as `RewardModel`s: Math-Shepherd, Qwen2.5-Math-PRM, Skywork o1 Open PRM, RLHFlow.

How each is written to and read is a row of `prmkit.rewards.adapters`. All of them give the probability that a step is
good; whether that is a softmax over two tokens, over two classes or a sigmoid, it is the sigmoid of one logit. So each
becomes a token classifier with one output, and scoring, calibration and packing are those of every other model. Heads
are built here from the safetensors weights: no code of the repository is run, and no pickle is opened.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from prmkit.errors import InputError, MissingFileError, first_line
from prmkit.models import load_config, load_tokenizer, resolve_model
from prmkit.rewards.adapters import Adapter, Head, choose_adapter, single_id, write_solution
from prmkit.rewards.loading import load_classifier, to_device
from prmkit.rewards.metadata import RewardKind, RewardMetadata
from prmkit.rewards.scorer import ClassifierReward
from prmkit.steps import EncodedSolution, TextFormat

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_FETCHED = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]
"""Files of a hub repository; no code and no pickles among them."""


class PublishedReward(ClassifierReward):
    """A `RewardModel` on a published model."""

    def __init__(
        self,
        model: "PreTrainedModel",
        tokenizer: "PreTrainedTokenizerBase",
        adapter: Adapter,
        reason: str = "asked for",
        **options: Any,
    ) -> None:
        """Take a token classifier with one output (`load_published` makes it); options as of `ClassifierReward`."""
        metadata = RewardMetadata(
            kind=RewardKind.VALUE,
            text_format=TextFormat(prompt="{problem}", separator=adapter.separator),
            separator_ids=(single_id(tokenizer, adapter.tag),),
            aggregation=adapter.aggregation,
        )
        super().__init__(model, tokenizer, metadata, **options)
        self.adapter = adapter
        self.adapter_reason = f"{adapter.name}, {reason}"
        """Which adapter, and why."""

    def _write(self, problem: str, steps: Sequence[str]) -> EncodedSolution:
        return write_solution(self.adapter, self._remembering, problem, steps)


def load_published(
    name: str | Path, device: str | None = None, *, adapter: str | None = None, dtype: str | None = None, **options: Any
) -> PublishedReward:
    """Load a published process reward model.

    Args:
        name: Folder or hub name.
        device: `cpu`, `cuda`, ...; by default CUDA where there is one.
        adapter: Name of one in `prmkit.rewards.adapters`; by default found by architecture or name.
        dtype: `float32`, `bfloat16`, `float16` or `auto` (what its config.json says) for all but the head, which is
            float32 always; by default float32 on a CPU, `auto` elsewhere.
        options: Further arguments of `ClassifierReward`.

    Raises:
        MissingFileError: It is not there, or lacks configuration, tokenizer, or weights as safetensors.
        InputError: No adapter fits, the weights or tokenizer are not those of the adapter, or the device or dtype
            cannot be used.
    """
    path = resolve_model(str(name))
    chosen, reason = choose_adapter(str(name), getattr(load_config(path), "architectures", None) or [], adapter)
    folder = _fetch(path)
    tokenizer = load_tokenizer(str(folder))
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    dtype = dtype or ("float32" if device == "cpu" else "auto")
    if dtype not in ("auto", "float32", "bfloat16", "float16"):
        raise InputError(f"dtype {dtype!r} cannot be used; take float32, bfloat16, float16 or auto")
    weights = _Weights(folder)
    head = _build_head(weights, chosen, tokenizer)
    model = load_classifier(str(folder), num_labels=1, dtype=dtype, trust_remote_code=False)
    if absent := [key for key in model.state_dict() if not key.startswith("score.") and key not in weights.files]:
        raise InputError(f"model {str(name)!r}: its weights lack {absent[0]!r} and {len(absent) - 1} more")
    model.score = head
    to_device(model, device)
    return PublishedReward(model, tokenizer, chosen, reason, **options)


def _fetch(path: str) -> Path:
    """The folder of a model; from the hub where it is not one."""
    if Path(path).is_dir():
        return Path(path)
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(path, allow_patterns=_FETCHED)
    except Exception as error:  # of the network, the hub, the disk
        raise MissingFileError(f"model {path!r}: it cannot be fetched: {first_line(error)}") from None
    return Path(resolve_model(folder))


class _Weights:
    """The tensors of a folder's safetensors files, read one by one."""

    def __init__(self, folder: Path) -> None:
        from safetensors import safe_open

        self.folder = folder
        self.files: dict[str, Path] = {}
        for file in sorted(folder.glob("*.safetensors")):
            with safe_open(file, "pt") as opened:
                self.files |= dict.fromkeys(opened.keys(), file)

    def read(self, name: str, row: int | None = None) -> Tensor:
        """A tensor, or one row of it as a matrix, in float32.

        Raises:
            InputError: There is no such tensor, or no such row.
        """
        from safetensors import safe_open

        if name not in self.files:
            raise InputError(f"{self.folder}: its weights lack {name!r}; is it a model of this adapter?")
        with safe_open(self.files[name], "pt") as opened:
            whole = opened.get_slice(name)
            if row is not None and row >= whole.get_shape()[0]:
                raise InputError(f"{self.folder}: {name!r} has {whole.get_shape()[0]} rows, and row {row} is needed")
            found: Tensor = whole[:] if row is None else whole[row : row + 1]
            return found.float()


class _Float32Head(torch.nn.Sequential):
    """Computes in float32 whatever the model's dtype is."""

    def forward(self, hidden_BTH: Tensor) -> Tensor:
        """Logits float32 `[B, T, 1]`."""
        found = hidden_BTH.float()
        for layer in self:
            found = layer(found)
        return found


def _build_head(weights: _Weights, adapter: Adapter, tokenizer: "PreTrainedTokenizerBase") -> torch.nn.Module:
    """A head with one logit: of two tokens or classes the difference, whose sigmoid is their softmax."""
    match adapter.head:
        case Head.TOKENS:
            tied = "lm_head.weight" not in weights.files
            name = "model.embed_tokens.weight" if tied else "lm_head.weight"
            good, bad = (
                weights.read(name, single_id(tokenizer, token)) for token in (adapter.positive, adapter.negative)
            )
            return _Float32Head(_linear(good - bad))
        case Head.CLASSES:
            first = _linear(weights.read("score.0.weight"), weights.read("score.0.bias"))
            (good, shift), (bad, less) = (
                (weights.read("score.2.weight", int(each)), weights.read("score.2.bias", int(each)))
                for each in (adapter.positive, adapter.negative)
            )
            return _Float32Head(first, torch.nn.ReLU(), _linear(good - bad, shift - less))
        case Head.VALUE:
            return _Float32Head(_linear(weights.read("v_head.summary.weight"), weights.read("v_head.summary.bias")))


def _linear(weight: Tensor, bias: Tensor | None = None) -> torch.nn.Linear:
    layer = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    layer.weight.data = weight
    if bias is not None:
        layer.bias.data = bias
    return layer
