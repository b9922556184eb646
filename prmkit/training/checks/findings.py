"""What a check of `prmkit doctor` finds: how bad it is, a sentence with its counts, and an example with its place."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """Training works; a person should know."""
    VIOLATION = "violation"
    """Training would fail, learn something else than what is meant, or its figures would be wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The outcome of one check."""

    name: str
    """The same in every run."""
    status: Status
    """How bad it is."""
    message: str
    """What was found, in a sentence with its counts."""
    counts: dict[str, int | float] = field(default_factory=dict)
    """The figures of the message, by name."""
    example: str | None = None
    """One case and its place, where something was found."""

    def to_json(self) -> dict[str, Any]:
        """As `prmkit doctor --json` writes it."""
        return asdict(self)


def check(
    name: str,
    found: Sequence[str],
    *,
    fine: str,
    wrong: str,
    status: Status = Status.VIOLATION,
    **counts: int | float,
) -> Check:
    """A check that is ok if nothing was found.

    Args:
        name: Of the check.
        found: A description with its place for every case.
        fine: The message where there is none.
        wrong: What follows their number where there are some.
        status: How bad they are.
        counts: Further figures.
    """
    if not found:
        return Check(name=name, status=Status.OK, message=fine, counts={"found": 0, **counts})
    message = f"{len(found)} {wrong}"
    return Check(name=name, status=status, message=message, counts={"found": len(found), **counts}, example=found[0])
