"""The stages of `prmkit compare --recipe stories`: commands with run directories, each continued where it stopped."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prmkit.cli.label import Label
from prmkit.cli.options import PolicyOptions, RunOptions, SamplingOptions
from prmkit.cli.recipe_plan import Plan, Regime
from prmkit.cli.recipe_tasks import Training, seconds_of
from prmkit.cli.sample import Sample
from prmkit.cli.train import TrainORM, TrainPRM
from prmkit.rewards.base import Aggregation
from prmkit.training.choices import Marks, Neutral
from prmkit.training.config import Optimizer, TrainConfig
from prmkit.training.objectives import PRMObjective

if TYPE_CHECKING:
    from prmkit.report.tables import Cost

PRM = PRMObjective(neutral=Neutral.CORRECT, marks=Marks.TOKENS)
"""What the PRM learns: two classes, as Lightman et al. 2023 count them."""
PRM_AGGREGATION = Aggregation.MIN
"""A solution is as good as its worst step (Lightman et al. 2023)."""
_LR = 0.005
"""Of Muon: at the rate that a model of this size has by default, some training runs end without having learned."""
_SAMPLING = SamplingOptions(max_tokens=400)
_TEST_SEED = 1_000_000
"""Added to the seed for the problems that are tested on, so that none was trained on."""
_FEW_RIGHT = 1 / 8
"""A step is labelled incorrect if at most this share of its rollouts is right: a wrong one may end right by chance."""


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
        problems = f"demo:{self.plan.test_problems}:{level}"
        sample = self._sample(f"pool-{level}", problems, self.plan.pool, self.seed + _TEST_SEED)
        sample.run()
        return sample.out

    def solutions(self, count: int) -> Path:
        """About `count` solutions to learn from; a larger number holds the smaller ones."""
        sample = self._solutions(count)
        sample.run()
        return sample.out

    def labels(self, count: int) -> Path:
        """The same solutions, their steps labelled."""
        self.solutions(count)
        label = self._labels(count)
        label.run()
        return label.out

    def trainings(self, regime: Regime) -> dict[str, list[Training]]:
        """By method, the training of every run."""
        labels, count = self.labels(regime.labelled), regime.labelled
        outcomes, kind = labels, "orm"
        if regime.equal_cost:
            count, kind = self.as_many_as_cost(regime.labelled), "orm-equal-cost"
            outcomes = self.solutions(count)
        seeds = range(self.seed, self.seed + regime.runs)
        return {
            "prm": [
                TrainPRM(
                    labels=labels,
                    out=self.out / "prm" / str(regime.labelled) / str(seed),
                    objective=PRM,
                    config=self._config(regime.labelled, seed),
                )
                for seed in seeds
            ],
            "orm": [
                TrainORM(
                    labels=outcomes,
                    out=self.out / kind / str(regime.labelled) / str(seed),
                    config=self._config(count, seed),
                )
                for seed in seeds
            ],
        }

    def as_many_as_cost(self, labelled: int) -> int:
        """Solutions that the tokens of so many labelled ones, rollouts included, would have paid for.

        Tokens that were really spent: what an interruption threw away was paid for too.
        """
        from labelers.ledger import read_cost

        (_, sampled), (_, rolled_out) = (read_cost(self.out / f"{name}-{labelled}") for name in ("solutions", "labels"))
        return round(labelled * (1 + rolled_out / sampled) / self.plan.per_problem) * self.plan.per_problem

    def settings(self, regime: Regime, trainings: Mapping[str, Sequence[Training]]) -> dict[str, Any]:
        """What the report says of how the models came about: every option of every command, of the first run."""
        from prmkit.cli.describe import resolved

        commands = {
            "sample": self._solutions(regime.labelled),
            "label": self._labels(regime.labelled),
            **{f"train {name}": runs[0] for name, runs in trainings.items()},
        }
        return {"regime": asdict(regime), **{name: resolved(each) for name, each in commands.items()}}

    def _config(self, solutions: int, seed: int) -> TrainConfig:
        return TrainConfig(optimizer=Optimizer.MUON, lr=_LR, epochs=self.plan.epochs(solutions), seed=seed)

    def costs(self, regime: Regime, trainings: Mapping[str, Sequence[Training]]) -> "list[Cost]":
        """What a regime took before its comparison, which counts the pool itself."""
        from prmkit.cli.describe import run_cost
        from prmkit.report.tables import Cost

        runs = {
            "sample solutions to learn from": f"solutions-{regime.labelled}",
            f"label their steps by {self.plan.rollouts} rollouts each": f"labels-{regime.labelled}",
        }
        if regime.equal_cost:
            runs["sample the ORM's solutions"] = f"solutions-{self.as_many_as_cost(regime.labelled)}"
        return [
            *(run_cost(stage, self.out / run) for stage, run in runs.items()),
            *(
                Cost(stage=f"train {len(each)} {name.upper()}s, added up", seconds=sum(map(seconds_of, each)) or None)
                for name, each in trainings.items()
            ),
        ]

    def _solutions(self, count: int) -> Sample:
        problems = f"demo:{count // self.plan.per_problem}:{self.plan.learned_level}"
        return self._sample(f"solutions-{count}", problems, self.plan.per_problem, self.seed)

    def _labels(self, count: int) -> Label:
        return Label(
            solutions=str(self._solutions(count).out),
            out=self.out / f"labels-{count}",
            rollouts=self.plan.rollouts,
            incorrect=_FEW_RIGHT,
            seed=self.seed,
            policy=self.policy,
            sampling=_SAMPLING,
            where=self.where,
        )

    def _sample(self, name: str, problems: str, n: int, seed: int) -> Sample:
        return Sample(
            problems=problems,
            n=n,
            out=self.out / name,
            seed=seed,
            policy=self.policy,
            sampling=_SAMPLING,
            where=self.where,
        )
