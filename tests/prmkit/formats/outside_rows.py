"""Small labelled solutions and files of rows, for the tests of the outside formats."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prmkit.formats.options import ReadOptions
from prmkit.formats.outside import Given, labeled_as
from prmkit.records import FinishReason, LabeledSolution, Problem, Solution, StepEstimate, StepLabel

CLASSES = {"+": StepLabel.CORRECT, "0": StepLabel.NEUTRAL, "-": StepLabel.INCORRECT}
SHEPHERD: dict[str, Any] = {
    "input": "If Buzz bought a pizza with 78 slices, what's twenty less than what the waiter ate? "
    "Step 1: The total ratio representing the pizza is 5+8 = <<5+8=13>>13. ки\n"
    "Step 2: The waiter ate 13 x 8 / 13 = <<13*8/13=6>>6 slices of the pizza. ки\n"
    "Step 3: The waiter ate 52 slices of the pizza. The answer is: 52 ки",
    "label": "If Buzz bought a pizza with 78 slices, what's twenty less than what the waiter ate? "
    "Step 1: The total ratio representing the pizza is 5+8 = <<5+8=13>>13. +\n"
    "Step 2: The waiter ate 13 x 8 / 13 = <<13*8/13=6>>6 slices of the pizza. -\n"
    "Step 3: The waiter ate 52 slices of the pizza. The answer is: 52 -",
    "task": "GSM8K",
}
"""A row of Math-Shepherd, as its card shows it (shortened)."""


def write(path: Path, *rows: Any) -> Path:
    """A JSONL file."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def rows_in(path: Path) -> list[Any]:
    """What a JSONL file holds."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def told(
    given: str | Sequence[Given],
    *,
    name: str = "0",
    problem: str = "What is 1 + 1?",
    steps: Sequence[str] = (),
    correct: bool | None = None,
    answer: str | None = None,
    finish: FinishReason = FinishReason.END,
) -> LabeledSolution:
    """A solution with given labels: signs `+`, `0`, `-`, values or counts."""
    labels = [CLASSES[each] for each in given] if isinstance(given, str) else list(given)
    solution = Solution(
        solution_id=name,
        problem=Problem(problem_id=f"id of {problem}", problem=problem, answer=answer),
        steps=tuple(steps) or tuple(f"Then {index} + 1 = {index + 1}." for index in range(len(labels))),
        correct=correct,
        finish=finish,
    )
    return labeled_as(solution, labels, ReadOptions(), "here")


def rolled(counts: Sequence[tuple[int, int]], **more: Any) -> LabeledSolution:
    """The same from counts."""
    return told([StepEstimate(successes=k, rollouts=n) for k, n in counts], **more)


def seen(labeled: LabeledSolution) -> tuple[Any, ...]:
    """What every format must keep: problem, steps, classes."""
    return labeled.solution.problem.problem, labeled.solution.steps, labeled.labels
