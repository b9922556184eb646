"""A judge that knows the answer, asked like any other."""

import asyncio
import re

from labelers.judge import JudgeTask
from labelers.worker import Done
from prmkit.completers import Completer, Completion, Request, Sampling
from prmkit.demo.oracle import judge_solution
from prmkit.demo.stories import LEVELS, make_stories
from prmkit.errors import InputError
from prmkit.models import DEMO_POLICY, load_tokenizer
from prmkit.records import FinishReason, Problem, Solution
from prmkit.rewards.judge import judge_prompt
from prmkit.steps import TextFormat

STORIES = list(make_stories(3, 5, LEVELS["easy"]))


class KnowingJudge:
    """A completer that reads the judge's prompt and answers as the oracle does; asked about no story, it talks."""

    def __init__(self, prompt: str = "Solve this: {problem}\n") -> None:
        """As a policy that has an instruction of its own."""
        self.tokenizer = load_tokenizer(str(DEMO_POLICY))
        self.text_format = TextFormat(prompt=prompt, separator="\n")
        self.seen: list[str] = []
        self.running = self.most = 0

    async def complete(self, request: Request) -> Completion:
        """The oracle's verdict, in words."""
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0)
        self.running -= 1
        self.seen.append(text := str(self.tokenizer.decode(request.prompt_ids, skip_special_tokens=True)))
        problem = re.search(r"\[Problem\]\n\n(.*?)\n\n\[Solution\]", text, re.DOTALL)
        steps = re.findall(r"<paragraph_\d+>\n(.*?)\n</paragraph_\d+>", text, re.DOTALL)
        assert problem is not None
        try:
            said = f"I looked. \\boxed{{{judge_solution(problem[1], steps).first_error}}}"
        except ValueError:
            said = "I cannot say."
        ids = [*self.tokenizer(said, add_special_tokens=False)["input_ids"], int(self.tokenizer.eos_token_id)]
        if len(ids) > request.sampling.max_tokens:
            return Completion(token_ids=tuple(ids[: request.sampling.max_tokens]), finish=FinishReason.LENGTH)
        return Completion(token_ids=tuple(ids), finish=FinishReason.END)

    def close(self) -> None:
        """Nothing to free."""


def solution(problem: str, steps: list[str], name: str = "0") -> Solution:
    return Solution(
        solution_id=name, problem=Problem(problem_id=f"p{name}", problem=problem, answer="1"), steps=tuple(steps)
    )


def ask(
    completer: Completer, items: list[Solution], max_tokens: int = 500, seed: int = 0
) -> list[tuple[str, int | None]]:
    task = JudgeTask(sampling=Sampling(temperature=0.0, max_tokens=max_tokens), seed=seed)
    results = asyncio.run(task.run(completer, items))
    rows = [row for result in results if isinstance(result, Done) for row in result.rows]
    assert all(set(row) == set(task.schema.names) for row in rows)
    return [(row["solution"], row["first_error"]) for row in rows]


def wrong_at(steps: list[str], index: int) -> list[str]:
    return [*steps[:index], "Bea: 1000.", *steps[index + 1 :]]


def test_the_judges_verdict_is_read_for_every_solution_and_all_are_asked_at_once() -> None:
    judge = KnowingJudge()
    items = [
        solution(STORIES[0].text, STORIES[0].steps(), "0"),
        solution(STORIES[1].text, wrong_at(STORIES[1].steps(), 1), "1"),
        solution(STORIES[2].text, wrong_at(STORIES[2].steps(), 0), "2"),
    ]
    assert ask(judge, items) == [("p0/0", -1), ("p1/1", 1), ("p2/2", 0)]
    assert judge.most == 3


def test_an_answer_without_a_verdict_or_cut_short_is_no_verdict() -> None:
    judge = KnowingJudge()
    assert ask(judge, [solution("What is 1 + 1?", ["2"])]) == [("p0/0", None)]
    right = solution(STORIES[0].text, STORIES[0].steps())
    assert ask(judge, [right], max_tokens=3) == [("p0/0", None)]


def test_the_judge_is_asked_the_question_and_not_the_policys_instruction() -> None:
    judge = KnowingJudge()
    item = solution(STORIES[0].text, STORIES[0].steps())
    ask(judge, [item])
    assert judge.seen == [judge_prompt(item.problem.problem, item.steps) + "\n\n"]
    assert STORIES[0].text in judge.seen[0] and f"<paragraph_1>\n{STORIES[0].steps()[1]}\n" in judge.seen[0]


def test_draws_of_the_judge_depend_on_the_seed() -> None:
    class Recording(KnowingJudge):
        async def complete(self, request: Request) -> Completion:
            seeds.append(request.seed)
            return await super().complete(request)

    seeds: list[int] = []
    item = solution(STORIES[0].text, STORIES[0].steps())
    for seed in (0, 0, 1):
        ask(Recording(), [item], seed=seed)
    assert seeds[0] == seeds[1] != seeds[2]


def test_a_solution_the_judge_cannot_take_fails_alone() -> None:
    class Short(KnowingJudge):
        async def complete(self, request: Request) -> Completion:
            if len(request.prompt_ids) > 1000:
                raise InputError("too long")
            return await super().complete(request)

    items = [solution("Why? " * 500, ["2"]), solution(STORIES[0].text, STORIES[0].steps(), "1")]
    results = asyncio.run(JudgeTask(sampling=Sampling(max_tokens=500)).run(Short(), items))
    assert isinstance(results[0], InputError) and isinstance(results[1], Done)
