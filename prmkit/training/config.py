"""How a reward model is trained, whatever it learns: the options of every `prmkit train`, without torch.

What it learns is an objective (`prmkit.training.objectives`).
"""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from prmkit.errors import InputError


class Precision(StrEnum):
    """In which numbers a model computes while it trains; its weights are float32 in any case."""

    AUTO = "auto"
    """bfloat16 on a GPU that has it, float32 elsewhere."""
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    """Autocast: products in bfloat16, sums and losses in float32."""


class Optimizer(StrEnum):
    """What moves the weights."""

    ADAMW = "adamw"
    """AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101), all of them."""
    MUON = "muon"
    """Muon (Jordan et al. 2024) the matrices of the layers, AdamW the rest."""


_WITHOUT_EFFECT = ("evaluations", "batch_tokens", "gradient_checkpointing", "fsdp")
"""Options that change no weight, rounding aside: a run may be continued with other ones."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that decides the weights, the objective and the data aside."""

    base: str = "demo"
    """Causal language model to start from: a folder, a hub name or `demo`."""
    epochs: int = 2
    """Passes over the training split; at least 1."""
    optimizer: Optimizer = Optimizer.ADAMW
    """adamw, or muon: Muon (Jordan et al. 2024) for the matrices of the layers or their adapters, AdamW for embeddings,
    norms, biases and head."""
    lr: float | None = None
    """Peak learning rate (muon: of the matrices; the rest has a third of it). By default chosen by the model's size:
    adamw 1e-5 at 7 B and 9e-4 at 0.9 M parameters, muon 2e-5 and 9e-3, LoRA with either 1e-4 and 9e-3."""
    batch_size: int = 32
    """Solutions per optimiser step and process (pairwise and listwise losses: about so many)."""
    batch_tokens: int = 4096
    """Tokens computed at a time; a batch with more is computed in parts, which changes no weight. Less needs less
    memory."""
    max_length: int = 2048
    """Longer solutions (in tokens) are cut after the last step that fits, or left out where the whole is needed; never
    above the base's context."""
    per_problem: int | None = None
    """Solutions of a problem that are learned from at most, drawn by the seed; by default all."""
    validation: float = 0.1
    """Share of the problems held out for validation, in [0, 1)."""
    evaluations: int = 4
    """Validations over the run, evenly spaced; a checkpoint to resume from is saved with each."""
    patience: int | None = None
    """Stop when so many validations in a row were no better than the best one, and keep the best one's weights; by
    default trained to the end."""
    head_epochs: float = 0.0
    """Epochs at the beginning in which only the new head learns (Kumar et al. 2022)."""
    lora_rank: int | None = None
    """Learn low-rank adapters of this rank (Hu et al. 2021) and the head only; merged when saved. Needs peft."""
    gradient_checkpointing: bool = False
    """Compute activations again when going backward: less memory, about a third more time."""
    precision: Precision = Precision.AUTO
    """auto: bfloat16 autocast on a GPU that has it, else float32. Weights are float32."""
    fsdp: bool = False
    """Spread weights, gradients and optimiser over the GPUs of `torchrun` (FSDP) instead of copying them to each."""
    prompt: str | None = None
    """Text before the first step, with {problem} in it; default: the base's own (its prmkit.json or chat template)."""
    separator: str | None = None
    """Text that ends a step; default: the base's own, else a blank line."""
    seed: int = 0
    """Of the split, the new head and the order."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "batch_tokens", "max_length", "per_problem", "evaluations", "patience"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"--{name.replace('_', '-')} must be at least 1, got {value}")
        if self.lr is not None and not 0 < self.lr < float("inf"):
            raise InputError(f"--lr must be positive, got {self.lr}")
        if not 0 <= self.validation < 1:
            raise InputError(f"--validation must be in [0, 1), got {self.validation}")
        if not 0 <= self.head_epochs < self.epochs:
            raise InputError(
                f"--head-epochs must be in [0, {self.epochs}), the epochs there are; got {self.head_epochs}"
            )
        if self.lora_rank is not None and self.lora_rank < 1:
            raise InputError(f"--lora-rank must be at least 1, got {self.lora_rank}")
        if self.patience is not None and not self.validation:
            raise InputError("--patience needs validation problems, and --validation is 0")
        if self.fsdp and self.lora_rank is not None:
            raise InputError("--fsdp with --lora-rank: adapters are small, plain torchrun trains them; leave one out")

    def identity(self, processes: int = 1) -> dict[str, Any]:
        """What decides the weights, JSON-able; `batch_size` is that of an optimiser step over all processes."""
        without = set(_WITHOUT_EFFECT) - ({"evaluations"} if self.patience is not None else set())
        decides = {name: value for name, value in asdict(self).items() if name not in without}
        return decides | {"batch_size": self.batch_size * processes}
