"""`prmkit sample`: solutions of problems, drawn from a policy and graded."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from prmkit.cli.options import PolicyOptions, SamplingOptions


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Sample solutions of problems from a policy, cut them into steps and grade their answers."""

    problems: str
    """FILE.jsonl, FILE.parquet, hf:NAME[:CONFIG]:SPLIT, or demo:N[:LEVEL]."""
    out: Path
    """Run directory. An existing one is continued, never overwritten."""
    n: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 4
    """Solutions per problem."""
    limit: int | None = None
    """Take only the first so many problems."""
    seed: int = 0
    """Of all draws (and of the demo's stories)."""
    shard_size: int = 16
    """Problems whose solutions are stored together; also the unit that is lost when a machine dies."""
    ray_address: str | None = None
    """An existing Ray cluster (auto, HOST:6379); none starts a local one."""
    engines: int = 0
    """Engines; 0 takes one per GPU, or per CPU core where there is no GPU."""
    policy: Annotated[PolicyOptions, tyro.conf.arg(name="")] = field(default_factory=PolicyOptions)
    sampling: Annotated[SamplingOptions, tyro.conf.arg(name="")] = field(default_factory=SamplingOptions)

    def run(self) -> None:
        """Do it."""
        from rich import print as show

        from labelers.cluster import ClusterOptions, run_task
        from labelers.ledger import Ledger
        from labelers.sample import SampleTask
        from prmkit.files import fingerprint
        from prmkit.formats.problems import read_problems
        from prmkit.tables import read_solutions

        task = SampleTask(sampling=self.sampling.sampling(), n=self.n, seed=self.seed)
        problems = read_problems(self.problems, seed=self.seed, limit=self.limit)
        spec = self.policy.spec()
        identity = {"command": "sample", "task": asdict(task), "policy": spec.identity(), "shard_size": self.shard_size}
        ledger = Ledger(self.out, identity | {"problems": fingerprint([asdict(each) for each in problems])})
        options = ClusterOptions(ray_address=self.ray_address, engines=self.engines)
        done = run_task(task, problems, spec, ledger, shard_size=self.shard_size, options=options, what="sampling")
        solutions = read_solutions(self.out)
        right = sum(bool(each.correct) for each in solutions) / max(1, len(solutions))
        show(f"{len(solutions)} solutions of {len(problems)} problems in {self.out}, {right:.1%} right")
        done.report(self.out)
