"""Samples of a policy."""

import asyncio

import pytest

from labelers.sample import SampleTask
from prmkit.errors import InputError
from prmkit.records import (
    FinishReason,
)
from prmkit.tables import row_solution

from .simulated_work import (
    SAMPLING,
    STORIES,
    problem,
    solver,
)


def test_samples_are_cut_graded_and_addressed() -> None:
    results = asyncio.run(SampleTask(sampling=SAMPLING, n=20).run(solver(), [problem(STORIES[0])]))
    solutions = [row_solution(row) for row in results[0].rows]
    assert len({each.solution_id for each in solutions}) == 20
    for each in solutions:
        right = each.steps[-1] == f"The answer is {STORIES[0].answer}."
        assert each.correct is right
        assert each.finish is FinishReason.END
    assert len({each.steps for each in solutions}) > 1


def test_fewer_samples_are_the_first_of_more_and_another_seed_gives_others() -> None:
    def steps(**options: int) -> list[tuple[str, ...]]:
        results = asyncio.run(SampleTask(sampling=SAMPLING, **options).run(solver(), [problem(STORIES[0])]))
        return [row_solution(row).steps for row in results[0].rows]

    assert steps(n=10)[:4] == steps(n=4)
    assert steps(n=10, seed=1) != steps(n=10)


def test_no_samples_is_refused() -> None:
    with pytest.raises(InputError, match="n must be at least 1, got 0"):
        SampleTask(sampling=SAMPLING, n=0)
