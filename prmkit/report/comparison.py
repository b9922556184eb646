"""All that a report says about a comparison beyond the curves over n: sections, without the command line.

What happens per training run, where scores are over-optimised, which problems and solutions make the difference, and
how far scores can be taken for probabilities. The curves and the differences are `prmkit.report.tables`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from prmkit.evaluation.calibration_error import calibration_estimates, reliability
from prmkit.evaluation.comparison import PASS, WEIGHTED, Comparison, ProblemPool
from prmkit.evaluation.groups import Breakdown, LengthCorrelation, by_difficulty, by_length, length_correlations
from prmkit.evaluation.intervals import Bools, Estimate, Floats, Ints, paired_differences, share_estimates
from prmkit.evaluation.overoptimisation import overoptimisation
from prmkit.report.format import THIN
from prmkit.report.overoptimisation import overoptimisation_table
from prmkit.report.records import Chart, Column, Row, Table, Unit
from prmkit.report.reliability import error_table, reliability_chart, reliability_json
from prmkit.report.tables import difference_name, main_pairs, method_name


def sections(comparison: Comparison, pools: Sequence[ProblemPool], *, seed: int = 0) -> tuple[Table, ...]:
    """The sections of a comparison for `Report.tables`, with their charts; what cannot be computed is left out.

    Args:
        comparison: Of the pools.
        pools: One per problem.
        seed: Of the bootstrap.
    """
    tables: list[Table] = []
    if comparison.runs > 1:
        tables.append(runs_table(comparison, seed=seed))
    if pushed := overoptimisation(pools, comparison, seed=seed):
        tables.append(overoptimisation_table(pushed))
    tables.append(difficulty_table(comparison, by_difficulty(pools, comparison, seed=seed)))
    if (lengths := by_length(pools, comparison, seed=seed)) is not None:
        tables.append(length_table(comparison, lengths))
    if correlations := length_correlations(pools, seed=seed):
        tables.append(correlation_table(correlations))
    if (calibration := calibration_table(comparison, pools, seed=seed)) is not None:
        tables.append(calibration)
    return tuple(tables)


def runs_table(comparison: Comparison, *, seed: int = 0) -> Table:
    """Every training run by itself at the largest n; the intervals resample problems only."""
    names = [name for name, outcomes in comparison.run_outcomes.items() if len(outcomes) > 1]
    pairs = [pair for pair in main_pairs(comparison) if set(pair) & set(names)]
    last = {name: outcomes[:, :, -1:] for name, outcomes in comparison.run_outcomes.items()}

    def cells(run: int) -> tuple[Estimate, ...]:
        one = {name: values[run % len(values)] for name, values in last.items()}
        return (
            *(share_estimates(one[name], seed=seed)[0] for name in names),
            *(paired_differences(one[a], one[b], seed=seed)[0] for a, b in pairs),
        )

    return Table(
        key="runs",
        title="Training runs",
        note=f"Each by itself at n = {comparison.largest}; these intervals are over problems alone. Run i of one model "
        "is compared with run i of the other.",
        head="run",
        columns=(
            *(Column(key=name, label=method_name(name), unit=Unit.PERCENT) for name in names),
            *(Column(key=f"{a}-{b}", label=difference_name(a, b), unit=Unit.POINTS) for a, b in pairs),
        ),
        rows=tuple(Row(key=str(run + 1), label=str(run + 1), cells=cells(run)) for run in range(comparison.runs)),
    )


def difficulty_table(comparison: Comparison, breakdown: Breakdown) -> Table:
    """Problems by pass rate."""
    return _breakdown_table(
        comparison,
        breakdown,
        key="difficulty",
        title="By difficulty",
        note="Problems by the share of their solutions that are right, the hardest first, in groups of about "
        "equal size. The share is that of the very solutions that are chosen from: a vote, which looks at nothing "
        "else, wins the easy groups and loses the hard ones by that alone.",
        labels=[
            (f"{100 * each.low:.0f} to " if each.low < each.high else "") + f"{100 * each.high:.0f}{THIN}%"
            for each in breakdown.groups
        ],
    )


def length_table(comparison: Comparison, breakdown: Breakdown) -> Table:
    """Problems by the length of their solutions."""
    return _breakdown_table(
        comparison,
        breakdown,
        key="length",
        title="By solution length",
        note=f"Problems by the mean {breakdown.unit} of their solutions, in groups of about equal size.",
        labels=[f"{each.low:.0f} to {each.high:.0f}" for each in breakdown.groups],
    )


def _breakdown_table(
    comparison: Comparison, breakdown: Breakdown, *, key: str, title: str, note: str, labels: Sequence[str]
) -> Table:
    names = [name for name in comparison.accuracy if name != PASS and not name.endswith(WEIGHTED)]
    pairs, scored = main_pairs(comparison), comparison.scored
    return Table(
        key=key,
        title=title,
        note=f"{note} At n = {breakdown.n}; “best n” is the one at which most of the group is solved. Where it is "
        "less, choosing harder by the score seems to do harm (over-optimisation). The best n has no interval.",
        head=breakdown.unit,
        columns=(
            Column(key="problems", label="problems", unit=Unit.COUNT),
            *(Column(key=name, label=method_name(name), unit=Unit.PERCENT) for name in names),
            *(Column(key=f"{a}-{b}", label=difference_name(a, b), unit=Unit.POINTS) for a, b in pairs),
            *(Column(key=f"peak-{name}", label=f"best n, {method_name(name)}", unit=Unit.COUNT) for name in scored),
        ),
        rows=tuple(
            Row(
                key=str(index + 1),
                label=label,
                cells=(
                    Estimate.exact(each.problems),
                    *(each.accuracy[name] for name in names),
                    *(each.differences[pair] for pair in pairs),
                    *(Estimate.exact(each.peaks[name]) for name in scored),
                ),
            )
            for index, (label, each) in enumerate(zip(labels, breakdown.groups, strict=True))
        ),
    )


def correlation_table(correlations: Mapping[str, LengthCorrelation | None]) -> Table:
    """Reward and length."""
    return Table(
        key="length_correlation",
        title="Scores and length",
        note="Spearman's rank correlation with the length of a solution, within problems, in [−1, 1]. Correctness, of "
        "the solutions that the model scored, is the yardstick: a model whose scores go with length more than that "
        "rewards length itself.",
        head="of length with",
        columns=(
            Column(key="score", label="score", unit=Unit.NUMBER),
            Column(key="correct", label="correctness", unit=Unit.NUMBER),
        ),
        rows=tuple(
            Row(key=name, label=method_name(name), cells=(each.score, each.correct) if each else (None, None))
            for name, each in correlations.items()
        ),
    )


def calibration_table(comparison: Comparison, pools: Sequence[ProblemPool], *, seed: int = 0) -> Table | None:
    """Solution scores as probabilities of being right, with a reliability diagram; None where none lie in [0, 1]."""
    errors, curves = {}, {}
    for name in comparison.scored:
        per_run = [_scored_outcomes(pools, name, run) for run in range(len(comparison.run_outcomes[name]))]
        if not all(len(scores) and scores.min() >= 0 and scores.max() <= 1 for scores, _, _ in per_run):
            continue
        for run, arrays in enumerate(per_run, start=1):
            errors[name if len(per_run) == 1 else f"{name} run {run}"] = calibration_estimates(*arrays, seed=seed)
        together = [np.concatenate(arrays) for arrays in zip(*per_run, strict=True)]
        curves[name] = reliability(*together, seed=seed)
    if not errors:
        return None
    table = error_table(
        errors,
        "Scores of solutions held against whether they are right: the expected calibration error (ECE) over bins of "
        "equal mass, and the Brier score; 0 is best. Solutions without a score take no part: those that the length "
        "limit cut, and of published samples those without an answer or a score in the files.",
    )
    chart = Chart(
        key="reliability",
        title="Calibration of solution scores",
        note="Share right against mean score, in bins of equal mass; on the dotted line scores are probabilities.",
        legend=tuple((name, method_name(name)) for name in curves),
        svg=reliability_chart(curves, legend=False),
        data=reliability_json(curves),
    )
    return replace(table, title="Calibration", chart=chart)


def _scored_outcomes(pools: Sequence[ProblemPool], name: str, run: int) -> tuple[Floats, Bools, Ints]:
    """Finite scores of one training run, whether those solutions are right, and the numbers of their problems."""
    scores = [each.runs_of(name)[run] for each in pools]
    kept = [np.isfinite(each) for each in scores]
    return (
        np.concatenate([each[inside] for each, inside in zip(scores, kept, strict=True)]),
        np.concatenate([each.correct[inside] for each, inside in zip(pools, kept, strict=True)]),
        np.repeat(np.arange(len(pools)), [int(inside.sum()) for inside in kept]),
    )
