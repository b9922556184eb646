"""Step scores beside the truth."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from prmkit.evaluation.judged import judge_scores
from prmkit.evaluation.step_quality import POSITIONS, position_quality, step_quality
from prmkit.formats.verdicts import Verdicts

from .judged_solutions import TRUTHS, judged, scored


def value(estimate):
    assert estimate is not None
    return estimate.value


def test_auc_equals_that_of_scikit_learn_over_all_judged_steps_ties_included() -> None:
    rng = np.random.default_rng(0)
    truths = ["".join(rng.choice(list("nnnw"), size=6)) for _ in range(30)]
    scores = [rng.integers(0, 5, size=6) / 5 for _ in truths]
    quality = step_quality(
        [
            judged(letters, list(each), problem=f"p{index // 2}", name=str(index))
            for index, (letters, each) in enumerate(zip(truths, scores, strict=True))
        ]
    )
    kept = [len(each) if "w" not in each else each.index("w") + 1 for each in truths]
    flat = np.concatenate([each[:length] for each, length in zip(scores, kept, strict=True)])
    right = [letter != "w" for each, length in zip(truths, kept, strict=True) for letter in each[:length]]
    assert value(quality.auc) == pytest.approx(roc_auc_score(right, flat))
    assert quality.auc is not None and quality.auc.low < quality.auc.value < quality.auc.high
    assert quality.auc.n == len(flat)


def test_a_perfect_scorer_finds_every_first_error() -> None:
    quality = step_quality([judged("nww", [0.9, 0.1, 0.1]), judged("nn", [0.9, 0.8], "q")])
    for figure in (quality.auc, quality.f1, quality.solutions.first_error_f1):
        assert value(figure) == 1.0


def test_a_score_of_just_the_threshold_is_not_flagged() -> None:
    items = [judged("nw", [0.5, 0.49])]
    assert value(step_quality(items).precision) == value(step_quality(items).recall) == 1.0
    assert step_quality(items, threshold=0.49).precision is None
    assert value(step_quality(items, threshold=0.6).precision) == 0.5


def test_steps_behind_the_first_error_or_behind_one_that_nobody_judged_do_not_count() -> None:
    quality = step_quality([judged("nwww", [0.9, 0.1, 0.9, 0.9]), judged("n?w", [0.9, 0.9, 0.9], "q")])
    assert quality.auc is not None and quality.auc.n == 3
    assert value(quality.recall) == 1.0 and quality.solutions.first_error_right is None


def test_without_errors_there_is_no_auc_and_without_solutions_nothing() -> None:
    assert step_quality([judged("n", [0.9])]).auc is None
    empty = step_quality([])
    assert empty.auc is None and empty.f1 is None and empty.solutions.first_error_f1 is None
    assert position_quality([]) == []


def test_solutions_of_ours_are_put_beside_their_verdicts() -> None:
    verdicts = Verdicts(truths=(TRUTHS["n"], TRUTHS["w"]))
    (item,) = judge_scores([scored([0.9, 0.1])], [verdicts])
    assert (item.judged.name, item.judged.verdicts, item.step_scores, item.score) == ("p/s", verdicts, (0.9, 0.1), 0.1)


def test_by_position_every_figure_is_that_of_the_steps_there() -> None:
    items = [judged("nw", [0.9, 0.2], name="a"), judged("nw", [0.4, 0.8], name="b"), judged("w", [0.1], "q")]
    first, second = position_quality(items)
    assert (first.first, first.last, first.steps, second.first, second.steps) == (0, 0, 3, 1, 2)
    assert value(first.wrong) == pytest.approx(1 / 3) and value(second.wrong) == 1.0
    assert value(first.score_right) == pytest.approx(0.65) and value(first.score_wrong) == pytest.approx(0.1)
    assert value(first.false_alarms) == 0.5 and value(first.recall) == 1.0
    assert value(second.recall) == 0.5 and value(second.score_wrong) == 0.5 and second.false_alarms is None


def test_late_positions_are_one_row() -> None:
    length = POSITIONS + 3
    *_, last = position_quality([judged("n" * length, [0.9] * length)])
    assert (last.first, last.last, last.steps) == (POSITIONS, length - 1, 3)
