"""Verdicts for solutions of ours: from the stories' oracle, from people's data sets, or from a judgement file.

Also sources of solutions that come with verdicts, for evaluation.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from prmkit.demo.oracle import StepTruth
from prmkit.errors import InputError
from prmkit.evaluation.judged import judge_stories, with_verdicts
from prmkit.files import locate
from prmkit.formats.prm800k import read_prm800k
from prmkit.formats.prmbench import read_prmbench
from prmkit.formats.processbench import read_processbench
from prmkit.formats.solutions import REFERENCE_ID, read_solution_source
from prmkit.formats.verdicts import JudgedSolution, Verdicts, placed_rows, read_judgements
from prmkit.records import Solution
from prmkit.texts import squeezed

ORACLE = "oracle"
"""The source that judges arithmetic stories."""
_READERS = {
    ("final_answer_correct", "label", "steps"): read_processbench,
    ("modified_process", "error_steps"): read_prmbench,
    ("question", "label"): read_prm800k,
}
"""Readers of people's data sets, by the fields that tell them apart."""


def find_verdicts(source: str, solutions: Sequence[Solution]) -> list[Verdicts | None]:
    """What a source says about each solution.

    Args:
        source: `oracle`, or a file: ProcessBench, PRMBench or PRM800K, whose solutions are found again by problem and
            steps (white space does not count), or a judgement file, which names them.
        solutions: To be judged.

    Returns:
        One entry per solution; None where the source says nothing about it.

    Raises:
        MissingFileError: There is no such file.
        InputError: A problem is no story, a row cannot be used, or the source knows none of the solutions.
    """
    if source == ORACLE:
        found = oracle_verdicts(solutions)
        if found is None:
            raise InputError("the oracle only judges arithmetic stories, and not all problems here are stories")
        return list(found)
    path = locate(source)
    _, first = placed_rows(path)[0]
    if "solution" in first:
        rows = read_judgements(path)
        verdicts = [row.verdicts(len(each.steps)) if (row := rows.get(each.name)) else None for each in solutions]
    else:
        verdicts = _by_text(_read_people(path, first), solutions)
    if not any(verdicts):
        raise InputError(f"{source}: it says nothing about any of the {len(solutions)} labelled solutions")
    return verdicts


def oracle_verdicts(solutions: Sequence[Solution]) -> list[Verdicts] | None:
    """The oracle's verdicts; None where a problem is not an arithmetic story."""
    judged = judge_stories(solutions)
    if judged is None:
        return None
    return [Verdicts(truths=each.steps, answer_right=each.answer_right) for each in judged]


def read_judged(source: str, truth: str | None = None, *, seed: int = 0) -> list[JudgedSolution]:
    """Solutions with verdicts.

    Args:
        source: A file of ProcessBench, PRMBench or PRM800K, or anything `read_solution_source` reads.
        truth: Who judges them, as of `find_verdicts`; by default the oracle. People's files hold their own verdicts.
        seed: Of the demo's stories.

    Returns:
        Those about which something is said; where nothing is said of the answer, its grade counts.

    Raises:
        MissingFileError: There is no such source.
        InputError: It cannot be read, nothing is said about its solutions, or two judges are named.
    """
    if (people := _people(source)) is not None:
        if truth is not None:
            raise InputError(f"{source}: its steps are judged by people already; leave {truth!r} out")
        return people
    solutions = read_solution_source(source, seed=seed)
    found = find_verdicts(ORACLE if truth is None else truth, solutions)
    return [
        with_verdicts(each, said if said.answer_right is not None else replace(said, answer_right=each.correct))
        for each, said in zip(solutions, found, strict=True)
        if said is not None
    ]


def read_right(source: str, *, seed: int = 0) -> list[JudgedSolution]:
    """The right solutions of a source; arguments and errors as of `read_judged`.

    Of people's files those whose every step is right and needed; of arithmetic stories those the oracle finds no fault
    with; of other sources the reference solutions, and those whose answer was graded right (a step may be wrong).

    Raises:
        InputError: There are none.
    """
    judged = _people(source)
    if judged is None:
        solutions = read_solution_source(source, seed=seed)
        verdicts = oracle_verdicts(solutions) or [
            Verdicts(truths=(None,) * len(each.steps), answer_right=each.correct or each.solution_id == REFERENCE_ID)
            for each in solutions
        ]
        judged = [with_verdicts(each, said) for each, said in zip(solutions, verdicts, strict=True)]
        right = [each for each in judged if each.verdicts.answer_right and each.verdicts.first_error in (-1, None)]
    else:
        right = [each for each in judged if set(each.verdicts.truths) == {StepTruth.NEEDED}]
        right = [each for each in right if each.verdicts.answer_right is not False]
    if not right:
        raise InputError(f"{source}: none of its {len(judged)} solutions is known to be right; grade them first")
    return right


def _people(source: str) -> list[JudgedSolution] | None:
    """The solutions of people's data sets; None for any other source."""
    path = locate(source) if not source.startswith(("demo:", "hf:")) else None
    if path is None or not path.is_file():
        return None
    _, first = placed_rows(path)[0]
    return _read_people(path, first) if any(set(needed) <= first.keys() for needed in _READERS) else None


def _read_people(path: Path, first: dict[str, object]) -> list[JudgedSolution]:
    for needed, read in _READERS.items():
        if set(needed) <= first.keys():
            return read(path)
    known = "; ".join(", ".join(needed) for needed in [*_READERS, ("solution", "first_error or verdicts")])
    raise InputError(f"{path}: no verdicts that can be read: a row has {', '.join(first)}; known are rows with {known}")


def _by_text(judged: Sequence[JudgedSolution], solutions: Sequence[Solution]) -> list[Verdicts | None]:
    """Texts that are judged more than once, and not alike, say nothing."""
    texts = {_text(each.problem, each.steps): each.verdicts for each in judged}
    kinds = Counter(text for text, _ in {(_text(each.problem, each.steps), each.verdicts) for each in judged})
    keys = [_text(each.problem.problem, each.steps) for each in solutions]
    return [texts[key] if kinds[key] == 1 else None for key in keys]


def _text(problem: str, steps: Sequence[str]) -> tuple[str, ...]:
    return tuple(map(squeezed, (problem, *steps)))
