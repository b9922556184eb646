"""What moves the weights: AdamW alone, or Muon for the matrices of the layers with AdamW for the rest.

The default rate is here too; how it rises and falls is the trainer's (`prmkit.training.trainer`).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch.optim import AdamW, Muon
from transformers.pytorch_utils import Conv1D

from prmkit.training.base import head_parameters
from prmkit.training.config import Optimizer

if TYPE_CHECKING:
    from transformers import PreTrainedModel

REST = 1 / 3
"""Rate of what AdamW moves beside Muon, in Muon's."""
_MOVED_BY = "moved_by"
"""Key of a parameter group: what moves it."""


def default_lr(parameters: int, *, lora: bool = False, optimizer: Optimizer = Optimizer.ADAMW) -> tuple[float, str]:
    """A peak learning rate, and why: it falls with the model's size.

    AdamW: 1e-5 at 7 billion parameters, by the square root. Muon: 2.25e-5 there, by the power 2/3, so 0.0088 at the
    demo's 0.9 million. That is what 0.02, Muon's usual rate, becomes where its steps are scaled as here: 0.02 =
    0.2 * sqrt(128) * 0.0088 for matrices of 128 inputs. Adapters: 1e-4 at 7 billion, by the square root, whatever moves
    them; ten times AdamW's (Schulman et al. 2025, LoRA Without Regret).
    """
    at_7b, power = (2.25e-5, 2 / 3) if optimizer == Optimizer.MUON else (1e-5, 1 / 2)
    if lora:
        at_7b, power = 1e-4, 1 / 2
    rate: float = at_7b * (7e9 / parameters) ** power
    return rate, f"chosen for {parameters:,} parameters{' and LoRA' if lora else ''}"


def make_optimizer(
    optimizer: Optimizer, model: "PreTrainedModel", *, lr: float, adamw: Mapping[str, Any]
) -> torch.optim.Optimizer:
    """For all parameters that learn; weights do not decay.

    Args:
        optimizer: Which.
        model: Whose parameters.
        lr: Peak rate; with Muon that of the matrices, and the rest has `REST` times it.
        adamw: Further options of AdamW.

    Returns:
        Its last parameter group is the head; those before it are the body.
    """
    head, by_muon = head_parameters(model), matrices(model) if optimizer == Optimizer.MUON else set()
    learning = {name: each for name, each in model.named_parameters() if each.requires_grad}

    def group(names: set[str], by: Optimizer) -> dict[str, Any]:
        rate = lr if by == optimizer else lr * REST
        return {"params": [each for name, each in learning.items() if name in names], "lr": rate, _MOVED_BY: by.value}

    rest = [group(names, Optimizer.ADAMW) for names in (learning.keys() - head - by_muon, head)]
    if optimizer == Optimizer.ADAMW:
        return AdamW(rest, weight_decay=0.0, **adamw)
    return MuonWithAdamW([group(by_muon, Optimizer.MUON), *rest], adamw)


def matrices(model: "PreTrainedModel") -> set[str]:
    """Names of the weights of the body's linear layers, adapters included: what Muon moves.

    Not embeddings, norms, biases or the head; nor experts that a model keeps in one three-dimensional tensor.
    """
    linear = {f"{name}.weight" for name, each in model.named_modules() if isinstance(each, torch.nn.Linear | Conv1D)}
    return linear - head_parameters(model)


class MuonWithAdamW(torch.optim.Optimizer):
    """Muon and AdamW as one, so that schedule, checkpoints and clipping see all parameters.

    Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/) steps along its momentum with all singular
    values made about equal. The step is scaled to a root mean square of 0.2 of the rate, as AdamW's typically is (Liu
    et al. 2025, arXiv:2502.16982), so rates are of AdamW's order. Weights do not decay.
    """

    def __init__(self, groups: list[dict[str, Any]], adamw: Mapping[str, Any]) -> None:
        """Share out parameter groups.

        Args:
            groups: Each with its `lr` and `moved_by`: `muon` (two-dimensional parameters only) or `adamw`.
            adamw: Further options of AdamW.
        """
        of = {by: [group for group in groups if group[_MOVED_BY] == by] for by in Optimizer}
        self._both = {
            Optimizer.MUON: Muon(of[Optimizer.MUON], weight_decay=0.0, adjust_lr_fn="match_rms_adamw"),
            Optimizer.ADAMW: AdamW(of[Optimizer.ADAMW], weight_decay=0.0, **adamw),
        }
        super().__init__(groups, {})  # the same dictionaries, filled with the defaults of both

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Move all parameters. Groups and states are those of this object, wherever they were loaded from."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for by, optimizer in self._both.items():
            optimizer.state = self.state
            optimizer.param_groups = [group for group in self.param_groups if group[_MOVED_BY] == by]
            optimizer.step()
        return loss
