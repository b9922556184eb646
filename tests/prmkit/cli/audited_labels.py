"""Labels to audit, made in the tests, and what the command makes of them."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np

from prmkit.cli.main import main
from prmkit.completers.simulated import SimulatedCompleter
from prmkit.demo.stories import LEVELS, make_stories
from prmkit.models import DEMO_POLICY, load_tokenizer
from prmkit.records import LABEL_SCHEMA, EstimateMethod, LabeledSolution, Problem, Solution, StepEstimate, StepLabel
from prmkit.steps import TextFormat
from prmkit.tables import label_row, read_labels, write_rows


def labeled(problem: Problem, name: str, steps: list[str], counts: list[int], rollouts: int) -> LabeledSolution:
    """Of the last step the count is 0 or 1: the grade."""
    estimates = [StepEstimate(successes=k, rollouts=rollouts) for k in counts[:-1]]
    estimates.append(StepEstimate(successes=counts[-1], rollouts=1, method=EstimateMethod.GRADED))
    return LabeledSolution(
        solution=Solution(solution_id=name, problem=problem, steps=tuple(steps), correct=counts[-1] == 1),
        estimates=tuple(estimates),
        labels=tuple(StepLabel(-1 if each.rate == 0 else 1 if each.rate >= 0.5 else 0) for each in estimates),
        soft_labels=((0.0, 0.0, 1.0),) * len(counts),
    )


def write_labels(path: Path, rows: list[LabeledSolution]) -> Path:
    write_rows(path, [label_row(each) for each in rows], LABEL_SCHEMA)
    return path


def write_stories(folder: Path) -> tuple[Path, Path]:
    """Labels of story solutions, one in three right, from 8 rollouts and from 512 (a run directory)."""
    completer = SimulatedCompleter(load_tokenizer(str(DEMO_POLICY)), TextFormat(prompt="{problem}\n", separator="\n"))
    numbers, choices = np.random.default_rng(0), random.Random(0)
    tables: dict[int, list[LabeledSolution]] = {8: [], 512: []}
    for index, story in enumerate(make_stories(25, 3, LEVELS["default"])):
        problem = Problem(problem_id=f"p{index}", problem=story.text, answer=str(story.answer))
        for name in range(3):
            steps = story.steps()
            if name:
                at = choices.randrange(len(steps) - 1)
                steps[at] = steps[at].rpartition(": ")[0] + ": 100."
                steps[-1] = f"The answer is {story.answer + 1}."
            values = [completer.value(story.text, steps[: step + 1]) for step in range(len(steps) - 1)]
            for rollouts, table in tables.items():
                counts = [int(numbers.binomial(rollouts, value)) for value in values]
                table.append(labeled(problem, str(name), steps, [*counts, int(not name)], rollouts))
    few = write_labels(folder / "few.parquet", tables[8])
    write_labels(folder / "many" / "shards" / "00000.parquet", tables[512])
    return few, folder / "many"


def audit(labels: Path, out: Path, *options: str) -> dict[str, Any]:
    """What audit.json holds; the command must succeed."""
    assert main(["audit", "--labels", str(labels), "--out", str(out), *options]) == 0
    figures: dict[str, Any] = json.loads((out / "audit.json").read_text(encoding="utf-8"))
    return figures


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def judgement_file(path: Path, labels: Path, first_error: int) -> str:
    """Somebody who says the same of every solution."""
    rows = [{"solution": each.solution.name, "first_error": first_error} for each in read_labels(labels)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)
