"""Rows of large files, one at a time: where whole tables (`prmkit.tables.read_rows`) would not fit into memory."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from prmkit.errors import InputError, MissingFileError
from prmkit.files import read_array, read_jsonl
from prmkit.tables import Row

_ROWS = 4
"""Rows of a Parquet file that are held together: one may hold a thousand solutions."""


def stream_rows(path: Path) -> Iterator[tuple[str, Row]]:
    """Every row of a `.jsonl`, `.jsonl.gz`, `.parquet` or `.json` file (an array, read whole) with its place.

    Raises:
        MissingFileError: There is no such file.
        InputError: It has another ending, or cannot be read; the message gives the place.
    """
    if path.name.endswith((".jsonl", ".jsonl.gz")):
        yield from read_jsonl(path)
    elif path.suffix == ".json":
        yield from read_array(path)
    elif path.suffix == ".parquet":
        yield from _parquet_rows(path)
    else:
        raise InputError(f"{path}: expected .jsonl, .jsonl.gz, .json or .parquet")


def _parquet_rows(path: Path) -> Iterator[tuple[str, Row]]:
    if not path.is_file():
        raise MissingFileError(f"{path}: no such file")
    index = 0
    with path.open("rb") as handle:
        try:
            # without threads, as in `prmkit.tables.read_rows`
            for batch in pq.ParquetFile(handle).iter_batches(batch_size=_ROWS, use_threads=False):
                for row in batch.to_pylist():
                    yield f"{path} row {index}", row
                    index += 1
        except (pa.ArrowInvalid, OSError) as error:
            raise InputError(f"{path}: not a Parquet file: {error}") from None
