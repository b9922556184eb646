"""Solutions to label or score: our own tables, or the reference solutions of a problem source cut into steps."""

import re
from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq

from prmkit.errors import InputError
from prmkit.files import locate, read_jsonl
from prmkit.formats.problems import read_problems
from prmkit.records import Problem, Solution
from prmkit.steps import split_text
from prmkit.tables import read_solutions

REFERENCE_ID = "reference"
"""`solution_id` of a reference solution."""

_DRAWING = re.compile(r"\[asy\].*?\[/asy\]", re.DOTALL)
_FORMULA = re.compile(
    r"\$\$.*?\$\$|\\\[.*?\\\]|\\\(.*?\\\)|(?<!\\)\$.*?(?<!\\)\$|\\begin\{(\w+\*?)\}.*?\\end\{\1\}", re.DOTALL
)
_SENTENCE_END = re.compile(r"(?:(?<=[.!?])|(?<=[.!?]\$))\s+(?=[A-Z$\\])")


def read_solution_source(source: str, separator: str = "\n", *, seed: int = 0) -> list[Solution]:
    """Read solutions.

    Args:
        source: A run directory, a Parquet or JSONL file of the columns of `prmkit.records.SOLUTION_SCHEMA`, or any
            source of `prmkit.formats.problems.read_problems` whose rows have reference solutions.
        separator: Where reference solutions are cut (see `reference_steps`).
        seed: Of the demo's stories.

    Returns:
        Solutions in the order of the source; one per problem, with the id `reference`, for a problem source.

    Raises:
        MissingFileError: There is no such source.
        InputError: A row cannot be read, or a problem has no reference solution; the message says which.
    """
    if _holds_our_rows(source):
        return read_solutions(locate(source))
    return [_reference(source, problem, separator) for problem in read_problems(source, seed=seed)]


def reference_steps(text: str, separator: str) -> list[str]:
    r"""Cut a reference solution into steps.

    The text is cut at `separator`. If that leaves it whole, it is cut at blank lines, else at line ends, else at the
    ends of sentences. Formulas stay whole, and a drawing (`[asy]`) is joined into one line. Nothing is dropped: the
    line with GSM8K's `#### 18` is the last step, and the joined steps hold whatever answer mark the text has.
    """
    text = _DRAWING.sub(lambda drawing: " ".join(drawing[0].split()), text)
    for mark in dict.fromkeys((separator, "\n\n", "\n")):
        if len(steps := split_text(text, mark)) > 1:
            return steps
    return _sentences(text)


def _reference(source: str, problem: Problem, separator: str) -> Solution:
    if problem.solution is None:
        raise InputError(f"{source}: problem {problem.problem_id!r} has no reference solution to cut into steps")
    steps = tuple(reference_steps(problem.solution, separator))
    return Solution(solution_id=REFERENCE_ID, problem=problem, steps=steps)


def _sentences(text: str) -> list[str]:
    formulas = [match.span() for match in _FORMULA.finditer(text)]
    cuts = [0]
    for match in _SENTENCE_END.finditer(text):
        if not any(first < match.start() < last for first, last in formulas):
            cuts.append(match.end())
    cuts.append(len(text))
    return [step for first, last in pairwise(cuts) if (step := text[first:last].strip())]


def _holds_our_rows(source: str) -> bool:
    """Whether a source has our own columns (a run directory always has)."""
    path = locate(source)
    if path.is_dir():
        return True
    if not path.is_file():
        return False
    if path.suffix == ".parquet":
        try:
            with path.open("rb") as handle:
                columns = pq.read_schema(handle).names
        except (pa.ArrowInvalid, OSError) as error:
            raise InputError(f"{path}: not a Parquet file: {error}") from None
    elif path.suffix == ".jsonl":
        columns = list(next((row for _, row in read_jsonl(path)), {}))
    else:
        return False
    return "steps" in columns and "solution_id" in columns
