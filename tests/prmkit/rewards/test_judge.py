"""Answers of a judge that says what it is told to."""

import asyncio

import pytest

from prmkit.completers import Completion, Request, Sampling
from prmkit.errors import InputError, ShapeError, TooLongError
from prmkit.models import DEMO_POLICY, load_tokenizer
from prmkit.records import FinishReason
from prmkit.rewards.base import Aggregation
from prmkit.rewards.judge import NO_VERDICT, JudgeReward, judge_prompt, parse_verdict
from prmkit.steps import TextFormat

STEPS = ["First.", "Second.", "Third."]


class Judge:
    """A completer that gives the answers of its list in turn."""

    def __init__(self, *answers: str) -> None:
        self.tokenizer = load_tokenizer(str(DEMO_POLICY))
        self.text_format = TextFormat(prompt="Solve this: {problem}\n")
        self.answers = list(answers)
        self.requests: list[Request] = []
        self.together = self.most = 0
        self.closed = False

    async def complete(self, request: Request) -> Completion:
        said = self.answers[len(self.requests) % len(self.answers)]
        self.requests.append(request)
        self.together += 1
        self.most = max(self.most, self.together)
        await asyncio.sleep(0)
        self.together -= 1
        ids = tuple(self.tokenizer(said, add_special_tokens=False)["input_ids"])
        cut = len(ids) > request.sampling.max_tokens
        return Completion(
            token_ids=ids[: request.sampling.max_tokens], finish=FinishReason.LENGTH if cut else FinishReason.END
        )

    def close(self) -> None:
        self.closed = True


def scores(judge, solutions=1, **options):
    model = JudgeReward(judge, **options)
    found = model.score_steps([("Why?", STEPS)] * solutions)
    model.close()
    return found


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (r"\boxed{-1}", [1, 1, 1]),
        (r"\boxed{0}", [0, 0, 0]),
        (r"Hm. \boxed{0}? No: \boxed{1}", [1, 0, 0]),
        (r"\boxed{2}", [1, 1, 0]),
    ],
)
def test_steps_before_the_first_error_score_one_and_the_others_none(said, expected):
    assert scores(Judge(said)) == [expected]


def test_several_answers_are_votes():
    some = Sampling(temperature=1.0, max_tokens=99)
    judge = Judge(r"\boxed{1}", r"\boxed{-1}", "?", r"\boxed{2}")
    assert scores(judge, sampling=some, draws=4) == [pytest.approx([1, 2 / 3, 1 / 3])]  # "?" does not count
    assert len({each.seed for each in judge.requests}) == 4 and judge.most == 4
    assert scores(Judge(r"\boxed{1}", r"\boxed{-1}"), sampling=some, draws=1) == [[1, 0, 0]]


def test_an_answer_without_a_verdict_or_cut_short_is_counted_and_not_taken_for_right():
    model = JudgeReward(Judge("I cannot say.", r"\boxed{-1}", r"\boxed{7}"))
    assert model.score_steps([("Why?", STEPS)] * 3) == [[NO_VERDICT] * 3, [1, 1, 1], [NO_VERDICT] * 3]
    assert (model.judged, model.unread) == (3, 2)
    model.close()
    long = r"It goes on and on, and at last \boxed{-1}"
    assert scores(Judge(long), sampling=Sampling(temperature=0.0, max_tokens=3)) == [[NO_VERDICT] * 3]
    assert scores(Judge(long)) == [[1, 1, 1]]


def test_the_question_holds_problem_and_numbered_steps_and_not_the_policys_instruction():
    judge = Judge(r"\boxed{-1}")
    scores(judge)
    asked = str(judge.tokenizer.decode(judge.requests[0].prompt_ids, skip_special_tokens=True))
    assert asked == judge_prompt("Why?", STEPS) + "\n\n"
    assert "[Problem]\n\nWhy?\n" in asked and "<paragraph_2>\nThird.\n</paragraph_2>" in asked


def test_seed_aggregation_and_threshold_are_options():
    judges = [Judge(r"\boxed{-1}") for _ in range(3)]
    for judge, seed in zip(judges, (0, 0, 1), strict=True):
        scores(judge, seed=seed)
    seeds = [judge.requests[0].seed for judge in judges]
    assert seeds[0] == seeds[1] != seeds[2]
    model = JudgeReward(Judge(""), aggregation=Aggregation.MEAN, threshold=0.9)
    assert (model.solution_score([1.0, 0.0]), model.threshold) == (0.5, 0.9)
    assert JudgeReward(Judge("")).solution_score([1.0, 0.0]) == 0.0


def test_the_completer_is_freed():
    judge = Judge(r"\boxed{-1}")
    scores(judge)
    assert judge.closed


def test_draws_that_must_all_be_the_same_are_refused():
    with pytest.raises(InputError, match="3 draws at temperature 0"):
        JudgeReward(Judge(""), draws=3)
    with pytest.raises(InputError, match="0 draws"):
        JudgeReward(Judge(""), draws=0)


def test_a_solution_beyond_the_judges_context_is_an_error_that_says_so():
    class Short(Judge):
        async def complete(self, request):
            raise InputError("a prompt of 9999 tokens does not fit a context of 512")

    with pytest.raises(TooLongError, match="the judge cannot read a solution of 3 steps: a prompt of 9999 tokens"):
        JudgeReward(Short("")).score_steps([("Why?", STEPS)])


@pytest.mark.parametrize("steps", [[], ["First.", " "]])
def test_nothing_written_is_nothing_to_judge(steps):
    with pytest.raises(ShapeError, match=f"nothing to judge: {len(steps)} steps"):
        JudgeReward(Judge("")).score_steps([("Why?", steps)])


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        (r"First \boxed{0}, no: \boxed{ 2 }.", 2),
        (r"\boxed{-1}", -1),
        (r"\boxed{3}", None),
        (r"\boxed{-2}", None),
        (r"\boxed{two}", None),
        ("2", None),
        ("", None),
    ],
)
def test_the_last_boxed_number_that_is_a_paragraph_is_the_verdict(said, verdict):
    assert parse_verdict(said, 3) == verdict


def test_a_question_costs_its_tokens_once_for_every_draw_whatever_was_judged_before():
    judge = Judge(r"\boxed{-1}")
    one, three = JudgeReward(judge), JudgeReward(judge, Sampling(temperature=1.0, max_tokens=9), draws=3)
    one.score_steps([("Why?", STEPS)])
    (request,) = judge.requests
    assert one.prm_tokens("Why?", STEPS) == one.prm_tokens("Why?", STEPS, 2) == len(request.prompt_ids)
    assert three.prm_tokens("Why?", STEPS) == 3 * len(request.prompt_ids)
    one.close()
    three.close()
