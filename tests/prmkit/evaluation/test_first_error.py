"""First errors and lowest scores of whole solutions; ProcessBench's corner values."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from prmkit.evaluation.first_error import solution_figures, subset_figures
from prmkit.evaluation.judged import JudgedScores
from prmkit.formats.processbench import read_processbench
from prmkit.formats.verdicts import JudgedSolution
from prmkit.rewards.base import first_flagged

from .judged_solutions import judged


def value(estimate):
    assert estimate is not None
    return estimate.value


def test_a_scorer_that_flags_nothing_is_right_on_right_solutions_only() -> None:
    figures = solution_figures([judged("nw", [0.9, 0.9]), judged("nn", [0.9, 0.9], "q")], threshold=0.5)
    assert value(figures.first_error_wrong) == 0.0 and value(figures.first_error_right) == 1.0
    assert value(figures.first_error_f1) == 0.0


def test_f1_is_the_harmonic_mean_of_the_accuracies_on_erroneous_and_on_right_solutions() -> None:
    items = [judged("nw", [0.9, 0.1], name="a"), judged("nw", [0.9, 0.9], name="b"), judged("nn", [0.9, 0.9], "q")]
    figures = solution_figures(items, threshold=0.5)
    assert value(figures.first_error_f1) == pytest.approx(2 * 0.5 * 1.0 / 1.5)
    assert figures.first_error_f1 is not None and figures.first_error_f1.n == 3


def test_a_flag_before_the_first_error_is_no_hit() -> None:
    figures = solution_figures([judged("nw", [0.2, 0.1]), judged("nn", [0.9, 0.9], "q")], threshold=0.5)
    assert value(figures.first_error_wrong) == 0.0
    assert first_flagged([0.2, 0.1], 0.5) == 0 and first_flagged([0.2, 0.1], 0.1) == -1


def test_an_orm_in_disguise_is_seen_by_its_lowest_score_on_the_last_step() -> None:
    items = [
        judged("nw", [0.9, 0.2], name="a"),
        judged("wn", [0.1, 0.2], name="b"),
        judged("n", [0.3], name="one step"),
    ]
    figures = solution_figures(items, threshold=0.5)
    assert value(figures.lowest_last) == 0.5 and figures.lowest_last is not None and figures.lowest_last.n == 2


def test_a_constant_model_is_no_orm_in_disguise_so_equal_lowest_scores_share_the_credit() -> None:
    items = [
        judged("nnnn", [0.5, 0.5, 0.5, 0.5], name="all four equal: 1/4"),
        judged("nnn", [0.9, 0.2, 0.2], name="the last of two: 1/2"),
        judged("nnn", [0.2, 0.2, 0.9], name="not among the lowest: 0"),
        judged("nn", [0.9, 0.2], name="alone: 1"),
    ]
    assert value(solution_figures(items[:1], threshold=0.5).lowest_last) == 0.25
    assert value(solution_figures(items, threshold=0.5).lowest_last) == pytest.approx((1 / 4 + 1 / 2 + 0 + 1) / 4)


def test_best_of_n_alone_hides_right_answers_with_wrong_steps_so_their_share_and_what_the_model_says_is_told() -> None:
    items = [
        judged("nw", [0.9, 0.2], name="found", answer_right=True),
        judged("nnw", [0.2, 0.9, 0.9], name="flagged elsewhere", answer_right=True),
        judged("nw", [0.9, 0.9], name="passed over", answer_right=True),
        judged("nn", [0.9, 0.9], name="sound", answer_right=True),
        judged("nw", [0.9, 0.1], name="wrong answer", answer_right=False),
        judged("nw", [0.9, 0.1], name="answer not judged"),
    ]
    figures = solution_figures(items, threshold=0.5)
    assert value(figures.process_error) == 3 / 4
    assert value(figures.process_error_flagged) == pytest.approx(2 / 3)
    assert value(figures.process_error_found) == pytest.approx(1 / 3)


def test_a_solution_whose_first_error_is_not_known_counts_for_the_lowest_score_only() -> None:
    figures = solution_figures([judged("n?", [0.9, 0.2], answer_right=True)], threshold=0.5)
    assert value(figures.lowest_last) == 1.0
    assert figures.first_error_right is None and figures.process_error is None


def test_the_average_is_the_mean_of_the_subsets_whatever_their_sizes() -> None:
    items = [judged("nw", [0.9, 0.1], f"a{index}", "a") for index in range(8)]
    items += [judged("nn", [0.9, 0.9], f"b{index}", "b") for index in range(8)]
    items += [judged("nw", [0.9, 0.9], "c", "c"), judged("nn", [0.9, 0.9], "d", "d")]
    figures = subset_figures(items, ["easy"] * 16 + ["hard"] * 2, threshold=0.5)
    assert list(figures) == ["easy", "hard", "average"]
    assert value(figures["easy"].first_error_f1) == 1.0 and value(figures["hard"].first_error_f1) == 0.0
    assert value(figures["average"].first_error_f1) == 0.5 and figures["average"].first_error_f1.n == 18
    assert list(subset_figures(items[:16], ["easy"] * 16, threshold=0.5)) == ["easy"]


def test_an_average_over_a_subset_without_right_solutions_is_not_made_up() -> None:
    items = [judged("nw", [0.9, 0.1], "a"), judged("nn", [0.9, 0.9], "b"), judged("nw", [0.9, 0.1], "c")]
    figures = subset_figures(items, ["x", "x", "y"], threshold=0.5)
    assert figures["y"].first_error_f1 is None and figures["average"].first_error_f1 is None


def test_intervals_resample_problems_and_not_solutions() -> None:
    """A hundred copies of two problems' solutions tell no more than two."""
    few = [judged("nw", [0.9, 0.1], "p"), judged("nn", [0.9, 0.9], "p"), judged("nw", [0.9, 0.9], "q")]
    figure = solution_figures([judged for judged in few for _ in range(100)], threshold=0.5).first_error_wrong
    assert figure is not None and (figure.low, figure.high) == (0.0, 1.0)


def hand_made(path: Path) -> Path:
    """Two right solutions and four wrong ones, of three steps each: first errors at 0, 1, 1 and 2."""
    rows = [
        {"id": f"made-{number}", "problem": f"Problem {number}?", "steps": ["a", "b", "c"]}
        | {"final_answer_correct": label == -1, "label": label}
        for number, label in enumerate((-1, -1, 0, 1, 1, 2))
    ]
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def scored_by(score: Callable[[JudgedSolution], list[float]], file: Path) -> list[JudgedScores]:
    return [
        JudgedScores(judged=each, step_scores=tuple(scores := score(each)), score=min(scores))
        for each in read_processbench(file)
    ]


def always_correct(each: JudgedSolution) -> list[float]:
    return [1.0] * len(each.steps)


def always_first_step(each: JudgedSolution) -> list[float]:
    return [0.0, *[1.0] * (len(each.steps) - 1)]


def oracle(each: JudgedSolution) -> list[float]:
    return [0.0 if index == each.verdicts.first_error else 1.0 for index in range(len(each.steps))]


def at_random(each: JudgedSolution) -> list[float]:
    """At a fixed seed."""
    return np.random.default_rng([0, *each.name.encode()]).random(len(each.steps)).tolist()


@pytest.mark.parametrize(
    ("score", "wrong", "right", "f1"),
    [
        (always_correct, 0 / 4, 2 / 2, 0.0),
        (always_first_step, 1 / 4, 0 / 2, 0.0),
        (oracle, 4 / 4, 2 / 2, 1.0),
    ],
)
def test_processbench_corner_values_of_a_hand_made_file(tmp_path: Path, score, wrong, right, f1) -> None:
    figures = solution_figures(scored_by(score, hand_made(tmp_path / "made.json")), threshold=0.5)
    assert (value(figures.first_error_wrong), value(figures.first_error_right)) == (wrong, right)
    assert value(figures.first_error_f1) == f1


def test_processbench_of_random_scores_is_what_a_hand_counts(tmp_path: Path) -> None:
    items = scored_by(at_random, hand_made(tmp_path / "made.json"))
    assert [[round(score, 1) for score in item.step_scores] for item in items] == [
        [0.8, 0.7, 0.6],  # right: nothing flagged, a hit
        [0.3, 0.7, 0.8],  # right, but the first step is flagged
        [0.3, 0.9, 1.0],  # wrong from the first step, which is flagged: a hit
        [0.6, 0.6, 0.6],  # wrong, nothing flagged
        [0.0, 0.0, 0.9],  # wrong at the second step, but the first is flagged before it
        [0.3, 0.8, 0.5],  # wrong at the third step, but the first is flagged before it
    ]
    figures = solution_figures(items, threshold=0.5)
    assert (value(figures.first_error_wrong), value(figures.first_error_right)) == (1 / 4, 1 / 2)
    assert value(figures.first_error_f1) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("subset", "right", "wrong", "first_is_wrong"), [("gsm8k", 193, 207, 37), ("math", 406, 594, 115)]
)
def test_processbench_corner_values_on_the_real_labels(
    data_dir: Path, subset: str, right: int, wrong: int, first_is_wrong: int
) -> None:
    """Counted by hand in the published files: 193 of 400 and 406 of 1,000 right, first step wrong in 37 and 115."""
    file = data_dir / "processbench" / f"{subset}.json"
    lazy = solution_figures(scored_by(always_first_step, file), threshold=0.5)
    assert value(lazy.first_error_wrong) == pytest.approx(first_is_wrong / wrong)
    assert (value(lazy.first_error_right), value(lazy.first_error_f1)) == (0.0, 0.0)
    kind = solution_figures(scored_by(always_correct, file), threshold=0.5)
    assert (value(kind.first_error_wrong), value(kind.first_error_right), value(kind.first_error_f1)) == (0.0, 1.0, 0.0)
    assert kind.first_error_right is not None and kind.first_error_wrong is not None
    assert (kind.first_error_right.n, kind.first_error_wrong.n) == (right, wrong)
    assert value(solution_figures(scored_by(oracle, file), threshold=0.5).first_error_f1) == 1.0


@pytest.mark.parametrize("subset", ["gsm8k", "math"])
def test_processbench_of_random_scores_on_the_real_labels_is_what_coins_give(data_dir: Path, subset: str) -> None:
    """With fair coins an error at index e is found with chance 2 ** -(e + 1), and S right steps pass with 2 ** -S."""
    items = scored_by(at_random, data_dir / "processbench" / f"{subset}.json")
    errors = [item.judged.verdicts.first_error for item in items]
    found = np.mean([2.0 ** -(error + 1) for error in errors if error != -1])
    passed = np.mean([2.0 ** -len(item.step_scores) for item, error in zip(items, errors, strict=True) if error == -1])
    figures = solution_figures(items, threshold=0.5)
    assert figures.first_error_wrong is not None and figures.first_error_right is not None
    assert figures.first_error_wrong.low < found < figures.first_error_wrong.high
    assert figures.first_error_right.low < passed < figures.first_error_right.high
    official = [first_flagged(item.step_scores, 0.5) == error for item, error in zip(items, errors, strict=True)]
    a = np.mean([hit for hit, error in zip(official, errors, strict=True) if error != -1])
    b = np.mean([hit for hit, error in zip(official, errors, strict=True) if error == -1])
    assert value(figures.first_error_f1) == pytest.approx(2 * a * b / (a + b))
