r"""Problems with reference answers, from files, Hugging Face data sets, and the demo's stories.

A source is `FILE.jsonl`, `FILE.json` (an array), `FILE.parquet`, `hf:NAME[:CONFIG]:SPLIT` (a hub name or a local
folder, whatever `datasets.load_dataset` takes) or `demo:N[:LEVEL]`. Fields are found by name. The answer may be given
alone or at the end of a reference solution, as GSM8K (`#### 18`, `A: 18`) and MATH (`\boxed{18}`) do.
"""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from prmkit.errors import InputError, MissingFileError, first_line
from prmkit.files import locate, read_array, read_jsonl, text_field
from prmkit.grading import Extracted, ExtractRule, extract_marked
from prmkit.records import Problem
from prmkit.tables import Row, read_rows

PROBLEM_FIELDS = ("problem", "question", "prompt", "input")
ANSWER_FIELDS = ("answer", "ground_truth", "final_answer", "expected_answer", "gold", "target")
SOLUTION_FIELDS = ("solution", "reference_solution")
ID_FIELDS = ("problem_id", "unique_id", "id", "idx")
"""Names that are looked for, the first that a row has is taken."""

_CALCULATION = re.compile(r"<<[^<>\n]*>>")


def read_problems(source: str, *, seed: int = 0, limit: int | None = None) -> list[Problem]:
    """Read the problems of a source, in its order.

    Args:
        source: As in the module's description.
        seed: Of the demo's stories; other sources take no notice of it.
        limit: Read only the first so many.

    Returns:
        Problems with distinct ids: the row's id field, else `<name of the source>-<row, from 0>`. `solution` is set
        where the source has a reference solution; GSM8K's calculator marks `<<2*3=6>>` are taken out of it.

    Raises:
        MissingFileError: There is no such file or data set.
        InputError: The source, or a row of it (the message says which), cannot be used; an id occurs twice; there are
            no problems.
    """
    if limit is not None and limit < 1:
        raise InputError(f"limit must be at least 1, got {limit}")
    if source.startswith("demo:"):
        return _demo_problems(source, seed, limit)
    stem, rows = _rows(source)
    problems: list[Problem] = []
    places: dict[str, str] = {}
    for index, (where, row) in enumerate(islice(rows, limit)):
        problem = row_problem(row, where, f"{stem}-{index}")
        if (first := places.setdefault(problem.problem_id, where)) != where:
            raise InputError(f"{where}: the id {problem.problem_id!r} was already used at {first}")
        problems.append(problem)
    if not problems:
        raise InputError(f"{source}: no problems in it")
    return problems


def read_problem_texts(source: str, *, seed: int = 0) -> list[str]:
    """The texts of a source's problems, whatever else its rows hold: a test set need not have answers.

    Raises: as `read_problems`.
    """
    if source.startswith("demo:"):
        return [each.problem for each in _demo_problems(source, seed, None)]
    _, rows = _rows(source)
    texts = [
        text_field(row, _field(row, PROBLEM_FIELDS) or _missing(row, where, PROBLEM_FIELDS), where)
        for where, row in rows
    ]
    if not texts:
        raise InputError(f"{source}: no problems in it")
    return texts


def _rows(source: str) -> tuple[str, Iterator[tuple[str, Row]]]:
    return _hub_rows(source) if source.startswith("hf:") else _file_rows(locate(source))


def row_problem(row: Row, where: str, default_id: str) -> Problem:
    """The problem in a row.

    Raises:
        InputError: No field of the known names holds a problem or an answer; `where` says which row.
    """
    problem = text_field(row, _field(row, PROBLEM_FIELDS) or _missing(row, where, PROBLEM_FIELDS), where)
    id_field = _field(row, ID_FIELDS)
    answer_field, solution_field = _field(row, ANSWER_FIELDS), _field(row, SOLUTION_FIELDS)
    solution = text_field(row, solution_field, where) if solution_field else None
    if answer_field:
        answer = text_field(row, answer_field, where)
        if marked := extract_marked(answer):
            solution = solution or (answer if _is_solution(answer, marked) else None)
            answer = marked.text
    elif solution:
        if (marked := extract_marked(solution)) is None:
            raise InputError(f"{where}: no answer field ({', '.join(ANSWER_FIELDS)}), and the solution marks no answer")
        answer = marked.text
    else:
        _missing(row, where, ANSWER_FIELDS)
    return Problem(
        problem_id=text_field(row, id_field, where) if id_field else default_id,
        problem=problem,
        answer=answer.strip(),
        solution=None if solution is None else _CALCULATION.sub("", solution).strip(),
    )


def _is_solution(text: str, marked: Extracted) -> bool:
    """Whether there is more than the mark: `#### 18` alone is an answer, not a solution."""
    mark = {ExtractRule.HASHES: r"#+", ExtractRule.BOXED: r"\$*\\f?boxed\s*\{|\}\$*", ExtractRule.LETTER_A: "A:"}
    rest = re.sub(mark.get(marked.rule, ""), "", text.replace(marked.text, "", 1))
    return bool(rest.strip(" .\n"))


def _field(row: Row, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if row.get(name) is not None), None)


def _missing(row: Row, where: str, names: tuple[str, ...]) -> Any:
    raise InputError(f"{where}: needs a field {' or '.join(names)}; the row has {', '.join(row) or 'no fields'}")


def _file_rows(path: Path) -> tuple[str, Iterator[tuple[str, Row]]]:
    if path.suffix == ".jsonl":
        return path.stem, read_jsonl(path)
    if path.suffix == ".parquet":
        return path.stem, iter(read_rows(path, ()))
    if path.suffix == ".json":
        return path.stem, iter(read_array(path))
    raise InputError(
        f"{path}: not a problem source; give FILE.jsonl, FILE.json, FILE.parquet, hf:NAME[:CONFIG]:SPLIT or demo:N"
    )


def _hub_rows(source: str) -> tuple[str, Iterator[tuple[str, Row]]]:
    name, *rest = source.removeprefix("hf:").split(":")
    if not name or not 1 <= len(rest) <= 2 or not all(rest):
        raise InputError(f"{source}: expected hf:NAME:SPLIT or hf:NAME:CONFIG:SPLIT")
    from datasets import load_dataset

    *config, split = rest
    try:
        data = load_dataset(name, *config, split=split)
    except FileNotFoundError as error:  # DatasetNotFoundError is one
        raise MissingFileError(f"{source}: {type(error).__name__}: {first_line(error)}") from None
    except (ValueError, RuntimeError, OSError) as error:
        raise InputError(f"{source}: cannot be loaded: {type(error).__name__}: {first_line(error)}") from None
    stem = f"{Path(name).name}-{split}"
    return stem, ((f"{source} row {index}", dict(row)) for index, row in enumerate(data))


def _demo_problems(source: str, seed: int, limit: int | None) -> list[Problem]:
    from prmkit.demo.stories import LEVELS, make_stories

    parts = source.split(":")
    level = parts[2] if len(parts) > 2 else "default"
    if len(parts) > 3 or not parts[1].isdecimal() or int(parts[1]) < 1 or level not in LEVELS:
        raise InputError(f"{source}: expected demo:N or demo:N:LEVEL, N at least 1, LEVEL one of {', '.join(LEVELS)}")
    count = min(int(parts[1]), limit or int(parts[1]))
    return [
        Problem(
            problem_id=f"demo-{level}-{seed}-{index:05}",
            problem=story.text,
            answer=str(story.answer),
            solution="\n".join(story.steps()),
        )
        for index, story in enumerate(make_stories(count, seed, LEVELS[level]))
    ]
