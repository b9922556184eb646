"""Validation metrics of reward models, from their logits at step ends.

Keys are plain names with values in [0, 1] (`loss` aside; `spearman` in [-1, 1]); a metric that the data leave
undefined, such as an AUC with one class, is absent and not NaN.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import rankdata
from sklearn.metrics import precision_recall_fscore_support
from torch import Tensor

from prmkit.errors import InputError
from prmkit.evaluation.calibration_error import brier, ece
from prmkit.evaluation.correlation import rank_correlation
from prmkit.evaluation.judged import first_index
from prmkit.records import StepLabel
from prmkit.rewards.base import THRESHOLD, Aggregation, aggregate, first_flagged
from prmkit.rewards.reading import logits_to_scores
from prmkit.training.choices import Targets
from prmkit.training.data import Example
from prmkit.training.groups import outcome_groups
from prmkit.training.losses import ComparisonLoss, RewardLoss, comparison_mean, mean_loss
from prmkit.training.objectives import Objective, ORMObjective, PRMObjective


def auc(scores: Sequence[float], positive: Sequence[bool]) -> float | None:
    """Chance that a positive scores higher than a negative, ties counting half; None if there is only one class."""
    sign = np.asarray(positive, dtype=bool)
    positives, negatives = int(sign.sum()), int((~sign).sum())
    if not positives or not negatives:
        return None
    ranks = rankdata(np.asarray(scores, dtype=np.float64))
    return float((ranks[sign].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def pair_accuracies(scores: Sequence[float], correct: Sequence[bool], problem_ids: Sequence[str]) -> list[float]:
    """For each problem with right and wrong solutions, the chance that a right one outscores a wrong one.

    This is what best-of-n rests on; an AUC over all solutions also rewards telling easy problems from hard ones.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for index, problem_id in enumerate(problem_ids):
        groups[problem_id].append(index)
    values = [auc([scores[at] for at in group], [correct[at] for at in group]) for group in groups.values()]
    return [value for value in values if value is not None]


def choose_aggregation(step_scores: Sequence[Sequence[float]], examples: Sequence[Example]) -> Aggregation:
    """The aggregation with the highest mean pair accuracy, if it beats `last` by more than one standard error.

    Few validation problems tell little; `last` is what suits labels that estimate values (Snell et al. 2024).
    """
    accuracies = {how: np.asarray(_graded_pairs(step_scores, examples, how)) for how in Aggregation}
    if len(accuracies[Aggregation.LAST]) < 2:
        return Aggregation.LAST
    best, best_gain = Aggregation.LAST, 0.0
    for how, values in accuracies.items():
        gains = values - accuracies[Aggregation.LAST]  # paired: the same problems in the same order
        error = float(gains.std(ddof=1)) / len(gains) ** 0.5
        if gains.mean() > max(best_gain, error):
            best, best_gain = how, float(gains.mean())
    return best


def _graded_pairs(step_scores: Sequence[Sequence[float]], examples: Sequence[Example], how: Aggregation) -> list[float]:
    graded = [index for index, example in enumerate(examples) if example.correct is not None]
    return pair_accuracies(
        [aggregate(step_scores[index], how) for index in graded],
        [bool(examples[index].correct) for index in graded],
        [examples[index].problem_id for index in graded],
    )


def solution_metrics(
    step_scores: Sequence[Sequence[float]], examples: Sequence[Example], how: Aggregation
) -> dict[str, float]:
    """How well aggregated scores tell right solutions from wrong ones (`solution_auc`, `pair_accuracy`), and how far
    they are from how often solutions are right (`solution_ece`, `solution_brier`).
    """
    graded = [index for index, example in enumerate(examples) if example.correct is not None]
    scores = [aggregate(step_scores[index], how) for index in graded]
    correct = [bool(examples[index].correct) for index in graded]
    pairs = _graded_pairs(step_scores, examples, how)
    return _defined(
        {
            "solution_auc": auc(scores, correct),
            "pair_accuracy": float(np.mean(pairs)) if pairs else None,
            "solution_ece": ece(scores, correct) if graded else None,
            "solution_brier": brier(scores, correct) if graded else None,
        }
    )


def first_error_metrics(
    step_scores: Sequence[Sequence[float]], classes: Sequence[Sequence[StepLabel | None]]
) -> dict[str, float]:
    """ProcessBench's figure with labels in place of people (Zheng et al. 2024): `first_error_f1`, the harmonic mean of
    the share of solutions with an incorrect step whose first flagged step is the first incorrect one, and the share of
    the others in which none is flagged. Steps that are not learned are not looked at.
    """
    hits: dict[bool, list[bool]] = {True: [], False: []}
    for scores, labels in zip(step_scores, classes, strict=True):
        looked_at = [(score, label) for score, label in zip(scores, labels, strict=False) if label is not None]
        wrong = [label is StepLabel.INCORRECT for _, label in looked_at]
        flagged = first_flagged([score for score, _ in looked_at], THRESHOLD)
        hits[any(wrong)].append(flagged == first_index(wrong))
    if not hits[True] or not hits[False]:
        return {}
    found, clean = float(np.mean(hits[True])), float(np.mean(hits[False]))
    return {"first_error_f1": 2 * found * clean / (found + clean) if found + clean else 0.0}


def class_metrics(predicted: np.ndarray, wanted: np.ndarray) -> dict[str, float]:
    """`step_accuracy`, and for each class there is `accuracy_CLASS` (its recall) and `f1_CLASS`.

    Args:
        predicted: int `[N]`, class indices.
        wanted: int `[N]`.
    """
    _, recalls, f1s, counts = precision_recall_fscore_support(wanted, predicted, labels=[0, 1, 2], zero_division=0.0)
    found = {"step_accuracy": float((predicted == wanted).mean())}
    for label in StepLabel:
        if counts[label + 1]:
            found[f"accuracy_{label.name.lower()}"] = float(recalls[label + 1])
            found[f"f1_{label.name.lower()}"] = float(f1s[label + 1])
    return found


@dataclass(frozen=True, kw_only=True)
class Validation:
    """All metrics of a model on held-out examples, and the aggregation they speak for."""

    objective: Objective
    """What is learned; steps that it leaves out are left out here."""
    loss: RewardLoss
    """Of the training."""
    examples: Sequence[Example]
    """Of other problems than those of the training; at least one."""

    def __call__(self, logits: Sequence[Tensor]) -> tuple[dict[str, float], Aggregation]:
        """Judge a model.

        Args:
            logits: For each example `[S, C]` at its step ends.

        Returns:
            `loss` (that of the training, at step ends), what `step_metrics` finds, and what `solution_metrics` finds
            under the aggregation.
        """
        weight = self.objective.neutral_weight if isinstance(self.objective, PRMObjective) else 0.0
        step_scores = [logits_to_scores(each, self.objective.kind, weight) for each in logits]
        how = choose_aggregation(step_scores, self.examples)
        found = self._loss(logits) | self._step_metrics(logits, step_scores, weight)
        return found | solution_metrics(step_scores, self.examples, how), how

    def _loss(self, logits: Sequence[Tensor]) -> dict[str, float]:
        if isinstance(self.objective, ORMObjective) and self.objective.compares:
            last_NC = torch.stack([each[-1] for each in logits])
            problems = [example.problem_id for example in self.examples]
            correct = [example.correct for example in self.examples]
            try:
                groups = outcome_groups(problems, correct, most=self.objective.group_size, margin=self.objective.margin)
            except InputError:  # no problem with right and wrong solutions
                return {}
            assert isinstance(self.loss, ComparisonLoss)
            return {"loss": comparison_mean(self.loss, last_NC[:, 0], groups.groups)}
        steps, targets = self._targets()
        learned = [each[at] for each, at in zip(logits, steps, strict=True)]
        if not len(targets):
            return {}
        return {"loss": float(mean_loss(self.loss, torch.cat(learned), torch.from_numpy(targets)))}

    def _step_metrics(
        self, logits: Sequence[Tensor], step_scores: Sequence[Sequence[float]], weight: float
    ) -> dict[str, float]:
        steps, targets = self._targets()
        scores = np.array([own[at] for own, kept in zip(step_scores, steps, strict=True) for at in kept])
        if not len(scores) or (isinstance(self.objective, ORMObjective) and self.objective.compares):
            return {}
        wanted = targets @ np.array([0.0, weight, 1.0]) if targets.shape[1] == 3 else targets[:, 0]
        wanted = np.clip(wanted.astype(np.float64), 0.0, 1.0)  # a soft label may sum to a little more than 1
        found = {"step_ece": ece(scores, wanted), "step_brier": brier(scores, wanted)}
        if isinstance(self.objective, ORMObjective):
            return found
        if targets.shape[1] == 1:
            found |= value_metrics(scores, wanted)
        if not isinstance(self.objective, PRMObjective):
            return found
        classes = [self.objective.classes(example) for example in self.examples]
        found |= first_error_metrics(step_scores, classes)
        if self.objective.targets is Targets.VALUE:
            return found
        labels = np.array([label + 1 for own in classes for label in own if label is not None])
        learned = torch.cat([each[at] for each, at in zip(logits, steps, strict=True)])
        found |= class_metrics(learned.argmax(dim=-1).numpy(), labels)
        return found | _defined({"step_auc": auc(list(scores), list(labels == StepLabel.CORRECT + 1))})

    def _targets(self) -> tuple[list[list[int]], np.ndarray]:
        pairs = [self.objective.targets_of(example) for example in self.examples]
        return [steps for steps, _ in pairs], np.concatenate([targets for _, targets in pairs])


def value_metrics(scores: np.ndarray, values: np.ndarray) -> dict[str, float]:
    """`mse` and `spearman` (rank correlation) of scores with Monte-Carlo values, `[N]` each."""
    return _defined(
        {
            "mse": float(((scores - values) ** 2).mean()),
            "spearman": rank_correlation(scores.tolist(), values.tolist()),
        }
    )


def _defined(metrics: dict[str, float | None]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if value is not None}
