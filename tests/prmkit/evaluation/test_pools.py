"""Solutions to arrays."""

import numpy as np
import pytest

from prmkit.errors import InputError
from prmkit.evaluation.best_of_n import NO_ANSWER
from prmkit.evaluation.pools import answer_classes, build_pools
from prmkit.records import FinishReason, Problem, Solution


def solution(answer="1", problem="p", *, finish=FinishReason.END, correct=True, ids=True, text=None):
    return Solution(
        solution_id=f"{answer}",
        problem=Problem(problem_id=problem, problem="What is it?", answer="1"),
        steps=("Let us see.", text or f"The answer is {answer}."),
        step_ids=((1, 2), (3, 4, 5)) if ids else None,
        finish=finish,
        correct=correct,
    )


def test_answers_vote_by_equivalence_not_by_string() -> None:
    """PITFALLS: majority by string makes 1/2, 0.5 and \\frac12 three candidates."""
    answers = ["1/2", "0.5", "$\\frac{1}{2}$", "2"]
    assert answer_classes([solution(each) for each in answers]) == [0, 0, 0, 1]


def test_a_solution_without_an_answer_or_cut_by_the_length_limit_casts_no_vote() -> None:
    cut = solution("1", finish=FinishReason.LENGTH)
    silent = solution(text="I do not know what to do about any of this, sorry")
    assert answer_classes([cut, solution("1"), silent]) == [NO_ANSWER, 0, NO_ANSWER]


def test_a_cut_solution_is_wrong_and_chosen_last_whatever_its_score() -> None:
    (pool,) = build_pools([solution("1"), solution("1", finish=FinishReason.LENGTH)], {"prm": [0.1, 0.9]})
    assert pool.correct.tolist() == [True, False]
    assert pool.scores["prm"].tolist() == [0.1, -np.inf]


def test_problems_keep_their_order_and_scores_follow_their_solutions() -> None:
    solutions = [solution("1", "b"), solution("1", "a"), solution("2", "b", correct=False), solution("1", "a")]
    first, second = build_pools(solutions, {"prm": [0.1, 0.2, 0.3, 0.4], "orm": [1, 2, 3, 4]})
    assert (first.problem_id, second.problem_id) == ("b", "a")
    assert first.scores["prm"].tolist() == [0.1, 0.3] and second.scores["orm"].tolist() == [2, 4]
    assert first.correct.tolist() == [True, False]


def test_tokens_are_counted_where_the_ids_are_known() -> None:
    assert build_pools([solution()], {})[0].tokens.tolist() == [5]
    assert build_pools([solution(ids=False)], {})[0].tokens is None


def test_draws_that_wrote_nothing_count_as_wrong_without_a_vote() -> None:
    (pool,) = build_pools([solution("1")], {"prm": [0.3]}, drawn=3)
    assert pool.correct.tolist() == [True, False, False]
    assert pool.classes.tolist() == [0, NO_ANSWER, NO_ANSWER]
    assert pool.scores["prm"].tolist() == [0.3, -np.inf, -np.inf]
    assert pool.tokens is not None and pool.tokens.tolist() == [5, 0, 0]


def test_uneven_pools_stay_as_they_are_unless_the_number_drawn_is_known() -> None:
    uneven = [solution("1", "a"), solution("2", "a"), solution("1", "b")]
    assert [pool.size for pool in build_pools(uneven, {"prm": [0.1, 0.2, 0.3]})] == [2, 1]
    assert [pool.size for pool in build_pools(uneven, {}, drawn=2)] == [2, 2]
    with pytest.raises(InputError, match="'a' has 2 solutions where 1 were drawn"):
        build_pools(uneven, {}, drawn=1)


def test_scores_of_several_training_runs_follow_their_solutions_run_by_run() -> None:
    solutions = [solution("1", "a"), solution("1", "b"), solution("1", "a", finish=FinishReason.LENGTH)]
    first, second = build_pools(solutions, {"prm": [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]}, drawn=2)
    assert first.scores["prm"].tolist() == [[0.1, -np.inf], [0.4, -np.inf]]
    assert second.scores["prm"].tolist() == [[0.2, -np.inf], [0.5, -np.inf]]


def test_characters_are_those_of_the_steps() -> None:
    (pool,) = build_pools([solution("1", ids=False)], {}, drawn=2)
    assert pool.characters is not None
    assert pool.characters.tolist() == [len("Let us see." + "The answer is 1."), 0]


def test_an_ungraded_solution_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="solution p/1: not graded"):
        build_pools([solution(correct=None)], {})
