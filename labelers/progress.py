"""How far a run is and what it costs: on the terminal, as lines for machines, and as a report at the end."""

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from labelers.driver import Driver
from labelers.ledger import Ledger, last_of_each_start, line_energy, read_energy, read_progress
from labelers.work import Shard
from labelers.worker import Done, Usage
from prmkit.energy import Energy

_INTERVAL = 5.0
"""Seconds between two lines of progress at least; and 1% of the run, so that a long one writes no more of them."""


@dataclass(kw_only=True)
class Account:
    """What a start of a run has done so far. An item is done, filtered or failed."""

    total: int | None
    """Items of the run; None if that is not known."""
    began: float = field(default_factory=time.monotonic)
    found: int = 0
    """Items that earlier starts finished."""
    begun: int = 0
    """Items handed out, or done."""
    shards_found: int = 0
    shards: int = 0
    items: int = 0
    filtered: int = 0
    failed: int = 0
    rollouts: int = 0
    most_rollouts: int = 0
    usage: Usage = field(default_factory=Usage)
    """Of the engines."""
    running: int = 0
    """Engines that run now; at the end, that ran together at most."""
    working_since: float | None = None
    """When the first engine ran."""
    energy: Energy = field(default_factory=Energy)
    """Of the engines' machines."""

    def skip(self, shard: Shard) -> None:
        """Count a shard that was found finished."""
        self.shards_found += 1
        self.found += len(shard.items)

    def add(self, shard: Shard) -> None:
        """Count a shard that was finished."""
        done = [each for each in shard.results.values() if isinstance(each, Done)]
        self.shards += 1
        self.items += len(shard.items)
        self.failed += len(shard.items) - len(done)
        self.filtered += sum(each.filtered is not None for each in done)
        self.rollouts += sum(each.rollouts for each in done)
        self.most_rollouts += sum(each.most_rollouts for each in done)

    def not_begun(self, shard_size: int) -> int | None:
        """Shards that are not handed out yet, about; None if that is not known."""
        return None if self.total is None else max(0, self.total - self.found - self.begun) // shard_size

    def measure(self, driver: Driver, running: int) -> None:
        """Take note of the engines, of which so many run."""
        self.usage, self.running, self.working_since = driver.usage(), running, driver.working_since
        self.energy = driver.energy.energy()

    def line(self) -> dict[str, Any]:
        """As a line of progress; rates are per second since the first engine ran, None before."""
        now = time.monotonic()
        working = now - self.working_since if self.working_since is not None else 0.0
        rates = {
            f"{name}_per_second": _ratio(count, working)
            for name, count in (("items", self.items), ("rollouts", self.usage.draws), ("tokens", self.usage.tokens))
        }
        left = None if self.total is None else self.total - self.found - self.items
        pace = rates["items_per_second"]
        return {
            "seconds": round(now - self.began, 3),
            "items": self.items,
            "found": self.found,
            "total": self.total,
            "filtered": self.filtered,
            "failed": self.failed,
            "rollouts": self.rollouts,
            "most_rollouts": self.most_rollouts,
            "saved": saved(self.rollouts, self.most_rollouts),
            "tokens": self.usage.tokens,
            **rates,
            "engines": self.running,
            "occupancy": _ratio(self.usage.full_seconds, self.usage.seconds),
            "engine_hours": round((self.usage.starting + self.usage.seconds) / 3600, 6),
            "cpu_joules": self.energy.cpu,
            "gpu_joules": self.energy.gpu,
            "seconds_left": round(left / pace, 1) if left is not None and pace else None,
        }


def saved(rollouts: int, most_rollouts: int) -> float | None:
    """Share in [0, 1] of the rollouts that stopping early saved; None where none were due."""
    return round(1 - rollouts / most_rollouts, 4) if most_rollouts else None


def _ratio(value: float, by: float) -> float | None:
    return round(value / by, 4) if by > 0 else None


class Display:
    """A bar on the terminal with a line of figures below it, and the lines of progress in the ledger."""

    def __init__(self, account: Account, ledger: Ledger, what: str) -> None:
        """Show an account; use it in a `with` block."""
        self._account, self._ledger = account, ledger
        self._noted = time.monotonic()
        self._bar = _Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False),
        )
        self._row = self._bar.add_task(what, total=account.total, completed=account.found)

    def __enter__(self) -> "Display":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def say(self, text: str) -> None:
        """A line above the bar."""
        self._bar.console.print(Text(text), soft_wrap=True)

    async def follow(self, driver: Driver) -> None:
        """Show how a run stands, until cancelled; write a line where one is due."""
        while True:
            await asyncio.sleep(1)
            self._account.measure(driver, driver.running())
            line = self._show()
            now = time.monotonic()
            if now - self._noted >= max(_INTERVAL, 0.01 * line["seconds"]):
                self._noted = now
                self._ledger.note(line)

    def close(self, driver: Driver) -> None:
        """Show and write the last of a run, however it ended."""
        self._account.measure(driver, driver.most_running)
        line = self._show()
        self._bar.figures = ""  # the report says it
        with contextlib.suppress(OSError):  # a full disk was told already
            self._ledger.note(line)

    def _show(self) -> dict[str, Any]:
        line = self._account.line()
        self._bar.figures = figures(line)
        self._bar.update(self._row, completed=line["found"] + line["items"])
        return line


class _Bar(Progress):
    figures = "starting engines"

    def get_renderables(self) -> "Any":
        """The bar, and the figures below it."""
        renderables: list[RenderableType] = list(super().get_renderables())
        return [*renderables, Text(self.figures)] if self.figures else renderables


def figures(line: dict[str, Any]) -> str:
    """A line of progress for people."""
    if line["items_per_second"] is None:
        return "starting engines"
    parts = [
        f"{line['items_per_second']:,.1f} items/s",
        f"{line['rollouts_per_second']:,.0f} rollouts/s",
        f"{line['tokens_per_second']:,.0f} tokens/s",
        f"{line['engines']} engines",
    ]
    if line["occupancy"] is not None:
        parts.append(f"{line['occupancy']:.0%} full")
    if line["saved"] is not None:
        parts.append(f"{line['saved']:.0%} of rollouts saved")
    energy = line_energy(line)
    measured = [str(energy)] if energy.watt_hours is not None else []
    return ", ".join([*parts, f"{line['engine_hours']:.2f} engine hours", f"{line['tokens']:,} tokens", *measured])


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run came to."""

    account: Account
    """Of this start."""
    summary: dict[str, Any]
    """Of all starts, as in RUN/report.json."""

    def report(self, out: Path) -> str:
        """What was done and what could not be, in a few lines."""
        account, summary = self.account, self.summary
        line = summary["last_start"]
        lines = [
            f"{account.shards} shards, {account.items} items in {line['seconds']:.0f} s with engine start; "
            f"{account.shards_found} shards were there already"
        ]
        if account.items:
            lines.append(figures(line))
        if summary["starts"] > 1:
            lines.append(
                f"all {summary['starts']} starts: {summary['seconds']:.0f} s, "
                f"{summary['engine_hours']:.2f} engine hours, {summary['rollouts']:,} rollouts, "
                f"{summary['tokens']:,} tokens"
            )
        if summary["filtered"]:
            lines.append(f"{summary['filtered']} items were filtered: see {out / 'filtered'}")
        if summary["quarantined"]:
            lines.append(f"{summary['quarantined']} items could not be done: see {out / 'quarantine'}")
        return "\n".join(lines)


def conclude(account: Account, ledger: Ledger) -> Outcome:
    """Write the report."""
    starts = last_of_each_start(read_progress(ledger.folder))
    sums = {
        name: sum(each.get(name) or 0 for each in starts)
        for name in ("seconds", "engine_hours", "rollouts", "most_rollouts", "tokens")
    }
    energy = read_energy(ledger.folder)
    summary = {
        "items": account.found + account.items,
        "filtered": ledger.count("filtered"),
        "quarantined": ledger.count("quarantine"),
        "starts": len(starts),
        **{name: round(value, 6) for name, value in sums.items()},
        "saved": saved(sums["rollouts"], sums["most_rollouts"]),
        "cpu_joules": energy.cpu,
        "gpu_joules": energy.gpu,
        "last_start": account.line(),
    }
    ledger.report(summary)
    return Outcome(account=account, summary=summary)
