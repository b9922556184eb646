import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from prmkit.errors import ShapeError
from prmkit.rewards.metadata import RewardKind
from prmkit.training.losses import reward_loss

PRM, ORM = RewardKind.PRM, RewardKind.ORM
MARKED = torch.tensor([[False, True, False], [True, False, True]])


def prm_batch():
    torch.manual_seed(0)
    classes = torch.tensor([[0, 2, 0], [1, 0, 0]])
    return torch.randn(2, 3, 3), classes, torch.eye(3)[classes]


def test_hard_targets_give_the_cross_entropy_of_their_classes():
    logits, classes, targets = prm_batch()
    assert torch.isclose(reward_loss(PRM, logits, MARKED, targets), cross_entropy(logits[MARKED], classes[MARKED]))


def test_a_soft_target_of_three_quarters_counts_three_quarters_and_is_not_cast_to_zero():
    logits = torch.tensor([[[0.0, 0.0, math.log(2.0)]]])  # probabilities 1/4, 1/4, 1/2
    marked = torch.tensor([[True]])
    soft = reward_loss(PRM, logits, marked, torch.tensor([[[0.0, 0.25, 0.75]]]))
    assert soft.item() == pytest.approx(0.25 * math.log(4) + 0.75 * math.log(2))
    assert soft.item() > reward_loss(PRM, logits, marked, torch.tensor([[[0.0, 0.0, 1.0]]])).item()


def test_an_orm_pays_binary_cross_entropy_at_its_marks():
    logits = torch.tensor([[[0.0], [math.log(3.0)], [9.0]]])
    marked = torch.tensor([[True, True, False]])
    loss = reward_loss(ORM, logits, marked, torch.tensor([[[1.0], [0.0], [0.0]]]))
    assert loss.item() == pytest.approx((math.log(2) + math.log(4)) / 2)


def test_tokens_without_a_mark_get_no_gradient():
    logits, _, targets = prm_batch()
    logits.requires_grad_()
    reward_loss(PRM, logits, MARKED, targets).backward()
    assert (logits.grad[~MARKED] == 0).all()
    assert (logits.grad[MARKED] != 0).all()


def test_a_batch_without_marks_raises_instead_of_giving_nan():
    logits, _, targets = prm_batch()
    with pytest.raises(ShapeError, match="marks no token"):
        reward_loss(PRM, logits, torch.zeros_like(MARKED), targets)


def test_integer_targets_are_refused():
    logits, _, targets = prm_batch()
    with pytest.raises(ShapeError, match="int64"):
        reward_loss(PRM, logits, MARKED, targets.long())


def test_shapes_that_differ_are_refused():
    logits, _, targets = prm_batch()
    with pytest.raises(ShapeError, match=r"logits \(2, 2, 3\)"):
        reward_loss(PRM, logits[:, :2], MARKED, targets)


def test_the_loss_is_float32_whatever_the_logits_are():
    logits, _, targets = prm_batch()
    assert reward_loss(PRM, logits.bfloat16(), MARKED, targets).dtype == torch.float32
