"""`prmkit compare`: a PRM against an ORM and majority voting, on one pool of solutions, with intervals."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from prmkit.cli.compare_steps import step_tables, threshold_of
from prmkit.cli.options import PolicyOptions, RunOptions, SamplingOptions, say
from prmkit.cli.reward_options import RewardOptions

if TYPE_CHECKING:
    from prmkit.records import ScoredSolution, Solution, StepEstimate
    from prmkit.report import Example, Report, Table
    from prmkit.report.tables import Cost

POOL_SIZE = 64
"""Solutions drawn of each problem unless -n says otherwise."""
EXAMPLE_ROLLOUTS = 8
"""Rollouts per step of the solutions shown, where the pool is drawn here."""


@dataclass(frozen=True, kw_only=True)
class Compare:
    """Compare a PRM with an ORM and majority voting by best-of-n on one pool of solutions."""

    prm: tuple[Path, ...]
    """Process reward model: a folder written by `prmkit train prm`; several make an ensemble."""
    orm: tuple[Path, ...]
    """Outcome reward model: a folder written by `prmkit train orm`, from the same solutions; or several."""
    out: Path
    """Folder of report.html and metrics.json; an unfinished pool beside them is continued, its scores are made anew."""
    problems: str | None = None
    """FILE.jsonl, FILE.parquet, hf:NAME[:CONFIG]:SPLIT, or demo:N[:LEVEL]; a pool of their solutions is drawn."""
    pool: Path | None = None
    """Or an existing pool: a run directory of `prmkit sample`, or a file of its columns."""
    n: Annotated[int | None, tyro.conf.arg(aliases=["-n"])] = None
    """Solutions drawn per problem, by default 64. With --pool all it holds."""
    searches: tuple[Path, ...] = ()
    """Run directories of `prmkit search` on the same problems, set beside best-of-n for the same tokens."""
    labels: Path | None = None
    """Monte-Carlo labels (`prmkit label`): judged where the problems are stories, and shown step by step."""
    reference_labels: Path | None = None
    """Labels of the same solutions from many more rollouts; the classes of --labels are held against theirs."""
    examples: int = 24
    """Solutions shown step by step."""
    rollouts: int | None = None
    """Rollouts per step of those shown: by default 8, and 0 with --pool (whose policy --policy must name)."""
    limit: int | None = None
    """Take only the first so many problems."""
    seed: int = 0
    """Of all draws, of the bootstrap, and of the choice of solutions shown."""
    rewards: Annotated[RewardOptions, tyro.conf.arg(name="")] = field(default_factory=RewardOptions)
    policy: Annotated[PolicyOptions, tyro.conf.arg(name="")] = field(default_factory=PolicyOptions)
    sampling: Annotated[SamplingOptions, tyro.conf.arg(name="")] = field(default_factory=SamplingOptions)
    where: Annotated[RunOptions, tyro.conf.arg(name="")] = field(default_factory=RunOptions)

    def run(self) -> None:
        """Do it."""
        from rich import print as show

        from prmkit.report import write_report
        from prmkit.report.terminal import comparison_table

        report = self.build()
        write_report(self.out, report)
        show(comparison_table(report.comparison))
        say(report.headline)
        say(f"report: {self.out / 'report.html'}")

    def build(
        self, title: str = "PRM against ORM", command: str | None = None, costs: "Sequence[Cost]" = ()
    ) -> "Report":
        """Draw or read the pool, score and compare it.

        Args:
            title: Heading of the report.
            command: What reproduces it; by default this command.
            costs: Of earlier stages, to be shown before those of this one.
        """
        from prmkit.cli.describe import command_line, resolved
        from prmkit.evaluation.comparison import compare_pool
        from prmkit.evaluation.pools import build_pools
        from prmkit.evaluation.runs import drawn_per_problem, read_search
        from prmkit.report import Report
        from prmkit.report.tables import cost_table, headline, search_table
        from prmkit.report.versions import package_versions

        self._check()
        pool, spent = make_pool(self)
        scored = {}
        for name, models in (("prm", self.prm), ("orm", self.orm)):
            scored[name], cost = self._score(name, models, pool)
            spent.append(cost)
        solutions = [each.solution for each in scored["prm"]]
        scores = {name: [each.score for each in rows] for name, rows in scored.items()}
        comparison = compare_pool(build_pools(solutions, scores, drawn=drawn_per_problem(pool)), seed=self.seed)
        searches = [read_search(run, comparison, seed=self.seed) for run in self.searches]
        labels = self._label_tables()
        thresholds = {"prm": threshold_of(self.prm), "orm": threshold_of(self.orm)}
        examples, shown = self._examples(scored)
        return Report(
            title=title,
            headline=headline(comparison),
            notes=_notes(pool),
            comparison=comparison,
            tables=(
                *([search_table(searches)] if searches else []),
                *labels,
                *step_tables(scored, thresholds, self.seed),
                cost_table([*costs, *spent, *shown]),
            ),
            examples=examples,
            examples_note="Chosen at random, half of them right where there are enough.",
            config=resolved(self),
            versions=package_versions(),
            command=command or command_line("compare", self),
        )

    def _check(self) -> None:
        """Refuse contradictory options before any work is done."""
        from prmkit.errors import InputError, MissingFileError
        from prmkit.rewards.metadata import RewardMetadata

        if (self.problems is None) == (self.pool is None):
            raise InputError("give either --problems, of which a pool is drawn, or an existing --pool")
        if self.pool is not None and (self.n is not None or self.limit is not None):
            raise InputError("--n and --limit say how a pool is drawn; with --pool all of it is taken")
        if (self.n is not None and self.n < 1) or self.examples < 0 or (self.rollouts or 0) < 0:
            raise InputError(
                f"need n >= 1, examples >= 0, rollouts >= 0; got {self.n}, {self.examples}, {self.rollouts}"
            )
        if self.reference_labels is not None and self.labels is None:
            raise InputError("--reference-labels are held against --labels; give both")
        self.rewards.check(list(map(str, self.prm if len(self.prm) > 1 else self.orm)))
        for kind, folder in [*(("prm", each) for each in self.prm), *(("orm", each) for each in self.orm)]:
            if (found := RewardMetadata.read(folder).kind) != kind:
                raise InputError(f"--{kind} {folder}: the folder holds a reward model of the kind {found}")
        if len({each.resolve().name for each in self.searches}) < len(self.searches):
            raise InputError("--searches are told apart by the names of their folders; two of them have the same")
        for source in filter(None, (self.pool, self.labels, self.reference_labels, *self.searches)):
            if not source.exists():
                raise MissingFileError(f"{source}: no such file or run directory")

    def _score(self, name: str, models: Sequence[Path], pool: Path) -> "tuple[list[ScoredSolution], Cost]":
        """Scores of the whole pool by one model, stored in OUT/scores-NAME."""
        from prmkit.cli.score import Score
        from prmkit.report.tables import Cost
        from prmkit.tables import read_scores

        began = time.monotonic()
        folder = self.out / f"scores-{name}"
        rewards = self.rewards if len(models) > 1 else replace(self.rewards, ensemble=None, deviations=None)
        Score(model=tuple(map(str, models)), solutions=pool, out=folder, rewards=rewards).run()
        return read_scores(folder), Cost(stage=f"score by {name.upper()}", seconds=time.monotonic() - began)

    def _label_tables(self) -> "list[Table]":
        """Label quality, as far as there are labels, stories and reference labels."""
        from prmkit.evaluation.judged import judge_stories
        from prmkit.evaluation.label_quality import class_agreement, oracle_agreement
        from prmkit.report.tables import class_table, oracle_tables
        from prmkit.tables import read_labels

        if self.labels is None:
            return []
        tables: list[Table] = []
        labeled = read_labels(self.labels)
        judged = judge_stories([each.solution for each in labeled])
        if judged is not None:
            tables += oracle_tables(oracle_agreement(labeled, judged, seed=self.seed))
        if self.reference_labels is not None:
            reference = read_labels(self.reference_labels)
            few, many = (max(one.rollouts for each in all_ for one in each.estimates) for all_ in (labeled, reference))
            tables.append(class_table(class_agreement(labeled, reference, seed=self.seed), few, many))
        return tables

    def _examples(self, scored: "Mapping[str, list[ScoredSolution]]") -> "tuple[tuple[Example, ...], list[Cost]]":
        """The solutions shown, with rates from --labels or from rollouts drawn for them, and what those cost."""
        from prmkit.evaluation.judged import judge_stories
        from prmkit.report.examples import choose_examples, make_example
        from prmkit.tables import read_labels

        solutions = [each.solution for each in scored["prm"]]
        chosen = choose_examples(solutions, self.examples, self.seed)
        rates: dict[str, tuple[StepEstimate, ...]] = {}
        costs: list[Cost] = []
        rollouts = (0 if self.pool else EXAMPLE_ROLLOUTS) if self.rollouts is None else self.rollouts
        if self.labels is not None:
            rates = {each.solution.name: each.estimates for each in read_labels(self.labels)}
            labelled = [index for index, each in enumerate(solutions) if each.name in rates]
            if labelled and not rollouts:
                chosen = [
                    labelled[at]
                    for at in choose_examples([solutions[each] for each in labelled], self.examples, self.seed)
                ]
        if rollouts and chosen:
            drawn, costs = self._draw_rates([solutions[index] for index in chosen], rollouts)
            rates |= drawn
        judged = judge_stories([solutions[index] for index in chosen])
        examples = [
            make_example(
                solutions[index],
                step_scores=scored["prm"][index].step_scores,
                scores={name: rows[index].score for name, rows in scored.items()},
                estimates=rates.get(solutions[index].name),
                judgement=judged[place] if judged else None,
            )
            for place, index in enumerate(chosen)
        ]
        return tuple(examples), costs

    def _draw_rates(
        self, solutions: "list[Solution]", rollouts: int
    ) -> "tuple[dict[str, tuple[StepEstimate, ...]], list[Cost]]":
        """Label the solutions that are shown."""
        from labelers.ledger import read_cost
        from prmkit.cli.label import Label
        from prmkit.records import SOLUTION_SCHEMA
        from prmkit.report.tables import Cost
        from prmkit.tables import read_labels, solution_row, write_rows

        source, folder = self.out / "examples.parquet", self.out / "examples"
        write_rows(source, [solution_row(each) for each in solutions], SOLUTION_SCHEMA)
        Label(
            solutions=str(source),
            out=folder,
            rollouts=rollouts,
            seed=self.seed,
            policy=self.policy,
            sampling=self.sampling,
            where=self.where,
        ).run()
        rates = {each.solution.name: each.estimates for each in read_labels(folder)}
        seconds, tokens = read_cost(folder)
        return rates, [Cost(stage="label the solutions shown", seconds=seconds, tokens=tokens)]


def make_pool(command: Compare) -> "tuple[Path, list[Cost]]":
    """The pool to compare on, and what it cost: the one that is given, or one that is drawn into OUT/pool."""
    from labelers.ledger import read_cost
    from prmkit.cli.sample import Sample
    from prmkit.report.tables import Cost

    pool = command.pool or command.out / "pool"
    if command.problems is not None:
        Sample(
            problems=command.problems,
            out=pool,
            n=command.n or POOL_SIZE,
            limit=command.limit,
            seed=command.seed,
            policy=command.policy,
            sampling=command.sampling,
            where=command.where,
        ).run()
    seconds, tokens = read_cost(pool)
    return pool, [Cost(stage="sample the pool", seconds=seconds, tokens=tokens)] if tokens else []


def _notes(pool: Path) -> tuple[str, ...]:
    from prmkit.evaluation.runs import failed_items

    notes = ["One training run of each model: the intervals cover the choice of problems, not the seed of training."]
    if failed := failed_items(pool):
        notes.append(f"{len(failed)} problems could not be sampled and are left out: {pool / 'quarantine'} says why.")
    return tuple(notes)
