"""Validation metrics of reward models, from their logits at step ends.

Keys are plain names with values in [0, 1] (`loss` aside); a metric that the data leave undefined, such as an AUC with
one class, is absent and not NaN.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor

from prmkit.records import StepLabel
from prmkit.rewards.base import Aggregation, aggregate
from prmkit.rewards.metadata import RewardKind
from prmkit.rewards.scorer import logits_to_scores
from prmkit.training.data import Example
from prmkit.training.losses import reward_loss


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
    """How well aggregated scores tell right solutions from wrong ones: `solution_auc` and `pair_accuracy`."""
    graded = [index for index, example in enumerate(examples) if example.correct is not None]
    scores = [aggregate(step_scores[index], how) for index in graded]
    correct = [bool(examples[index].correct) for index in graded]
    pairs = _graded_pairs(step_scores, examples, how)
    return _defined({"solution_auc": auc(scores, correct), "pair_accuracy": float(np.mean(pairs)) if pairs else None})


def validation_metrics(
    kind: RewardKind, logits: Sequence[Tensor], examples: Sequence[Example], neutral_weight: float
) -> tuple[dict[str, float], Aggregation]:
    """All metrics of one model on held-out examples, and the aggregation they speak for.

    Args:
        kind: PRM or ORM.
        logits: For each example `[S, C]` at its step ends.
        examples: The examples; at least one.
        neutral_weight: Of a PRM's scores.

    Returns:
        `loss` (against hard labels, at step ends), for a PRM `step_accuracy`, `step_auc` (correct against the others),
        and `accuracy_CLASS` and `f1_CLASS` (accuracy among steps of the class); for both kinds `solution_auc` and
        `pair_accuracy` under the aggregation. An ORM's aggregation is always `last`.
    """
    step_scores = [logits_to_scores(each, kind, neutral_weight) for each in logits]
    together = torch.cat(list(logits))
    if kind is RewardKind.PRM:
        classes = np.asarray([label + 1 for example in examples for label in example.labels])
        targets = torch.eye(3)[torch.from_numpy(classes)]
        how = choose_aggregation(step_scores, examples)
        flat = [score for scores in step_scores for score in scores]
        own = _class_metrics(together.argmax(dim=-1).numpy(), classes)
        own |= _defined({"step_auc": auc(flat, list(classes == StepLabel.CORRECT + 1))})
    else:
        targets = torch.tensor([[float(bool(example.correct))] for example in examples for _ in example.labels])
        how, own = Aggregation.LAST, {}
    marked = torch.ones(1, len(together), dtype=torch.bool)
    loss = float(reward_loss(kind, together[None], marked, targets[None]))
    return {"loss": loss} | own | solution_metrics(step_scores, examples, how), how


def _class_metrics(predicted: np.ndarray, wanted: np.ndarray) -> dict[str, float]:
    found: dict[str, float | None] = {"step_accuracy": float((predicted == wanted).mean())}
    for label in StepLabel:
        is_wanted, is_predicted = wanted == label + 1, predicted == label + 1
        hits = float((is_wanted & is_predicted).sum())
        name = label.name.lower()
        found[f"accuracy_{name}"] = hits / float(is_wanted.sum()) if is_wanted.any() else None
        found[f"f1_{name}"] = 2 * hits / float(is_wanted.sum() + is_predicted.sum()) if is_wanted.any() else None
    return _defined(found)


def _defined(metrics: dict[str, float | None]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if value is not None}
