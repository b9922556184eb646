"""Solutions that the report of `prmkit compare` shows step by step, and what is known of their steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prmkit.cli.compare_options import CompareOptions
    from prmkit.demo.oracle import Judgement
    from prmkit.records import ScoredSolution, Solution, StepEstimate
    from prmkit.report import Disagreement, Example
    from prmkit.report.tables import Cost

EXAMPLE_ROLLOUTS = 8
"""Rollouts per step of the solutions chosen at random, where the pool is drawn here."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What the step viewer holds."""

    examples: "tuple[Example, ...]"
    """Chosen at random."""
    disagreements: "tuple[Disagreement, ...]"
    """Where PRM and ORM choose differently."""
    note: str
    """How all were chosen."""
    costs: "tuple[Cost, ...]"
    """Of rollouts drawn for them."""


def shown_solutions(command: "CompareOptions", scored: "Mapping[str, list[ScoredSolution]]") -> Shown:
    """Choose solutions, and find or draw the rates of their steps.

    Args:
        command: Says how many, from which labels, by how many rollouts.
        scored: The pool, by `prm` and `orm`; of several training runs the first.
    """
    from prmkit.tables import read_labels

    solutions = [each.solution for each in scored["prm"]]
    pairs, chosen_how = _disagreements(command, scored)
    rates: dict[str, tuple[StepEstimate, ...]] = {}
    if command.labels is not None:
        rates = {each.solution.name: each.estimates for each in read_labels(command.labels)}
    rollouts = (0 if command.pool else EXAMPLE_ROLLOUTS) if command.rollouts is None else command.rollouts
    chosen = _at_random(command, solutions, rates if not rollouts else {})
    costs: list[Cost] = []
    if rollouts and chosen:
        drawn, costs = _draw_rates(command, [solutions[index] for index in chosen], rollouts)
        rates |= drawn
    examples = _make(scored, [*chosen, *(index for pair in pairs for index in pair)], rates)
    return Shown(
        examples=tuple(examples[index] for index in chosen),
        disagreements=_pair_up(examples, pairs),
        note=chosen_how
        + (" The others are chosen at random, half of them right where there are enough." if chosen else ""),
        costs=tuple(costs),
    )


def _disagreements(
    command: "CompareOptions", scored: "Mapping[str, list[ScoredSolution]]"
) -> tuple[list[tuple[int, int]], str]:
    """Pairs of indices, a quarter as many for either model as there are examples; and the rule in words."""
    from prmkit.report.examples import find_disagreements

    solutions = [each.solution for each in scored["prm"]]
    pairs = find_disagreements(solutions, *([each.score for each in scored[name]] for name in ("prm", "orm")))
    won = {right: [pair for pair in pairs if bool(solutions[pair[0]].correct) is right] for right in (True, False)}
    most = -(-command.examples // 4)
    problems = len({each.problem.problem_id for each in solutions})
    run = " of the first training run" if command.training_runs else ""
    told = (
        f"Choosing from all solutions of a problem, only the PRM{run} is right on {len(won[True])} of {problems} "
        f"problems and only the ORM on {len(won[False])}: the first {most} of each, in the pool's order, are shown."
    )
    return [pair for right in (True, False) for pair in won[right][:most]], told


def _at_random(command: "CompareOptions", solutions: "Sequence[Solution]", rates: "Mapping[str, object]") -> list[int]:
    """Indices; among the solutions that have rates, where there are some."""
    from prmkit.report.examples import choose_examples

    known = [index for index, each in enumerate(solutions) if each.name in rates] or list(range(len(solutions)))
    return [known[at] for at in choose_examples([solutions[each] for each in known], command.examples, command.seed)]


def _make(
    scored: "Mapping[str, list[ScoredSolution]]",
    indices: Sequence[int],
    rates: "Mapping[str, tuple[StepEstimate, ...]]",
) -> "dict[int, Example]":
    """An example of each solution, by its index."""
    from prmkit.evaluation.judged import judge_stories
    from prmkit.report.examples import make_example

    solutions = [scored["prm"][index].solution for index in indices]
    judged: Sequence[Judgement | None] = judge_stories(solutions) or [None] * len(solutions)
    return {
        index: make_example(
            solution,
            step_scores=scored["prm"][index].step_scores,
            scores={name: rows[index].score for name, rows in scored.items()},
            estimates=rates.get(solution.name),
            judgement=judgement,
        )
        for index, solution, judgement in zip(indices, solutions, judged, strict=True)
    }


def _pair_up(examples: "Mapping[int, Example]", pairs: Sequence[tuple[int, int]]) -> "tuple[Disagreement, ...]":
    from prmkit.report import Disagreement

    return tuple(Disagreement(prm=examples[prm], orm=examples[orm]) for prm, orm in pairs)


def _draw_rates(
    command: "CompareOptions", solutions: "list[Solution]", rollouts: int
) -> "tuple[dict[str, tuple[StepEstimate, ...]], list[Cost]]":
    """Label the solutions that are shown."""
    from prmkit.cli.describe import run_cost
    from prmkit.cli.label import Label
    from prmkit.records import SOLUTION_SCHEMA
    from prmkit.tables import read_labels, solution_row, write_rows

    source, folder = command.out / "examples.parquet", command.out / "examples"
    write_rows(source, [solution_row(each) for each in solutions], SOLUTION_SCHEMA)
    Label(
        solutions=str(source),
        out=folder,
        rollouts=rollouts,
        seed=command.seed,
        policy=command.policy,
        sampling=command.sampling,
        where=command.where,
    ).run()
    rates = {each.solution.name: each.estimates for each in read_labels(folder)}
    return rates, [run_cost("label the solutions shown", folder)]
