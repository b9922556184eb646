import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, recall_score, roc_auc_score

from prmkit.records import StepLabel
from prmkit.rewards.base import Aggregation
from prmkit.rewards.metadata import RewardKind
from prmkit.steps import EncodedSolution
from prmkit.training.data import Example
from prmkit.training.metrics import auc, choose_aggregation, pair_accuracies, solution_metrics, validation_metrics

BAD, MIDDLE, GOOD = StepLabel


def example(problem: str, correct: bool | None, labels: tuple[StepLabel, ...] = (GOOD, GOOD)) -> Example:
    ends = list(range(len(labels)))
    return Example(
        name=f"{problem}/0",
        problem_id=problem,
        encoded=EncodedSolution(ends, ends, 0),
        labels=labels,
        soft_labels=((0.0, 0.0, 1.0),) * len(labels),
        correct=correct,
    )


def test_auc_agrees_with_scikit_learn_ties_included():
    rng = np.random.default_rng(0)
    scores, positive = rng.integers(0, 10, 200).tolist(), (rng.random(200) < 0.3).tolist()
    assert auc(scores, positive) == pytest.approx(roc_auc_score(positive, scores))


def test_auc_of_one_class_is_undefined():
    assert auc([0.1, 0.9], [True, True]) is None


def test_pair_accuracy_compares_within_problems_only():
    scores, correct = [0.9, 0.8, 0.2, 0.1], [True, False, True, False]
    assert pair_accuracies(scores, correct, ["a", "a", "b", "b"]) == [1.0, 1.0]
    assert auc(scores, correct) == 0.75
    assert pair_accuracies(scores, correct, ["a", "b", "c", "d"]) == []


@pytest.mark.parametrize(
    ("right", "wrong", "best"),
    [
        ([0.1, 0.1, 0.9], [0.5, 0.5, 0.5], Aggregation.LAST),
        ([0.5, 0.5, 0.5], [0.9, 0.1, 0.9], Aggregation.MIN),
        ([0.4, 0.4], [0.5, 0.5, 0.5], Aggregation.PRODUCT),
        ([0.9, 0.9, 0.3], [0.6, 0.6, 0.7], Aggregation.MEAN),
    ],
)
def test_the_aggregation_that_ranks_right_solutions_first_is_chosen(right, wrong, best):
    examples = [example(problem, correct) for problem in "abc" for correct in (True, False)]
    assert choose_aggregation([right, wrong] * 3, examples) is best


def test_the_last_step_is_taken_where_too_few_problems_tell_the_aggregations_apart():
    by_min = [[0.5, 0.5], [0.1, 0.9]]  # `min` is right, `last` is wrong
    by_last = [[0.1, 0.9], [0.5, 0.5]]
    one = [example("a", True), example("a", False)]
    assert choose_aggregation(by_min, one) is Aggregation.LAST
    four = [example(problem, correct) for problem in "abcd" for correct in (True, False)]
    assert choose_aggregation([*by_min * 3, *by_last], four) is Aggregation.LAST  # a gain of 0.5 +- 0.5
    assert choose_aggregation([*by_min * 4], four) is Aggregation.MIN
    assert choose_aggregation([[0.2, 0.3]], [example("a", True)]) is Aggregation.LAST


def test_solutions_that_nobody_graded_are_not_counted_as_wrong():
    examples = [example("a", True), example("a", False), example("a", None)]
    found = solution_metrics([[0.5], [0.1], [0.9]], examples, Aggregation.LAST)
    assert found == {"solution_auc": 1.0, "pair_accuracy": 1.0}


def test_prm_metrics_agree_with_scikit_learn():
    rng = np.random.default_rng(1)
    examples = [
        example(f"p{index % 10}", bool(rng.random() < 0.5), tuple(StepLabel(each) for each in rng.integers(-1, 2, 4)))
        for index in range(30)
    ]
    logits = [torch.from_numpy(rng.normal(size=(4, 3))).float() for _ in examples]
    found, _ = validation_metrics(RewardKind.PRM, logits, examples, neutral_weight=0.0)
    wanted = [label for each in examples for label in each.labels]
    predicted = (torch.cat(logits).argmax(dim=-1) - 1).tolist()
    recalls = recall_score(wanted, predicted, average=None)
    f1s = f1_score(wanted, predicted, average=None)
    for place, name in enumerate(("incorrect", "neutral", "correct")):
        assert found[f"accuracy_{name}"] == pytest.approx(recalls[place])
        assert found[f"f1_{name}"] == pytest.approx(f1s[place])
    assert found["step_accuracy"] == pytest.approx(np.mean(np.asarray(wanted) == predicted))
    scores = torch.cat(logits).softmax(dim=-1)[:, 2]
    assert found["step_auc"] == pytest.approx(roc_auc_score([label == GOOD for label in wanted], scores))


def test_the_neutral_weight_enters_the_step_auc():
    examples = [example("a", True, (GOOD, MIDDLE))]
    logits = [torch.tensor([[0.0, 0.0, 1.0], [0.0, 5.0, 0.0]])]
    assert validation_metrics(RewardKind.PRM, logits, examples, neutral_weight=0.0)[0]["step_auc"] == 1.0
    assert validation_metrics(RewardKind.PRM, logits, examples, neutral_weight=1.0)[0]["step_auc"] == 0.0


def test_metrics_that_are_undefined_are_absent():
    found, _ = validation_metrics(RewardKind.PRM, [torch.zeros(2, 3)], [example("a", True)], neutral_weight=0.5)
    assert not {"step_auc", "solution_auc", "pair_accuracy", "f1_incorrect", "accuracy_neutral"} & set(found)
    assert all(np.isfinite(value) for value in found.values())


def test_an_orm_is_judged_by_its_score_at_the_last_step():
    examples = [example("a", True), example("a", False)]
    logits = [torch.tensor([[-5.0], [5.0]]), torch.tensor([[5.0], [-5.0]])]
    found, how = validation_metrics(RewardKind.ORM, logits, examples, neutral_weight=0.5)
    assert how is Aggregation.LAST
    assert found["solution_auc"] == found["pair_accuracy"] == 1.0
    assert "step_accuracy" not in found
