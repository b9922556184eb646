"""Thresholds that are tuned, and on what."""

from functools import partial

import numpy as np
import pytest

from prmkit.errors import InputError
from prmkit.evaluation.thresholds import choose_threshold, refuse_shared, split_for_tuning
from prmkit.rewards.base import first_flagged

from .judged_solutions import judged


def random_items(problems: int, seed: int = 0, noise: float = 0.25):
    rng = np.random.default_rng(seed)
    items = []
    for number in range(problems):
        for name in "ab":
            letters = "nnnn" if rng.random() < 0.5 else "nnwn"
            means = np.array([0.3 if letter == "w" else 0.7 for letter in letters])
            scores = np.clip(means + rng.normal(0, noise, 4), 0, 1).round(2)
            items.append(judged(letters, scores.tolist(), f"p{number}", f"{number}{name}"))
    return items


def first_error_f1(items, threshold: float) -> float:
    """As ProcessBench counts it."""
    hits: dict[bool, list[bool]] = {True: [], False: []}
    for item in items:
        error = item.judged.verdicts.first_error
        hits[error >= 0].append(first_flagged(item.step_scores, threshold) == error)
    a, b = np.mean(hits[True]), np.mean(hits[False])
    return float(2 * a * b / (a + b)) if a + b else 0.0


def test_no_threshold_on_a_fine_grid_has_a_higher_f1_than_the_chosen_one() -> None:
    items = random_items(30)
    chosen = choose_threshold(items)
    grid = np.linspace(0.005, 0.995, 100)  # scores have two decimals: one threshold between each two
    assert chosen.f1 == pytest.approx(first_error_f1(items, chosen.threshold))
    assert chosen.f1 == pytest.approx(max(map(partial(first_error_f1, items), grid)))
    assert chosen.solutions == len(items)


def test_the_middle_of_the_best_range_is_taken_the_nearest_to_the_default_among_equals() -> None:
    items = [judged("nw", [0.8, 0.2], "p"), judged("nn", [0.6, 0.9], "q")]
    assert choose_threshold(items).threshold == pytest.approx(0.4)
    apart = [judged("w", [0.1], "p"), judged("w", [0.6], "q"), judged("n", [0.2], "r"), judged("n", [0.9], "s")]
    assert choose_threshold(apart, default=0.0).threshold == pytest.approx(0.15)
    assert choose_threshold(apart, default=0.8).threshold == pytest.approx(0.75)
    nothing = [judged("nw", [0.1, 0.5], "p"), judged("n", [0.3], "q")]
    assert choose_threshold(nothing, default=0.9).f1 == 0.0


def test_a_threshold_cannot_be_tuned_on_solutions_of_one_kind() -> None:
    with pytest.raises(InputError, match="1 solutions with a wrong step and 0 without"):
        choose_threshold([judged("nw", [0.9, 0.1]), judged("n?", [0.9, 0.1], "q")])


def test_the_split_is_by_problem_and_depends_on_its_text_alone() -> None:
    items = random_items(200)
    tuned, reported = split_for_tuning(items, 0.3)
    assert len(tuned) + len(reported) == len(items)
    refuse_shared([each.judged for each in tuned], [each.judged for each in reported])
    assert 0.2 * len(items) < len(tuned) < 0.4 * len(items)
    again, _ = split_for_tuning(items[:100], 0.3)
    assert [each.judged.name for each in again] == [each.judged.name for each in tuned if each in items[:100]]
    assert split_for_tuning(items, 0.3, seed=1)[0] != tuned


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_a_share_that_leaves_one_side_empty_is_refused(share: float) -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        split_for_tuning(random_items(3), share)
    with pytest.raises(InputError, match="1 solutions cannot be split"):
        split_for_tuning([judged("n", [0.9])], 0.5)


def test_a_threshold_tuned_on_the_test_set_is_refused_whatever_the_ids_and_white_space() -> None:
    tuned = [judged("n", [0.9], "What is  1?", "a").judged]
    with pytest.raises(InputError, match="1 problems are both tuned on and reported on, the first 'What is 1"):
        refuse_shared(tuned, [judged("w", [0.9], "What is 1? ", "b").judged])
    refuse_shared(tuned, [judged("w", [0.9], "What is 2?", "a").judged])
