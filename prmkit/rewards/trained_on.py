"""Which problems a reward model learned from or was calibrated on: digests of their texts, in files beside its weights.

What is fitted or measured later (calibration, evaluation) must rest on other problems; a digest of the text tells them
apart whatever a source calls them.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from prmkit.errors import InputError
from prmkit.files import write_text
from prmkit.texts import squeezed

TRAINED_FILE = "trained_problems.txt"
"""One digest per line, sorted."""
CALIBRATED_FILE = "calibrated_{}.txt"
"""The same of the problems that the calibration of a level was fitted to."""
LEVELS = ("steps", "solutions")
"""Of calibrations."""


def problem_digest(problem: str) -> str:
    """16 hexadecimal digits of a problem's text; white space does not count."""
    return hashlib.sha256(squeezed(problem).encode()).hexdigest()[:16]


def write_trained(folder: Path, problems: Iterable[str], base: Path | None = None) -> None:
    """Write down the texts of the problems of the training split; those held out for validation are not among them.

    Args:
        folder: Of the model.
        problems: Texts.
        base: Folder of the model that the training began with: what that one learned from is known to this one, too.
    """
    known = (base and read_trained(base)) or frozenset()
    _write(folder / TRAINED_FILE, known | {problem_digest(each) for each in problems})


def read_trained(folder: Path) -> frozenset[str] | None:
    """Digests of the problems a model learned from; None where its folder does not say.

    Raises:
        InputError: The file holds something else.
    """
    return _read(folder / TRAINED_FILE)


def write_calibrated(folder: Path, level: str, problems: Iterable[str]) -> None:
    """Write down the texts of the problems that a calibration was fitted to.

    Args:
        folder: Of the model.
        level: One of `LEVELS`.
        problems: Texts; none where the calibration is taken away.
    """
    if digests := {problem_digest(each) for each in problems}:
        _write(folder / CALIBRATED_FILE.format(level), digests)
    else:
        (folder / CALIBRATED_FILE.format(level)).unlink(missing_ok=True)


def read_calibrated(folder: Path) -> frozenset[str]:
    """Digests of the problems that a model's calibrations were fitted to, of both levels; errors: `read_trained`."""
    return frozenset().union(*(_read(folder / CALIBRATED_FILE.format(level)) or () for level in LEVELS))


def _write(file: Path, digests: Iterable[str]) -> None:
    write_text(file, "".join(f"{each}\n" for each in sorted(digests)))


def _read(file: Path) -> frozenset[str] | None:
    if not file.is_file():
        return None
    lines = file.read_text(encoding="utf-8", errors="replace").split()
    for number, line in enumerate(lines, start=1):
        if len(line) != 16 or not set(line) <= set("0123456789abcdef"):
            raise InputError(f"{file}:{number}: expected 16 hexadecimal digits, found {line[:40]!r}")
    return frozenset(lines)
