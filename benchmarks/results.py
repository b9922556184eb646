"""What a benchmark measured, and writing it to `benchmarks/results/NAME.json`.

A benchmark is run as `python -m benchmarks.NAME`. It measures ours and the peer in turn on the same work, several
times, and states the median: a single timing on a shared machine says little.
"""

import importlib.metadata
import json
import os
import platform
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One claim and what was measured for it."""

    name: str
    """The claim, in words that stand alone."""
    ratio: float
    """Ours against the peer; higher is better."""
    aim: float
    """What the ratio should reach."""
    value: float
    """Ours, the median of `runs`, in `unit`."""
    peer: str
    """What ours is held against."""
    peer_value: float
    """The peer's median, in `unit`."""
    unit: str
    """Of both values."""
    runs: dict[str, list[float]] = field(default_factory=dict)
    """Every single run of both, in `unit`, in the order they were made."""


def rate(name: str, ours: Sequence[float], peer: str, theirs: Sequence[float], *, unit: str, aim: float) -> Measurement:
    """A measurement of rates (more is better) from alternating runs."""
    value, peer_value = statistics.median(ours), statistics.median(theirs)
    runs = {"ours": list(ours), "peer": list(theirs)}
    return Measurement(
        name=name,
        ratio=value / peer_value,
        aim=aim,
        value=value,
        peer=peer,
        peer_value=peer_value,
        unit=unit,
        runs=runs,
    )


def table_line(*cells: str) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def write_results(name: str, measurements: Sequence[Measurement], packages: Sequence[str]) -> Path:
    """Write all measurements of a benchmark, with the command, the versions of these packages, and the machine."""
    about = {
        "command": " ".join(["python -m", f"benchmarks.{name}", *sys.argv[1:]]),
        "versions": {"python": platform.python_version()}
        | {package: importlib.metadata.version(package) for package in packages},
        "machine": f"{os.cpu_count()} x {_processor()}",
    }
    path = RESULTS / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps([asdict(each) | about for each in measurements], indent=2) + "\n", encoding="utf-8")
    return path


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
