"""`prmkit compare`: a PRM against an ORM and majority voting, on one pool of solutions, with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from prmkit.cli.compare_examples import shown_solutions
from prmkit.cli.compare_models import by_run, check_models, models_of, score_pool, training_note
from prmkit.cli.compare_steps import step_tables, threshold_of
from prmkit.cli.options import PolicyOptions, RunOptions, SamplingOptions, say
from prmkit.cli.reward_options import RewardOptions

if TYPE_CHECKING:
    from prmkit.report import Report, Table
    from prmkit.report.tables import Cost

POOL_SIZE = 64
"""Solutions drawn of each problem unless -n says otherwise."""


@dataclass(frozen=True, kw_only=True)
class Compare:
    """Compare a PRM with an ORM and majority voting by best-of-n on one pool of solutions."""

    prm: tuple[Path, ...] = ()
    """Process reward model: a folder written by `prmkit train prm`; several make an ensemble."""
    orm: tuple[Path, ...] = ()
    """Outcome reward model: a folder written by `prmkit train orm`, from the same solutions; or several."""
    training_runs: bool = False
    """The models of --prm, and as many of --orm, are training runs of one recipe with different seeds: they are
    compared run by run, and the intervals cover both problems and runs."""
    out: Path
    """Folder of report.html and metrics.json; an unfinished pool beside them is continued, its scores are made anew."""
    problems: str | None = None
    """FILE.jsonl, FILE.parquet, hf:NAME[:CONFIG]:SPLIT, or demo:N[:LEVEL]; a pool of their solutions is drawn."""
    pool: Path | None = None
    """Or an existing pool: a run directory of `prmkit sample`, or a file of its columns."""
    n: Annotated[int | None, tyro.conf.arg(aliases=["-n"])] = None
    """Solutions drawn per problem, by default 64. With --pool all it holds. With --scored as many as were
    drawn there; samples that are not in the files count as failed."""
    searches: tuple[Path, ...] = ()
    """Run directories of `prmkit search` on the same problems, set beside best-of-n for the same tokens."""
    labels: Path | None = None
    """Monte-Carlo labels (`prmkit label`): judged where the problems are stories, and shown step by step."""
    reference_labels: Path | None = None
    """Labels of the same solutions from many more rollouts; the classes of --labels are held against theirs."""
    scored: tuple[Path, ...] = ()
    """Instead of models: files of samples that others scored and graded (PRM800K's scored samples, RLHFlow's pools)."""
    recipe: Literal["stories"] | None = None
    """Instead of models: sample, label and train them first, on arithmetic stories (docs/stories-recipe.md)."""
    full: bool = False
    """With --recipe: every regime, not the default one alone."""
    examples: int = 24
    """Solutions shown step by step, and half as many problems on which PRM and ORM choose differently."""
    rollouts: int | None = None
    """Rollouts per step of --examples: by default 8, and 0 with --pool (whose policy --policy must name)."""
    dry_run: bool = False
    """Only price the comparison: draw and score the solutions of a few problems, extrapolate, and write nothing."""
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

        from prmkit.cli.compare_price import price_comparison
        from prmkit.cli.compare_recipe import run_recipe
        from prmkit.report import write_report
        from prmkit.report.terminal import comparison_tables

        if self.recipe:
            run_recipe(self)
            return
        if self.dry_run:
            say(price_comparison(self))
            return
        report = self.build()
        write_report(self.out, report)
        show(comparison_tables(report.comparison))
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
        from prmkit.cli.compare_scored import scored_report
        from prmkit.cli.describe import command_line, resolved
        from prmkit.evaluation.comparison import compare_pool
        from prmkit.evaluation.pools import build_pools
        from prmkit.evaluation.runs import drawn_per_problem, read_search
        from prmkit.report import Report
        from prmkit.report.comparison import sections
        from prmkit.report.headline import headline
        from prmkit.report.tables import cost_table, search_table
        from prmkit.report.versions import package_versions

        self.check()
        if self.scored:
            return scored_report(self)
        pool, spent = make_pool(self)
        scored, scoring = score_pool(self, pool)
        solutions = [each.solution for each in scored["prm"][0]]
        scores = {name: [[each.score for each in rows] for rows in runs] for name, runs in scored.items()}
        pools = build_pools(solutions, scores, drawn=drawn_per_problem(pool))
        comparison = compare_pool(pools, seed=self.seed)
        searches = [read_search(run, comparison, seed=self.seed) for run in self.searches]
        thresholds = by_run({name: [threshold_of(run) for run in runs] for name, runs in models_of(self).items()})
        shown = shown_solutions(self, {name: runs[0] for name, runs in scored.items()})
        return Report(
            title=title,
            headline=headline(comparison),
            notes=(training_note(self), *_failures(pool)),
            comparison=comparison,
            tables=(
                *([search_table(searches)] if searches else []),
                *sections(comparison, pools, seed=self.seed),
                *self._label_tables(),
                *step_tables(by_run(scored), thresholds, self.seed),
                cost_table([*costs, *spent, *scoring, *shown.costs]),
            ),
            examples=shown.examples,
            disagreements=shown.disagreements,
            examples_note=shown.note,
            config=resolved(self),
            versions=package_versions(),
            command=command or command_line("compare", self),
        )

    def check(self) -> None:
        """Refuse contradictory options before any work is done."""
        from prmkit.cli.compare_scored import check_scored
        from prmkit.errors import InputError, MissingFileError

        if self.scored:
            check_scored(self)
            return
        check_models(self)
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
        if len({each.resolve().name for each in self.searches}) < len(self.searches):
            raise InputError("--searches are told apart by the names of their folders; two of them have the same")
        for source in filter(None, (self.pool, self.labels, self.reference_labels, *self.searches)):
            if not source.exists():
                raise MissingFileError(f"{source}: no such file or run directory")

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


def make_pool(command: Compare) -> "tuple[Path, list[Cost]]":
    """The pool to compare on, and what it cost: the one that is given, or one that is drawn into OUT/pool."""
    from prmkit.cli.describe import run_cost
    from prmkit.cli.sample import Sample

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
    spent = run_cost("sample the pool", pool)
    return pool, [spent] if spent.tokens else []


def _failures(pool: Path) -> list[str]:
    """What could not be sampled."""
    from prmkit.evaluation.runs import failed_items

    if not (failed := failed_items(pool)):
        return []
    return [f"{len(failed)} problems could not be sampled and are left out: {pool / 'quarantine'} says why."]
