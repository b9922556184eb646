"""A command as text and as JSON, and what it took: what a report states about how it was made."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import MISSING, asdict, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prmkit.report.tables import Cost


def resolved(command: Any) -> dict[str, Any]:
    """All options of a command dataclass, JSON-able; groups of options are flattened, as on the command line."""
    flat: dict[str, Any] = {}
    for name, value in asdict(command).items():
        flat |= value if isinstance(value, dict) else {name: value}
    plain: dict[str, Any] = json.loads(json.dumps(flat, default=str))
    return plain


def given(command: Any) -> dict[str, Any]:
    """Options of a command dataclass that are not at their defaults, by flag; those of groups among them."""
    found: dict[str, Any] = {}
    for each in fields(command):
        value = getattr(command, each.name)
        if is_dataclass(value):
            found |= given(value)
        elif value != (each.default if each.default_factory is MISSING else each.default_factory()):
            found[f"--{each.name.replace('_', '-')}"] = value
    return found


def command_line(name: str, command: Any) -> str:
    """The shell command of a command dataclass: `prmkit NAME` and every option that is not at its default."""
    return shlex.join(["prmkit", *name.split(), *_options(command)])


def _options(command: Any) -> Iterator[str]:
    for flag, value in given(command).items():
        yield flag
        if value is not True:  # a flag that is on has no value
            yield from map(str, value if isinstance(value, tuple) else (value,))


def run_cost(stage: str, run: Path) -> "Cost":
    """What a run directory took over all its starts; zeros where nothing is kept."""
    from labelers.ledger import read_cost, read_energy
    from prmkit.report.tables import Cost

    seconds, tokens = read_cost(run)
    return Cost(stage=stage, seconds=seconds, tokens=tokens, energy=read_energy(run).watt_hours)
