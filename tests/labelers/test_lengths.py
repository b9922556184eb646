"""The proposed limit of a rollout fits the solutions."""

import asyncio
from dataclasses import replace

import pytest

from labelers.lengths import propose_max_tokens
from labelers.monte_carlo import LabelTask
from labelers.stopping import Fixed
from prmkit.completers import Completer, Completion, Request
from prmkit.errors import InputError
from prmkit.records import FinishReason, Solution

from .simulated_work import SAMPLING, STORIES, TOKENIZER, Recorder, problem, sampled, solver, text_solution


class Lengths(Recorder):
    """A completer that remembers what it answered."""

    def __init__(self, inner: Completer) -> None:
        super().__init__(inner)
        self.completions = list[Completion]()

    async def complete(self, request: Request) -> Completion:
        self.completions.append(await super().complete(request))
        return self.completions[-1]


def written(length: int, name: str = "0") -> Solution:
    """A solution of two steps and so many token ids."""
    ids = (tuple(range(5, 5 + length // 2)), tuple(range(5, 5 + length - length // 2)))
    return Solution(solution_id=name, problem=problem(STORIES[0]), steps=("a", "b"), prompt_ids=(1,), step_ids=ids)


def test_the_limit_is_one_and_a_half_times_the_long_solutions_rounded_up() -> None:
    assert propose_max_tokens([written(100)], TOKENIZER()).max_tokens == 160
    assert propose_max_tokens([written(300), written(40)], TOKENIZER()).max_tokens == 480
    assert "at most 300 tokens" in propose_max_tokens([written(300), written(40)], TOKENIZER()).reason


def test_one_endless_solution_among_many_does_not_decide_the_limit() -> None:
    assert propose_max_tokens([*[written(100)] * 199, written(5_000)], TOKENIZER()).max_tokens == 160


def test_a_solution_without_ids_is_measured_by_the_tokenizer_of_the_policy() -> None:
    text = text_solution(STORIES[0])
    ids = tuple(TOKENIZER()("\n".join(text.steps) + "\n", add_special_tokens=False)["input_ids"])
    known = replace(text, steps=("a", "b"), prompt_ids=(1,), step_ids=(ids[:9], ids[9:]))
    assert propose_max_tokens([text], TOKENIZER()) == propose_max_tokens([known], TOKENIZER())


def test_hardly_a_rollout_reaches_the_proposed_limit() -> None:
    solutions = sampled(3)
    limit = propose_max_tokens(solutions, TOKENIZER()).max_tokens
    recorder = Lengths(solver())
    task = LabelTask(sampling=replace(SAMPLING, max_tokens=limit), rule=Fixed(rollouts=4))
    asyncio.run(task.run(recorder, solutions))
    cut = [each.finish is FinishReason.LENGTH for each in recorder.completions]
    assert len(cut) > 100 and sum(cut) <= 0.01 * len(cut)


def test_no_solutions_have_no_limit() -> None:
    with pytest.raises(InputError, match="no solutions"):
        propose_max_tokens([], TOKENIZER())
