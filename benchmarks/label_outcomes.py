"""Labels of several strategies on the same draws, held against the truth. For `benchmarks.label_efficiency`."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labelers.first_error import FirstError
from labelers.monte_carlo import LabelTask
from labelers.stopping import Fixed, Sequential
from labelers.values import Thresholds, of_value
from labelers.worker import Done, Meter
from prmkit.completers import Completer, Completion, Request, Sampling
from prmkit.records import LabeledSolution, Solution, StepLabel
from prmkit.tables import row_label

Rule = Fixed | Sequential | FirstError
Problems = list[list[Solution]]
"""Solutions of each problem."""
Values = dict[str, list[float]]
"""By solution, of each step but the last."""

SAMPLING = Sampling(max_tokens=400)
THRESHOLDS = Thresholds()


class Memory:
    """A completer that draws each request once."""

    def __init__(self, inner: Completer) -> None:
        self.inner, self.tokenizer, self.text_format = inner, inner.tokenizer, inner.text_format
        self._drawn: dict[Request, asyncio.Task[Completion]] = {}

    async def complete(self, request: Request) -> Completion:
        """As the inner completer."""
        if request not in self._drawn:
            self._drawn[request] = asyncio.create_task(self.inner.complete(request))  # type: ignore[arg-type]
        return await self._drawn[request]

    def close(self) -> None:
        """As the inner completer."""
        self.inner.close()


@dataclass(frozen=True)
class Outcome:
    """Of one strategy; one row per problem."""

    tokens: np.ndarray
    """Written by rollouts."""
    steps: np.ndarray
    """That were rolled out, or spared; the last steps of solutions are not among them."""
    right_classes: np.ndarray
    """Steps with the class of the true value."""
    solutions: np.ndarray
    """Of each problem."""
    right_errors: np.ndarray
    """Solutions whose first error was found."""

    @property
    def tokens_per_label(self) -> float:
        """Rollout tokens of the whole problem over steps that were rolled out or spared."""
        return float(self.tokens.sum() / self.steps.sum())

    @property
    def accuracy(self) -> tuple[np.ndarray, np.ndarray]:
        """Steps of the right class, and steps."""
        return self.right_classes, self.steps

    @property
    def agreement(self) -> tuple[np.ndarray, np.ndarray]:
        """Solutions whose first error was found, and solutions."""
        return self.right_errors, self.solutions


async def label(
    rule: Rule, problems: Problems, completer: Completer, seed: int
) -> tuple[list[int], list[list[LabeledSolution]]]:
    """Tokens and labels of each problem."""
    task = LabelTask(sampling=SAMPLING, rule=rule, thresholds=THRESHOLDS, seed=seed)

    async def one(solutions: list[Solution]) -> tuple[int, list[LabeledSolution]]:
        meter = Meter(completer, slots=1)
        results = await task.run(meter, solutions)
        rows = [row for result in results if isinstance(result, Done) for row in result.rows]
        assert len(rows) == len(solutions), results
        return meter.usage().tokens, [row_label(row) for row in rows]

    found = await asyncio.gather(*(one(each) for each in problems))
    return [tokens for tokens, _ in found], [labeled for _, labeled in found]


def first_error(of_worth: Sequence[bool]) -> int:
    """Index of the first step after the last one of worth; the number of steps if there is none."""
    return max((index + 1 for index, each in enumerate(of_worth) if each), default=0)


def true_error(values: Sequence[float], correct: bool) -> int:
    """The same by the true values; the last step is of worth if its answer is right."""
    return first_error([*(value > THRESHOLDS.negligible + 1e-9 for value in values), correct])


def true_class(value: float) -> StepLabel:
    if value <= THRESHOLDS.negligible + 1e-9:
        return StepLabel.INCORRECT
    return StepLabel.CORRECT if value >= THRESHOLDS.correct else StepLabel.NEUTRAL


def judge(rule: Rule, tokens: list[int], labeled: list[list[LabeledSolution]], values: Values) -> Outcome:
    """Hold labels against the truth."""
    rows = []
    for spent, solutions in zip(tokens, labeled, strict=True):
        row = np.zeros(6)
        for each in solutions:
            truth = values[each.solution.name]
            error = true_error(truth, bool(each.solution.correct))
            first_zero = next(
                (at for at, one in enumerate(each.labels) if one is StepLabel.INCORRECT), len(each.labels)
            )
            classes = [true_class(value) for value in truth]
            hits = sum(a is b for a, b in zip(each.labels[:-1], classes, strict=True))
            row += [0, len(truth), hits, 1, first_error(of_value(each.estimates)) == error, first_zero == error]
        row[0] = spent
        rows.append(row)
    table = np.array(rows)
    better = 4 if isinstance(rule, FirstError) or table[:, 4].sum() >= table[:, 5].sum() else 5
    return Outcome(*(table[:, column] for column in (0, 1, 2, 3, better)))


async def compare(
    rules: Sequence[Rule], problems: Problems, values: Values, completer: Completer, seeds: int
) -> dict[Rule, Outcome]:
    """Every strategy on the same draws; problems have the sums over the seeds."""
    memory = Memory(completer)
    found: dict[Rule, Outcome] = {}
    for rule in sorted(rules, key=lambda rule: -rule.most):  # the longest first: one request batch fills the memory
        parts = [judge(rule, *await label(rule, problems, memory, seed), values) for seed in range(seeds)]
        found[rule] = Outcome(*(sum(columns) for columns in zip(*(vars(each).values() for each in parts), strict=True)))
    return found
