"""Monte-Carlo labels against a solver whose step values are known exactly."""

import asyncio
from dataclasses import replace

import pytest

from labelers.monte_carlo import LabelTask
from labelers.sample import SampleTask
from labelers.values import Thresholds
from labelers.worker import Done
from prmkit.completers import Completer, Completion, Request, Sampling
from prmkit.completers.simulated import SimulatedCompleter
from prmkit.demo.stories import LEVELS, Story, make_stories
from prmkit.errors import InputError
from prmkit.models import DEMO_POLICY, load_tokenizer
from prmkit.records import EstimateMethod, FinishReason, LabeledSolution, Problem, Solution, StepLabel
from prmkit.steps import TextFormat
from prmkit.tables import row_label, row_solution

STORIES = list(make_stories(6, 2, LEVELS["default"]))
SAMPLING = Sampling(max_tokens=400)


def solver() -> SimulatedCompleter:
    tokenizer = load_tokenizer(str(DEMO_POLICY))
    return SimulatedCompleter(tokenizer, TextFormat(prompt="{problem}\n", separator="\n"))


def problem(story: Story) -> Problem:
    return Problem(problem_id=story.text[:12], problem=story.text, answer=str(story.answer))


def text_solution(story: Story, steps: list[str] | None = None) -> Solution:
    return Solution(solution_id="reference", problem=problem(story), steps=tuple(steps or story.steps()))


class Recorder:
    """A completer that remembers what it was asked."""

    def __init__(self, inner: Completer) -> None:
        self.inner, self.requests = inner, list[Request]()
        self.tokenizer, self.text_format = inner.tokenizer, inner.text_format

    async def complete(self, request: Request) -> Completion:
        self.requests.append(request)
        return await self.inner.complete(request)

    def close(self) -> None:
        self.inner.close()


def label(task: LabelTask, *solutions: Solution, completer: Completer | None = None) -> list[LabeledSolution]:
    results = asyncio.run(task.run(completer or solver(), list(solutions)))
    return [
        row_label(row)
        for result in results
        for row in (result.rows if isinstance(result, Done) else pytest.fail(str(result)))
    ]


def test_rates_come_out_as_the_known_values() -> None:
    task = LabelTask(sampling=SAMPLING, rollouts=400)
    for labeled in label(task, *(text_solution(story) for story in STORIES[:3])):
        steps = labeled.solution.steps
        for index, estimate in enumerate(labeled.estimates[:-1]):
            known = solver().value(labeled.solution.problem.problem, steps[: index + 1])
            assert estimate.rate == pytest.approx(known, abs=0.09)


def test_the_last_step_is_graded_and_never_rolled_out() -> None:
    recorder = Recorder(solver())
    (labeled,) = label(LabelTask(sampling=SAMPLING, rollouts=4), text_solution(STORIES[0]), completer=recorder)
    assert len(recorder.requests) == 4 * (len(STORIES[0].steps()) - 1)
    assert labeled.estimates[-1].method is EstimateMethod.GRADED
    assert labeled.estimates[-1].rollouts == 1
    assert labeled.labels[-1] is StepLabel.CORRECT and labeled.solution.correct


def test_a_wrong_last_step_is_incorrect() -> None:
    steps = [*STORIES[0].steps()[:-1], f"The answer is {STORIES[0].answer + 1}."]
    (labeled,) = label(LabelTask(sampling=SAMPLING, rollouts=2), text_solution(STORIES[0], steps))
    assert labeled.labels[-1] is StepLabel.INCORRECT and labeled.solution.correct is False


def test_the_gold_as_a_part_of_a_longer_number_is_not_right() -> None:
    story = STORIES[0]
    steps = [*story.steps()[:-1], f"The answer is {story.answer}5."]  # "5" is in "15 apples"
    (labeled,) = label(LabelTask(sampling=SAMPLING, rollouts=1), text_solution(story, steps))
    assert labeled.solution.correct is False


def test_a_solution_cut_at_the_limit_has_no_answer() -> None:
    cut = replace(text_solution(STORIES[0]), finish=FinishReason.LENGTH)
    (labeled,) = label(LabelTask(sampling=SAMPLING, rollouts=1), cut)
    assert labeled.solution.correct is False


def test_rollouts_cut_at_the_limit_count_as_wrong() -> None:
    (labeled,) = label(LabelTask(sampling=Sampling(max_tokens=3), rollouts=4), text_solution(STORIES[0]))
    assert all(each.successes == 0 and each.rollouts == 4 for each in labeled.estimates[:-1])


def test_rollouts_continue_the_very_token_ids_of_the_policy() -> None:
    sampled = asyncio.run(SampleTask(sampling=SAMPLING, n=1).run(solver(), [problem(STORIES[0])]))
    solution = row_solution(sampled[0].rows[0])
    recorder = Recorder(solver())
    label(LabelTask(sampling=SAMPLING, rollouts=1), solution, completer=recorder)
    written = [each for ids in solution.step_ids for each in ids]
    for request in recorder.requests:
        assert list(request.prompt_ids) == [*solution.prompt_ids, *written][: len(request.prompt_ids)]


def test_token_ids_of_another_prompt_or_separator_are_not_reused() -> None:
    (row,) = asyncio.run(SampleTask(sampling=SAMPLING, n=1).run(solver(), [problem(STORIES[0])]))[0].rows
    other = SimulatedCompleter(solver().tokenizer, TextFormat(prompt="Q: {problem}\nA:\n", separator="\n"))
    recorder = Recorder(other)
    (labeled,) = label(LabelTask(sampling=SAMPLING, rollouts=1), row_solution(row), completer=recorder)
    wanted = other.text_format.prompt_ids(other.tokenizer, STORIES[0].text)
    assert list(labeled.solution.prompt_ids) == wanted != list(row["prompt_ids"])
    assert all(list(each.prompt_ids[: len(wanted)]) == wanted for each in recorder.requests)


def test_equal_prefixes_of_different_solutions_share_their_rollouts() -> None:
    recorder = Recorder(solver())
    one = text_solution(STORIES[0])
    two = replace(one, solution_id="again")
    labeled = label(LabelTask(sampling=SAMPLING, rollouts=3), one, two, completer=recorder)
    assert len(recorder.requests) == 3 * (len(one.steps) - 1)
    assert labeled[0].estimates == labeled[1].estimates


def test_labels_do_not_depend_on_the_company_in_the_shard() -> None:
    task = LabelTask(sampling=SAMPLING, rollouts=6)
    solutions = [text_solution(story) for story in STORIES]
    together = label(task, *solutions)
    alone = [label(task, each)[0] for each in solutions]
    assert together == alone


def test_the_seed_the_rollouts_and_the_thresholds_change_the_labels() -> None:
    solutions = [text_solution(story) for story in STORIES]
    base = LabelTask(sampling=SAMPLING, rollouts=8)

    def outcome(task: LabelTask) -> list[object]:
        return [(each.estimates, each.labels) for each in label(task, *solutions)]

    assert outcome(replace(base, seed=1)) != outcome(base)
    assert {each.rollouts for each in label(replace(base, rollouts=5), solutions[0])[0].estimates} == {5, 1}
    assert outcome(replace(base, thresholds=Thresholds(incorrect=0.6, correct=0.99))) != outcome(base)


def test_a_solution_that_cannot_be_labelled_does_not_take_the_others_with_it() -> None:
    bad = replace(text_solution(STORIES[0]), solution_id="bad", steps=("one\ntwo", "The answer is 3."))
    results = asyncio.run(LabelTask(sampling=SAMPLING, rollouts=1).run(solver(), [bad, text_solution(STORIES[1])]))
    assert isinstance(results[0], InputError | ValueError) and "separator" in str(results[0])
    assert len(results[1].rows) == 1


def test_no_rollouts_is_refused() -> None:
    with pytest.raises(InputError, match="rollouts must be at least 1, got 0"):
        LabelTask(sampling=SAMPLING, rollouts=0)


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
