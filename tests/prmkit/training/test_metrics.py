from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from sklearn.metrics import brier_score_loss, f1_score, recall_score, roc_auc_score
from torch.nn.functional import cross_entropy

from prmkit.records import StepEstimate, StepLabel
from prmkit.rewards.base import Aggregation
from prmkit.steps import EncodedSolution
from prmkit.training.choices import AfterError, Neutral, OutcomeLoss, Targets
from prmkit.training.data import Example
from prmkit.training.losses import loss_of
from prmkit.training.metrics import (
    Validation,
    auc,
    choose_aggregation,
    first_error_metrics,
    pair_accuracies,
    solution_metrics,
)
from prmkit.training.objectives import ORMObjective, PRMObjective, ValueObjective

BAD, MIDDLE, GOOD = StepLabel


def example(problem: str, correct: bool | None, labels: tuple[StepLabel, ...] = (GOOD, GOOD)) -> Example:
    ends = list(range(len(labels)))
    return Example(
        name=f"{problem}/0",
        problem_id=problem,
        encoded=EncodedSolution(ends, ends, 0),
        labels=labels,
        soft_labels=((0.0, 0.0, 1.0),) * len(labels),
        estimates=(StepEstimate(successes=1, rollouts=1),) * len(labels),
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
    assert (found["solution_auc"], found["pair_accuracy"]) == (1.0, 1.0)
    assert found["solution_brier"] == pytest.approx((0.5**2 + 0.1**2) / 2)


def judge(objective, logits, examples):
    """`(metrics, aggregation)`"""
    rows = [row for each in examples if (row := objective.row(each)) is not None]
    validation = Validation(objective=objective, loss=loss_of(objective, rows), examples=examples)
    return validation([torch.as_tensor(each, dtype=torch.float32) for each in logits])


def random_pool(seed, width):
    rng = np.random.default_rng(seed)
    examples = [
        example(f"p{index % 10}", bool(rng.random() < 0.5), tuple(StepLabel(each) for each in rng.integers(-1, 2, 4)))
        for index in range(30)
    ]
    return examples, [rng.normal(size=(4, width)) for _ in examples]


def test_prm_metrics_agree_with_scikit_learn():
    examples, logits = random_pool(1, 3)
    found, _ = judge(PRMObjective(neutral_weight=0.0), logits, examples)
    wanted = [label for each in examples for label in each.labels]
    together = torch.tensor(np.concatenate(logits))
    predicted = (together.argmax(dim=-1) - 1).tolist()
    recalls = recall_score(wanted, predicted, average=None)
    f1s = f1_score(wanted, predicted, average=None)
    for place, name in enumerate(("incorrect", "neutral", "correct")):
        assert found[f"accuracy_{name}"] == pytest.approx(recalls[place])
        assert found[f"f1_{name}"] == pytest.approx(f1s[place])
    assert found["step_accuracy"] == pytest.approx(np.mean(np.asarray(wanted) == predicted))
    scores = together.softmax(dim=-1)[:, 2]
    assert found["step_auc"] == pytest.approx(roc_auc_score([label == GOOD for label in wanted], scores))
    assert found["step_brier"] == pytest.approx(brier_score_loss([label == GOOD for label in wanted], scores))
    classes = torch.tensor([label + 1 for label in wanted])
    assert found["loss"] == pytest.approx(float(cross_entropy(together, classes)), rel=1e-5)


def test_the_neutral_weight_enters_the_step_auc():
    examples = [example("a", True, (GOOD, MIDDLE))]
    logits = [[[0.0, 0.0, 1.0], [0.0, 5.0, 0.0]]]
    assert judge(PRMObjective(neutral_weight=0.0), logits, examples)[0]["step_auc"] == 1.0
    assert judge(PRMObjective(neutral_weight=1.0), logits, examples)[0]["step_auc"] == 0.0


def test_steps_that_are_not_learned_are_not_judged():
    examples = [example("a", False, (GOOD, BAD, MIDDLE, GOOD))]
    right = [[0, 0, 9], [9, 0, 0]]
    logits = [[*right, [9, 0, 0], [9, 0, 0]]]
    assert judge(PRMObjective(), logits, examples)[0]["step_accuracy"] == 0.5
    assert judge(PRMObjective(after_error=AfterError.MASK), logits, examples)[0]["step_accuracy"] == 1.0
    assert judge(PRMObjective(neutral=Neutral.MASK), logits, examples)[0]["step_accuracy"] == pytest.approx(2 / 3)
    assert judge(PRMObjective(neutral=Neutral.INCORRECT), logits, examples)[0]["step_accuracy"] == 0.75


def test_first_error_f1_is_the_harmonic_mean_over_solutions_with_and_without_an_error():
    labels = [(GOOD, BAD), (GOOD, BAD), (BAD,), (GOOD, GOOD), (MIDDLE,)]
    scores = [[0.9, 0.1], [0.2, 0.1], [0.4], [0.9, 0.9], [0.1]]
    found = first_error_metrics(scores, labels)  # 2 of 3 first errors are found, 1 of 2 right ones is not flagged
    assert found["first_error_f1"] == pytest.approx(2 * (2 / 3) * (1 / 2) / (2 / 3 + 1 / 2))
    assert first_error_metrics([[0.9], [0.1]], [(BAD,), (GOOD,)]) == {"first_error_f1": 0.0}
    assert first_error_metrics([[0.9]], [(GOOD,)]) == {}


def test_a_value_model_is_judged_by_distance_and_rank():
    counts = [(0, 8), (2, 8), (8, 8), (1, 1)]
    examples = [
        replace(
            example("a", True, (GOOD,) * 4), estimates=tuple(StepEstimate(successes=k, rollouts=n) for k, n in counts)
        )
    ]
    logits = [[[-2.0], [-1.0], [0.5], [3.0]]]
    for objective, read in (
        (ValueObjective(), logits),
        (PRMObjective(targets=Targets.VALUE, neutral_weight=0.0), None),
    ):
        found, _ = judge(objective, read or [[[0.0, -99.0, each[0]] for each in logits[0]]], examples)
        scores = 1 / (1 + np.exp(-np.array(logits[0])[:, 0]))
        rates = np.array([k / n for k, n in counts])
        assert found["mse"] == pytest.approx(((scores - rates) ** 2).mean(), rel=1e-5)
        assert found["spearman"] == pytest.approx(spearmanr(scores, rates).statistic)
        assert found["step_brier"] == pytest.approx(
            (rates * (1 - scores) ** 2 + (1 - rates) * scores**2).mean(), rel=1e-5
        )
        assert "step_accuracy" not in found


def test_metrics_that_are_undefined_are_absent():
    found, _ = judge(PRMObjective(), [torch.zeros(2, 3)], [example("a", True)])
    absent = {"step_auc", "solution_auc", "pair_accuracy", "f1_incorrect", "accuracy_neutral", "first_error_f1"}
    assert not absent & set(found)
    assert all(np.isfinite(value) for value in found.values())
    value, _ = judge(ValueObjective(), [torch.zeros(2, 1)], [example("a", True)])
    assert "spearman" not in value


@pytest.mark.parametrize("kind", ["orm", "prm"])
def test_the_aggregation_of_an_orm_is_chosen_on_validation_as_that_of_a_prm(kind):
    examples = [example(problem, correct) for problem in "abcd" for correct in (True, False)]
    pairs = [([1.0, 1.0], [-1.0, 2.0]), ([0.5, 0.5], [-3.0, 4.0])] * 2  # the lowest score is right, the last one is not
    scores = [side for pair in pairs for side in pair]
    objective = ORMObjective() if kind == "orm" else PRMObjective(neutral_weight=0.0)
    logits = [[[each] if kind == "orm" else [0.0, -99.0, each] for each in own] for own in scores]
    found, how = judge(objective, logits, examples)
    assert how is Aggregation.MIN
    assert found["pair_accuracy"] == 1.0
    _, last = judge(objective, [[each[1], each[0]] for each in logits], examples)
    assert last is Aggregation.LAST


def test_an_orm_is_judged_by_its_score_at_the_last_step():
    examples = [example("a", True), example("a", False)]
    found, how = judge(ORMObjective(), [[[-5.0], [5.0]], [[5.0], [-5.0]]], examples)
    assert how is Aggregation.LAST
    assert found["solution_auc"] == found["pair_accuracy"] == 1.0
    assert "step_accuracy" not in found


@pytest.mark.parametrize("loss", [OutcomeLoss.PAIRWISE, OutcomeLoss.LISTWISE])
def test_a_comparing_orm_is_validated_by_its_own_loss_at_the_last_step(loss):
    examples = [example("a", True), example("a", False), example("b", True)]
    logits = [[[0.0], [1.5]], [[9.0], [0.5]], [[0.0], [0.0]]]
    found, _ = judge(ORMObjective(loss=loss), logits, examples)
    assert found["loss"] == pytest.approx(float(-torch.tensor(1.0).sigmoid().log()))
    nothing, _ = judge(ORMObjective(loss=loss), logits[2:], examples[2:])
    assert "loss" not in nothing
