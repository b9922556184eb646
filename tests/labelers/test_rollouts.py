"""Rollouts are drawn once, shared by the solutions of a problem, counted, and kept as solutions of their own."""

import asyncio
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import pytest

from labelers.first_error import FirstError
from labelers.monte_carlo import LabelTask
from labelers.sample import SampleTask
from labelers.stopping import Fixed, Sequential
from prmkit.completers import Completion, Request, Sampling
from prmkit.errors import InputError
from prmkit.formats.solutions import read_solution_source
from prmkit.records import (
    SOLUTION_SCHEMA,
)
from prmkit.tables import row_solution, write_rows

from .simulated_work import (
    EVERY,
    SAMPLING,
    STORIES,
    Recorder,
    label,
    problem,
    run,
    sampled,
    solver,
    text_solution,
)


def test_equal_prefixes_of_different_solutions_share_their_rollouts() -> None:
    recorder = Recorder(solver())
    one = text_solution(STORIES[0])
    two = replace(one, solution_id="again")
    labeled = label(LabelTask(sampling=SAMPLING, rule=Fixed(rollouts=3)), one, two, completer=recorder)
    assert len(recorder.requests) == 3 * len(one.steps)
    assert labeled[0].estimates == labeled[1].estimates


def test_the_bare_problem_is_estimated_once_and_shared_by_its_solutions() -> None:
    recorder = Recorder(solver())
    one, *others = [each for each in sampled(4) if each.problem == problem(STORIES[0])]
    labeled = label(LabelTask(sampling=SAMPLING, rule=Fixed(rollouts=80)), one, *others, completer=recorder)
    assert sum(request.prompt_ids == one.prompt_ids for request in recorder.requests) == 80
    (shared,) = {each.problem_estimate for each in labeled}
    assert shared is not None and shared.rate == pytest.approx(solver().value(STORIES[0].text, []), abs=0.15)


def test_rollouts_of_the_bare_problem_are_other_draws_than_its_samples() -> None:
    recorder = Recorder(solver())
    asyncio.run(SampleTask(sampling=SAMPLING, n=5).run(recorder, [problem(STORIES[0])]))
    samples = {each.seed for each in recorder.requests}
    label(LabelTask(sampling=SAMPLING, rule=Fixed(rollouts=5)), text_solution(STORIES[0]), completer=recorder)
    rollouts = {each.seed for each in recorder.requests if each.prompt_ids == recorder.requests[0].prompt_ids} - samples
    assert len(samples) == len(rollouts) == 5


@EVERY
def test_kept_rollouts_are_solutions_that_can_be_labelled_next(
    tmp_path: Path, rule: Fixed | Sequential | FirstError
) -> None:
    recorder, solutions = Recorder(solver()), sampled()
    task = LabelTask(sampling=SAMPLING, rule=rule, keep_rollouts=True)
    rows = {
        (row["problem_id"], row["solution_id"]): row
        for done in run(task, solutions, recorder).values()
        for row in done.kept
    }
    write_rows(tmp_path / "rollouts" / "shards" / "00000.parquet", list(rows.values()), SOLUTION_SCHEMA)
    recycled = read_solution_source(str(tmp_path / "rollouts"))
    prompts = {tuple(each.prompt_ids) for each in recorder.requests}
    assert 0 < len(recycled) <= len(recorder.requests)
    for each in recycled:
        assert each.correct is (each.steps[-1] == f"The answer is {each.problem.answer}.")
        written = accumulate(each.step_ids, initial=each.prompt_ids)
        assert prompts & set(written), "it goes on from a prefix that was rolled out, in its very token ids"
    labeled = label(LabelTask(sampling=SAMPLING, rule=FirstError()), *recycled[:20])
    assert [each.solution.correct for each in labeled] == [each.correct for each in recycled[:20]]


def test_nothing_is_kept_unless_asked_for() -> None:
    assert not any(done.kept for done in run(LabelTask(sampling=SAMPLING), sampled()).values())


def test_a_shared_prefix_that_cannot_be_continued_fails_each_of_its_solutions_and_no_other() -> None:
    class Refusing(Recorder):
        async def complete(self, request: Request) -> Completion:
            if request.prompt_ids == refused:
                raise InputError("no room")
            return await super().complete(request)

    solutions = sampled(2)
    refused = solutions[0].prompt_ids
    results = asyncio.run(LabelTask(sampling=SAMPLING).run(Refusing(solver()), solutions))
    failed = [each.problem == solutions[0].problem for each in solutions]
    assert [isinstance(each, InputError) for each in results] == failed and sum(failed) == 2


def test_rollouts_continue_the_very_token_ids_of_the_policy() -> None:
    sampled = asyncio.run(SampleTask(sampling=SAMPLING, n=1).run(solver(), [problem(STORIES[0])]))
    solution = row_solution(sampled[0].rows[0])
    recorder = Recorder(solver())
    label(LabelTask(sampling=SAMPLING, rule=Fixed(rollouts=1)), solution, completer=recorder)
    written = [each for ids in solution.step_ids for each in ids]
    for request in recorder.requests:
        assert list(request.prompt_ids) == [*solution.prompt_ids, *written][: len(request.prompt_ids)]


def test_rollouts_cut_at_the_limit_count_as_wrong() -> None:
    (labeled,) = label(LabelTask(sampling=Sampling(max_tokens=3), rule=Fixed(rollouts=4)), text_solution(STORIES[0]))
    assert all(each.successes == 0 and each.rollouts == 4 for each in labeled.estimates[:-1])


@EVERY
def test_what_was_drawn_is_counted_and_never_more_than_the_most(rule: Fixed | Sequential | FirstError) -> None:
    recorder, solutions = Recorder(solver()), sampled()
    done = run(LabelTask(sampling=SAMPLING, rule=rule), solutions, recorder).values()
    prefixes = {
        (each.problem.problem_id, tuple(ids))
        for each in solutions
        for ids in accumulate(each.step_ids[:-1], initial=each.prompt_ids)
    }
    wanted = len(prefixes) - len(STORIES) * isinstance(rule, FirstError)
    assert sum(each.rollouts for each in done) == len(recorder.requests) == len(set(recorder.requests))
    assert sum(each.most_rollouts for each in done) == wanted * rule.most
    assert (len(recorder.requests) == wanted * rule.most) is isinstance(rule, Fixed)
    assert LabelTask(sampling=SAMPLING, rule=rule).most_rollouts(solutions) >= wanted * rule.most
