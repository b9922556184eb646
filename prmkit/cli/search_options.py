"""What all subcommands of `prmkit search` share: their options, and how a search is run."""

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import tyro

from prmkit.cli.options import Place, PolicyOptions, RunOptions, SamplingOptions, say
from prmkit.cli.reward_options import RewardEngine, RewardOptions, located
from prmkit.rewards.base import Aggregation

if TYPE_CHECKING:
    from search.budget import Budget
    from search.method import Method

GIB = 1 << 30


@dataclass(frozen=True, kw_only=True)
class BudgetOptions:
    """What a search may spend on one problem; it stops there with the best so far."""

    budget_tokens: int | None = None
    """Tokens the policy may write for a problem."""
    budget_prm_tokens: int | None = None
    """Tokens the reward model may read for a problem; those that it keeps count once."""
    budget_seconds: float | None = None
    """Time for a problem. Others are searched at the same time, so results then depend on the machine."""

    def budget(self) -> "Budget":
        """As the searches take it."""
        from search.budget import Budget

        return Budget(tokens=self.budget_tokens, prm_tokens=self.budget_prm_tokens, seconds=self.budget_seconds)


@dataclass(frozen=True, kw_only=True)
class SearchBase:
    """What all searches take."""

    command: ClassVar[str]
    """Its name on the command line."""

    problems: str
    """FILE.jsonl, FILE.parquet, hf:NAME[:CONFIG]:SPLIT, or demo:N[:LEVEL]."""
    prm: tuple[str, ...]
    """Reward model that guides the search: a folder, a hub name or judge:MODEL; several make an ensemble."""
    out: Place
    """Run directory. An existing one is continued, never overwritten."""
    limit: int | None = None
    """Take only the first so many problems."""
    seed: int = 0
    """Of all draws (and of the demo's stories)."""
    choice: Literal["max", "majority", "weighted"] = "max"
    """The answer: of the best candidate (max), the most frequent one (majority), or that weighted by scores."""
    aggregation: Aggregation | None = None
    """From step scores to the score by which solutions are ranked; default: the checkpoint's."""
    prm_engine: RewardEngine = "transformers"
    """What computes the reward model's logits; both give the same scores."""
    prm_cache: float = 1.0
    """GiB of prefixes that a reward model keeps, so that it reads only new steps; 0 reads all of them every time."""
    concurrency: int = 64
    """Problems that an engine searches at the same time."""
    budget: Annotated[BudgetOptions, tyro.conf.arg(name="")] = field(default_factory=BudgetOptions)
    rewards: Annotated[RewardOptions, tyro.conf.arg(name="")] = field(default_factory=RewardOptions)
    policy: Annotated[PolicyOptions, tyro.conf.arg(name="")] = field(default_factory=PolicyOptions)
    sampling: Annotated[SamplingOptions, tyro.conf.arg(name="")] = field(default_factory=SamplingOptions)
    where: Annotated[RunOptions, tyro.conf.arg(name="")] = field(default_factory=RunOptions)

    def method(self) -> "Method":
        """The search."""
        raise NotImplementedError

    def shared(self) -> dict[str, Any]:
        """Settings that all searches have."""
        from search.choice import Choice

        return {
            "sampling": self.sampling.sampling(),
            "choice": Choice(self.choice),
            "budget": self.budget.budget(),
            "seed": self.seed,
        }

    def run(self) -> None:
        """Do it."""
        from labelers.cluster import run_task
        from labelers.ledger import Ledger
        from prmkit.cli.search_task import SearchTask
        from prmkit.errors import InputError
        from prmkit.formats.problems import read_problems
        from prmkit.runs import contents

        models = tuple(map(located, self.prm))
        if not 0 <= self.prm_cache < math.inf or self.concurrency < 1:
            raise InputError(f"need prm_cache >= 0 and concurrency >= 1, got {self.prm_cache} and {self.concurrency}")
        options = self.where.cluster()
        method = self.method()
        task = SearchTask(
            command=self.command,
            method=method,
            aggregation=self.aggregation,
            models=models,
            rewards=self.rewards,
            engine=self.prm_engine,
            prefix_cache=int(self.prm_cache * GIB) or None,
            concurrency=self.concurrency,
        )
        problems = read_problems(self.problems, seed=self.seed, limit=self.limit)
        self.rewards.probe(models, self.prm_engine)
        spec = self.policy.spec()
        source = contents((each.problem_id, asdict(each)) for each in problems)
        reward = self.rewards.identity(self.prm, "prm") | {"aggregation": self.aggregation, "keeps": self.prm_cache > 0}
        ledger = Ledger(self.out, self.where.identity(self.command, method, spec, problems=source, **reward))
        done = run_task(task, problems, spec, ledger, options=options, what=self.command)
        say(f"{self.command}: {self.summary(done.summary['quarantined'])}")
        say(done.report(self.out))

    def summary(self, failed: int) -> str:
        """What the run came to, all starts together; so many problems could not be searched, and count as wrong."""
        from prmkit.tables import read_rows

        rows = [row for _, row in read_rows(self.out, ("correct", "tokens"))]
        right, number = sum(bool(row["correct"]) for row in rows), len(rows) + failed
        parts = [
            f"{right} of {number} problems right ({right / max(1, number):.1%})",
            f"{sum(row['tokens'] for row in rows):,} tokens written",
        ]
        if all(row["prm_tokens"] is not None for row in rows):
            parts.append(f"{sum(row['prm_tokens'] for row in rows):,} read by the reward model")
        if without := sum(row["chosen"] is None for row in rows):
            parts.append(f"{without} without an answer")
        return ", ".join(parts)
