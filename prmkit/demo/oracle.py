"""The exact judge of arithmetic-story solutions, whoever wrote them.

A step is WRONG when anything it states is false in the story or it states nothing that can be checked; otherwise it
is NEEDED when it brings the answer nearer, and UNNEEDED when it derives a distractor or repeats what was derived.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from prmkit.demo.stories import Story

STEP_PATTERN = re.compile(
    r"(?:(?P<fact>\w+ has \d+ [\w ]+)(?:: (?P<left>\d+) (?P<sign>[+-]) (?P<right>\d+) = (?P<result>\d+))?\. )?"
    r"(?P<name>\w+): (?P<value>\d+)\."
)
"""A line that derives a quantity; `fact` and the sum may be left out. The value is in `name` and `value`."""
_ANSWER_STEP = re.compile(r"The answer is (\d+)\.")


class StepTruth(StrEnum):
    """What a step really is."""

    NEEDED = "needed"
    """True, new, and on the way to the answer."""
    UNNEEDED = "unneeded"
    """True, but a distractor or a repetition."""
    WRONG = "wrong"
    """Something in it is false, or it cannot be read."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The oracle's verdict on a solution."""

    steps: tuple[StepTruth, ...]
    """One per step."""
    answer_right: bool
    """The last step states the right answer."""

    @property
    def first_error(self) -> int:
        """Index of the first wrong step; -1 where there is none (as in ProcessBench)."""
        return self.steps.index(StepTruth.WRONG) if StepTruth.WRONG in self.steps else -1


def judge_solution(problem: str, steps: Sequence[str]) -> Judgement:
    """Judge a solution of the story with text `problem`.

    Raises:
        ValueError: `problem` is not an arithmetic story.
    """
    story = Story.parse(problem)
    derived: set[str] = set()
    verdicts = []
    for step in steps:
        truth, name = _judge_step(story, step.strip(), derived)
        if truth is not StepTruth.WRONG:
            derived.add(name)
        verdicts.append(truth)
    answer = _ANSWER_STEP.fullmatch(steps[-1].strip()) if steps else None
    return Judgement(tuple(verdicts), answer is not None and int(answer[1]) == story.answer)


def _judge_step(story: Story, step: str, derived: set[str]) -> tuple[StepTruth, str]:
    """The step's truth and what it derives; the answer counts as a derivation of its own."""
    if answer := _ANSWER_STEP.fullmatch(step):
        name, true, is_needed = "the answer", int(answer[1]) == story.answer, True
    elif match := STEP_PATTERN.fullmatch(step):
        name, true, is_needed = match["name"], _all_true(story, match), match["name"] in story.needed
    else:
        return StepTruth.WRONG, ""
    if not true:
        return StepTruth.WRONG, name
    return (StepTruth.NEEDED if is_needed and name not in derived else StepTruth.UNNEEDED), name


def _all_true(story: Story, match: re.Match[str]) -> bool:
    """Whether the value is right and, where they are stated, the fact is in the story and the sum is that fact's."""
    fact = story.by_name.get(match["name"])
    if fact is None or int(match["value"]) != story.values[fact.name]:
        return False
    if match["fact"] is not None and match["fact"] != fact.sentence(story.item):
        return False
    if match["left"] is None:
        return True
    stated = f"{match['fact']}: {match['left']} {match['sign']} {match['right']} = {match['result']}. "
    return fact.base is not None and fact.step(story.item, story.values[fact.base]).startswith(stated)
