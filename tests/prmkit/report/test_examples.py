"""Which solutions are shown, and with what."""

from dataclasses import replace

import pytest

from prmkit.demo.oracle import Judgement, StepTruth
from prmkit.errors import ShapeError
from prmkit.records import EstimateMethod, FinishReason, Problem, Solution, StepEstimate
from prmkit.report.examples import choose_examples, find_disagreements, make_example
from prmkit.report.records import Disagreement


def solution(problem: str, correct: bool, name: str = "0") -> Solution:
    asked = Problem(problem_id=problem, problem="Why?", answer="4")
    return Solution(solution_id=name, problem=asked, steps=("So.", "The answer is 4."), correct=correct)


def test_half_are_right_and_half_wrong_where_there_are_enough() -> None:
    pool = [solution(f"p{index}", index % 5 == 0) for index in range(60)]
    chosen = choose_examples(pool, 12)
    assert len(chosen) == 12 and sum(bool(pool[index].correct) for index in chosen) == 6
    assert chosen == sorted(set(chosen))


def test_the_rest_is_filled_with_what_there_is() -> None:
    pool = [solution(f"p{index}", index == 0) for index in range(10)]
    assert sum(bool(pool[index].correct) for index in choose_examples(pool, 6)) == 1
    assert len(choose_examples(pool, 6)) == 6
    assert choose_examples(pool, 100) == list(range(10)) and choose_examples([], 3) == []


def test_every_problem_comes_before_any_comes_twice() -> None:
    pool = [solution(f"p{index // 8}", False, str(index)) for index in range(40)]
    assert len({pool[index].problem.problem_id for index in choose_examples(pool, 5)}) == 5


def test_the_seed_changes_the_choice() -> None:
    pool = [solution(f"p{index}", index % 2 == 0) for index in range(60)]
    assert choose_examples(pool, 6, seed=1) == choose_examples(pool, 6, seed=1) != choose_examples(pool, 6, seed=2)


def test_disagreements_are_the_problems_on_which_one_choice_is_right_and_the_other_wrong() -> None:
    pool = [solution(problem, correct, name) for problem in "abc" for name, correct in (("0", True), ("1", False))]
    prm = [0.9, 0.1, 0.2, 0.8, 0.9, 0.1]
    orm = [0.3, 0.4, 0.6, 0.5, 0.7, 0.1]
    assert find_disagreements(pool, prm, orm) == [(0, 1), (3, 2)]
    mixed = [pool[index] for index in (3, 0, 1, 2)]
    assert find_disagreements(mixed, [0.8, 0.9, 0.1, 0.2], [0.5, 0.3, 0.4, 0.6]) == [(0, 3), (1, 2)]


def test_of_equal_scores_the_first_is_chosen_and_a_cut_solution_last() -> None:
    pool = [solution("a", True, "0"), solution("a", False, "1"), solution("a", True, "2")]
    assert find_disagreements(pool, [0.5, 0.5, 0.5], [0.1, 0.9, 0.9]) == [(0, 1)]
    cut = [*pool[:1], replace(pool[1], finish=FinishReason.LENGTH), *pool[2:]]
    assert find_disagreements(cut, [0.5, 0.5, 0.5], [0.1, 0.9, 0.3]) == []
    assert find_disagreements([], [], []) == []


def test_a_disagreement_says_who_is_right() -> None:
    right, wrong = (make_example(solution("p", correct)) for correct in (True, False))
    assert Disagreement(prm=right, orm=wrong).kind == "PRM right, ORM wrong"
    assert Disagreement(prm=wrong, orm=right).kind == "ORM right, PRM wrong"


def test_an_example_carries_what_is_known_of_each_step() -> None:
    estimates = [
        StepEstimate(successes=3, rollouts=8),
        StepEstimate(successes=1, rollouts=1, method=EstimateMethod.GRADED),
    ]
    judgement = Judgement((StepTruth.UNNEEDED, StepTruth.NEEDED), True)
    example = make_example(
        solution("p", True), step_scores=[0.0, 0.9], scores={"prm": 0.9}, estimates=estimates, judgement=judgement
    )
    first, last = example.steps
    assert (first.rate, first.prm, first.truth, first.graded) == (0.375, 0.0, "unneeded", False)
    assert last.graded and last.rate == 1.0
    bare = make_example(solution("p", True)).steps[0]
    assert (bare.rate, bare.prm, bare.truth) == (None, None, None)


@pytest.mark.parametrize(
    "parts",
    [
        {"step_scores": [0.5]},
        {"estimates": [StepEstimate(successes=0, rollouts=1)]},
        {"judgement": Judgement((), True)},
    ],
)
def test_parts_of_another_length_are_refused(parts) -> None:
    with pytest.raises(ShapeError, match="p/0: 2 steps but"):
        make_example(solution("p", True), **parts)


def test_an_inferred_step_shows_no_rate() -> None:
    inferred = StepEstimate(successes=0, rollouts=0, method=EstimateMethod.INFERRED)
    graded = StepEstimate(successes=1, rollouts=1, method=EstimateMethod.GRADED)
    first, last = make_example(solution("p", True), estimates=(inferred, graded)).steps
    assert first.rate is None and not first.graded and last.rate == 1.0
