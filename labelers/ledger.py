"""A run directory as a ledger: what was asked for, what is finished, what could not be done.

::

    RUN/config.json                      the resolved configuration and its fingerprint
    RUN/shards/00000.parquet             finished work; a shard is whole or absent
    RUN/rollouts/shards/00000.parquet    rollouts kept of that shard, as solutions; RUN/rollouts is a source of its own
    RUN/filtered/00000.jsonl             items of that shard left out on purpose, with the reason
    RUN/quarantine/00000.jsonl           items of that shard that failed, with the reason
    RUN/progress.jsonl                   how far each start of the run was, and what it had cost, line by line
    RUN/report.json                      what the run came to

What belongs to a shard is written before the shard itself, and counts for nothing without it. Restarting means: list
the shards, do the rest. Where it holds: file systems with atomic rename inside a directory (local disks, NFS within one
client), and object stores that put an object whole and list it at once (S3, GCS). Two runs of one configuration into
one directory at the same time do work twice and store it once.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

from prmkit.energy import Energy
from prmkit.errors import first_line
from prmkit.files import append_line, write_json, write_text
from prmkit.records import SOLUTION_SCHEMA
from prmkit.runs import check_folder, write_config
from prmkit.tables import Row, write_rows

CONFIG_FILE = "config.json"
PROGRESS_FILE = "progress.jsonl"
REPORT_FILE = "report.json"


class Ledger:
    """One run directory."""

    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        """Create the run directory, or go on with an existing one.

        Args:
            folder: The run directory, or a place in an object store (`prmkit.files.locate`).
            config: JSON-able; everything that decides the results, and nothing else (not the number of engines).

        Raises:
            RunChangedError: The directory holds a run with another configuration; the message names the differences.
            InputError: The directory holds something else.
            OSError: It cannot be read or written; the message is one line.
        """
        self.folder = folder
        try:
            check_folder(folder, CONFIG_FILE, config)
        except (OSError, ValueError):
            raise
        except Exception as error:  # of an object store's own library: no such bucket, no credentials, ...
            raise OSError(f"{folder}: cannot be reached: {first_line(error)}") from None
        write_config(folder, CONFIG_FILE, config)  # again where it exists: a place that cannot be written is told now
        self.start = max((int(entry.get("start", 0)) for entry in read_progress(folder)), default=-1) + 1
        """Which start of the run this is, from 0."""
        self._spent = (0.0, 0)

    def finished(self) -> set[int]:
        """Numbers of the shards that are done."""
        return {int(file.stem) for file in (self.folder / "shards").glob("*.parquet")}

    def write(
        self,
        shard: int,
        rows: list[Row],
        schema: pa.Schema,
        failures: list[Row],
        *,
        filtered: list[Row] | None = None,
        kept: list[Row] | None = None,
    ) -> None:
        """Record a finished shard; what belongs to it first, so that a finished shard has nothing unsaid.

        Raises:
            OSError: It cannot be written; nothing of the shard counts then.
        """
        self._write_lines("quarantine", shard, failures)
        self._write_lines("filtered", shard, filtered or [])
        rollouts = self.folder / "rollouts" / "shards" / f"{shard:05}.parquet"
        if kept:
            names = {(row["problem_id"], row["solution_id"]): row for row in kept}  # items done apart draw some again
            write_rows(rollouts, list(names.values()), SOLUTION_SCHEMA)
        elif rollouts.is_file():
            rollouts.unlink()
        write_rows(self.folder / "shards" / f"{shard:05}.parquet", rows, schema)

    def _write_lines(self, part: str, shard: int, rows: list[Row]) -> None:
        file = self.folder / part / f"{shard:05}.jsonl"
        if rows:
            write_text(file, "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in rows))
        elif file.is_file():
            file.unlink()  # of an earlier try

    def count(self, part: str) -> int:
        """How many items of finished shards are in `quarantine` or `filtered`."""
        finished = self.finished()
        files = [file for file in (self.folder / part).glob("*.jsonl") if int(file.stem) in finished]
        return sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)

    def quarantined(self) -> int:
        """How many items could not be done."""
        return self.count("quarantine")

    def note(self, entry: dict[str, Any]) -> None:
        """Add a line to the run's progress.

        Args:
            entry: JSON-able; `seconds` and `tokens` count from this start on, so that a start's last line is its cost.
        """
        append_line(self.folder / PROGRESS_FILE, json.dumps({"start": self.start} | entry))

    def add_cost(self, seconds: float, tokens: int) -> None:
        """Keep account of what was spent since the last call, so that a crash loses little of the account."""
        self._spent = self._spent[0] + seconds, self._spent[1] + tokens
        self.note({"seconds": round(self._spent[0], 3), "tokens": self._spent[1]})

    def report(self, report: dict[str, Any]) -> None:
        """Store what the run came to."""
        write_json(self.folder / REPORT_FILE, report)


def read_progress(folder: Path) -> list[dict[str, Any]]:
    """The lines of a run's progress; one that a killed writer left unfinished is passed over."""
    file = folder / PROGRESS_FILE
    entries = []
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines() if file.is_file() else ():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            entries.append(entry)
    return entries


def last_of_each_start(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last line of each start of a run; together they are what it has cost."""
    return list({int(entry.get("start", 0)): entry for entry in entries}.values())


def read_cost(folder: Path) -> tuple[float, int]:
    """Wall seconds (engine start-up included) and tokens of a run over all its starts; zeros where nothing is kept."""
    entries = last_of_each_start(read_progress(folder))
    return sum(float(each.get("seconds", 0)) for each in entries), sum(int(each.get("tokens", 0)) for each in entries)


def read_energy(folder: Path) -> Energy:
    """Energy of a run over all its starts; a part is known if every start that wrote tokens knows it."""
    starts = [each for each in last_of_each_start(read_progress(folder)) if each.get("tokens")]
    return sum(map(line_energy, starts[1:]), line_energy(starts[0])) if starts else Energy()


def line_energy(line: dict[str, Any]) -> Energy:
    """Of a line of progress."""
    return Energy(cpu=line.get("cpu_joules"), gpu=line.get("gpu_joules"))
