"""`prmkit convert`: our tables between Parquet and JSONL."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Convert:
    """Write the rows of a run directory or table, as they are, to one Parquet or JSONL file."""

    data: Path
    """A run directory, FILE.parquet or FILE.jsonl."""
    out: Path
    """FILE.parquet or FILE.jsonl; an existing file is replaced."""

    def run(self) -> None:
        """Do it."""
        from prmkit.cli.options import say
        from prmkit.errors import InputError
        from prmkit.formats.rows import rows_schema
        from prmkit.tables import read_rows, write_rows

        if self.out.suffix not in (".jsonl", ".parquet"):
            raise InputError(f"--out {self.out}: the name must end in .jsonl or .parquet")
        rows = [row for _, row in read_rows(self.data, ())]
        if not rows:
            raise InputError(f"{self.data}: no rows in it")
        write_rows(self.out, rows, rows_schema(rows))
        say(f"{len(rows)} rows in {self.out}")
