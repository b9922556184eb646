"""What a run of `prmkit label` will cost, before it starts.

The price is measured: some problems are labelled by the very task on the very engine, through the very cluster, into a
folder that is thrown away, and what they took is extrapolated with the sizes of all problems, which are known.
"""

import asyncio
import contextlib
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import stdtrit

from labelers.cluster import ClusterOptions, run_task
from labelers.ledger import Ledger
from labelers.monte_carlo import LabelTask
from labelers.progress import Outcome
from labelers.worker import Done, Item, Meter, Task, Usage
from prmkit.completers import Completer
from prmkit.completers.engines import EngineSpec
from prmkit.errors import EngineError, InputError
from prmkit.records import Solution
from prmkit.tables import Row, read_rows

LEVEL = 0.95
"""Of the intervals of a price."""
_SHARE = 5
"""One problem in so many is labelled for a price,"""
_FEWEST, _MOST = 8, 32
"""but at least and at most so many."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """A figure of the whole run with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        if self.low == self.high:
            return f"{self.value:,.0f}"
        return f"{self.value:,.0f} ({LEVEL:.0%}: {self.low:,.0f} to {self.high:,.0f})"


@dataclass(frozen=True, kw_only=True)
class Price:
    """What a run will cost."""

    solutions: int
    steps: int
    """Without the last of each solution."""
    problems: int
    sampled: int
    """Problems that were labelled for this price."""
    rollouts: Forecast
    most_rollouts: int
    """More cannot come."""
    tokens: Forecast
    """Written by the engine."""
    engine_hours: Forecast
    """Without start-up. The low end is for engines with every slot in use, the high end for engines as full as the
    sample's, which ran out of work sooner."""
    usage: Usage
    """Of the sample's engine."""
    seconds: float
    """That finding this price took."""

    def report(self) -> str:
        """In a few lines."""
        usage = self.usage
        return "\n".join(
            [
                f"priced by {self.sampled} of {self.problems} problems, labelled in {self.seconds:.0f} s "
                f"({usage.starting:.0f} s of it to start the engine); nothing was stored",
                f"solutions: {self.solutions:,}",
                f"steps: {self.steps:,}",
                f"rollouts: {self.rollouts}, at most {self.most_rollouts:,}",
                f"tokens: {self.tokens}",
                hours_line(self.engine_hours, usage),
            ]
        )


def price(task: LabelTask, solutions: Sequence[Solution], spec: EngineSpec, options: ClusterOptions) -> Price:
    """Label a few problems, store nothing, and extrapolate.

    Args:
        task: Of the run to be priced.
        solutions: All of them; at least one.
        spec: The engine.
        options: Where the engines run; one of them is used.

    Raises:
        InputError: There are no solutions, or those of the sample need no rollouts.
        EngineError: The engine does not start, or dies.
    """
    if not solutions:
        raise InputError("there are no solutions to label")
    began = time.monotonic()
    problems = by_problem(solutions)
    chosen = choose(problems, task.seed)
    items = [problems[index] for index in chosen]
    together = replace(options, shard_size=len(chosen))
    with trial(PriceTask(task=task), items, spec, together, "labelling a sample") as (folder, outcome):
        rows = [row for _, row in read_rows(folder, ("name", "rollouts", "tokens"))]
    seconds = time.monotonic() - began
    return forecast(task, problems, chosen, rows, usage=outcome.account.usage, seconds=seconds)


@contextlib.contextmanager
def trial(
    task: Task[Item], items: Sequence[Item], spec: EngineSpec, options: ClusterOptions, what: str
) -> Iterator[tuple[Path, Outcome]]:
    """Do a task for a few items on one engine: the run's folder, which goes with the block, and what it came to."""
    with tempfile.TemporaryDirectory(prefix="prmkit-price-") as name:
        folder = Path(name)
        one = replace(options, engines=1)
        yield folder, run_task(task, items, spec, Ledger(folder, {}), options=one, what=what)


def by_problem(solutions: Sequence[Solution]) -> list[list[Solution]]:
    """Solutions of one problem, wherever they stand, in the order of first appearance.

    What such a group costs depends on nothing beside it where it stands together, as in a run of `prmkit sample`;
    solutions that stand apart may share fewer rollouts than this says.
    """
    problems: dict[str, list[Solution]] = {}
    for each in solutions:
        problems.setdefault(each.problem.problem_id, []).append(each)
    return list(problems.values())


def choose(problems: Sequence[object], seed: int) -> list[int]:
    """Which problems are done for a price: every one equally likely."""
    count = min(len(problems), max(_FEWEST, min(_MOST, len(problems) // _SHARE)))
    return sorted(random.Random(seed).sample(range(len(problems)), count))


def forecast(
    task: LabelTask,
    problems: Sequence[list[Solution]],
    chosen: Sequence[int],
    rows: Sequence[Row],
    *,
    usage: Usage,
    seconds: float,
) -> Price:
    """Extrapolate from the chosen problems.

    Args:
        task: Of the run.
        problems: All.
        chosen: Indices of those that were labelled.
        rows: What these took, in any order (`name`, `rollouts`, `tokens`).
        usage: Of the engine that labelled them.
        seconds: That this took.

    Raises:
        InputError: The sample needed no rollouts, so that there is no rate.
    """
    took = {row["name"]: row for row in rows}
    drawn = [took[problems[index][0].name] for index in chosen]
    sizes = np.array([_sizes(each) for each in problems], dtype=np.float64)
    rollouts = extrapolate(np.array([row["rollouts"] for row in drawn], dtype=np.float64), sizes[:, 0], chosen)
    tokens = extrapolate(np.array([row["tokens"] for row in drawn], dtype=np.float64), sizes[:, 1], chosen)
    if not usage.tokens:
        raise InputError(
            f"{len(chosen)} of {len(problems)} problems were labelled for the price and needed no rollouts; "
            "another --seed labels others"
        )
    solutions = [each for same in problems for each in same]
    most_rollouts = task.most_rollouts(solutions)
    return Price(
        solutions=len(solutions),
        steps=sum(len(each.steps) - 1 for each in solutions),
        problems=len(problems),
        sampled=len(chosen),
        rollouts=replace(rollouts, high=min(rollouts.high, most_rollouts)),
        most_rollouts=most_rollouts,
        tokens=tokens,
        engine_hours=forecast_hours(tokens, usage),
        usage=usage,
        seconds=seconds,
    )


def forecast_hours(tokens: Forecast, usage: Usage) -> Forecast:
    """Engine hours of so many tokens, from engines that are always full to engines as full as the sample's."""
    per_hour = usage.tokens / usage.seconds * 3600
    fullness = min(1.0, usage.full_seconds / usage.seconds) or 1.0
    return Forecast(value=tokens.value / per_hour, low=tokens.low / per_hour * fullness, high=tokens.high / per_hour)


def hours_line(hours: Forecast, usage: Usage) -> str:
    """Of a report."""
    return (
        f"engine hours: {hours.value:.3g} ({hours.low:.3g} to {hours.high:.3g}) "
        f"at {usage.tokens / usage.seconds:,.0f} tokens/s measured, and {usage.starting:.0f} s to start each"
    )


def extrapolate(took: Floats, sizes: Floats, chosen: Sequence[int]) -> Forecast:
    """The total of all problems by the ratio estimator, with its interval for sampling without replacement.

    Args:
        took: What the m chosen problems took.
        sizes: `[M]`, known sizes of all problems, to which what they take is about proportional; positive.
        chosen: Their m indices.

    Returns:
        Exact where all were chosen, or where the proportion is the same in all that were.
    """
    picked = sizes[list(chosen)]
    ratio = took.sum() / picked.sum()
    total, rest = ratio * sizes.sum(), len(sizes) - len(picked)
    if not rest:
        return Forecast(value=float(took.sum()), low=float(took.sum()), high=float(took.sum()))
    if len(picked) == 1:
        return Forecast(value=float(total), low=float(took.sum()), high=float("inf"))
    spread = np.sqrt(((took - ratio * picked) ** 2).sum() / (len(picked) - 1))
    error = len(sizes) * np.sqrt(rest / len(sizes) / len(picked)) * spread * sizes.mean() / picked.mean()
    margin = float(stdtrit(len(picked) - 1, (1 + LEVEL) / 2) * error)
    return Forecast(value=float(total), low=float(max(took.sum(), total - margin)), high=float(total + margin))


def _sizes(solutions: Sequence[Solution]) -> tuple[int, int]:
    """Different prefixes of a problem's solutions, and characters that follow them in all."""
    left = {each.steps[:end]: sum(map(len, each.steps[end:])) for each in solutions for end in range(len(each.steps))}
    return len(left), sum(left.values())


@dataclass(frozen=True, kw_only=True)
class PriceTask:
    """Label problems and keep nothing but what they took; an item is all solutions of one."""

    task: LabelTask
    """Of the run to be priced."""

    @property
    def schema(self) -> pa.Schema:
        """One row per problem, called by its first solution."""
        return pa.schema([("name", pa.string()), ("rollouts", pa.int64()), ("tokens", pa.int64())])

    def name(self, item: list[Solution]) -> str:
        """What to call a problem."""
        return item[0].name

    def group(self, item: list[Solution]) -> str:
        """Problems share nothing."""
        return item[0].name

    async def run(self, completer: Completer, items: list[list[Solution]]) -> list[Done | Exception]:
        """What each took."""
        return list(await asyncio.gather(*(self._label(completer, item) for item in items)))

    async def _label(self, completer: Completer, solutions: list[Solution]) -> Done:
        """Solutions that cannot be labelled cost what they cost."""
        meter = Meter(completer, slots=1)
        most = 0
        for result in await self.task.run(meter, solutions):
            if isinstance(result, EngineError):
                raise result
            most += result.most_rollouts if isinstance(result, Done) else 0
        took = meter.usage()
        row = {"name": self.name(solutions), "rollouts": took.draws, "tokens": took.tokens}
        return Done(rows=[row], rollouts=took.draws, most_rollouts=most)
