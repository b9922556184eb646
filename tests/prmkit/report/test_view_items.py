"""What a row may be called: right, wrong, uncertain; and rows that are damaged."""

import json
import math
from typing import Any

import pytest

from labelers.values import Derivation, Thresholds
from prmkit.errors import InputError
from prmkit.records import (
    EstimateMethod,
    LabeledSolution,
    Problem,
    ScoredSolution,
    Solution,
    StepEstimate,
    StepLabel,
    Strategy,
)
from prmkit.report.view_items import label_item, score_item, search_item, solution_item, uncertain_steps
from prmkit.tables import label_row, score_row, solution_row

from .search_runs import search_row

PROBLEM = Problem(problem_id="p", problem="1 + 1?", answer="2")
RIGHT = StepEstimate(successes=1, rollouts=1, method=EstimateMethod.GRADED)
THRESHOLDS = (0.0, 0.5)


def solution(steps: int) -> Solution:
    texts = tuple(f"Step {index}." for index in range(steps))
    return Solution(solution_id="s", problem=PROBLEM, steps=texts, correct=True)


def labeled(*counts: tuple[int, int], strategy: Strategy = Strategy.FIXED) -> LabeledSolution:
    estimates = [*(StepEstimate(successes=k, rollouts=n) for k, n in counts), RIGHT]
    derivation = Derivation(thresholds=Thresholds())
    return derivation.labeled(solution(len(estimates)), estimates, strategy, StepEstimate(successes=3, rollouts=4))


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([("18", 0.9), ("17", 0.85)], "another answer, 17, scores 0.85 where the chosen one scores 0.90"),
        ([("18", 0.6), ("17", 0.9)], "another answer, 17, scores 0.90 where the chosen one scores 0.60"),
        ([("18", 0.55)], "its score, 0.55, is less than 0.1 from one half"),
        ([("18", None), ("17", 0.2)], "the chosen solution was not scored"),
    ],
)
def test_a_choice_that_the_scores_leave_open_is_uncertain_and_says_why(answers: list[Any], reason: str) -> None:
    item = search_item(search_row(*answers))
    assert item.uncertain and item.detail["open"] == [reason]


@pytest.mark.parametrize(
    "answers",
    [
        [("18", 0.9), ("17", 0.75)],  # clearly worse
        [("0.5", 0.9), ("1/2", 0.89)],  # the same answer in other words
        [("18", 0.9), ("17", None)],  # nothing is known of the rival
        [],  # no whole candidate: wrong, and nothing open about it
    ],
)
def test_a_choice_that_the_scores_decide_is_not_uncertain(answers: list[Any]) -> None:
    assert not search_item(search_row(*answers)).uncertain


def test_a_rival_that_was_cut_has_no_answer_and_leaves_nothing_open() -> None:
    row = search_row(("18", 0.9), ("17", 0.89), finishes=["end", "length"])
    item = search_item(row)
    assert not item.uncertain
    assert item.detail["candidates"]["answer"] == ["18", None] and item.detail["candidates"]["group"] == [0, None]


def test_a_search_shows_the_path_to_its_chosen_candidate() -> None:
    row = search_row(("18", 0.2), ("17", 0.9), chosen_index=1)
    assert search_item(row).strip == [0.5, 0.9]
    assert search_item(search_row(correct=False)).strip == []


def test_what_json_cannot_hold_is_nothing() -> None:
    row = search_row(("18", None), ("17", math.nan))
    detail = search_item(row).detail
    assert detail["candidates"]["score"] == [None, None]
    json.dumps(detail, allow_nan=False)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ({"chosen_index": 2}, "'chosen_index' is 2, and there are 2 candidates"),
        ({"leaves": [1, 4]}, "candidates do not fit together"),
        ({"scores": [0.5]}, "candidates do not fit together"),
        ({"finishes": ["end", "perhaps"]}, "'finishes' must be one of end, step, length"),
        ({"candidates": [["a"], "b"]}, "'candidates' must be a list of lists of texts"),
        ({"correct": "yes"}, "'correct' must be true, false or null"),
        ({"trace": [{"parent": 0, "step": "a", "fate": "kept"}]}, "a node stands before its parent"),
        ({"trace": [{"parent": -1, "step": None, "fate": "kept"}]}, "'step' must be texts in every node of 'trace'"),
        ({"trace": ["a"]}, "'trace' must be a list of objects"),
    ],
)
def test_a_damaged_search_is_refused_by_the_field_that_is_wrong(damage: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        search_item(search_row(("18", 0.9), ("17", 0.2)) | damage)


def test_a_step_is_uncertain_while_its_interval_holds_a_threshold_in_its_inside() -> None:
    assert uncertain_steps(labeled((4, 8), (8, 8), (0, 8), (63, 64)), THRESHOLDS) == [0]
    assert uncertain_steps(labeled((8, 8), (0, 8)), THRESHOLDS) == [], "a rate of 0 is at the edge of its interval"
    assert uncertain_steps(labeled((4, 8), (63, 64)), (0.0, 0.97)) == [1], "other thresholds, other steps"


def test_only_rates_from_rollouts_can_be_uncertain() -> None:
    assert uncertain_steps(labeled((4, 8), strategy=Strategy.FIRST_ERROR), THRESHOLDS) == []
    given = LabeledSolution(
        solution=solution(2),
        estimates=(StepEstimate(successes=0, rollouts=0, method=EstimateMethod.GIVEN), RIGHT),
        labels=(StepLabel.CORRECT, StepLabel.CORRECT),
        soft_labels=((0.0, 0.0, 1.0),) * 2,
        intervals=((0.0, 1.0), (0.0, 1.0)),
    )
    assert uncertain_steps(given, THRESHOLDS) == []


def test_labels_keep_counts_intervals_classes_and_how_they_were_obtained() -> None:
    item = label_item(*THRESHOLDS)(label_row(labeled((4, 8), (0, 8))))
    detail = item.detail
    assert (item.name, item.correct, item.uncertain, item.strip) == ("p/s", True, True, [0.5, 0.0, 1.0])
    assert (detail["k"], detail["n"], detail["rollouts"], detail["bare"]) == ([4, 0, 1], [8, 8, 1], 16, [3, 4])
    assert (detail["how"], detail["label"]) == (["rollouts", "rollouts", "graded"], [1, -1, 1])
    assert detail["low"][0] == pytest.approx(0.157, abs=1e-3) and detail["high"][2] == 1.0


def test_labels_without_intervals_are_shown_and_never_uncertain() -> None:
    bare = LabeledSolution(
        solution=solution(1), estimates=(RIGHT,), labels=(StepLabel.CORRECT,), soft_labels=((0.0, 0.0, 1.0),)
    )
    item = label_item(*THRESHOLDS)(label_row(bare))
    assert item.detail["low"] is None and item.detail["bare"] is None and not item.uncertain


@pytest.mark.parametrize(("score", "uncertain"), [(0.9, False), (0.45, True), (0.1, False)])
def test_a_score_near_one_half_is_uncertain(score: float, uncertain: bool) -> None:
    item = score_item(score_row(ScoredSolution(solution=solution(2), step_scores=(0.9, score), score=score)))
    assert (item.strip, item.detail["score"], item.uncertain) == ([0.9, score], score, uncertain)


def test_of_bare_solutions_nothing_is_uncertain() -> None:
    item = solution_item(solution_row(solution(2)))
    assert (item.strip, item.uncertain, item.detail["steps"]) == ([], False, ["Step 0.", "Step 1."])
