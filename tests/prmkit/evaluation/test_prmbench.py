"""PRMScore and its parts, against values counted by hand."""

from pathlib import Path

import numpy as np
import pytest

from prmkit.errors import InputError
from prmkit.evaluation.judged import JudgedScores
from prmkit.evaluation.prmbench import DIMENSIONS, KINDS, OVERALL, prmbench_figures
from prmkit.formats.prmbench import read_prmbench

from .judged_solutions import judged


def value(estimate):
    assert estimate is not None
    return estimate.value


HAND_MADE = [
    # kind, truths, scores: passed/flagged right steps, passed/flagged marked steps
    ("circular", "nww", [0.9, 0.1, 0.8]),  # 1/0, 1/1
    ("circular", "nnw", [0.2, 0.9, 0.3]),  # 1/1, 0/1
    ("redundency", "nun", [0.9, 0.9, 0.9]),  # 2/0, 1/0
    ("multi_solutions", "nnn", [0.9, 0.4, 0.9]),  # 2/1, 0/0
]


def hand_made():
    return [
        judged(truths, scores, f"p{index}", str(index), category=kind)
        for index, (kind, truths, scores) in enumerate(HAND_MADE)
    ]


def test_prmscore_is_the_mean_of_both_f1_over_all_steps_of_a_kind_those_after_the_first_error_too() -> None:
    figures = prmbench_figures(hand_made(), threshold=0.5)["circular"]
    f1, negative_f1 = 2 * 2 / (2 * 2 + 1 + 1), 2 * 2 / (2 * 2 + 1 + 1)
    assert value(figures.f1) == pytest.approx(f1) and value(figures.negative_f1) == pytest.approx(negative_f1)
    assert value(figures.prmscore) == pytest.approx((f1 + negative_f1) / 2)
    assert value(figures.accuracy_right) == pytest.approx(2 / 3) and value(figures.accuracy_wrong) == pytest.approx(
        2 / 3
    )
    assert value(figures.first_error) == 1.0 and value(figures.first_found) == 0.5
    assert (figures.f1.n, figures.accuracy_right.n, figures.first_error.n) == (6, 3, 2)


def test_redundant_steps_should_be_flagged_as_wrong_ones_should() -> None:
    figures = prmbench_figures(hand_made(), threshold=0.5)["redundency"]
    assert value(figures.f1) == pytest.approx(2 * 2 / (2 * 2 + 1)) and value(figures.negative_f1) == 0.0
    assert value(figures.prmscore) == pytest.approx(0.4) and value(figures.first_error) == 0.0


def test_multi_solutions_has_no_marked_steps_and_is_scored_by_f1_alone() -> None:
    figures = prmbench_figures(hand_made(), threshold=0.5)["multi_solutions"]
    assert value(figures.prmscore) == value(figures.f1) == pytest.approx(2 * 2 / (2 * 2 + 1))
    assert figures.negative_f1 is None and figures.accuracy_wrong is None and figures.first_error is None


def test_a_dimension_is_the_mean_of_its_kinds_and_overall_rests_on_all_steps() -> None:
    figures = prmbench_figures(hand_made(), threshold=0.5)
    assert list(figures) == ["redundency", "circular", "multi_solutions", "simplicity", OVERALL]
    assert value(figures["simplicity"].prmscore) == pytest.approx((0.4 + 2 / 3) / 2)
    passed, flagged, missed, caught = 6, 2, 2, 2
    f1 = 2 * passed / (2 * passed + flagged + missed)
    negative_f1 = 2 * caught / (2 * caught + flagged + missed)
    assert value(figures[OVERALL].prmscore) == pytest.approx((f1 + negative_f1) / 2)


def test_the_threshold_decides_what_is_flagged() -> None:
    assert value(prmbench_figures(hand_made(), threshold=0.95)[OVERALL].accuracy_wrong) == 1.0
    assert value(prmbench_figures(hand_made(), threshold=0.0)[OVERALL].accuracy_wrong) == 0.0


def test_unknown_kinds_and_no_solutions_are_refused() -> None:
    with pytest.raises(InputError, match=r"solution s is of the kind 'typo'; its kinds are redundency, circular"):
        prmbench_figures([judged("n", [0.9], category="typo")], threshold=0.5)
    with pytest.raises(InputError, match="no solutions"):
        prmbench_figures([], threshold=0.5)


def real(data_dir: Path, score) -> dict:
    rows = read_prmbench(data_dir / "prmbench" / "subset400.jsonl")
    items = [JudgedScores(judged=each, step_scores=tuple(score(each)), score=0.0) for each in rows]
    return prmbench_figures(items, threshold=0.5)


def test_prmbench_corner_values_on_the_real_labels(data_dir: Path) -> None:
    """Counted in the published subset: of the 488 steps of `circular` 133 are marked, of all 5,738 steps 868
    (twelve more marks lie beyond the last step or are there twice)."""
    kind = real(data_dir, lambda each: [1.0] * len(each.steps))
    right = 488 - 133
    assert value(kind["circular"].f1) == pytest.approx(2 * right / (2 * right + 133))
    assert value(kind["circular"].negative_f1) == 0.0 and value(kind["multi_solutions"].prmscore) == 1.0
    strict = real(data_dir, lambda each: [0.0] * len(each.steps))
    assert value(strict["circular"].negative_f1) == pytest.approx(2 * 133 / (2 * 133 + right))
    assert value(strict["circular"].f1) == 0.0 and value(strict["multi_solutions"].prmscore) == 0.0
    overall = strict[OVERALL].negative_f1
    assert overall is not None and overall.n == 5738 and overall.value == pytest.approx(2 * 868 / (2 * 868 + 4870))
    oracle = real(data_dir, lambda each: [float(truth == "needed") for truth in each.verdicts.truths])
    assert list(oracle) == [*KINDS, *DIMENSIONS, OVERALL]
    assert all(value(each.prmscore) == 1.0 for each in oracle.values())


def test_prmbench_of_random_scores_on_the_real_labels_is_what_coins_give(data_dir: Path) -> None:
    """Coins pass half of everything: precision is the share that is not marked, recall a half."""
    rng = np.random.default_rng(0)
    figures = real(data_dir, lambda each: rng.random(len(each.steps)).tolist())[OVERALL]
    expected = 2 * (4870 / 5738) * 0.5 / (4870 / 5738 + 0.5)
    assert figures.f1 is not None and figures.f1.low < expected < figures.f1.high
    assert figures.accuracy_wrong is not None and figures.accuracy_wrong.low < 0.5 < figures.accuracy_wrong.high


def test_an_interval_of_a_kind_rests_on_the_problems_of_that_kind() -> None:
    """All steps pass: resampling shows no spread, and a few problems must not look certain because others exist."""
    items = [judged("nn", [0.9, 0.9], f"p{index}", str(index), category="circular") for index in range(40)]
    items += [judged("nn", [0.9, 0.9], "q", "q", category="deception")]
    figures = prmbench_figures(items, threshold=0.5)
    many, few = figures["circular"].f1, figures["deception"].f1
    assert many is not None and few is not None and few.low < 0.25 and many.low > 0.9
