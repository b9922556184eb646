"""The comparison that `prmkit compare` makes: draw or read a pool, score it by both models, compare, report."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from prmkit.cli.compare_examples import shown_solutions
from prmkit.cli.compare_models import by_run, check_models, models_of, reading_note, score_pool, training_note
from prmkit.cli.compare_options import POOL_SIZE, CompareOptions
from prmkit.cli.compare_scored import check_scored, scored_report
from prmkit.cli.compare_steps import step_tables, threshold_of

if TYPE_CHECKING:
    from prmkit.report import Report, Table
    from prmkit.report.tables import Cost


def build_report(
    options: CompareOptions, title: str = "PRM against ORM", command: str | None = None, costs: "Sequence[Cost]" = ()
) -> "Report":
    """Draw or read the pool, score and compare it.

    Args:
        options: What.
        title: Heading of the report.
        command: What reproduces it; by default this command.
        costs: Of earlier stages, to be shown before those of this one; by default of labelling, where that is known.
    """
    from prmkit.cli.describe import command_line, resolved
    from prmkit.evaluation.comparison import compare_pool
    from prmkit.evaluation.pools import build_pools
    from prmkit.evaluation.runs import drawn_per_problem, read_search
    from prmkit.report import Report
    from prmkit.report.comparison import sections
    from prmkit.report.headline import headline
    from prmkit.report.tables import cost_table, search_table
    from prmkit.report.versions import package_versions

    check_options(options)
    if options.scored:
        return scored_report(options)
    pool, spent = make_pool(options)
    scored, scoring = score_pool(options, pool)
    solutions = [each.solution for each in scored["prm"][0]]
    scores = {name: [[each.score for each in rows] for rows in runs] for name, runs in scored.items()}
    pools = build_pools(solutions, scores, drawn=drawn_per_problem(pool))
    comparison = compare_pool(pools, sizes=options.sizes or None, seed=options.seed)
    searches = [read_search(run, comparison, seed=options.seed) for run in options.searches]
    thresholds = by_run({name: [threshold_of(run) for run in runs] for name, runs in models_of(options).items()})
    shown = shown_solutions(options, {name: runs[0] for name, runs in scored.items()})
    return Report(
        title=title,
        headline=headline(comparison),
        notes=(training_note(options), reading_note(options), *_failures(pool)),
        comparison=comparison,
        tables=(
            *([search_table(searches)] if searches else []),
            *sections(comparison, pools, seed=options.seed),
            *_label_tables(options),
            *step_tables(by_run(scored), thresholds, options.seed),
            cost_table(
                [
                    *(costs or _known_cost("label the steps that were learned from", options.labels)),
                    *spent,
                    *scoring,
                    *shown.costs,
                ]
            ),
        ),
        examples=shown.examples,
        disagreements=shown.disagreements,
        examples_note=shown.note,
        config=resolved(options),
        versions=package_versions(),
        command=command or command_line("compare", options),
    )


def check_options(options: CompareOptions) -> None:
    """Refuse contradictory options before any work is done."""
    from prmkit.errors import InputError, MissingFileError
    from prmkit.evaluation.comparison import checked_sizes

    if options.scored:
        check_scored(options)
        return
    check_models(options)
    if (options.problems is None) == (options.pool is None):
        raise InputError("give either --problems, of which a pool is drawn, or an existing --pool")
    if options.pool is not None and (options.n is not None or options.limit is not None):
        raise InputError("--n and --limit say how a pool is drawn; with --pool all of it is taken")
    if (options.n is not None and options.n < 1) or options.examples < 0 or (options.rollouts or 0) < 0:
        raise InputError(
            f"need n >= 1, examples >= 0, rollouts >= 0; got {options.n}, {options.examples}, {options.rollouts}"
        )
    if options.sizes:
        checked_sizes(options.sizes, options.sizes[-1] if options.pool else options.n or POOL_SIZE)
    if options.reference_labels is not None and options.labels is None:
        raise InputError("--reference-labels are held against --labels; give both")
    if len({each.resolve().name for each in options.searches}) < len(options.searches):
        raise InputError("--searches are told apart by the names of their folders; two of them have the same")
    for source in filter(None, (options.pool, options.labels, options.reference_labels, *options.searches)):
        if not source.exists():
            raise MissingFileError(f"{source}: no such file or run directory")


def _label_tables(options: CompareOptions) -> "list[Table]":
    """Label quality, as far as there are labels, stories and reference labels."""
    from prmkit.evaluation.judged import judge_stories
    from prmkit.evaluation.label_quality import class_agreement, oracle_agreement
    from prmkit.report.tables import class_table, oracle_tables
    from prmkit.tables import read_labels

    if options.labels is None:
        return []
    tables: list[Table] = []
    labeled = read_labels(options.labels)
    judged = judge_stories([each.solution for each in labeled])
    if judged is not None:
        tables += oracle_tables(oracle_agreement(labeled, judged, seed=options.seed))
    if options.reference_labels is not None:
        reference = read_labels(options.reference_labels)
        few, many = (max(one.rollouts for each in all_ for one in each.estimates) for all_ in (labeled, reference))
        tables.append(class_table(class_agreement(labeled, reference, seed=options.seed), few, many))
    return tables


def _known_cost(stage: str, run: Path | None) -> "list[Cost]":
    """What a run took, where it is one of `prmkit sample` or `prmkit label` and not a file or nothing."""
    from prmkit.cli.describe import run_cost

    spent = [run_cost(stage, run)] if run else []
    return [each for each in spent if each.tokens]


def make_pool(command: CompareOptions) -> "tuple[Path, list[Cost]]":
    """The pool to compare on, and what it cost: the one that is given, or one that is drawn into OUT/pool."""
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
    return pool, _known_cost("sample the pool", pool)


def _failures(pool: Path) -> list[str]:
    """What could not be sampled."""
    from prmkit.evaluation.runs import failed_items
    from prmkit.texts import counted

    if not (failed := failed_items(pool)):
        return []
    return [f"Left out: {counted(len(failed), 'problem')} that could not be sampled; {pool / 'quarantine'} says why."]
