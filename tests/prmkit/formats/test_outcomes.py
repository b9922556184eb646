"""An ORM learns from bare graded solutions; where there are labels they are kept."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from prmkit.errors import InputError
from prmkit.formats.outcomes import read_outcomes
from prmkit.records import SOLUTION_SCHEMA, LabeledSolution, StepLabel
from prmkit.tables import label_row, read_labels, solution_row, write_rows

GOOD, BAD = StepLabel.CORRECT, StepLabel.INCORRECT


def test_every_step_of_a_bare_solution_carries_its_outcome(
    tmp_path: Path, labeled_solution: Callable[..., LabeledSolution]
) -> None:
    solutions = [labeled_solution("p", [GOOD, GOOD]).solution, labeled_solution("q", [GOOD, BAD, GOOD]).solution]
    solutions.append(replace(solutions[0], solution_id="ungraded", correct=None))
    write_rows(tmp_path / "run.parquet", [solution_row(each) for each in solutions], SOLUTION_SCHEMA)
    read = read_outcomes(tmp_path / "run.parquet")
    assert [each.solution for each in read] == solutions
    assert [each.labels for each in read[:2]] == [(GOOD, GOOD), (BAD, BAD, BAD)]
    assert not any(one.rollouts for each in read for one in each.estimates)
    with pytest.raises(InputError, match="field 'successes' is missing"):
        read_labels(tmp_path / "run.parquet")


def test_labels_are_kept_where_there_are_some(tmp_path: Path, labeled_solution: Callable[..., LabeledSolution]) -> None:
    row = label_row(labeled_solution("p", [GOOD, BAD]))
    write_rows(tmp_path / "run.jsonl", [row], SOLUTION_SCHEMA)
    assert read_outcomes(tmp_path / "run.jsonl") == read_labels(tmp_path / "run.jsonl")
