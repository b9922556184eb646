"""Published pools with scores: many samples of each problem, graded and scored by whoever published them.

Two layouts, told apart by the fields of a file's first row:

    {"problem": P, "steps": [...], "answer": "42", "is_correct": true, "prm_score": 0.93, "orm_score": 0.71}    PRM800K
    {"prompt": P, "answers": [...], "label": [1, 0, ...], "step_scores": [...]}                                 RLHFlow

PRM800K's `scored-test-samples.jsonl` has one line per sample; fields and the way they are used are those of
`prm800k/eval/eval.py` in github.com/openai/prm800k (but for `steps`, which are needed for lengths alone). RLHFlow's are
`prmkit.formats.rlhflow_pools`. Files are streamed: of a sample its verdict, scores, length and the number of its answer
are kept, no text but the distinct answers. `prmkit.evaluation.published` makes the pools of a comparison of them.
"""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prmkit.errors import InputError
from prmkit.files import fingerprint, text_field
from prmkit.formats.known import KnownProblems
from prmkit.formats.marked import MARK
from prmkit.formats.rlhflow_pools import answer_pool, is_answer_pool
from prmkit.formats.streams import stream_rows
from prmkit.formats.verdicts import field_of, finite_number
from prmkit.grading import extract
from prmkit.tables import Row
from prmkit.texts import counted

NONE = -1
"""In `SampledProblem.given`: the sample has no answer."""

_METHODS = ("prm", "orm")


class ScoredLayout(StrEnum):
    """Who published the samples, and so what their fields mean."""

    PRM800K = "prm800k"
    """OpenAI, Lightman et al. 2023 (arXiv:2305.20050)."""
    RLHFLOW = "rlhflow"
    """RLHFlow, Xiong et al. 2024."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledProblem:
    """The samples of one problem."""

    problem_id: str
    """A digest of the problem's text."""
    correct: NDArray[np.bool_]
    """`[N]`, the publisher's verdicts."""
    answers: tuple[str, ...]
    """The distinct answers, as they were written."""
    given: NDArray[np.int64]
    """`[N]`, which of the answers each sample gives; `NONE` where it gives none."""
    scores: dict[str, NDArray[np.float64]]
    """By method (`prm`, `orm`): `[N]`, minus infinity where a sample has no score. A method that scored no sample of
    any problem is not there."""
    characters: NDArray[np.int64] | None = None
    """`[N]`, length of each sample's text; None where that of some is not in the file."""


@dataclass(frozen=True, kw_only=True)
class ScoredSamples:
    """What the files hold."""

    layout: ScoredLayout
    """Whose."""
    problems: list[SampledProblem]
    """In the order of the files, at least one, all scored by the same methods."""
    notes: list[str]
    """One sentence for each thing that has to be said about them."""


def read_scored(paths: Sequence[Path]) -> ScoredSamples:
    """Read the samples of one or several files of the same layout.

    PRM800K: files add samples. RLHFlow: files add problems, or the scores of the other method to the same answers.

    Args:
        paths: `.jsonl`, `.jsonl.gz`, `.json` or `.parquet`.

    Raises:
        MissingFileError: There is no such file.
        InputError: A file is of neither layout or they differ in it, a row cannot be used, two files speak of different
            answers to a problem, or no problem was scored by every method. One line names file, line, field and value.
    """
    if not paths:
        raise InputError("no files of scored samples are given")
    if len({path.resolve() for path in paths}) < len(paths):
        raise InputError(f"a file of scored samples is given twice: {', '.join(map(str, paths))}")
    layout = _layout(paths[0])
    for path in paths[1:]:
        if (other := _layout(path)) is not layout:
            raise InputError(f"{path}: a file of {other}, and {paths[0]} is one of {layout}; compare them separately")
    gathered: dict[str, _Gathered] = {}
    add = _add_sample if layout is ScoredLayout.PRM800K else _add_pool
    for path in paths:
        for where, row in stream_rows(path):
            add(gathered, row, where)
    known = KnownProblems(())
    problems = [each.finish(known.find(text).problem_id) for text, each in gathered.items()]
    unscored = sum(len(each.given) for each in gathered.values()) - sum(len(each.given) for each in problems)
    return _described(layout, problems, unscored)


def _layout(path: Path) -> ScoredLayout:
    first = next(stream_rows(path), None)
    if first is None:
        raise InputError(f"{path}: no rows in it")
    where, row = first
    if is_answer_pool(row):
        return ScoredLayout.RLHFLOW
    if "problem" in row and any(f"{method}_score" in row for method in _METHODS):
        return ScoredLayout.PRM800K
    raise InputError(
        f"{where}: neither PRM800K's scored samples (problem, is_correct, prm_score, orm_score) nor a pool of RLHFlow "
        f"(prompt, answers, label, step_scores); the row has {', '.join(map(repr, row)) or 'no fields'}"
    )


@dataclass
class _Gathered:
    """The samples of a problem while files are read: a few bytes each."""

    answers: dict[str, int] = field(default_factory=dict)
    given: "array[int]" = field(default_factory=lambda: array("i"))
    correct: bytearray = field(default_factory=bytearray)
    scores: "dict[str, array[float]]" = field(default_factory=dict)
    characters: "array[int]" = field(default_factory=lambda: array("i"))
    """-1 where it is unknown."""
    digest: str = ""
    """Of the answers and labels of a pool of RLHFlow: another file must speak of the same."""
    where: str = ""
    """Where they were read first."""

    def add(self, answer: str | None, characters: int, *, correct: bool) -> None:
        """A further sample; a blank answer is none."""
        text = (answer or "").strip()
        self.given.append(self.answers.setdefault(text, len(self.answers)) if text else NONE)
        self.correct.append(correct)
        self.characters.append(characters)

    def finish(self, problem_id: str) -> SampledProblem:
        """As arrays; where a method scored only the first samples, those are the pool."""
        size = min([len(self.given), *map(len, self.scores.values())])
        scores = {name: np.array(self.scores[name][:size]) for name in _METHODS if name in self.scores}
        characters = np.array(self.characters[:size], dtype=np.int64)
        return SampledProblem(
            problem_id=problem_id,
            correct=np.array(self.correct[:size], dtype=np.bool_),
            answers=tuple(self.answers),
            given=np.array(self.given[:size], dtype=np.int64),
            scores=scores,
            characters=None if (characters < 0).any() else characters,
        )


def _add_sample(gathered: dict[str, _Gathered], row: Row, where: str) -> None:
    """A line of PRM800K. A sample without an answer is not chosen and not right, as in the publisher's evaluation."""
    problem = gathered.setdefault(text_field(row, "problem", where), _Gathered())
    name = "answer" if "answer" in row else "given_answer"
    answer = row.get(name)
    if answer is not None and not isinstance(answer, str):
        raise InputError(f"{where}: field {name!r} must be text or null, found {answer!r}")
    correct = field_of(row, "is_correct", bool, "true or false", where)
    steps = row.get("steps")
    known = isinstance(steps, list) and all(isinstance(each, str) for each in steps)
    problem.add(answer, sum(map(len, steps or ())) if known else -1, correct=correct and answer is not None)
    for method in _METHODS:
        score = _score(row, f"{method}_score", where)
        problem.scores.setdefault(method, array("d")).append(-math.inf if answer is None else score)


def _score(row: Row, name: str, where: str) -> float:
    """The score in a field; minus infinity where there is none."""
    value = row.get(name)
    return -math.inf if value is None else finite_number(value, f"{where}: field {name!r}", "a finite number or null")


def _add_pool(gathered: dict[str, _Gathered], row: Row, where: str) -> None:
    """A line of RLHFlow: all answers to a problem, with the scores of one method or none."""
    pool = answer_pool(row, where)
    digest = fingerprint([pool.answers, pool.correct])
    problem = gathered.get(pool.prompt)
    if problem is None:
        problem = gathered[pool.prompt] = _Gathered(digest=digest, where=where)
        for text, right in zip(pool.answers, pool.correct, strict=True):
            found = extract(text.replace(MARK, ""))
            problem.add(None if found is None else found.text, len(text), correct=right)
    elif problem.digest != digest:
        raise InputError(
            f"{where}: fields 'answers' and 'label' differ from those of the same prompt at {problem.where}; "
            "scores are compared on the same answers"
        )
    elif pool.method is None or pool.method in problem.scores:
        what = f"scores of the kind {pool.method}" if pool.method else "answers"
        raise InputError(
            f"{where}: field 'prompt' is that of {problem.where}, and its {what} are known; keep one of the two: "
            f"{pool.prompt[:60]!r}"
        )
    if pool.method is not None:
        problem.scores[pool.method] = array("d", pool.scores)


def _has_scores(problem: SampledProblem, name: str) -> bool:
    return name in problem.scores and bool(np.isfinite(problem.scores[name]).any())


def _all_failed(problem: SampledProblem, name: str) -> bool:
    """The problem was scored, and no sample of it reached an answer: it counts as failed, whatever chooses."""
    return name in problem.scores and bool((problem.given == NONE).all())


def _described(layout: ScoredLayout, problems: Sequence[SampledProblem], unscored: int) -> ScoredSamples:
    """Those problems that every method scored, which alone can be paired, and what has to be said."""
    methods = [name for name in _METHODS if any(_has_scores(each, name) for each in problems)]
    kept = [
        replace(each, scores={name: each.scores[name] for name in methods})
        for each in problems
        if all(_has_scores(each, name) or _all_failed(each, name) for name in methods)
    ]
    both = " and ".join(methods)
    if not kept:
        raise InputError(f"no problem of the files was scored by {both}; give files of the same problems")
    notes = []
    if not methods:
        notes.append("There are no scores in these files: only majority voting and pass@n can be computed.")
    if lost := len(problems) - len(kept):
        notes.append(f"Left out: {counted(lost, 'problem')} not scored by {both}.")
    if unscored:
        notes.append(f"Left out: {counted(unscored, 'sample')} behind those that were scored.")
    if silent := sum(int((each.given == NONE).sum()) for each in kept):
        notes.append(f"{counted(silent, 'sample')} without an answer: no vote.")
    for name in methods:
        if none := sum(int((np.isinf(each.scores[name]) & (each.given != NONE)).sum()) for each in kept):
            notes.append(f"{counted(none, 'sample')} with an answer but without {name} score: chosen last.")
    return ScoredSamples(layout=layout, problems=kept, notes=notes)
