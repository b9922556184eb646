"""The losses of reward models: means over marked tokens, in float32."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from prmkit.errors import ShapeError
from prmkit.rewards.metadata import RewardKind


def reward_loss(kind: RewardKind, logits_BTC: Tensor, marked_BT: Tensor, targets_BTC: Tensor) -> Tensor:
    """Cross-entropy at the marked tokens.

    Args:
        kind: A PRM's C = 3 logits go through a softmax, an ORM's one through a sigmoid.
        logits_BTC: Raw scores, any float type.
        marked_BT: bool; where there is a loss.
        targets_BTC: Floats: distributions over the three classes, or probabilities of being correct.

    Returns:
        A float32 scalar: the mean over all marked tokens of the batch.

    Raises:
        ShapeError: No token is marked (the mean would be NaN), shapes differ, or the targets are integers.
    """
    if logits_BTC.shape != targets_BTC.shape or marked_BT.shape != logits_BTC.shape[:2]:
        raise ShapeError(f"logits {tuple(logits_BTC.shape)}, targets {tuple(targets_BTC.shape)} and marks differ")
    if not targets_BTC.is_floating_point():
        raise ShapeError(f"targets are {targets_BTC.dtype}; soft labels need a float type")
    if not bool(marked_BT.any()):
        raise ShapeError("the batch marks no token: there is nothing to learn from")
    logits_NC = logits_BTC[marked_BT].float()
    targets_NC = targets_BTC[marked_BT].to(torch.float32)
    if kind is RewardKind.PRM:
        return cross_entropy(logits_NC, targets_NC)
    return binary_cross_entropy_with_logits(logits_NC, targets_NC)
