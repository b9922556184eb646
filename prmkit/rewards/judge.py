r"""A language model as judge of solutions: which step is the first wrong one. Any completer can be asked.

The prompt is `PROMPT`, in the chat template of models that have one; the verdict is the last `\boxed{INDEX}` of what
the judge writes (-1: no error). As a `RewardModel` it is a baseline: steps before the first error score 1, it and those
after it 0. A whole run that judges labels is `labelers.judge`.
"""

import asyncio
import re
import threading
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from prmkit.completers.base import Completer, Request, Sampling, draw_seed
from prmkit.errors import InputError, ShapeError, TooLongError
from prmkit.records import FinishReason
from prmkit.rewards.base import Aggregation, RewardModel

T = TypeVar("T")

PROMPT = """The following is a math problem and a solution, cut into paragraphs that are tagged and numbered from 0:

[Problem]

{problem}

[Solution]

{solution}

Check the solution paragraph by paragraph. Give the number of the earliest paragraph that is wrong; if none is wrong, \
give -1. Put your final answer, a number only, in \\boxed{{}}."""
"""What the judge is asked; the task and the tags are those of ProcessBench's critic models."""

NO_VERDICT = 0.5
"""Score of every step where no verdict could be read: nothing is known."""

_BOXED = re.compile(r"\\boxed\{\s*(-?\d+)\s*\}")


def judge_prompt(problem: str, steps: Sequence[str]) -> str:
    """The question about one solution."""
    paragraphs = [f"<paragraph_{at}>\n{step}\n</paragraph_{at}>" for at, step in enumerate(steps)]
    return PROMPT.format(problem=problem, solution="\n\n".join(paragraphs))


def parse_verdict(said: str, steps: int) -> int | None:
    """The index of the first error in what a judge wrote, -1 for none; None where it gives no such number."""
    boxed = _BOXED.findall(said)
    return int(boxed[-1]) if boxed and -1 <= int(boxed[-1]) < steps else None


def judge_prompt_ids(completer: Completer, problem: str, steps: Sequence[str]) -> tuple[int, ...]:
    """Token ids of the question, without the instruction that the completer gives as a policy."""
    asking = replace(completer.text_format, prompt="{problem}\n\n")
    return tuple(asking.prompt_ids(completer.tokenizer, judge_prompt(problem, steps)))


async def ask_judge(completer: Completer, request: Request, steps: int) -> tuple[int | None, str]:
    """Ask once.

    Args:
        completer: The judge.
        request: Its prompt is that of `judge_prompt_ids`.
        steps: Number of steps of the solution.

    Returns:
        The verdict and what was written; no verdict (None) where the answer was cut by the token limit.

    Raises:
        TooLongError: The prompt leaves no room in the judge's context.
    """
    try:
        completion = await completer.complete(request)
    except InputError as error:  # the only reason a completer has for it
        raise TooLongError(f"the judge cannot read a solution of {steps} steps: {error}") from None
    said = str(completer.tokenizer.decode(completion.token_ids, skip_special_tokens=True))
    return None if completion.finish is FinishReason.LENGTH else parse_verdict(said, steps), said


class JudgeReward(RewardModel):
    """A `RewardModel` that asks a language model; the scores of several answers are averaged.

    A score is the share of the answers by which the first error lies behind the step. Answers without a verdict that
    can be read do not count; where no answer has one, all steps score `NO_VERDICT`, and `unread` counts the solution.
    """

    def __init__(
        self,
        completer: Completer,
        sampling: Sampling | None = None,
        *,
        draws: int = 1,
        seed: int = 0,
        aggregation: Aggregation = Aggregation.MIN,
        threshold: float = 0.5,
    ) -> None:
        """Take a completer and work it in a thread with an event loop of its own, until `close`.

        Args:
            completer: The judge; built anywhere, used nowhere else.
            sampling: How answers are drawn; greedy with at most 2,048 tokens by default.
            draws: Answers per solution.
            seed: Of all draws.
            aggregation: From step scores to a solution's; the minimum is the share of answers that find no error.
            threshold: A step that scores lower is flagged.

        Raises:
            InputError: No draws, or several that must all be the same.
        """
        sampling = sampling or Sampling(temperature=0.0, max_tokens=2048)
        if draws < 1 or (draws > 1 and sampling.temperature == 0):
            raise InputError(f"{draws} draws at temperature {sampling.temperature:g}: take one, or a temperature above")
        self.completer = completer
        self.sampling = sampling
        self.draws = draws
        self.seed = seed
        self.aggregation = aggregation
        self.threshold = threshold
        self.judged = 0
        """Solutions so far."""
        self.unread = 0
        """Of these, without any verdict that could be read."""
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True, name="prmkit-judge").start()

    def score_steps(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        """See `prmkit.rewards.base.RewardModel`. A step's score may depend on later steps: the judge reads them all.

        Raises:
            TooLongError: A solution leaves no room in the judge's context.
            ShapeError: A solution has no steps, or a blank one.
        """
        for _, steps in solutions:
            if not steps or not all(step.strip() for step in steps):
                raise ShapeError(f"nothing to judge: {len(steps)} steps, or a blank one among them")
        found = self._wait(self._ask([(problem, steps) for problem, steps in solutions for _ in range(self.draws)]))
        scores = []
        for index, (_, steps) in enumerate(solutions):
            verdicts = [each for each in found[index * self.draws : (index + 1) * self.draws] if each is not None]
            self.judged += 1
            self.unread += not verdicts
            scores.append([_share_behind(at, verdicts) for at in range(len(steps))])
        return scores

    def prm_tokens(self, problem: str, steps: Sequence[str], known_steps: int | None = None) -> int:  # noqa: ARG002
        """Tokens of the question, once for every draw: it is read in full each time. Answers are not counted."""
        return self.draws * len(judge_prompt_ids(self.completer, problem, steps))

    def close(self) -> None:
        """Free the completer."""
        self.completer.close()
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _ask(self, asked: Sequence[tuple[str, Sequence[str]]]) -> list[int | None]:
        """All at once; the completer batches them."""
        answers = [self._draw(number, problem, steps) for number, (problem, steps) in enumerate(asked)]
        return [verdict for verdict, _ in await asyncio.gather(*answers)]

    async def _draw(self, number: int, problem: str, steps: Sequence[str]) -> tuple[int | None, str]:
        prompt = judge_prompt_ids(self.completer, problem, steps)
        seed = draw_seed(self.seed, "judge", problem, prompt, number % self.draws)
        return await ask_judge(
            self.completer, Request(prompt_ids=prompt, sampling=self.sampling, seed=seed), len(steps)
        )


def _share_behind(step: int, verdicts: Sequence[int]) -> float:
    """Share of the verdicts that see no error up to a step."""
    if not verdicts:
        return NO_VERDICT
    return sum(verdict == -1 or verdict > step for verdict in verdicts) / len(verdicts)
