"""What several comparisons on the same problems came to, side by side: regimes that differ in labels or difficulty."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from prmkit.errors import ShapeError
from prmkit.evaluation.comparison import PAIRS, PASS, Comparison
from prmkit.evaluation.crossed import over_runs, over_unpaired_runs
from prmkit.evaluation.intervals import LEVEL, Difference, Estimate, Floats, paired_differences, share_estimates
from prmkit.files import read_json, write_text


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A comparison at its largest n."""

    n: int
    """Solutions per problem."""
    problem_ids: tuple[str, ...]
    """P of them."""
    solved: Mapping[str, Floats]
    """By method: float64 `[T, P]`, for each of T training runs the chance in [0, 1] that a problem is solved."""
    commit: str | None = None
    """Of the code that first trained and compared, where that is known."""

    @classmethod
    def of(cls, comparison: Comparison, commit: str | None = None) -> "Outcome":
        """Of a comparison."""
        solved = {name: values[:, :, -1] for name, values in comparison.run_outcomes.items() if name != PASS}
        return cls(n=comparison.largest, problem_ids=comparison.problem_ids, solved=solved, commit=commit)

    def write(self, path: Path) -> None:
        """As JSON."""
        solved = {name: np.round(values, 12).tolist() for name, values in self.solved.items()}
        stored = {"n": self.n, "commit": self.commit, "problem_ids": self.problem_ids, "solved": solved}
        write_text(path, json.dumps(stored) + "\n")

    @classmethod
    def read(cls, path: Path) -> "Outcome":
        """What `write` wrote."""
        stored = read_json(path)
        solved = {name: np.array(values, dtype=np.float64) for name, values in stored["solved"].items()}
        problem_ids = tuple(stored["problem_ids"])
        return cls(n=stored["n"], problem_ids=problem_ids, solved=solved, commit=stored.get("commit"))

    @property
    def runs(self) -> int:
        """T."""
        return max(map(len, self.solved.values()))

    def share(self, method: str, *, seed: int = 0) -> Estimate:
        """Share of problems solved."""
        return share_estimates(self.solved[method][:, :, None], seed=seed)[0]


def difference(
    a: Outcome, method_a: str, b: Outcome, method_b: str, *, paired: bool = True, seed: int = 0
) -> Difference:
    """A method of one regime minus a method of the same or of another one, paired over problems.

    Args:
        a: A regime.
        method_a: Of it.
        b: A regime.
        method_b: Of it.
        paired: Run i of both has something in common, as its seed and the solutions that it learned from; False where
            they learned from different ones. There may then be more runs on one side.
        seed: Of the bootstrap, where there is one.

    Raises:
        ShapeError: They are not about the same problems.
    """
    if a.problem_ids != b.problem_ids or a.n != b.n:
        raise ShapeError("regimes can be paired only where their problems and their n are the same")
    first, second = a.solved[method_a][:, :, None], b.solved[method_b][:, :, None]
    if not paired and len(first) > 1 and len(second) > 1:  # a single row holds for every run, as a vote's does
        found = over_unpaired_runs(first, second, LEVEL)
        return _bounded(float(first.mean() - second.mean()), found, n=len(a.problem_ids), least=-1.0)
    return paired_differences(first, second, seed=seed)[0]


def repeated_share(outcomes: Sequence[Outcome], method: str, *, seed: int = 0) -> Estimate:
    """Share of problems solved by a recipe run once or several times, each with problems and trainings of its own.

    Args:
        outcomes: Of every run; each counts alike.
        method: Of them.
        seed: Of the bootstrap, where there is one.
    """
    if len(outcomes) == 1:
        return outcomes[0].share(method, seed=seed)
    return _repeated([each.solved[method] for each in outcomes], least=0.0)


def repeated_difference(outcomes: Sequence[Outcome], method_a: str, method_b: str, *, seed: int = 0) -> Difference:
    """A method minus another in a recipe run once or several times; arguments as of `repeated_share`."""
    if len(outcomes) == 1:
        return difference(outcomes[0], method_a, outcomes[0], method_b, seed=seed)
    return _repeated([each.solved[method_a] - each.solved[method_b] for each in outcomes], least=-1.0)


def _repeated(studies: Sequence[Floats], *, least: float) -> Difference:
    value = float(np.mean([each.mean() for each in studies]))
    found = over_runs([each[:, :, None] for each in studies], LEVEL)
    return _bounded(value, found, n=sum(each.shape[1] for each in studies), least=least)


def _bounded(value: float, found: tuple[Floats, Floats, Floats], *, n: int, least: float) -> Difference:
    """Of the interval and p-value of a single column, what shares and their differences can be."""
    low, high, p_value = (float(each[0]) for each in found)
    return Difference(value=value, low=max(least, low), high=min(1.0, high), n=n, p_value=p_value)


def entries(regime: str, outcomes: Sequence[Outcome], *, default: bool, seed: int = 0) -> list[dict[str, Any]]:
    """A regime's differences in percentage points: `{name, regime, default, n, value, low, high, p, problems}` each.

    Args:
        regime: What it is called.
        outcomes: Of it: one, or those of several runs of the recipe.
        default: Whether the headline is about it.
        seed: Of the bootstrap, where there is one.
    """
    rows = []
    for first, second in PAIRS:
        found = repeated_difference(outcomes, first, second, seed=seed)
        points = {name: round(100 * getattr(found, name), 3) for name in ("value", "low", "high")}
        name = f"{first}_minus_{second}".replace("-", "_")
        rows.append(
            {"name": name, "regime": regime, "default": default, "n": outcomes[0].n}
            | points
            | {"p": found.p_value, "problems": found.n}
        )
    return rows
