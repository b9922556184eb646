"""Solutions that people judged (`prmkit.formats.verdicts`) as labelled data: ProcessBench, PRMBench, PRM800K.

A right step is correct, a superfluous one neutral, a wrong one incorrect. What nobody judged has no label, and nothing
may be learned from it: a solution is cut before its first unjudged step (mostly the one after the first error), as
Lightman et al. (2023) and Qwen do, and its `finish` then says that its text may go on.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from prmkit.demo.oracle import StepTruth
from prmkit.formats.known import KnownProblems
from prmkit.formats.options import ReadOptions
from prmkit.formats.outside import labeled_as
from prmkit.formats.prmbench import prmbench_row
from prmkit.formats.processbench import processbench_row
from prmkit.formats.rowwise import Reading, read_each
from prmkit.formats.verdicts import JudgedSolution
from prmkit.records import FinishReason, LabeledSolution, Problem, Solution, StepLabel
from prmkit.tables import Row

CLASSES = {
    StepTruth.NEEDED: StepLabel.CORRECT,
    StepTruth.UNNEEDED: StepLabel.NEUTRAL,
    StepTruth.WRONG: StepLabel.INCORRECT,
}
"""What each truth is as a class."""


def read_processbench_labels(path: Path, options: ReadOptions | None = None) -> Reading:
    """ProcessBench as labelled data; `correct` is what it says of the final answer.

    Raises:
        MissingFileError: There is no such file.
        InputError: A row lacks a field or holds something else; the message names place and field.
    """
    return _read(path, options, processbench_row)


def read_prmbench_labels(path: Path, options: ReadOptions | None = None) -> Reading:
    """PRMBench's modified processes as labelled data; those made from one problem share its id.

    Raises: as `read_processbench_labels`.
    """
    return _read(path, options, lambda row, where, _: prmbench_row(row, where))


def _read(path: Path, options: ReadOptions | None, judge: Callable[[Row, str, str], JudgedSolution]) -> Reading:
    options = options or ReadOptions()
    known = KnownProblems(options.problems)
    cut: list[int] = []

    def convert(row: Row, where: str, name: str) -> Iterator[LabeledSolution]:
        judged = judge(row, where, name)
        problem = known.find(judged.problem)
        if judged.origin is not None:
            problem = replace(problem, problem_id=known.find(judged.origin).problem_id)
        labels = judged_labels(judged, problem, options, where)
        cut.append(len(judged.steps) - (len(labels.labels) if labels else 0))
        if labels:
            yield labels

    reading = read_each(path, options, convert)
    return replace(reading, notes=[*reading.notes, *cut_note(sum(cut))])


def cut_note(steps: int) -> list[str]:
    """What has to be said about steps without a verdict."""
    return [f"{steps} steps that nobody judged are left out (mostly after the first error)"] if steps else []


def judged_labels(judged: JudgedSolution, problem: Problem, options: ReadOptions, where: str) -> LabeledSolution | None:
    """A judged solution with labels, cut before the first step without a verdict; None where that is the first."""
    truths = judged.verdicts.truths
    known = truths[: truths.index(None)] if None in truths else truths
    if not known:
        return None
    solution = Solution(
        solution_id=judged.name,
        problem=problem,
        steps=judged.steps[: len(known)],
        finish=FinishReason.END if len(known) == len(truths) else FinishReason.STEP,
        correct=judged.verdicts.answer_right,
    )
    return labeled_as(solution, [CLASSES[truth] for truth in known if truth is not None], options, where)
