"""Which problems a reward model learned from: digests of their texts, in a file beside its weights.

What is fitted or measured later (calibration, evaluation) must rest on other problems; a digest of the text tells them
apart whatever a source calls them.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from prmkit.errors import InputError
from prmkit.files import write_text

TRAINED_FILE = "trained_problems.txt"
"""One digest per line, sorted."""


def problem_digest(problem: str) -> str:
    """16 hexadecimal digits of a problem's text; white space does not count."""
    return hashlib.sha256(" ".join(problem.split()).encode()).hexdigest()[:16]


def write_trained(folder: Path, problems: Iterable[str]) -> None:
    """Write down the texts of the problems of the training split; those held out for validation are not among them."""
    digests = sorted({problem_digest(each) for each in problems})
    write_text(folder / TRAINED_FILE, "".join(f"{each}\n" for each in digests))


def read_trained(folder: Path) -> frozenset[str] | None:
    """Digests of the problems a model learned from; None where its folder does not say.

    Raises:
        InputError: The file holds something else.
    """
    file = folder / TRAINED_FILE
    if not file.is_file():
        return None
    lines = file.read_text(encoding="utf-8", errors="replace").split()
    for number, line in enumerate(lines, start=1):
        if len(line) != 16 or not set(line) <= set("0123456789abcdef"):
            raise InputError(f"{file}:{number}: expected 16 hexadecimal digits, found {line[:40]!r}")
    return frozenset(lines)
