"""`prmkit label`: Monte-Carlo step labels."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import tyro

from prmkit.cli.options import Place, PolicyOptions, RunOptions, SamplingOptions, say
from prmkit.records import StepLabel, Strategy

if TYPE_CHECKING:
    from labelers.monte_carlo import LabelTask
    from prmkit.completers.engines import EngineSpec
    from prmkit.records import Solution

_LIMITS = ("confidence", "min_rollouts", "max_rollouts")
_TAKES = {Strategy.FIXED: ("rollouts",), Strategy.SEQUENTIAL: _LIMITS, Strategy.FIRST_ERROR: _LIMITS}
"""Flags of each strategy; the others' are refused beside it."""


@dataclass(frozen=True, kw_only=True)
class Label:
    """Label the steps of solutions by Monte-Carlo rollouts."""

    solutions: str
    """A run directory of `prmkit sample`, a file of its columns, or any problem source with reference solutions."""
    out: Place
    """Run directory. An existing one is continued, never overwritten."""
    strategy: Strategy = Strategy.FIXED
    """fixed: the same number of rollouts after every step but the last, which is graded (Math-Shepherd); sequential:
    as many as it takes to be sure of a step's class; first-error: a binary search for the first step after which the
    policy no longer finds the right answer (OmegaPRM), for labels that need nothing else."""
    rollouts: int | None = None
    """fixed: completions drawn after each step. Default 8."""
    confidence: float | None = None
    """sequential: posterior mass of its class at which a step has enough rollouts, default 0.85; first-error: how sure
    the first error must be, default 0.97."""
    min_rollouts: int | None = None
    """sequential, first-error: rollouts of a step before anything is decided about it. Default 4; 8."""
    max_rollouts: int | None = None
    """sequential, first-error: rollouts of a step in any case at most. Default 16."""
    filter_problems: bool = False
    """Leave out the solutions of problems whose own rollouts are all right or all wrong: they teach nothing."""
    keep_rollouts: bool = False
    """Store the rollouts too, as solutions of their own, in OUT/rollouts: label or train on them next."""
    incorrect: float = 0.0
    """A step is incorrect if its rate of right completions is at most this."""
    correct: float = 0.5
    """A step is correct if its rate is at least this, and neutral between the two."""
    negligible: float = 0.05
    """Soft labels count values below this as incorrect."""
    level: float = 0.95
    """Of the intervals (lows, highs): the share of them that is to hold the step's value."""
    dry_run: bool = False
    """Only price the run: label a few problems on the engine, extrapolate, and write nothing."""
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
        from labelers.pricing import price
        from prmkit.errors import InputError
        from prmkit.formats.solutions import read_solution_source
        from prmkit.runs import contents
        from prmkit.tables import read_labels, solution_row

        options = self.where.cluster()
        self.task()  # refuses contradictions before anything is read
        if self.limit is not None and self.limit < 1:
            raise InputError(f"limit must be at least 1, got {self.limit}")
        solutions = read_solution_source(self.solutions, seed=self.seed)[: self.limit]
        if solutions and all(each.problem.answer is None for each in solutions):
            solutions[0].problem.known_answer()  # refused at once; where only some have none, the quarantine tells
        if self.keep_rollouts:
            _check_together(solutions)
        spec = self.policy.spec()
        task = self.task(self._max_tokens(spec, solutions))
        if self.dry_run:
            say(price(task, solutions, spec, options).report())
            return
        source = contents((each.name, solution_row(each)) for each in solutions)
        identity = self.where.identity("label", task, spec, strategy=str(task.strategy), solutions=source)
        ledger = Ledger(self.out, identity)
        steps = sum(len(each.steps) - 1 for each in solutions)
        say(f"{len(solutions)} solutions, {steps} steps, at most {task.most_rollouts(solutions)} rollouts")
        done = run_task(task, solutions, spec, ledger, options=options, what="labelling")
        labels = [label for labeled in read_labels(self.out) for label in labeled.labels]
        say(f"{len(labels)} steps in {self.out}: {class_shares(labels)}")
        say(done.report(self.out))

    def _max_tokens(self, spec: "EngineSpec", solutions: "Sequence[Solution]") -> int:
        """What was asked for, else what the solutions' lengths ask for."""
        from labelers.lengths import propose_max_tokens
        from prmkit.models import load_tokenizer

        if self.sampling.max_tokens is not None:
            return self.sampling.max_tokens
        proposal = propose_max_tokens(solutions, load_tokenizer(spec.policy))
        say(f"max-tokens: {proposal.max_tokens}, {proposal.reason}")
        return proposal.max_tokens

    def task(self, proposed: int = 512) -> "LabelTask":
        """What is done with each solution.

        Args:
            proposed: Limit of tokens of a rollout, where none was asked for.

        Raises:
            InputError: The options contradict each other.
        """
        from labelers.first_error import FirstError
        from labelers.monte_carlo import LabelTask
        from labelers.stopping import Fixed, Sequential
        from labelers.values import Thresholds
        from prmkit.errors import InputError

        names = ("rollouts", *_LIMITS)
        given = {name: value for name in names if (value := getattr(self, name)) is not None}
        if wrong := [name for name in given if name not in _TAKES[self.strategy]]:
            takes, not_ = (
                ", ".join(f"--{name.replace('_', '-')}" for name in each) for each in (_TAKES[self.strategy], wrong)
            )
            raise InputError(f"--strategy {self.strategy} takes {takes}, not {not_}")
        rules = {Strategy.FIXED: Fixed, Strategy.SEQUENTIAL: Sequential, Strategy.FIRST_ERROR: FirstError}
        return LabelTask(
            sampling=self.sampling.sampling(proposed),
            rule=rules[self.strategy](**given),
            thresholds=Thresholds(incorrect=self.incorrect, correct=self.correct, negligible=self.negligible),
            level=self.level,
            filter_problems=self.filter_problems,
            keep_rollouts=self.keep_rollouts,
            seed=self.seed,
        )


def class_shares(labels: Sequence[StepLabel]) -> str:
    """The shares of the three classes, for a line on the terminal."""
    total = max(1, len(labels))
    return ", ".join(f"{labels.count(each) / total:.1%} {each.name.lower()}" for each in StepLabel)


def _check_together(solutions: "list[Solution]") -> None:
    """Refuse a source in which a problem comes back: its shared rollouts would be stored twice."""
    from prmkit.errors import InputError

    seen: set[str] = set()
    last = ""
    for each in solutions:
        if (name := each.problem.problem_id) != last and name in seen:
            raise InputError(
                f"solution {each.name} is apart from the others of its problem; "
                "--keep-rollouts needs all solutions of a problem one after the other"
            )
        seen.add(name)
        last = name
