"""What a run of `prmkit sample` will cost, before it starts.

As `labelers.pricing` prices labelling: some problems are sampled by the very task on the very engine, into a folder
that is thrown away, and what they took is extrapolated.
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labelers.cluster import ClusterOptions
from labelers.pricing import Forecast, choose, extrapolate, forecast_hours, hours_line, trial
from labelers.sample import SampleTask
from labelers.worker import Usage
from prmkit.completers.engines import EngineSpec
from prmkit.errors import InputError
from prmkit.records import FinishReason, Problem, Solution
from prmkit.runs import shard_files
from prmkit.tables import read_solutions


@dataclass(frozen=True, kw_only=True)
class SamplingPrice:
    """What drawing solutions will cost."""

    problems: int
    sampled: int
    """Problems that were sampled for this price."""
    solutions: int
    """Of all problems."""
    drawn: tuple[Solution, ...]
    """Of the sampled problems."""
    tokens: Forecast
    """Written by the engine."""
    engine_hours: Forecast
    """As of `labelers.pricing.Price`."""
    megabytes: float
    """On disk, in proportion to the tokens; 10^6 bytes."""
    usage: Usage
    """Of the sample's engine."""
    seconds: float
    """That finding this price took."""

    def report(self) -> str:
        """In a few lines."""
        usage, number = self.usage, len(self.drawn)
        cut = sum(each.finish is FinishReason.LENGTH for each in self.drawn)
        right = sum(bool(each.correct) for each in self.drawn)
        return "\n".join(
            [
                f"priced by {self.sampled} of {self.problems} problems, sampled in {self.seconds:.0f} s "
                f"({usage.starting:.0f} s of it to start the engine); nothing was stored",
                f"solutions: {self.solutions:,}; of the {number:,} drawn {right / number:.1%} are right, "
                f"{cut / number:.1%} were cut at --max-tokens",
                f"tokens: {self.tokens}",
                f"disk: about {self.megabytes:,.3g} MB",
                hours_line(self.engine_hours, usage),
            ]
        )


def price_sampling(
    task: SampleTask, problems: Sequence[Problem], spec: EngineSpec, options: ClusterOptions
) -> SamplingPrice:
    """Sample a few problems, store nothing, and extrapolate.

    Args:
        task: Of the run to be priced.
        problems: All of them; at least one.
        spec: The engine.
        options: Where the engines run; one of them is used.

    Raises:
        InputError: Nothing could be drawn.
        EngineError: The engine does not start, or dies.
    """
    began = time.monotonic()
    chosen = choose(problems, task.seed)
    items = [problems[index] for index in chosen]
    with trial(task, items, spec, options, "sampling some problems") as (folder, outcome):
        drawn = read_solutions(folder)
        stored = sum(file.stat().st_size for file in shard_files(folder))
    return forecast_sampling(
        task,
        problems,
        chosen,
        drawn,
        usage=outcome.account.usage,
        stored=stored,
        seconds=time.monotonic() - began,
    )


def forecast_sampling(
    task: SampleTask,
    problems: Sequence[Problem],
    chosen: Sequence[int],
    drawn: Sequence[Solution],
    *,
    usage: Usage,
    stored: int,
    seconds: float,
) -> SamplingPrice:
    """Extrapolate: every problem is as likely to be long as any other.

    Args:
        task: Of the run to be priced.
        problems: All of them.
        chosen: Indices of those that were sampled.
        drawn: Their solutions.
        usage: Of the engine that drew them.
        stored: Bytes that they took.
        seconds: That this took.

    Raises:
        InputError: Nothing was drawn.
    """
    if not drawn:
        raise InputError("the policy wrote nothing but blanks, so that there is no price")
    written = Counter[str]()
    for each in drawn:
        written[each.problem.problem_id] += sum(map(len, each.step_ids or ()))
    took = np.array([written[problems[index].problem_id] for index in chosen], dtype=np.float64)
    tokens = extrapolate(took, np.ones(len(problems)), chosen)
    return SamplingPrice(
        problems=len(problems),
        sampled=len(chosen),
        solutions=len(problems) * task.n,
        drawn=tuple(drawn),
        tokens=tokens,
        engine_hours=forecast_hours(tokens, usage),
        megabytes=stored / 1e6 * tokens.value / float(took.sum()),
        usage=usage,
        seconds=seconds,
    )
