"""`prmkit label`: Monte-Carlo step labels."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from prmkit.cli.options import PolicyOptions, RunOptions, SamplingOptions, say


@dataclass(frozen=True, kw_only=True)
class Label:
    """Label the steps of solutions by Monte-Carlo rollouts (Math-Shepherd)."""

    solutions: str
    """A run directory of `prmkit sample`, a file of its columns, or any problem source with reference solutions."""
    out: Path
    """Run directory. An existing one is continued, never overwritten."""
    rollouts: int = 8
    """Completions drawn after each step but the last, which is graded."""
    incorrect: float = 0.0
    """A step is incorrect if its rate of right completions is at most this."""
    correct: float = 0.5
    """A step is correct if its rate is at least this, and neutral between the two."""
    negligible: float = 0.05
    """Soft labels count values below this as incorrect."""
    limit: int | None = None
    """Take only the first so many solutions."""
    seed: int = 0
    """Of all draws."""
    policy: Annotated[PolicyOptions, tyro.conf.arg(name="")] = field(default_factory=PolicyOptions)
    sampling: Annotated[SamplingOptions, tyro.conf.arg(name="")] = field(default_factory=SamplingOptions)
    where: Annotated[RunOptions, tyro.conf.arg(name="")] = field(default_factory=RunOptions)

    def run(self) -> None:
        """Do it."""
        from labelers.cluster import run_task
        from labelers.ledger import Ledger
        from labelers.monte_carlo import LabelTask
        from labelers.values import Thresholds
        from prmkit.errors import InputError
        from prmkit.files import fingerprint
        from prmkit.formats.solutions import read_solution_source
        from prmkit.tables import read_labels, solution_row

        options = self.where.cluster()
        thresholds = Thresholds(incorrect=self.incorrect, correct=self.correct, negligible=self.negligible)
        task = LabelTask(
            sampling=self.sampling.sampling(), rollouts=self.rollouts, thresholds=thresholds, seed=self.seed
        )
        if self.limit is not None and self.limit < 1:
            raise InputError(f"limit must be at least 1, got {self.limit}")
        solutions = read_solution_source(self.solutions, seed=self.seed)[: self.limit]
        spec = self.policy.spec()
        identity = {
            "command": "label",
            "task": asdict(task),
            "policy": spec.identity(),
            "shard_size": options.shard_size,
        }
        ledger = Ledger(self.out, identity | {"solutions": fingerprint([solution_row(each) for each in solutions])})
        steps = sum(len(each.steps) - 1 for each in solutions)
        say(f"{len(solutions)} solutions, {steps} steps, at most {steps * self.rollouts} rollouts")
        done = run_task(task, solutions, spec, ledger, options=options, what="labelling")
        counts = [int(label) for labeled in read_labels(self.out) for label in labeled.labels]
        total = max(1, len(counts))
        shares = {
            name: counts.count(value) / total for name, value in (("incorrect", -1), ("neutral", 0), ("correct", 1))
        }
        say(f"{len(counts)} steps in {self.out}: " + ", ".join(f"{share:.1%} {name}" for name, share in shares.items()))
        say(done.report(self.out))
