"""Verdicts for solutions of ours: from the stories' oracle, from people's data sets, or from a judgement file."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from prmkit.errors import InputError
from prmkit.evaluation.judged import judge_stories
from prmkit.files import locate
from prmkit.formats.prm800k import read_prm800k
from prmkit.formats.prmbench import read_prmbench
from prmkit.formats.processbench import read_processbench
from prmkit.formats.verdicts import JudgedSolution, Verdicts, placed_rows, read_judgements
from prmkit.records import Solution

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
    return tuple(" ".join(part.split()) for part in (problem, *steps))
