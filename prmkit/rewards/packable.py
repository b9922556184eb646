"""Which models can read packed rows, and how many rows a batch may hold. `prmkit.rewards.packing` packs them."""

import logging
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, WeakSet

import torch

from prmkit.errors import InputError, PrmkitError, first_line
from prmkit.models import turns_by_length
from prmkit.rewards.packing import Row, pack, packed_attention, pad

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_log = logging.getLogger(__name__)
_tried: "WeakKeyDictionary[torch.nn.Module, str]" = WeakKeyDictionary()
_said: "WeakSet[torch.nn.Module]" = WeakSet()


def reads_alone(model: "PreTrainedModel") -> bool:
    """Whether a row's logits depend on how long the others of its batch are: RoPE that changes with the length."""
    return turns_by_length(model.config)


def batch_plan(model: "PreTrainedModel", longest: int, tokens: int) -> tuple[bool, int]:
    """How rows of up to `longest` tokens are read: whether packed, and in batches of how many tokens at most.

    Args:
        model: Any token classifier.
        longest: Tokens of the longest row.
        tokens: Of a batch, as asked for; 1, which is single rows, where a row must be read alone.
    """
    return packing_refused(model, longest) is None, 1 if reads_alone(model) else tokens


def packing_refused(model: "PreTrainedModel", longest: int) -> str | None:
    """Why rows of up to `longest` tokens cannot be packed for this model, in words; None if they can.

    Found by trying once per model, on a few short rows. The first refusal of a model is logged as a warning.

    Raises:
        InputError: Its logits are not numbers.
    """
    window = getattr(model.config.get_text_config(), "sliding_window", None)
    if reads_alone(model):
        reason = f"{type(model).__name__} turns its positions by the longest row of a batch; rows are read one by one"
    elif window is not None and window < longest:
        reason = f"{type(model).__name__} looks back {window} tokens, and a row has {longest}"
    else:
        reason = _tried[model] = _tried[model] if model in _tried else _try_packing(model)
    if reason and model not in _said:
        _said.add(model)
        _log.warning("rows are padded, not packed: %s", reason)
    return reason or None


@torch.no_grad()
def _try_packing(model: "PreTrainedModel") -> str:
    name = type(model).__name__
    if not getattr(model, "_supports_attention_backend", False):
        return f"the attention of {name} cannot be replaced"
    rows: list[Row] = [([1, 2, 3, 4], 2), ([1, 2, 4], 2), ([3, 1], 1)]
    packed, training = pack(rows), model.training
    model.eval()
    try:
        alone = [model(**pad([row]).inputs(model.device), use_cache=False).logits.flatten(0, 1) for row in rows]
        with packed_attention(model):
            together = model(**packed.inputs(model.device), use_cache=False).logits.flatten(0, 1)
    except (PrmkitError, TypeError, ValueError, RuntimeError) as error:
        return first_line(error)
    finally:
        model.train(training)
    wanted = torch.cat(alone).float()
    if not wanted.isfinite().all():
        raise InputError("the model gives logits that are not numbers; its weights are broken")
    found = torch.cat([together[places] for places in packed.places]).float()
    tolerance = (1e-4 if model.dtype is torch.float32 else 0.05) * float(1 + wanted.abs().max())
    return (
        "" if torch.allclose(found, wanted, rtol=0, atol=tolerance) else f"{name} mixes the rows of a packed sequence"
    )
