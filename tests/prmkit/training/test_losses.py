import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy, cross_entropy

from prmkit.errors import InputError, ShapeError
from prmkit.training.choices import OutcomeLoss, Targets
from prmkit.training.data import Row
from prmkit.training.groups import Group, Ranking
from prmkit.training.losses import BinaryLoss, ClassLoss, ComparisonLoss, ScoreLoss, loss_of, mean_loss
from prmkit.training.objectives import ORMObjective, PRMObjective, ValueObjective
from prmkit.training.pairs import Comparison, collate_rankings, pairwise_loss

CLASSES = torch.tensor([0, 2, 0, 1, 2])


@pytest.fixture
def logits():
    return torch.randn(5, 3, generator=torch.Generator().manual_seed(0))


def rows_of(classes):
    return [Row([1, 2], 1, [1], torch.eye(3)[[each]].numpy()) for each in classes]


def test_hard_targets_give_the_cross_entropy_of_their_classes(logits):
    assert torch.isclose(mean_loss(ClassLoss(), logits, torch.eye(3)[CLASSES]), cross_entropy(logits, CLASSES))


def test_class_weights_are_those_of_torch(logits):
    weights = (3.0, 0.5, 1.0)
    wanted = cross_entropy(logits, CLASSES, weight=torch.tensor(weights))
    assert torch.isclose(mean_loss(ClassLoss(weights), logits, torch.eye(3)[CLASSES]), wanted)


def test_a_soft_target_of_three_quarters_counts_three_quarters_and_is_not_cast_to_zero():
    logits = torch.tensor([[0.0, 0.0, math.log(2.0)]])  # probabilities 1/4, 1/4, 1/2
    soft = mean_loss(ClassLoss(), logits, torch.tensor([[0.0, 0.25, 0.75]]))
    assert soft.item() == pytest.approx(0.25 * math.log(4) + 0.75 * math.log(2))
    assert soft.item() > mean_loss(ClassLoss(), logits, torch.tensor([[0.0, 0.0, 1.0]])).item()


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_the_value_loss_is_the_binomial_cross_entropy_of_the_score(logits, weight):
    values = torch.tensor([[0.0], [1.0], [0.25], [0.5], [1.0]])
    probabilities = logits.softmax(dim=-1)
    score = probabilities[:, 2] + weight * probabilities[:, 1]
    logits.requires_grad_()
    found = mean_loss(ScoreLoss(weight), logits, values)
    assert torch.isclose(found, binary_cross_entropy(score, values[:, 0]), atol=1e-6)
    found.backward()
    assert logits.grad.isfinite().all()


def test_one_logit_pays_binary_cross_entropy():
    loss = mean_loss(BinaryLoss(), torch.tensor([[0.0], [math.log(3.0)]]), torch.tensor([[1.0], [0.0]]))
    assert loss.item() == pytest.approx((math.log(2) + math.log(4)) / 2)


def test_a_value_is_learned_at_its_rate():
    logit = torch.zeros(1, 1, requires_grad=True)
    at_rate = torch.full((1, 1), math.log(3 / 5))  # sigmoid: 3/8
    mean_loss(BinaryLoss(), logit + at_rate, torch.tensor([[3 / 8]])).backward()
    assert logit.grad.abs().item() < 1e-7


def test_comparisons_are_those_of_pairs():
    rankings = collate_rankings([Group((0, 1, 2), (Ranking((0, 1, 2), (0, 1, None)),))])
    scores = torch.tensor([[0.3], [1.0], [-0.2]])
    found = mean_loss(ComparisonLoss(Comparison.PAIRWISE), scores, torch.zeros(3, 1), rankings)
    assert torch.isclose(found, pairwise_loss(scores[:, 0], rankings))
    with pytest.raises(ShapeError, match="needs rankings"):
        mean_loss(ComparisonLoss(Comparison.PAIRWISE), scores, torch.zeros(3, 1))


@pytest.mark.parametrize(
    "loss", [ClassLoss((3.0, 0.5, 1.0)), ScoreLoss(0.5), BinaryLoss(), ComparisonLoss(Comparison.LISTWISE, False)]
)
def test_sums_over_parts_are_the_mean_over_all(loss):
    generator = torch.Generator().manual_seed(1)
    width = 3 if isinstance(loss, ClassLoss | ScoreLoss) else 1
    logits = torch.randn(6, width, generator=generator)
    targets = torch.rand(6, 3 if isinstance(loss, ClassLoss) else 1, generator=generator)
    groups = [Group((0, 1), (Ranking((0, 1), (0, 1)),)), Group((0, 1, 2, 3), (Ranking((0, 1, 2, 3), (0, 0, 1, None)),))]
    parts = [slice(0, 2), slice(2, 6)]
    ranked = [collate_rankings([each]) for each in groups]
    total = sum(loss.total(logits[part], targets[part], own) for part, own in zip(parts, ranked, strict=True))
    weight = sum(loss.weight(targets[part], own) for part, own in zip(parts, ranked, strict=True))
    assert torch.isclose(total / weight, mean_loss(loss, logits, targets, collate_rankings(groups)))


def test_a_batch_without_marks_raises_instead_of_giving_nan():
    with pytest.raises(ShapeError, match="marks no token"):
        mean_loss(ClassLoss(), torch.zeros(0, 3), torch.zeros(0, 3))


def test_integer_targets_are_refused(logits):
    with pytest.raises(ShapeError, match="int64"):
        mean_loss(ClassLoss(), logits, torch.eye(3)[CLASSES].long())


def test_marks_and_targets_that_differ_in_number_are_refused(logits):
    with pytest.raises(ShapeError, match="4 marks but 5 targets"):
        mean_loss(ClassLoss(), logits[:4], torch.eye(3)[CLASSES])


def test_the_loss_is_float32_whatever_the_logits_are(logits):
    assert mean_loss(ClassLoss(), logits.bfloat16(), torch.eye(3)[CLASSES]).dtype == torch.float32


def test_balanced_weights_let_every_class_that_there_is_weigh_alike():
    rows = rows_of([0, 2, 2, 2])
    loss = loss_of(PRMObjective(class_weights="balanced"), rows)
    assert loss == ClassLoss((2.0, 1.0, 2 / 3))
    mass = {0: 1, 2: 3}
    assert mass[0] * loss.class_weights[0] == pytest.approx(mass[2] * loss.class_weights[2])


def test_weights_that_leave_nothing_to_learn_are_refused():
    with pytest.raises(InputError, match="every step there is has the weight 0"):
        loss_of(PRMObjective(class_weights=(0.0, 1.0, 0.0)), rows_of([0, 2]))


@pytest.mark.parametrize(
    ("objective", "loss"),
    [
        (PRMObjective(), ClassLoss()),
        (PRMObjective(targets=Targets.SOFT, class_weights=(1.0, 2.0, 3.0)), ClassLoss((1.0, 2.0, 3.0))),
        (PRMObjective(targets=Targets.VALUE, neutral_weight=0.25), ScoreLoss(0.25)),
        (ORMObjective(loss=OutcomeLoss.PAIRWISE), ComparisonLoss(Comparison.PAIRWISE, True)),
        (ORMObjective(loss=OutcomeLoss.LISTWISE, balance=False), ComparisonLoss(Comparison.LISTWISE, False)),
    ],
)
def test_every_objective_has_its_loss(objective, loss):
    assert loss_of(objective, rows_of([0, 1, 2])) == loss


@pytest.mark.parametrize(
    "objective",
    [ORMObjective(), ORMObjective(loss=OutcomeLoss.LAST), ORMObjective(loss=OutcomeLoss.MEAN), ValueObjective()],
)
def test_outcomes_and_values_are_learned_by_binary_cross_entropy(objective):
    assert isinstance(loss_of(objective, []), BinaryLoss)
