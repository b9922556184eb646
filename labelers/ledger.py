"""A run directory as a ledger: what was asked for, what is finished, what could not be done.

::

    RUN/config.json              the resolved configuration and its fingerprint
    RUN/shards/00000.parquet     finished work; a shard is whole or absent
    RUN/quarantine/00000.jsonl   items of that shard that failed, with the reason
    RUN/cost.jsonl               seconds and tokens of each time the run was started

Restarting means: list the shards, do the rest. Where it holds: file systems with atomic rename inside a directory
(local disks, NFS within one client).
"""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from prmkit.files import read_jsonl, write_text
from prmkit.runs import check_folder, write_config
from prmkit.tables import Row, write_rows

CONFIG_FILE = "config.json"
COST_FILE = "cost.jsonl"


class Ledger:
    """One run directory."""

    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        """Create the run directory, or go on with an existing one.

        Args:
            folder: The run directory.
            config: JSON-able; everything that decides the results, and nothing else (not the number of engines).

        Raises:
            RunChangedError: The directory holds a run with another configuration; the message names the differences.
            InputError: The directory holds something else.
        """
        self.folder = folder
        if not check_folder(folder, CONFIG_FILE, config):
            write_config(folder, CONFIG_FILE, config)

    def finished(self) -> set[int]:
        """Numbers of the shards that are done."""
        return {int(file.stem) for file in (self.folder / "shards").glob("*.parquet")}

    def write(self, shard: int, rows: list[Row], schema: pa.Schema, failures: list[Row]) -> None:
        """Record a finished shard; failures first, so that a finished shard has nothing unsaid."""
        quarantine = self.folder / "quarantine" / f"{shard:05}.jsonl"
        if failures:
            write_text(quarantine, "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in failures))
        else:
            quarantine.unlink(missing_ok=True)  # of an earlier try
        write_rows(self.folder / "shards" / f"{shard:05}.parquet", rows, schema)

    def add_cost(self, seconds: float, tokens: int) -> None:
        """Keep account of what was spent since the last call, so that a crash loses little of the account."""
        with (self.folder / COST_FILE).open("a", encoding="utf-8") as handle:
            handle.write(json.dumps({"seconds": round(seconds, 3), "tokens": tokens}) + "\n")

    def quarantined(self) -> int:
        """How many items could not be done."""
        files = (self.folder / "quarantine").glob("*.jsonl")
        return sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)


def read_cost(folder: Path) -> tuple[float, int]:
    """Wall seconds (engine start-up included) and tokens of a run over all its starts; zeros where nothing is kept."""
    file = folder / COST_FILE
    entries = [entry for _, entry in read_jsonl(file)] if file.is_file() else []
    return sum(entry["seconds"] for entry in entries), sum(entry["tokens"] for entry in entries)
