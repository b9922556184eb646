"""`prmkit search`: best-of-n or beam search over problems, guided by a reward model."""

import asyncio
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from prmkit.cli.options import PolicyOptions, SamplingOptions, say
from prmkit.cli.reward_options import RewardOptions

if TYPE_CHECKING:
    from prmkit.records import Problem
    from prmkit.tables import Row


@dataclass(frozen=True, kw_only=True)
class _Search:
    """What both searches take."""

    problems: str
    """FILE.jsonl, FILE.parquet, hf:NAME[:CONFIG]:SPLIT, or demo:N[:LEVEL]."""
    prm: tuple[str, ...]
    """Reward model that guides the search: a folder, a hub name or judge:MODEL; several make an ensemble."""
    out: Path
    """Run directory. An existing one is continued, never overwritten."""
    limit: int | None = None
    """Take only the first so many problems."""
    seed: int = 0
    """Of all draws (and of the demo's stories)."""
    shard_size: int = 16
    """Problems that are searched together and stored together."""
    rewards: Annotated[RewardOptions, tyro.conf.arg(name="")] = field(default_factory=RewardOptions)
    policy: Annotated[PolicyOptions, tyro.conf.arg(name="")] = field(default_factory=PolicyOptions)
    sampling: Annotated[SamplingOptions, tyro.conf.arg(name="")] = field(default_factory=SamplingOptions)

    def method(self) -> tuple[str, Any]:
        """Its name and the search."""
        raise NotImplementedError

    def run(self) -> None:
        """Do it."""
        import torch
        from rich.progress import track

        from labelers.ledger import Ledger
        from prmkit.errors import InputError
        from prmkit.files import fingerprint
        from prmkit.formats.problems import read_problems
        from prmkit.tables import read_rows
        from search.result import RESULT_SCHEMA

        name, method = self.method()
        if self.shard_size < 1:
            raise InputError(f"need shard_size >= 1, got {self.shard_size}")
        problems = read_problems(self.problems, seed=self.seed, limit=self.limit)
        spec = self.policy.spec()
        reward = self.rewards.load(self.prm)
        identity = {"command": name, "method": asdict(method), "policy": spec.identity()}
        identity |= self.rewards.identity(self.prm, "prm")
        digest = fingerprint([asdict(each) for each in problems])
        ledger = Ledger(self.out, identity | {"problems": digest, "shard_size": self.shard_size})
        shards = [problems[at : at + self.shard_size] for at in range(0, len(problems), self.shard_size)]
        left = [number for number in range(len(shards)) if number not in ledger.finished()]

        async def search_all() -> None:
            completer = spec.build()
            try:
                for number in track(left, description=f"{name}, {self.shard_size} problems at a time"):
                    began = time.monotonic()
                    rows, failures = await search_shard(name, method, completer, reward, shards[number])
                    ledger.write(number, rows, RESULT_SCHEMA, failures)
                    ledger.add_cost(time.monotonic() - began, sum(row["tokens"] for row in rows))
            finally:
                completer.close()

        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # the order in which several threads sum would show in the last bits of a score
        try:
            if left:
                asyncio.run(search_all())
        finally:
            torch.set_num_threads(threads)
            reward.close()
        rows = [row for _, row in read_rows(self.out, ("problem_id",))]
        right = sum(bool(row["correct"]) for row in rows)
        tokens = sum(row["tokens"] for row in rows)
        share = right / max(1, len(rows))
        say(f"{name}: {right} of {len(rows)} problems right ({share:.1%}), {tokens:,} tokens written")
        say(f"results in {self.out}; {ledger.quarantined()} problems could not be searched")


async def search_shard(
    name: str, method: Any, completer: Any, reward: Any, problems: "list[Problem]"
) -> "tuple[list[Row], list[Row]]":
    """Search problems together and grade what was chosen: rows of `RESULT_SCHEMA`, and problems that failed."""
    from prmkit.errors import EngineError, PrmkitError
    from prmkit.grading import grade_many
    from search.result import SearchResult, result_row
    from search.scoring import BatchingScorer

    scorer = BatchingScorer(reward)
    results = await asyncio.gather(
        *(method.search(completer, scorer, problem) for problem in problems), return_exceptions=True
    )
    found = [each for each in results if isinstance(each, SearchResult)]
    failures = []
    for problem, result in zip(problems, results, strict=True):
        if isinstance(result, PrmkitError | ValueError) and not isinstance(result, EngineError):
            failures.append({"item": problem.problem_id, "reason": f"{type(result).__name__}: {result}"})
        elif isinstance(result, BaseException):
            raise result  # not this problem's fault: a dead engine, a full card, a mistake in the program
    pairs = [(each.problem.known_answer(), "\n".join(each.chosen.steps) if each.chosen else "") for each in found]
    verdicts = await asyncio.to_thread(grade_many, pairs)
    rows = [result_row(each, name, verdict.equal) for each, verdict in zip(found, verdicts, strict=True)]
    return rows, failures


@dataclass(frozen=True, kw_only=True)
class SearchBestOfN(_Search):
    """Draw n solutions of each problem and take the one the reward model scores highest."""

    n: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 16
    """Solutions per problem."""

    def method(self) -> tuple[str, Any]:
        """Its name and the search."""
        from search.best_of_n import BestOfN

        return "best-of-n", BestOfN(sampling=self.sampling.sampling(), n=self.n, seed=self.seed)


@dataclass(frozen=True, kw_only=True)
class SearchBeam(_Search):
    """Grow solutions step by step and keep those the reward model scores highest."""

    beams: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 4
    """N: beams kept."""
    expansions: Annotated[int, tyro.conf.arg(aliases=["-m"])] = 4
    """M: draws from each beam at every step."""
    max_steps: int = 40
    """Steps of a solution at most."""

    def method(self) -> tuple[str, Any]:
        """Its name and the search."""
        from search.beam import BeamSearch

        sampling = self.sampling.sampling()
        return "beam", BeamSearch(
            sampling=sampling, beams=self.beams, expansions=self.expansions, max_steps=self.max_steps, seed=self.seed
        )


Search = (
    Annotated[SearchBestOfN, tyro.conf.subcommand("best-of-n", prefix_name=False)]
    | Annotated[SearchBeam, tyro.conf.subcommand("beam", prefix_name=False)]
)
