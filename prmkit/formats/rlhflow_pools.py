r"""RLHFlow's test pools (Mistral- and Deepseek-GSM8K-Test, -MATH500-Test): many answers to a problem in one row.

    {"prompt": P, "answers": ["a\n\nb", "c", ...], "label": [1, 0, ...]}                         the data set
    {..., "step_scores": [[0.9, 0.4], [0.7], ...]}          what `prm_evaluate.py` adds: a PRM's score of every step
    {..., "step_scores": [0.6, 0.7, ...]}                   what `orm_evaluate.py` adds: an ORM's score of every answer

So `math-rm/README.md`, `prm_evaluate.py` and `orm_evaluate.py` there, in github.com/RLHFlow/RLHF-Reward-Modeling; the
README writes `labels`, the scripts read `label`. Mistral's answers have `ки` after every step, Deepseek's steps are
paragraphs. A PRM's score of an answer is the mean over its steps (README: "We calculate the average"). The scripts
score the first `--num_n` answers and store all.

Here a row becomes solutions with given verdicts (`read_pool_solutions`); with scores it becomes a part of a comparison
(`prmkit.formats.scored`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from statistics import fmean

from prmkit.errors import InputError
from prmkit.files import text_field
from prmkit.formats.known import KnownProblems
from prmkit.formats.marked import MARK
from prmkit.formats.streams import stream_rows
from prmkit.formats.verdicts import field_of, finite_number
from prmkit.records import Problem, Solution
from prmkit.steps import split_text
from prmkit.tables import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerPool:
    """A row: the answers to one problem."""

    prompt: str
    """The problem."""
    answers: tuple[str, ...]
    """Whole solutions as text; at least one."""
    correct: tuple[bool, ...]
    """The publisher's verdicts, one per answer."""
    method: str | None = None
    """`prm` or `orm`, by which the answers were scored; None where they were not."""
    scores: tuple[float, ...] = field(default=())
    """Of the first so many answers."""


def is_answer_pool(row: Row) -> bool:
    """Whether a row looks like one of these."""
    return "prompt" in row and isinstance(row.get("answers"), list)


def holds_answer_pools(path: Path) -> bool:
    """Whether the first row of a file looks like one of these.

    Raises:
        MissingFileError: There is no such file.
        InputError: Its first row cannot be read.
    """
    if path.is_dir() or not path.name.endswith((".jsonl", ".jsonl.gz", ".json", ".parquet")):
        return False
    return any(is_answer_pool(row) for _, row in islice(stream_rows(path), 1))


def answer_pool(row: Row, where: str) -> AnswerPool:
    """Read a row.

    Raises:
        InputError: A field is missing or holds something else, or the fields differ in length; the message names place,
            field and value.
    """
    answers = field_of(row, "answers", list, "a list of texts", where)
    for index, answer in enumerate(answers):
        if not isinstance(answer, str):
            raise InputError(f"{where}: field 'answers'[{index}] must be text, found {answer!r}")
    if not answers:
        raise InputError(f"{where}: field 'answers' is empty")
    name = "label" if "label" in row else "labels"
    labels = field_of(row, name, list, "a list of 0 and 1", where)
    if len(labels) != len(answers):
        raise InputError(f"{where}: field {name!r} has {len(labels)} entries for {len(answers)} answers")
    for index, label in enumerate(labels):
        if not isinstance(label, int | float) or label not in (0, 1):
            raise InputError(f"{where}: field {name + '[' + str(index) + ']'!r} must be 0 or 1, found {label!r}")
    method, scores = _scores(row, where)
    if len(scores) > len(answers):
        raise InputError(f"{where}: field 'step_scores' has {len(scores)} entries for {len(answers)} answers")
    return AnswerPool(
        prompt=text_field(row, "prompt", where),
        answers=tuple(answers),
        correct=tuple(map(bool, labels)),
        method=method,
        scores=tuple(scores),
    )


def _scores(row: Row, where: str) -> tuple[str | None, list[float]]:
    """By what, and one score per answer: a PRM stores a list for each, an ORM a number."""
    if row.get("step_scores") is None:
        return None, []
    given = field_of(row, "step_scores", list, "a list", where)
    if not given:
        raise InputError(f"{where}: field 'step_scores' is empty")
    if not isinstance(given[0], list):
        return "orm", [
            finite_number(each, f"{where}: field 'step_scores'[{index}]") for index, each in enumerate(given)
        ]
    means = []
    for index, steps in enumerate(given):
        place = f"{where}: field 'step_scores'[{index}]"
        if not isinstance(steps, list) or not steps:
            raise InputError(f"{place} must be a list of at least one number, found {steps!r}")
        means.append(fmean(finite_number(each, f"{place}[{step}]") for step, each in enumerate(steps)))
    return "prm", means


def answer_steps(answer: str) -> list[str]:
    """The steps of an answer: up to each `ки` where there is one, else paragraphs. Empty for a blank answer."""
    if MARK in answer:
        return [step for part in answer.split(MARK) if (step := part.strip())]
    return split_text(answer, "\n\n")


def read_pool_solutions(
    path: Path, problems: Sequence[Problem] = (), first: int | None = None
) -> tuple[list[Solution], list[str]]:
    """Every answer as a solution whose `correct` is the publisher's label; scores in the file are left aside.

    Args:
        path: `.jsonl`, `.jsonl.gz`, `.json` or `.parquet`.
        problems: Known problems: where a prompt is the text of one, its solutions get its id and answer.
        first: Take only the first so many answers of each problem (`--num_n` of the publisher's scripts).

    Returns:
        Solutions in the order of the file, and one sentence for each thing that has to be said. Blank answers, of which
        nothing can be scored, are left out.

    Raises:
        MissingFileError: There is no such file.
        InputError: A row cannot be read, a prompt is there twice, or nothing is left.
    """
    if first is not None and first < 1:
        raise InputError(f"the number of answers to take must be at least 1, got {first}")
    known = KnownProblems(problems)
    solutions: list[Solution] = []
    places: dict[str, str] = {}
    blank = 0
    for where, row in stream_rows(path):
        pool = answer_pool(row, where)
        problem = known.find(pool.prompt)
        if (earlier := places.setdefault(problem.problem_id, where)) != where:
            raise InputError(f"{where}: field 'prompt' is that of {earlier}: {pool.prompt[:60]!r}; keep one of them")
        for index, (answer, right) in enumerate(zip(pool.answers[:first], pool.correct[:first], strict=True)):
            steps = answer_steps(answer)
            blank += not steps
            if steps:
                solutions.append(Solution(solution_id=str(index), problem=problem, steps=tuple(steps), correct=right))
    if not solutions:
        raise InputError(f"{path}: no answers with text in it")
    return solutions, [f"{blank} blank answers are left out"] if blank else []
