"""A reward model that knows the truth about arithmetic stories, and what spoils it: for tests of search and evaluation.

What a perfect, useless, inverted or noisy process reward model leads to can then be told beforehand.
"""

from collections.abc import Sequence
from enum import StrEnum

from prmkit.demo.oracle import StepTruth, judge_solution
from prmkit.errors import InputError
from prmkit.rewards.base import Aggregation, RewardModel
from prmkit.texts import place


class Verdict(StrEnum):
    """What becomes of the truth."""

    TRUE = "true"
    """1 for a step that is not wrong, 0 for a wrong one."""
    INVERTED = "inverted"
    """0 for a step that is not wrong, 1 for a wrong one."""
    CONSTANT = "constant"
    """The same for every step."""


class OracleReward(RewardModel):
    """A `RewardModel` whose scores follow from the stories' oracle (`prmkit.demo.oracle`); no weights, no tokens."""

    threshold: float = 0.5

    def __init__(
        self,
        verdict: Verdict = Verdict.TRUE,
        *,
        unneeded: float = 1.0,
        noise: float = 0.0,
        seed: int = 0,
        aggregation: Aggregation = Aggregation.MIN,
    ) -> None:
        """Say how it fails.

        Args:
            verdict: What becomes of the truth; a constant model scores 0.5 everywhere.
            unneeded: Score in [0, 1] of a true step that is a distractor or a repetition.
            noise: Share of steps, in [0, 1], whose score is turned round (1 - score). Which ones depends on the seed
                and the text up to the step alone.
            seed: Of the noise.
            aggregation: From step scores to a solution's; the minimum says whether any step is wrong.

        Raises:
            InputError: A number is out of range.
        """
        if not 0 <= noise <= 1 or not 0 <= unneeded <= 1:
            raise InputError(f"noise and the score of unneeded steps must be in [0, 1], got {noise} and {unneeded}")
        self.verdict = verdict
        self.noise = noise
        self.seed = seed
        self.aggregation = aggregation
        self._scores = {StepTruth.NEEDED: 1.0, StepTruth.UNNEEDED: unneeded, StepTruth.WRONG: 0.0}

    def score_steps(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        """See `prmkit.rewards.base.RewardModel`.

        Raises:
            InputError: A problem is not an arithmetic story.
        """
        return [self._score(problem, steps) for problem, steps in solutions]

    def _score(self, problem: str, steps: Sequence[str]) -> list[float]:
        if self.verdict is Verdict.CONSTANT:
            return [0.5] * len(steps)
        try:
            truths = judge_solution(problem, steps).steps
        except ValueError as error:
            raise InputError(f"the oracle scores arithmetic stories only: {error}") from None
        scores = [self._scores[truth] for truth in truths]
        turned = [
            self._slips(problem, steps[: end + 1]) != (self.verdict is Verdict.INVERTED) for end in range(len(steps))
        ]
        return [1.0 - score if turn else score for score, turn in zip(scores, turned, strict=True)]

    def _slips(self, problem: str, steps: Sequence[str]) -> bool:
        """Whether noise turns the score of the last of these steps."""
        return place("\n".join([str(self.seed), problem, *steps])) < self.noise
