"""`prmkit compare --dry-run`: what drawing the pool and scoring it will cost."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from prmkit.cli.compare_models import models_of
from prmkit.cli.compare_report import check_options
from prmkit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from prmkit.cli.compare_options import CompareOptions
    from prmkit.records import Solution


def price_comparison(command: "CompareOptions") -> str:
    """The price, in a few lines: some problems are sampled (or taken from the pool) and scored, and nothing is kept.

    Raises:
        InputError: Nothing would be drawn or scored, or the pool is not graded.
        EngineError: The engine does not start, or dies.
    """
    if command.scored:
        raise InputError("--dry-run prices drawing and scoring; with --scored neither is done")
    check_options(command)
    if command.pool is not None:
        lines, drawn, total = _from_pool(command.pool, command.seed)
    else:
        lines, drawn, total = _sampled(command)
    for name, runs in models_of(command).items():
        lines.append(_scoring(command, name, runs, drawn, total))
    return "\n".join(
        [*lines, "not in this price: the rollouts of the solutions that are shown (--examples, --rollouts)"]
    )


def _sampled(command: "CompareOptions") -> "tuple[list[str], Sequence[Solution], int]":
    from labelers.sample import SampleTask
    from labelers.sampling_price import price_sampling
    from prmkit.cli.compare_options import POOL_SIZE
    from prmkit.formats.problems import read_problems

    options = command.where.cluster()
    problems = read_problems(command.problems or "", seed=command.seed, limit=command.limit)
    task = SampleTask(sampling=command.sampling.sampling(), n=command.n or POOL_SIZE, seed=command.seed)
    price = price_sampling(task, problems, command.policy.spec(), options)
    return [price.report()], price.drawn, price.solutions


def _from_pool(pool: "Path", seed: int) -> "tuple[list[str], Sequence[Solution], int]":
    from labelers.pricing import by_problem, choose
    from prmkit.evaluation.pools import check_graded
    from prmkit.tables import read_solutions

    solutions = read_solutions(pool)
    check_graded(solutions)
    problems = by_problem(solutions)
    chosen = choose(problems, seed)
    drawn = [each for index in chosen for each in problems[index]]
    return [f"priced by {len(chosen)} of {len(problems)} problems of {pool}"], drawn, len(solutions)


def _scoring(
    command: "CompareOptions", name: str, runs: "list[tuple[Path, ...]]", drawn: "Sequence[Solution]", total: int
) -> str:
    """Every training run costs what the first one does."""
    from prmkit.rewards.scored import score_solutions

    rewards = command.rewards if len(runs[0]) > 1 else replace(command.rewards, ensemble=None, deviations=None)
    began = time.monotonic()
    model = rewards.load(list(map(str, runs[0])))
    loaded = time.monotonic()
    try:
        score_solutions(model, drawn)
    finally:
        model.close()
    pace = len(drawn) / (time.monotonic() - loaded)
    several = f" by each of {len(runs)} training runs" if len(runs) > 1 else ""
    return (
        f"score by {name.upper()}: {len(runs) * total / pace / 3600:.3g} hours for {total:,} solutions{several} "
        f"at {pace:,.0f} solutions/s measured, and {loaded - began:.0f} s to load each"
    )
