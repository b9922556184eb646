"""Rows one at a time, from every kind of file."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prmkit.errors import InputError, MissingFileError
from prmkit.formats.streams import stream_rows

ROWS = [{"a": index, "b": ["x"] * index} for index in range(11)]


def _write(path: Path) -> Path:
    lines = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(ROWS))
    else:
        path.write_bytes(gzip.compress(lines) if path.suffix == ".gz" else lines)
    return path


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz", "rows.json", "rows.parquet"])
def test_every_kind_of_file_gives_the_same_rows_in_order(name: str, tmp_path: Path) -> None:
    placed = list(stream_rows(_write(tmp_path / name)))
    assert [row for _, row in placed] == ROWS
    assert len({where for where, _ in placed}) == len(ROWS)
    assert placed[5][0].startswith(str(tmp_path / name)) and placed[5][0].rstrip("]")[-1] in "56"


def test_a_row_comes_before_the_next_is_read(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"a": 1}\nnot JSON\n')
    rows = stream_rows(file)
    assert next(rows)[1] == {"a": 1}
    with pytest.raises(InputError, match=r"rows.jsonl:2: not valid JSON"):
        next(rows)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for name, content, kind, message in (
        ("rows.csv", b"a", InputError, "rows.csv: expected .jsonl"),
        ("absent.jsonl.gz", None, MissingFileError, "absent.jsonl.gz: no such file"),
        ("absent.parquet", None, MissingFileError, "absent.parquet: no such file"),
        ("rows.parquet", b"no table", InputError, "rows.parquet: not a Parquet file"),
        ("rows.jsonl.gz", b"plain", InputError, "rows.jsonl.gz: not a whole gzip file"),
        ("cut.jsonl.gz", gzip.compress(b'{"a": 1}\n' * 9999)[:-9], InputError, "cut.jsonl.gz: not a whole gzip file"),
    ):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(kind, match=message):
            list(stream_rows(tmp_path / name))
