"""A simulated solver of arithmetic stories whose step values are known exactly.

For tests of everything that estimates step values, and for runs at any scale without a model. It reads the problem and
the steps so far from the token ids, and writes real story solutions:

* every needed step it still has to write goes wrong with the problem's own `slip` probability;
* once a needed value is wrong, what rests on it is wrong too, until the last line, where it is repaired with
  probability `repair`.

So a prefix without a wrong needed value and with r needed steps to go has the value
``s + (1 - s) * repair`` with ``s = (1 - slip) ** r``, and any other prefix has the value ``repair``.
"""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prmkit.completers.base import Completion, Request
from prmkit.demo.oracle import STEP_PATTERN
from prmkit.demo.stories import Story
from prmkit.errors import InputError
from prmkit.records import FinishReason
from prmkit.steps import TextFormat, split_text

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class _State:
    """What a prefix comes to: the values it states for quantities of the story."""

    story: Story
    stated: dict[str, int]

    @property
    def left(self) -> list[str]:
        """Needed quantities not stated yet, in order."""
        return [name for name in self.story.needed if name not in self.stated]

    @property
    def sound(self) -> bool:
        """No needed value is wrong."""
        return all(self.stated[name] == self.story.values[name] for name in self.story.needed if name in self.stated)


class SimulatedCompleter:
    """A `Completer` that solves stories with known reliability; temperature and top_p have no meaning for it."""

    def __init__(
        self,
        tokenizer: "PreTrainedTokenizerBase",
        text_format: TextFormat,
        slip: tuple[float, float] = (0.02, 0.4),
        repair: float = 0.05,
    ) -> None:
        """Use any tokenizer that holds line breaks.

        Args:
            tokenizer: Of the policy it stands for.
            text_format: Of that policy.
            slip: Range of the chance that a step goes wrong; each problem has its own, drawn evenly from its text.
            repair: Chance that a wrong solution ends right.
        """
        self.tokenizer = tokenizer
        self.text_format = text_format
        self.slip_range = slip
        self.repair = repair

    def slip(self, problem: str) -> float:
        """The chance in [0, 1] that a step of this problem goes wrong."""
        low, high = self.slip_range
        return low + (high - low) * int(hashlib.sha256(problem.encode()).hexdigest()[:8], 16) / 2**32

    def value(self, problem: str, steps: Sequence[str]) -> float:
        """Exact chance in [0, 1] that a completion of these steps (the answer not among them) ends right."""
        state = _read(problem, steps)
        sound = (1 - self.slip(problem)) ** len(state.left) if state.sound else 0.0
        return sound + (1 - sound) * self.repair

    async def complete(self, request: Request) -> Completion:
        """Write the rest of the solution, or its next step."""
        text = str(self.tokenizer.decode(request.prompt_ids, skip_special_tokens=True))
        before, _, after = self.text_format.prompt.partition("{problem}")
        body = text.removeprefix(before)
        problem, mark, written = body.partition("?")
        if not mark:
            raise InputError(f"the simulated solver only reads arithmetic stories, not {body[:60]!r}")
        steps = split_text(written.removeprefix(after), self.text_format.separator)
        separator = self.text_format.separator
        if steps and steps[-1].startswith("The answer is"):
            return Completion(token_ids=(int(self.tokenizer.eos_token_id),), finish=FinishReason.END)
        lines = self._lines(problem + mark, steps, random.Random(request.seed))
        if request.one_step:
            lines = lines[:1]
        ids = list(self.tokenizer(separator.join(lines) + separator, add_special_tokens=False)["input_ids"])
        finish = FinishReason.STEP
        if lines[-1].startswith("The answer is") and not request.one_step:
            ids.append(int(self.tokenizer.eos_token_id))
            finish = FinishReason.END
        if len(ids) > request.sampling.max_tokens:
            ids, finish = ids[: request.sampling.max_tokens], FinishReason.LENGTH
        return Completion(token_ids=tuple(ids), finish=finish)

    def close(self) -> None:
        """Nothing to free."""

    def _lines(self, problem: str, steps: Sequence[str], rng: random.Random) -> list[str]:
        state = _read(problem, steps)
        story, stated = state.story, dict(state.stated)
        slip, sound = self.slip(problem), state.sound
        lines = []
        for name in state.left:
            fact = story.by_name[name]
            base = stated.get(fact.base or "", 0)
            right = fact.step(story.item, base)
            stated[name] = base + fact.sign * fact.number
            if sound and rng.random() < slip:
                sound = False
                stated[name] += rng.choice((-2, -1, 1, 2))
                right = right.rpartition(f"{name}: ")[0] + f"{name}: {stated[name]}."
            lines.append(right)
        answer = stated[story.asked]
        if not sound:  # answers may agree by chance: a wrong solution must end wrong, or be repaired
            answer = story.answer if rng.random() < self.repair else story.answer + rng.choice((-3, -1, 1, 3))
        return [*lines, f"The answer is {answer}."]


def _read(problem: str, steps: Sequence[str]) -> _State:
    story = Story.parse(problem)
    stated: dict[str, int] = {}
    for step in steps:
        if (match := STEP_PATTERN.fullmatch(step.strip())) and match["name"] in story.by_name:
            stated[match["name"]] = int(match["value"])
    return _State(story, stated)
