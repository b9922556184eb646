"""The losses of reward models: sums over marked tokens, in float32, with the weight that a mean divides them by.

A batch may be computed in parts and on several devices; what is learned is the mean over all of it. So a loss gives the
sum over a part (`total`) and its weight (`weight`), which is known before anything is computed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from prmkit.errors import InputError, ShapeError
from prmkit.records import StepLabel
from prmkit.rewards.metadata import RewardKind
from prmkit.training.choices import OutcomeLoss, Targets
from prmkit.training.data import Row
from prmkit.training.groups import Group
from prmkit.training.objectives import Objective, ORMObjective, PRMObjective
from prmkit.training.pairs import Comparison, Rankings, collate_rankings, comparison_total, comparison_weight


class RewardLoss(Protocol):
    """Of N marked tokens with C logits each."""

    def weight(self, targets: Tensor, rankings: Rankings | None) -> float:
        """What a mean over these targets divides by: their number, where nothing weighs more than another."""
        ...

    def total(self, logits_NC: Tensor, targets: Tensor, rankings: Rankings | None) -> Tensor:
        """The sum, a float32 scalar.

        Args:
            logits_NC: At the marks, float32.
            targets: `[N, 3]` or `[N, 1]`, float32; see `prmkit.training.data.Row`.
            rankings: Over the N marks, one per row; None where each is learned alone.
        """
        ...


@dataclass(frozen=True)
class ClassLoss:
    """Cross-entropy of three classes with hard or soft targets.

    Class c counts with weight w_c: the loss of a mark is -sum_c w_c t_c log p_c, and its weight sum_c w_c t_c.
    """

    class_weights: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """In the order of `StepLabel`."""

    def weight(self, targets: Tensor, _rankings: Rankings | None = None) -> float:
        """See `RewardLoss`."""
        return float((targets * self._weights(targets)).sum())

    def total(self, logits_NC: Tensor, targets: Tensor, _rankings: Rankings | None = None) -> Tensor:
        """See `RewardLoss`."""
        return cross_entropy(logits_NC, targets, weight=self._weights(targets), reduction="sum")

    def _weights(self, targets: Tensor) -> Tensor:
        return torch.tensor(self.class_weights, device=targets.device)


@dataclass(frozen=True)
class ScoreLoss:
    """Binomial cross-entropy between a value r and a PRM's score s = P(correct) + w P(neutral):
    -r log s - (1 - r) log(1 - s).
    """

    neutral_weight: float
    """w, in [0, 1]."""

    def weight(self, targets: Tensor, _rankings: Rankings | None = None) -> float:
        """See `RewardLoss`."""
        return float(len(targets))

    def total(self, logits_NC: Tensor, targets: Tensor, _rankings: Rankings | None = None) -> Tensor:
        """See `RewardLoss`."""
        shares = torch.tensor([0.0, self.neutral_weight, 1.0], device=logits_NC.device)
        logs_NC = logits_NC.log_softmax(dim=-1)
        log_score_N = (logs_NC + shares.log()).logsumexp(dim=-1)
        log_rest_N = (logs_NC + (1 - shares).log()).logsumexp(dim=-1)
        values_N = targets[:, 0]
        return -(values_N * log_score_N + (1 - values_N) * log_rest_N).sum()


class BinaryLoss:
    """Binomial cross-entropy of one logit, read through a sigmoid, with an outcome or a value in [0, 1]."""

    def weight(self, targets: Tensor, _rankings: Rankings | None = None) -> float:
        """See `RewardLoss`."""
        return float(len(targets))

    def total(self, logits_NC: Tensor, targets: Tensor, _rankings: Rankings | None = None) -> Tensor:
        """See `RewardLoss`."""
        return binary_cross_entropy_with_logits(logits_NC, targets, reduction="sum")


@dataclass(frozen=True)
class ComparisonLoss:
    """Which response is better; see `prmkit.training.pairs`. One mark per row, of one logit; targets are not read."""

    how: Comparison
    """Pairs or lists."""
    balanced: bool = True
    """All prompts weigh alike; otherwise all comparisons do."""

    def weight(self, _targets: Tensor, rankings: Rankings | None) -> float:
        """See `RewardLoss`."""
        return comparison_weight(self.how, _there(rankings), balanced=self.balanced)

    def total(self, logits_NC: Tensor, _targets: Tensor, rankings: Rankings | None) -> Tensor:
        """See `RewardLoss`."""
        return comparison_total(self.how, logits_NC[:, 0], _there(rankings), balanced=self.balanced)


def _there(rankings: Rankings | None) -> Rankings:
    if rankings is None:
        raise ShapeError("a comparison needs rankings")
    return rankings


def mean_loss(loss: RewardLoss, logits_NC: Tensor, targets: Tensor, rankings: Rankings | None = None) -> Tensor:
    """The mean over some marks, a float32 scalar.

    Raises:
        ShapeError: There is no mark (the mean would be NaN), logits and targets differ in number, or the targets are
            integers.
    """
    check_marks(logits_NC, targets)
    return loss.total(logits_NC.float(), targets, rankings) / loss.weight(targets, rankings)


def comparison_mean(loss: ComparisonLoss, rewards_N: Tensor, groups: Sequence[Group]) -> float:
    """The mean loss of groups over all rewards `[N]`, one after the other: rankings of many are a large square."""
    total = weight = 0.0
    for group in groups:
        rankings = collate_rankings([group])
        total += float(loss.total(rewards_N[list(group.rows), None], rewards_N, rankings))
        weight += loss.weight(rewards_N, rankings)
    return total / weight


def check_marks(logits_NC: Tensor, targets: Tensor) -> None:
    """Make sure that there is one float target per mark; errors as of `mean_loss`."""
    if len(logits_NC) != len(targets):
        raise ShapeError(f"{len(logits_NC)} marks but {len(targets)} targets")
    if not targets.is_floating_point():
        raise ShapeError(f"targets are {targets.dtype}; soft labels need a float type")
    if not len(targets):
        raise ShapeError("the batch marks no token: there is nothing to learn from")


def loss_of(objective: Objective, rows: Sequence[Row]) -> RewardLoss:
    """The loss of an objective; balanced class weights are those of the rows.

    Raises:
        InputError: The class weights leave nothing to learn from.
    """
    match objective:
        case PRMObjective(targets=Targets.VALUE):
            return ScoreLoss(objective.neutral_weight)
        case PRMObjective():
            return ClassLoss(_class_weights(objective, rows))
        case ORMObjective(loss=OutcomeLoss.PAIRWISE):
            return ComparisonLoss(Comparison.PAIRWISE, objective.balance)
        case ORMObjective(loss=OutcomeLoss.LISTWISE):
            return ComparisonLoss(Comparison.LISTWISE, objective.balance)
        case _:
            assert objective.kind in (RewardKind.ORM, RewardKind.VALUE)
            return BinaryLoss()


def _class_weights(objective: PRMObjective, rows: Sequence[Row]) -> tuple[float, float, float]:
    """One per class: those asked for, or, balanced, inversely proportional to the mass of the class in the targets."""
    mass = [float(sum(row.targets[:, label + 1].sum() for row in rows)) for label in StepLabel]
    if objective.class_weights == "none":
        return (1.0, 1.0, 1.0)
    if isinstance(objective.class_weights, tuple):
        if not any(weight * each for weight, each in zip(objective.class_weights, mass, strict=True)):
            raise InputError(f"--class-weights {objective.class_weights}: every step there is has the weight 0")
        return objective.class_weights
    present = sum(each > 0 for each in mass)
    incorrect, neutral, correct = (sum(mass) / (present * each) if each > 0 else 1.0 for each in mass)
    return incorrect, neutral, correct
