"""`prmkit score`: step scores of solutions by one trained reward model, or by several together."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from prmkit.cli.options import progress, say
from prmkit.cli.reward_options import RewardEngine, RewardOptions
from prmkit.rewards.base import Aggregation

if TYPE_CHECKING:
    from labelers.ledger import Ledger
    from prmkit.records import ScoredSolution, Solution
    from prmkit.rewards.base import RewardModel

CHUNK = 512
"""Solutions scored between two updates of the progress bar."""
SHARD = 8 * CHUNK
"""Solutions whose scores are stored together; what an interrupted run stored is not scored again."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """Score every step of solutions with a reward model, or with an ensemble of several."""

    model: tuple[str, ...]
    """Folder of `prmkit train`, a published PRM (folder or hub name), or judge:MODEL; several make an ensemble."""
    solutions: Path
    """Run directory of `prmkit sample` or `prmkit label`, or a Parquet or JSONL file of their columns."""
    out: Path
    """Run directory; the scores go to OUT/shards. The same command continues an interrupted run."""
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
        self.scored()

    def scored(self, pool: "Pool | None" = None) -> "list[ScoredSolution]":
        """Score what is not scored yet, say what the scores look like, and return all of them.

        Args:
            pool: What is at `solutions`, where it was read already.
        """
        from labelers.ledger import Ledger
        from prmkit.tables import read_scores

        self.rewards.check(self.model, self.engine)
        pool = pool or Pool.read(self.solutions)
        began = time.monotonic()
        model = self._load()
        try:
            _score_missing(model, pool.solutions, Ledger(self.out, self.identity(pool)), began)
        finally:
            model.close()
        scored = read_scores(self.out)
        for line in _summary(scored, model):
            say(line)
        say(f"{len(scored)} solutions scored in {self.out}")
        return scored

    def _load(self) -> "RewardModel":
        options: dict[str, Any] = {
            "aggregation": self.aggregation,
            "neutral_weight": self.neutral_weight,
            "threshold": self.threshold,
            "calibrated": self.calibration == "stored",
        }
        return self.rewards.load(self.model, self.engine, **options)

    def identity(self, pool: "Pool") -> dict[str, Any]:
        """What decides the scores: the configuration of the run directory."""
        options = ("aggregation", "neutral_weight", "threshold", "calibration")
        return {
            "command": "score",
            **self.rewards.identity(self.model),
            "solutions": pool.content,
            **{name: getattr(self, name) for name in options},
            "shard_size": SHARD,
        }


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Solutions to be scored, read once however many models score them."""

    solutions: "list[Solution]"
    """At least one."""
    content: str
    """Tells them from others."""

    @classmethod
    def read(cls, path: Path) -> "Pool":
        """Of a run directory or a table.

        Raises:
            InputError: There are none, or they cannot be read.
        """
        from prmkit.errors import InputError
        from prmkit.files import fingerprint
        from prmkit.tables import read_solutions, solution_row

        solutions = read_solutions(path)
        if not solutions:
            raise InputError(f"{path}: no solutions in it")
        return cls(solutions=solutions, content=fingerprint([solution_row(each) for each in solutions]))


def _score_missing(model: "RewardModel", solutions: "list[Solution]", ledger: "Ledger", began: float) -> None:
    """Score and store every shard that is not there yet; its cost is the time since the last one, or since `began`."""
    from prmkit.records import SCORE_SCHEMA
    from prmkit.rewards.scored import score_solutions
    from prmkit.tables import score_row

    finished = ledger.finished()
    with progress("scoring", len(solutions)) as advance:
        for shard, first in enumerate(range(0, len(solutions), SHARD)):
            members = solutions[first : first + SHARD]
            if shard in finished:
                advance(len(members))
                continue
            rows = []
            for start in range(0, len(members), CHUNK):
                chunk = members[start : start + CHUNK]
                rows += [score_row(each) for each in score_solutions(model, chunk)]
                advance(len(chunk))
            ledger.write(shard, rows, SCORE_SCHEMA, [])
            now = time.monotonic()
            ledger.add_cost(now - began, 0)
            began = now


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
