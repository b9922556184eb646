"""Graded solutions as labelled ones, for what learns from outcomes alone: an ORM needs no rollouts."""

from pathlib import Path

from prmkit.formats.options import ReadOptions
from prmkit.formats.outside import labeled_as
from prmkit.records import LabeledSolution, StepLabel
from prmkit.tables import SOLUTION_COLUMNS, Row, read_records, row_label, row_solution


def read_outcomes(source: Path) -> list[LabeledSolution]:
    """Labelled solutions as they are, and bare ones (a run of `prmkit sample`) with their outcome on every step.

    Whether a token's solution turns out right is what an ORM learns of it (Cobbe et al. 2021, arXiv:2110.14168), so
    nothing is missing there; a PRM must not read this.

    Raises:
        MissingFileError: Nothing there, or a directory without finished shards.
        InputError: A row is wrong, or a solution is there twice; the message gives the places.
    """
    return read_records(source, SOLUTION_COLUMNS, _outcome, lambda record: record.solution)


def _outcome(row: Row) -> LabeledSolution:
    if row.get("labels") is not None:
        return row_label(row)
    solution = row_solution(row)
    label = StepLabel.CORRECT if solution.correct else StepLabel.INCORRECT  # who is not graded is left out by training
    return labeled_as(solution, [label] * len(solution.steps), ReadOptions(), solution.name)
