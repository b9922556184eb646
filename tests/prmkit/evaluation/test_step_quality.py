"""Step scores beside the truth."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from prmkit.errors import ShapeError
from prmkit.evaluation.step_quality import step_quality

from .judged_solutions import judgement, scored


def value(estimate):
    assert estimate is not None
    return estimate.value


def test_auc_equals_that_of_scikit_learn_over_all_judged_steps_ties_included() -> None:
    rng = np.random.default_rng(0)
    truths = ["".join(rng.choice(list("nnnw"), size=6)) for _ in range(30)]
    scores = [rng.integers(0, 5, size=6) / 5 for _ in truths]
    quality = step_quality(
        [scored(list(each), problem=f"p{index // 2}", name=str(index)) for index, each in enumerate(scores)],
        [judgement(each) for each in truths],
    )
    kept = [len(each) if "w" not in each else each.index("w") + 1 for each in truths]
    flat = np.concatenate([each[:length] for each, length in zip(scores, kept, strict=True)])
    right = [letter != "w" for each, length in zip(truths, kept, strict=True) for letter in each[:length]]
    assert value(quality.auc) == pytest.approx(roc_auc_score(right, flat))
    assert quality.auc is not None and quality.auc.low < quality.auc.value < quality.auc.high


def test_a_perfect_scorer_finds_every_first_error() -> None:
    quality = step_quality([scored([0.9, 0.1, 0.1]), scored([0.9, 0.8], "q")], [judgement("nww"), judgement("nn")])
    for figure in (quality.auc, quality.f1, quality.first_error_wrong, quality.first_error_right):
        assert value(figure) == 1.0
    assert value(quality.first_error_f1) == 1.0


def test_a_score_of_a_half_is_not_flagged() -> None:
    quality = step_quality([scored([0.5, 0.49])], [judgement("nw")])
    assert value(quality.precision) == 1.0 and value(quality.recall) == 1.0


def test_a_scorer_that_flags_nothing_is_right_on_right_solutions_only() -> None:
    quality = step_quality([scored([0.9, 0.9]), scored([0.9, 0.9], "q")], [judgement("nw"), judgement("nn")])
    assert value(quality.first_error_wrong) == 0.0 and value(quality.first_error_right) == 1.0
    assert value(quality.first_error_f1) == 0.0 and value(quality.recall) == 0.0 and quality.precision is None


def test_first_error_f1_is_the_harmonic_mean_of_both_accuracies() -> None:
    solutions = [scored([0.9, 0.1], name="a"), scored([0.9, 0.9], name="b"), scored([0.9, 0.9], "q")]
    quality = step_quality(solutions, [judgement("nw"), judgement("nw"), judgement("nn")])
    assert value(quality.first_error_f1) == pytest.approx(2 * 0.5 * 1.0 / 1.5)


def test_an_orm_in_disguise_is_seen_by_its_lowest_score_on_the_last_step() -> None:
    solutions = [scored([0.9, 0.2], name="a"), scored([0.1, 0.2], name="b"), scored([0.3], name="one step")]
    quality = step_quality(solutions, [judgement("nw"), judgement("wn"), judgement("n")])
    assert value(quality.lowest_last) == 0.5 and quality.lowest_last is not None and quality.lowest_last.n == 2


def test_without_errors_there_is_no_auc_and_without_solutions_nothing() -> None:
    assert step_quality([scored([0.9])], [judgement("n")]).auc is None
    empty = step_quality([], [])
    assert empty.auc is None and empty.f1 is None and empty.first_error_f1 is None


def test_scores_that_do_not_fit_the_steps_are_refused() -> None:
    bad = scored([0.9, 0.1])
    object.__setattr__(bad, "step_scores", (0.9,))
    with pytest.raises(ShapeError, match="2 steps, 1 scores"):
        step_quality([bad], [judgement("nn")])
