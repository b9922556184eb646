r"""Texts of the Math-Shepherd family: problem and steps in one text, a mark after every step.

    What is 1 + 2 + 3? Step 1: 1 + 2 = 3 ки\nStep 2: 3 + 3 = 7 ки

The first step follows the problem, and only `Step 1:` tells where. These headings are taken off when all steps have
them in order, and put on again when the text is written. Formats: `prmkit.formats.math_shepherd`, `.openrlhf` and
`.rlhflow` (which has turns in place of the mark).
"""

import re
from collections.abc import Sequence

from prmkit.errors import InputError
from prmkit.formats.known import KnownProblems

MARK = "ки"
"""Stands after every step: the token at which Math-Shepherd's model is read."""

UNMARKABLE = f"their text holds {MARK!r}, or the problem 'Step 1:'"
"""Why a solution cannot be written as a marked text."""

_FIRST_HEADING = re.compile(r"\bstep 1\s*:", re.IGNORECASE)


def split_marked(text: str, known: KnownProblems, where: str) -> tuple[str, tuple[str, ...]]:
    """The problem's text and the steps of a marked text.

    Raises:
        InputError: Something follows the last mark, a step is blank, or nothing tells where the problem ends.
    """
    *parts, rest = text.split(MARK)
    if not parts or rest.strip():
        raise InputError(f"{where}: every step must end with {MARK!r}; found {rest.strip()[-60:]!r} without one")
    return split_first(parts, known, where)


def split_first(parts: Sequence[str], known: KnownProblems, where: str) -> tuple[str, tuple[str, ...]]:
    """Problem and steps, where the first part holds the problem and the first step.

    Raises:
        InputError: A step is blank, or nothing tells where the problem ends.
    """
    if found := known.split(parts[0]):
        problem, first = found
    elif heading := _FIRST_HEADING.search(parts[0]):
        problem, first = parts[0][: heading.start()], parts[0][heading.start() :]
    else:
        raise InputError(
            f"{where}: nothing tells where the problem ends: no 'Step 1:' in {parts[0].strip()[:60]!r}..., "
            "and it begins with none of the known problems (--problems)"
        )
    steps = without_headings([first.strip(), *(part.strip() for part in parts[1:])])
    if blank := [index for index, step in enumerate(steps) if not step]:
        raise InputError(f"{where}: step {blank[0]} of {len(steps)} is blank; every labelled step needs text")
    if not problem.strip():
        raise InputError(f"{where}: there is no problem before the first step")
    return problem.strip(), tuple(steps)


def without_headings(steps: Sequence[str]) -> list[str]:
    """Steps without `Step i:`, where all have it in order; else as they are."""
    bare: list[str] = []
    for number, step in enumerate(steps, start=1):
        heading = re.match(rf"step {number}\s*:\s*", step, re.IGNORECASE)
        if heading is None:
            return list(steps)
        bare.append(step[heading.end() :])
    return bare


def with_headings(steps: Sequence[str]) -> list[str]:
    """Steps with `Step i:` before each, unless all have it already."""
    if without_headings(steps) != list(steps):
        return list(steps)
    return [f"Step {number}: {step}" for number, step in enumerate(steps, start=1)]


def holds(problem: str, steps: Sequence[str], mark: str | None = MARK) -> bool:
    """Whether problem and steps can be told apart again: no mark inside them, and no `Step 1:` in the problem."""
    return _FIRST_HEADING.search(problem) is None and (mark is None or mark not in problem + "".join(steps))


def join_marked(problem: str, steps: Sequence[str], signs: Sequence[str] | None = None) -> str:
    """The text with a mark after every step, or with the step's own sign in the mark's place."""
    ends = signs or [MARK] * len(steps)
    return f"{problem} " + "\n".join(f"{step} {end}" for step, end in zip(with_headings(steps), ends, strict=True))
