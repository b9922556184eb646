"""The stages of `prmkit compare --recipe stories`: commands with run directories, each continued where it stopped."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from prmkit.cli.label import Label
from prmkit.cli.options import PolicyOptions, RunOptions, SamplingOptions
from prmkit.cli.recipe_plan import Plan, Regime
from prmkit.cli.sample import Sample
from prmkit.cli.train import TrainORM, TrainPRM
from prmkit.files import write_text
from prmkit.formats.problems import read_problems
from prmkit.training.config import Optimizer, TrainConfig
from prmkit.training.objectives import Marks, Neutral, PRMObjective

if TYPE_CHECKING:
    from prmkit.report.tables import Cost

PRM = PRMObjective(neutral=Neutral.CORRECT, marks=Marks.TOKENS)
"""What the PRM learns: two classes, as Lightman et al. 2023 count them."""
_SAMPLING = SamplingOptions(max_tokens=400)
_TEST_SEED = 1_000_000
"""Added to the seed for the problems that are tested on, so that none was trained on."""
_FEW_RIGHT = 1 / 8
"""A step is labelled incorrect if at most one of eight rollouts is right: a wrong solution may end right by chance."""

Training = TrainPRM | TrainORM


@dataclass(frozen=True, kw_only=True)
class Stages:
    """Where everything is, and how it is made."""

    plan: Plan
    """How much of everything."""
    out: Path
    """Folder of everything."""
    policy: PolicyOptions
    """Who solves the problems."""
    where: RunOptions
    """On which cluster."""
    seed: int
    """Of problems, draws and training."""

    def pool(self, level: str) -> Path:
        """Solutions of held-out problems."""
        out = self.out / f"pool-{level}"
        self._sample(out, f"demo:{self.plan.test_problems}:{level}", self.plan.pool, self.seed + _TEST_SEED)
        return out

    def solutions(self, count: int) -> Path:
        """About `count` solutions to learn from; a larger number holds the smaller ones."""
        out = self.out / f"solutions-{count}"
        each = count // (self.plan.per_problem * len(self.plan.train_levels))
        problems = [
            problem
            for level in self.plan.train_levels
            for problem in read_problems(f"demo:{each}:{level}", seed=self.seed)
        ]
        source = self.out / f"problems-{count}.jsonl"
        write_text(source, "".join(f"{json.dumps(asdict(problem))}\n" for problem in problems))
        self._sample(out, str(source), self.plan.per_problem, self.seed)
        return out

    def labels(self, count: int) -> Path:
        """The same solutions, their steps labelled."""
        out = self.out / f"labels-{count}"
        Label(
            solutions=str(self.solutions(count)),
            out=out,
            rollouts=self.plan.rollouts,
            incorrect=_FEW_RIGHT,
            seed=self.seed,
            policy=self.policy,
            sampling=_SAMPLING,
            where=self.where,
        ).run()
        return out

    def outcomes(self, regime: Regime) -> Path:
        """Graded solutions that the ORM learns from."""
        from labelers.ledger import read_cost

        labels = self.labels(regime.labelled)
        if not regime.equal_cost:
            return labels
        sampled = read_cost(self.out / f"solutions-{regime.labelled}")[1]
        return self.solutions(round(regime.labelled * (1 + read_cost(labels)[1] / sampled)))

    def trainings(self, regime: Regime) -> dict[str, list[Training]]:
        """By method, the training of every run."""
        labels, outcomes = self.labels(regime.labelled), self.outcomes(regime)
        prm, orm = (
            self.out / name / str(regime.labelled) for name in ("prm", "orm-equal-cost" if regime.equal_cost else "orm")
        )
        configs = [
            TrainConfig(optimizer=Optimizer.MUON, epochs=self.plan.epochs, seed=self.seed + run)
            for run in range(self.plan.runs)
        ]
        of_many = [replace(each, epochs=2) for each in configs] if regime.equal_cost else configs
        return {
            "prm": [TrainPRM(labels=labels, out=prm / str(each.seed), objective=PRM, config=each) for each in configs],
            "orm": [TrainORM(labels=outcomes, out=orm / str(each.seed), config=each) for each in of_many],
        }

    def costs(self, regime: Regime) -> "list[Cost]":
        """What a regime's data took."""
        from prmkit.cli.describe import run_cost

        return [
            run_cost("sample solutions to learn from", self.out / f"solutions-{regime.labelled}"),
            run_cost(
                f"label their steps by {self.plan.rollouts} rollouts each", self.out / f"labels-{regime.labelled}"
            ),
            run_cost("sample the pool", self.out / f"pool-{regime.level}"),
        ]

    def _sample(self, out: Path, problems: str, n: int, seed: int) -> None:
        Sample(
            problems=problems, n=n, out=out, seed=seed, policy=self.policy, sampling=_SAMPLING, where=self.where
        ).run()
