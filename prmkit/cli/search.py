"""`prmkit search`: best-of-n, beam search and tree searches over problems, guided by a reward model."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
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


@dataclass(frozen=True, kw_only=True)
class SearchBestOfN(SearchBase):
    """Draw n solutions of each problem and take the one the reward model scores highest, or vote."""

    command = "best-of-n"

    n: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 16
    """Solutions per problem."""

    def method(self) -> "Method":
        """The search."""
        from search.best_of_n import BestOfN

        return BestOfN(n=self.n, **self.shared())


@dataclass(frozen=True, kw_only=True)
class SearchAdaptive(SearchBase):
    """Best-of-n in rounds, which goes on only where the calibrated score, or the vote, leaves the answer open."""

    command = "adaptive"

    n: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 16
    """Solutions per problem at most."""
    certain: float = 0.9
    """Certainty that is enough, in (0, 1)."""
    round: int = 4
    """Solutions drawn before the certainty is looked at again."""

    def method(self) -> "Method":
        """The search."""
        from search.adaptive import AdaptiveBestOfN

        if self.choice == "max":
            _check_calibrated(self.prm)
        return AdaptiveBestOfN(n=self.n, certain=self.certain, round=self.round, **self.shared())


@dataclass(frozen=True, kw_only=True)
class StepwiseBase(SearchBase):
    """What searches that draw step by step take."""

    expansions: Annotated[int, tyro.conf.arg(aliases=["-m"])] = 4
    """M: draws from each solution so far that is continued."""
    max_steps: int = 40
    """Steps of a solution at most."""
    duplicates: Literal["accept", "merge", "replace", "heat"] = "accept"
    """Equal next steps: each counts (accept); or they count once (merge), and are drawn again (replace), also at a
    raised temperature (heat)."""

    def shared(self) -> dict[str, Any]:
        """Settings that these searches have."""
        from search.nodes import Duplicates

        own = {"expansions": self.expansions, "max_steps": self.max_steps, "duplicates": Duplicates(self.duplicates)}
        return super().shared() | own


@dataclass(frozen=True, kw_only=True)
class SearchGreedy(StepwiseBase):
    """Grow a single solution: draw M next steps, keep the one the reward model scores highest."""

    command = "greedy"

    lookahead: int = 0
    """Greedy steps after which a step is scored; 0 scores it at once."""

    def method(self) -> "Method":
        """The search."""
        from search.beam import BeamSearch

        return BeamSearch(beams=1, lookahead=self.lookahead, **self.shared())


@dataclass(frozen=True, kw_only=True)
class SearchBeam(SearchGreedy):
    """Grow solutions step by step and keep the N that the reward model scores highest."""

    command = "beam"

    beams: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 4
    """N: beams kept."""

    def method(self) -> "Method":
        """The search."""
        from search.beam import BeamSearch

        return BeamSearch(beams=self.beams, lookahead=self.lookahead, **self.shared())


@dataclass(frozen=True, kw_only=True)
class SearchDVTS(SearchGreedy):
    """Grow N solutions in independent subtrees, each greedily by the reward model."""

    command = "dvts"

    beams: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 4
    """N: subtrees."""

    def method(self) -> "Method":
        """The search."""
        from search.dvts import DVTS

        return DVTS(beams=self.beams, lookahead=self.lookahead, **self.shared())


@dataclass(frozen=True, kw_only=True)
class SearchLookahead(SearchBeam):
    """Beam search that scores every step by what the policy would greedily write after it."""

    command = "lookahead"

    lookahead: int = 1
    """Greedy steps after which a step is scored; at least 1."""

    def method(self) -> "Method":
        """The search."""
        from prmkit.errors import InputError

        if self.lookahead < 1:
            raise InputError(f"--lookahead must be at least 1, got {self.lookahead}; without looking ahead it is beam")
        return super().method()


@dataclass(frozen=True, kw_only=True)
class SearchMCTS(StepwiseBase):
    """Monte-Carlo tree search with the reward model's values."""

    command = "mcts"

    simulations: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 8
    """Walks to the end of a solution at most: the budget."""
    duplicates: Literal["accept", "merge", "replace", "heat"] = "merge"
    """Equal next steps; as in other searches."""
    exploration: float = 0.2
    """Weight of what was tried seldom; 0 always follows the highest mean value."""

    def method(self) -> "Method":
        """The search."""
        from search.mcts import MCTS

        return MCTS(simulations=self.simulations, exploration=self.exploration, **self.shared())


def _check_calibrated(models: Sequence[str]) -> None:
    """Refuse models whose scores of solutions are not probabilities that were held against outcomes."""
    from prmkit.errors import InputError
    from prmkit.rewards.metadata import RewardMetadata
    from prmkit.steps import METADATA_FILE

    ours = len(models) == 1 and (Path(models[0]) / METADATA_FILE).is_file()
    if not ours or RewardMetadata.read(Path(models[0])).solution_calibration is None:
        raise InputError(
            f"--prm {' '.join(models)}: how certain its best score is nobody knows; take one model calibrated by "
            "`prmkit calibrate --level solutions`, or --choice majority or weighted"
        )


Search = (
    Annotated[SearchBestOfN, tyro.conf.subcommand("best-of-n", prefix_name=False)]
    | Annotated[SearchAdaptive, tyro.conf.subcommand("adaptive", prefix_name=False)]
    | Annotated[SearchGreedy, tyro.conf.subcommand("greedy", prefix_name=False)]
    | Annotated[SearchBeam, tyro.conf.subcommand("beam", prefix_name=False)]
    | Annotated[SearchLookahead, tyro.conf.subcommand("lookahead", prefix_name=False)]
    | Annotated[SearchDVTS, tyro.conf.subcommand("dvts", prefix_name=False)]
    | Annotated[SearchMCTS, tyro.conf.subcommand("mcts", prefix_name=False)]
)
