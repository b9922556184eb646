"""`prmkit audit`: how far labels can be trusted, and a filter by a second opinion."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from prmkit.cli.options import Place, PolicyOptions, RunOptions, SamplingOptions, say
from prmkit.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table as RichTable

    from labelers.coverage import Values
    from labelers.suspicious import Suspicion
    from prmkit.formats.verdicts import Verdicts
    from prmkit.records import LabeledSolution
    from prmkit.report.records import Table

SHOWN = 10
"""Suspicious steps on the terminal; the file has them all."""


def _judge_sampling() -> SamplingOptions:
    """Greedy, and room to think."""
    return SamplingOptions(temperature=0.0, max_tokens=2048)


@dataclass(frozen=True, kw_only=True)
class Audit:
    """Hold step labels against the truth, against values from many rollouts, and against a second opinion."""

    labels: Place
    """Run directory of `prmkit label`, or a Parquet or JSONL file of its columns."""
    out: Place
    """Folder of audit.json, suspicious.jsonl and, with --consensus, consensus.parquet."""
    truth: str | None = None
    """oracle, or a file: ProcessBench, PRMBench, PRM800K or judgements. By default the oracle, for stories only."""
    reference: str | None = None
    """A second table of the same solutions from many more rollouts; or `simulated`: that engine's exact values."""
    second_opinion: str | None = None
    """judge (the model of --policy reads the solutions), oracle, or a file as for --truth."""
    consensus: Literal["steps", "solutions"] | None = None
    """Write what labels and second opinion agree on: solutions up to the first disagreement, or whole solutions."""
    suspicious: int = 50
    """Steps in suspicious.jsonl at most."""
    seed: int = 0
    """Of the bootstrap and of the judge's draws."""
    policy: Annotated[PolicyOptions, tyro.conf.arg(name="")] = field(default_factory=PolicyOptions)
    sampling: Annotated[SamplingOptions, tyro.conf.arg(name="")] = field(default_factory=_judge_sampling)
    where: Annotated[RunOptions, tyro.conf.arg(name="")] = field(default_factory=RunOptions)

    def run(self) -> None:
        """Do it."""
        from rich import print as show

        from labelers.suspicious import Evidence, suspicious_steps
        from prmkit.cli.describe import resolved
        from prmkit.files import write_json, write_text
        from prmkit.report.terminal import figures_table
        from prmkit.tables import read_labels

        self._check()
        labeled = read_labels(self.labels)
        if not labeled:
            raise InputError(f"{self.labels}: no labelled solutions in it")
        truths = self._truths(labeled)
        tables, values = self._reference(labeled)
        opinions = self._opinions(labeled)
        tables = [*self._truth_tables(labeled, truths), *tables, *self._consensus(labeled, opinions, truths)]
        evidence = [
            Evidence(truth=truth, opinion=opinion, values=row)
            for truth, opinion, row in zip(truths, opinions, values, strict=True)
        ]
        steps = suspicious_steps(labeled, evidence, most=self.suspicious)
        figures = {table.key: table.to_json() for table in tables}
        write_json(self.out / "audit.json", figures | {"config": resolved(self)})
        lines = [json.dumps(each.to_json(), ensure_ascii=False) + "\n" for each in steps]
        write_text(self.out / "suspicious.jsonl", "".join(lines))
        for table in tables:
            show(figures_table(table))
        if steps:
            show(_suspicious_table(steps[:SHOWN]))
        say(f"{len(labeled)} solutions audited; figures in {self.out / 'audit.json'}")
        say(f"{len(steps)} suspicious steps in {self.out / 'suspicious.jsonl'}")

    def _check(self) -> None:
        """Refuse contradictory options before any work is done."""
        if self.suspicious < 0:
            raise InputError(f"--suspicious must not be negative, got {self.suspicious}")
        if self.consensus is not None and self.second_opinion is None:
            raise InputError("--consensus needs a --second-opinion that the labels can agree with")
        judge = (self.policy, self.sampling, self.where)
        if self.second_opinion != "judge" and judge != (PolicyOptions(), _judge_sampling(), RunOptions()):
            raise InputError("options of policy, sampling and engines are the judge's: add --second-opinion judge")
        if self.policy.prompt is not None or self.policy.separator is not None:
            raise InputError("the judge has a prompt of its own; leave out --prompt and --separator")
        if self.out.exists() and not self.out.is_dir():
            raise InputError(f"--out {self.out}: a file; give a folder")

    def _truths(self, labeled: "Sequence[LabeledSolution]") -> "Sequence[Verdicts | None]":
        """The truth about every solution, as far as there is one."""
        from prmkit.evaluation.verdicts import find_verdicts, oracle_verdicts

        solutions = [each.solution for each in labeled]
        if self.truth is not None:
            found = find_verdicts(self.truth, solutions)
        elif (stories := oracle_verdicts(solutions)) is not None:
            say("truth: the oracle, because all problems are arithmetic stories")
            return stories
        else:
            say("truth: none, because the problems are no arithmetic stories and --truth names no file")
            return [None] * len(labeled)
        say(f"truth: {self.truth} judges {sum(each is not None for each in found)} of {len(labeled)} solutions")
        return found

    def _truth_tables(self, labeled: "Sequence[LabeledSolution]", truths: "Sequence[Verdicts | None]") -> "list[Table]":
        from labelers.audit import pass_rates, truth_tables

        return truth_tables(labeled, truths, pass_rates(labeled), self.seed) if any(truths) else []

    def _reference(self, labeled: "Sequence[LabeledSolution]") -> "tuple[list[Table], Sequence[Values | None]]":
        """Tables and true values, from a second run or a completer that knows them."""
        from labelers.coverage import coverage_table, exact_values, reference_values
        from prmkit.evaluation.label_quality import class_agreement
        from prmkit.files import locate
        from prmkit.report.tables import class_table
        from prmkit.tables import read_labels

        if self.reference is None:
            return [], [None] * len(labeled)
        if self.reference == "simulated":
            values = exact_values(labeled, _simulated_value())
            return [coverage_table(labeled, values, self.seed)], values
        reference = read_labels(locate(self.reference))
        few, many = (max(one.rollouts for each in all_ for one in each.estimates) for all_ in (labeled, reference))
        classes = class_table(class_agreement(labeled, reference, seed=self.seed), few, many)
        values = reference_values(labeled, reference)
        return [classes, coverage_table(labeled, values, self.seed)], values

    def _opinions(self, labeled: "Sequence[LabeledSolution]") -> "Sequence[Verdicts | None]":
        """A second opinion on every solution, as far as there is one."""
        from prmkit.evaluation.verdicts import find_verdicts

        if self.second_opinion is None:
            return [None] * len(labeled)
        solutions = [each.solution for each in labeled]
        source = self.second_opinion
        if source == "judge":
            source = str(self._judge(labeled))
        return find_verdicts(source, solutions)

    def _judge(self, labeled: "Sequence[LabeledSolution]") -> Path:
        """Ask the model of --policy; its judgements are a run directory, continued like any other."""
        from labelers.cluster import run_task
        from labelers.judge import JudgeTask
        from labelers.ledger import Ledger
        from prmkit.rewards.judge import PROMPT
        from prmkit.runs import contents
        from prmkit.tables import read_rows, solution_row

        options = self.where.cluster()
        task = JudgeTask(sampling=self.sampling.sampling(), seed=self.seed)
        spec = self.policy.spec()
        solutions = [each.solution for each in labeled]
        source = contents((each.name, solution_row(each)) for each in solutions)
        config = self.where.identity("judge", task, spec, prompt=PROMPT, solutions=source)
        folder = self.out / "judgements"
        done = run_task(task, solutions, spec, Ledger(folder, config), options=options, what="judging")
        rows = read_rows(folder, ("solution",))
        unread = sum(row["first_error"] is None for _, row in rows)
        say(f"judge: {len(rows)} answers, {unread} of them without a verdict that can be read")
        say(done.report(folder))
        return folder

    def _consensus(
        self,
        labeled: "Sequence[LabeledSolution]",
        opinions: "Sequence[Verdicts | None]",
        truths: "Sequence[Verdicts | None]",
    ) -> "list[Table]":
        """Tables of the second opinion; writes what both agree on where that is asked for."""
        from labelers.audit import first_error_table, with_first_error
        from labelers.consensus import Level, consensus, share_tables, truth_table
        from prmkit.records import LABEL_SCHEMA
        from prmkit.tables import label_row, write_rows

        if not any(opinions):
            return []
        title = "First error by the second opinion, by its index"
        judged = with_first_error(labeled, opinions)
        tables = [first_error_table(judged, self.seed, key="second_opinion", title=title)]
        if self.consensus is None:
            return tables
        found = consensus(labeled, opinions, Level(self.consensus))
        tables += share_tables(labeled, found, self.seed)
        if any(truths):
            tables.append(truth_table(labeled, truths, found, self.seed))
        file = self.out / "consensus.parquet"
        write_rows(file, [label_row(each) for each in found.kept], LABEL_SCHEMA)
        say(f"consensus: {len(found.kept)} of {len(labeled)} solutions in {file}, for prmkit train --labels")
        return tables


def _simulated_value() -> Callable[[str, Sequence[str]], float]:
    """The exact value of a story's prefix under `--engine simulated`.

    Raises:
        InputError: (the function that is returned) The problem is not an arithmetic story.
    """
    from prmkit.completers.engines import Engine, EngineSpec
    from prmkit.completers.simulated import SimulatedCompleter
    from prmkit.models import resolve_model

    completer = EngineSpec(engine=Engine.SIMULATED, policy=resolve_model("demo")).build()
    assert isinstance(completer, SimulatedCompleter)

    def value(problem: str, steps: Sequence[str]) -> float:
        try:
            return completer.value(problem, steps)
        except ValueError as error:
            raise InputError(f"--reference simulated knows the values of stories only: {error}") from None

    return value


def _suspicious_table(steps: "Sequence[Suspicion]") -> "RichTable":
    """The first of them, for a person to read."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(title="most suspicious steps", show_lines=True)
    for name in ("solution, step", "label", "right", "strength", "why"):
        table.add_column(name, overflow="fold")
    for each in steps:
        table.add_row(
            f"{escape(each.solution)}, {each.step}",
            each.label,
            f"{each.successes} of {each.rollouts}",
            f"{each.strength:.2f}",
            f"{'; '.join(each.reasons)}\n[dim]{escape(each.text)}[/]",
        )
    return table
