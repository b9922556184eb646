"""Monte-Carlo labels against a solver whose step values are known exactly."""

import asyncio
import random
from dataclasses import replace

import pytest

from labelers.first_error import FirstError
from labelers.monte_carlo import LabelTask
from labelers.sample import SampleTask
from labelers.stopping import Fixed, Sequential
from labelers.values import Thresholds
from prmkit.completers.simulated import SimulatedCompleter
from prmkit.errors import InputError
from prmkit.records import (
    EstimateMethod,
    FinishReason,
    StepLabel,
    Strategy,
)
from prmkit.steps import TextFormat
from prmkit.tables import row_label, row_solution

from .simulated_work import (
    EVERY,
    RULES,
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


def test_rates_come_out_as_the_known_values() -> None:
    task = LabelTask(sampling=SAMPLING, rule=Fixed(rollouts=120))
    for labeled in label(task, *(text_solution(story) for story in STORIES[:2])):
        steps = labeled.solution.steps
        for index, estimate in enumerate(labeled.estimates[:-1]):
            known = solver().value(labeled.solution.problem.problem, steps[: index + 1])
            assert estimate.rate == pytest.approx(known, abs=0.13)


def test_the_last_step_is_graded_and_never_rolled_out() -> None:
    recorder = Recorder(solver())
    (labeled,) = label(
        LabelTask(sampling=SAMPLING, rule=Fixed(rollouts=4)), text_solution(STORIES[0]), completer=recorder
    )
    assert len(recorder.requests) == 4 * len(STORIES[0].steps()), "of the bare problem and every step but the last"
    assert labeled.estimates[-1].method is EstimateMethod.GRADED
    assert labeled.estimates[-1].rollouts == 1
    assert labeled.labels[-1] is StepLabel.CORRECT and labeled.solution.correct


def test_a_wrong_last_step_is_incorrect() -> None:
    steps = [*STORIES[0].steps()[:-1], f"The answer is {STORIES[0].answer + 1}."]
    (labeled,) = label(LabelTask(sampling=SAMPLING, rule=Fixed(rollouts=2)), text_solution(STORIES[0], steps))
    assert labeled.labels[-1] is StepLabel.INCORRECT and labeled.solution.correct is False


def test_the_gold_as_a_part_of_a_longer_number_is_not_right() -> None:
    story = STORIES[0]
    steps = [*story.steps()[:-1], f"The answer is {story.answer}5."]  # "5" is in "15 apples"
    (labeled,) = label(LabelTask(sampling=SAMPLING, rule=Fixed(rollouts=1)), text_solution(story, steps))
    assert labeled.solution.correct is False


def test_a_solution_cut_at_the_limit_has_no_answer() -> None:
    cut = replace(text_solution(STORIES[0]), finish=FinishReason.LENGTH)
    (labeled,) = label(LabelTask(sampling=SAMPLING, rule=Fixed(rollouts=1)), cut)
    assert labeled.solution.correct is False


def test_token_ids_of_another_prompt_or_separator_are_not_reused() -> None:
    (row,) = asyncio.run(SampleTask(sampling=SAMPLING, n=1).run(solver(), [problem(STORIES[0])]))[0].rows
    other = SimulatedCompleter(solver().tokenizer, TextFormat(prompt="Q: {problem}\nA:\n", separator="\n"))
    recorder = Recorder(other)
    (labeled,) = label(LabelTask(sampling=SAMPLING, rule=Fixed(rollouts=1)), row_solution(row), completer=recorder)
    wanted = other.text_format.prompt_ids(other.tokenizer, STORIES[0].text)
    assert list(labeled.solution.prompt_ids) == wanted != list(row["prompt_ids"])
    assert all(list(each.prompt_ids[: len(wanted)]) == wanted for each in recorder.requests)


@EVERY
def test_labels_depend_neither_on_the_company_nor_on_the_order(rule: Fixed | Sequential | FirstError) -> None:
    solutions = sampled()
    for task in (
        LabelTask(sampling=SAMPLING, rule=rule, keep_rollouts=True),
        LabelTask(sampling=SAMPLING, rule=rule, filter_problems=True),
    ):
        together = run(task, solutions)
        shuffled = run(task, random.Random(1).sample(solutions, len(solutions)))
        alone = {name: done for each in solutions for name, done in run(task, [each]).items()}
        for other in (shuffled, alone):
            assert {name: (done.rows, done.kept, done.filtered) for name, done in other.items()} == {
                name: (done.rows, done.kept, done.filtered) for name, done in together.items()
            }


@EVERY
def test_the_label_says_its_strategy_and_its_intervals(rule: Fixed | Sequential | FirstError) -> None:
    task = LabelTask(sampling=SAMPLING, rule=rule)
    (labeled,) = label(task, sampled()[0])
    assert labeled.strategy is task.strategy
    assert labeled.intervals is not None and len(labeled.intervals) == len(labeled.estimates)
    (narrow,) = label(replace(task, level=0.5), sampled()[0])
    assert narrow.intervals != labeled.intervals or rule is RULES[2]


def test_sequential_draws_until_each_step_is_certain() -> None:
    rule = Sequential(min_rollouts=2, max_rollouts=12)
    labeled = label(LabelTask(sampling=SAMPLING, rule=rule), *sampled())
    estimates = [each for one in labeled for each in one.estimates[:-1]]
    assert min(each.rollouts for each in estimates) == 2 and max(each.rollouts for each in estimates) > 8
    assert not any(rule.more(each.successes, each.rollouts, Thresholds()) for each in estimates)
    longer = label(LabelTask(sampling=SAMPLING, rule=replace(rule, confidence=0.99)), *sampled())
    assert sum(each.rollouts for one in longer for each in one.estimates) > sum(each.rollouts for each in estimates)


def test_first_error_asks_nothing_about_a_right_solution() -> None:
    recorder = Recorder(solver())
    (labeled,) = label(LabelTask(sampling=SAMPLING, rule=FirstError()), text_solution(STORIES[0]), completer=recorder)
    assert not recorder.requests and labeled.problem_estimate is None
    assert set(labeled.labels) == {StepLabel.CORRECT} and labeled.solution.correct
    assert {each.method for each in labeled.estimates[:-1]} == {EstimateMethod.INFERRED}


def test_first_error_finds_the_step_whose_value_is_lost_with_fewer_rollouts() -> None:
    sure = solver(slip=(0.1, 0.2), repair=0.0)
    results = asyncio.run(SampleTask(sampling=SAMPLING, n=8).run(sure, [problem(each) for each in STORIES]))
    solutions = [row_solution(row) for each in results for row in each.rows]
    wrong = [each for each in solutions if not each.correct]
    assert len(wrong) > 10
    recorder = Recorder(sure)
    labeled = label(LabelTask(sampling=SAMPLING, rule=FirstError()), *wrong, completer=recorder)
    for each in labeled:
        values = [
            sure.value(each.solution.problem.problem, each.solution.steps[: at + 1]) for at in range(len(each.labels))
        ]
        assert each.labels.index(StepLabel.INCORRECT) == values.index(0.0), each.solution.name
    assert len(recorder.requests) < sum(len(each.steps) - 1 for each in wrong) * 16 / 3


def test_first_error_and_a_positive_rate_of_errors_contradict_each_other() -> None:
    with pytest.raises(InputError, match=r"a rate of up to 0\.1 cannot count as incorrect"):
        LabelTask(sampling=SAMPLING, rule=FirstError(), thresholds=Thresholds(incorrect=0.1))


@EVERY
def test_solutions_of_problems_that_teach_nothing_are_left_out_with_the_reason(
    rule: Fixed | Sequential | FirstError,
) -> None:
    for slip, verdict in (((0.0, 0.0), "right"), ((1.0, 1.0), "wrong")):
        recorder = Recorder(solver(slip, repair=0.0))
        task = LabelTask(sampling=SAMPLING, rule=rule, filter_problems=True, keep_rollouts=True)
        (done,) = run(task, [text_solution(STORIES[0])], recorder).values()
        assert done.filtered == f"{rule.most} of {rule.most} rollouts of the bare problem are {verdict}"
        assert not done.rows and not done.kept and done.rollouts == rule.most < done.most_rollouts
        assert {each.prompt_ids for each in recorder.requests} == {recorder.requests[0].prompt_ids}


@EVERY
def test_the_filter_keeps_mixed_problems_and_stores_their_value(rule: Fixed | Sequential | FirstError) -> None:
    task = LabelTask(sampling=SAMPLING, rule=rule, filter_problems=True)
    found = run(task, sampled(), solver(slip=(0.0, 0.9), repair=0.0))
    kept = [row_label(done.rows[0]) for done in found.values() if not done.filtered]
    assert kept and len(kept) < len(found)
    for each in kept:
        bare = each.problem_estimate
        assert bare is not None and 0 < bare.successes < bare.rollouts <= rule.most


def test_a_filter_that_nothing_could_pass_is_refused() -> None:
    with pytest.raises(InputError, match="one rollout per prefix"):
        LabelTask(sampling=SAMPLING, rule=Fixed(rollouts=1), filter_problems=True)


def test_the_strategy_is_the_rule_by_name() -> None:
    names = [LabelTask(sampling=SAMPLING, rule=rule).strategy for rule in RULES]
    assert names == [Strategy.FIXED, Strategy.SEQUENTIAL, Strategy.FIRST_ERROR]


def test_the_seed_the_rollouts_and_the_thresholds_change_the_labels() -> None:
    solutions = [text_solution(story) for story in STORIES]
    base = LabelTask(sampling=SAMPLING, rule=Fixed(rollouts=8))

    def outcome(task: LabelTask) -> list[object]:
        return [(each.estimates, each.labels) for each in label(task, *solutions)]

    assert outcome(replace(base, seed=1)) != outcome(base)
    assert {each.rollouts for each in label(replace(base, rule=Fixed(rollouts=5)), solutions[0])[0].estimates} == {5, 1}
    assert outcome(replace(base, thresholds=Thresholds(incorrect=0.6, correct=0.99))) != outcome(base)


def test_a_solution_that_cannot_be_labelled_does_not_take_the_others_with_it() -> None:
    bad = replace(text_solution(STORIES[0]), solution_id="bad", steps=("one\ntwo", "The answer is 3."))
    results = asyncio.run(
        LabelTask(sampling=SAMPLING, rule=Fixed(rollouts=1)).run(solver(), [bad, text_solution(STORIES[1])])
    )
    assert isinstance(results[0], InputError | ValueError) and "separator" in str(results[0])
    assert len(results[1].rows) == 1


def test_a_problem_without_an_answer_is_told_and_does_not_take_the_others_with_it() -> None:
    known = text_solution(STORIES[0])
    unknown = replace(known, solution_id="unknown", problem=replace(known.problem, answer=None))
    task = LabelTask(sampling=SAMPLING, rule=Fixed(rollouts=1))
    results = asyncio.run(task.run(solver(), [unknown, text_solution(STORIES[1])]))
    assert isinstance(results[0], InputError) and "it has no reference answer (field 'answer')" in str(results[0])
    assert len(results[1].rows) == 1
