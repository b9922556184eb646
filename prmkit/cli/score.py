"""`prmkit score`: step scores of solutions by one trained reward model, or by several together."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from prmkit.cli.options import progress, say
from prmkit.cli.reward_options import RewardEngine, RewardOptions
from prmkit.rewards.base import Aggregation

if TYPE_CHECKING:
    from prmkit.records import ScoredSolution, Solution
    from prmkit.rewards.base import RewardModel

CHUNK = 512
"""Solutions scored between two updates of the progress bar."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """Score every step of solutions with a reward model, or with an ensemble of several."""

    model: tuple[str, ...]
    """Folder of `prmkit train`, a published PRM (folder or hub name), or judge:MODEL; several make an ensemble."""
    solutions: Path
    """Run directory of `prmkit sample` or `prmkit label`, or a Parquet or JSONL file of their columns."""
    out: Path
    """Run directory; the scores go to OUT/shards/scores.parquet."""
    aggregation: Aggregation | None = None
    """From step scores to a solution's; default: the checkpoint's."""
    neutral_weight: float | None = None
    """A PRM's score is P(correct) + this * P(neutral); default: the checkpoint's."""
    threshold: float | None = None
    """A step that scores lower is flagged (column first_flagged); default: the checkpoint's."""
    calibration: Literal["stored", "none"] = "stored"
    """stored: apply what `prmkit calibrate` left in the checkpoint; none: scores as the model gives them."""
    engine: RewardEngine = "transformers"
    """What computes the logits; both give the same scores."""
    rewards: Annotated[RewardOptions, tyro.conf.arg(name="")] = field(default_factory=RewardOptions)

    def run(self) -> None:
        """Do it."""
        from labelers.ledger import Ledger
        from prmkit.errors import InputError
        from prmkit.records import SCORE_SCHEMA
        from prmkit.rewards.scored import score_solutions
        from prmkit.tables import read_solutions, score_row, write_rows

        self.rewards.check(self.model, self.engine)
        solutions = read_solutions(self.solutions)
        if not solutions:
            raise InputError(f"{self.solutions}: no solutions in it")
        model = self._load()
        try:
            Ledger(self.out, self._identity(solutions))
            scored: list[ScoredSolution] = []
            with progress("scoring", len(solutions)) as advance:
                for start in range(0, len(solutions), CHUNK):
                    chunk = solutions[start : start + CHUNK]
                    scored += score_solutions(model, chunk)
                    advance(len(chunk))
        finally:
            model.close()
        write_rows(self.out / "shards" / "scores.parquet", [score_row(each) for each in scored], SCORE_SCHEMA)
        for line in _summary(scored, model):
            say(line)
        say(f"{len(scored)} solutions scored in {self.out}")

    def _load(self) -> "RewardModel":
        options: dict[str, Any] = {
            "aggregation": self.aggregation,
            "neutral_weight": self.neutral_weight,
            "threshold": self.threshold,
            "calibrated": self.calibration == "stored",
        }
        return self.rewards.load(self.model, self.engine, **options)

    def _identity(self, solutions: "list[Solution]") -> dict[str, Any]:
        """What decides the scores."""
        from prmkit.files import fingerprint
        from prmkit.tables import solution_row

        options = ("aggregation", "neutral_weight", "threshold", "calibration")
        return {
            "command": "score",
            **self.rewards.identity(self.model),
            "solutions": fingerprint([solution_row(each) for each in solutions]),
            **{name: getattr(self, name) for name in options},
        }


def _summary(scored: "list[ScoredSolution]", model: "RewardModel") -> list[str]:
    """What the scores look like, in a few lines."""
    from prmkit.rewards.judge import NO_VERDICT

    mean = sum(each.score for each in scored) / len(scored)
    flagged = sum(each.first_flagged != -1 for each in scored)
    lines = [
        f"mean score {mean:.3f} ({model.aggregation} of the steps); {flagged} solutions with a step below "
        f"{model.threshold:g}"
    ]
    if unread := getattr(model, "unread", 0):
        lines.append(f"judge: {unread} solutions without a verdict that can be read, scored {NO_VERDICT:g}")
    if spreads := [spread for each in scored for spread in each.step_disagreement or ()]:
        lines.append(
            f"disagreement (standard deviation over the models, of a step): mean {sum(spreads) / len(spreads):.3f}, "
            f"largest {max(spreads):.3f}"
        )
    return lines
