"""`prmkit sample`: solutions of problems, drawn from a policy and graded."""

from dataclasses import asdict, dataclass, field
from typing import Annotated

import tyro

from prmkit.cli.options import Place, PolicyOptions, RunOptions, SamplingOptions, say


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Sample solutions of problems from a policy, cut them into steps and grade their answers."""

    problems: str
    """FILE.jsonl, FILE.parquet, hf:NAME[:CONFIG]:SPLIT, or demo:N[:LEVEL]."""
    out: Place
    """Run directory. An existing one is continued, never overwritten."""
    n: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 4
    """Solutions per problem."""
    dry_run: bool = False
    """Only price the run: sample a few problems on the engine, extrapolate, and write nothing."""
    limit: int | None = None
    """Take only the first so many problems."""
    seed: int = 0
    """Of all draws (and of the demo's stories)."""
    policy: Annotated[PolicyOptions, tyro.conf.arg(name="")] = field(default_factory=PolicyOptions)
    sampling: Annotated[SamplingOptions, tyro.conf.arg(name="")] = field(default_factory=SamplingOptions)
    where: Annotated[RunOptions, tyro.conf.arg(name="")] = field(default_factory=RunOptions)

    def run(self) -> None:
        """Do it."""
        from labelers.cluster import run_task
        from labelers.ledger import Ledger
        from labelers.sample import SampleTask
        from labelers.sampling_price import price_sampling
        from prmkit.formats.problems import read_problems
        from prmkit.runs import contents
        from prmkit.tables import read_solutions

        options = self.where.cluster()
        task = SampleTask(sampling=self.sampling.sampling(), n=self.n, seed=self.seed)
        problems = read_problems(self.problems, seed=self.seed, limit=self.limit)
        spec = self.policy.spec()
        if self.dry_run:
            say(price_sampling(task, problems, spec, options).report())
            return
        source = contents((each.problem_id, asdict(each)) for each in problems)
        ledger = Ledger(self.out, self.where.identity("sample", task, spec, problems=source))
        done = run_task(task, problems, spec, ledger, options=options, what="sampling")
        solutions = read_solutions(self.out)
        right = sum(bool(each.correct) for each in solutions) / max(1, len(solutions))
        say(f"{len(solutions)} solutions of {len(problems)} problems in {self.out}, {right:.1%} right")
        say(done.report(self.out))
