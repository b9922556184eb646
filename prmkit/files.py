"""Writing files so that each is whole or absent, and reading them so that each complaint names file and line."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from prmkit.errors import InputError, MissingFileError


def write_atomic(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file, then flush it to disk and rename it to `path`.

    A reader never sees half a file, and a killed writer leaves at most a file ending in `.tmp`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(temporary)
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the rename itself reaches the disk with the folder
    finally:
        os.close(folder)


def write_text(path: Path, text: str) -> None:
    """Write a whole text file, or nothing."""
    write_atomic(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON with stable key order as given."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Read one JSON value.

    Raises:
        MissingFileError: There is no such file.
        InputError: It is not JSON; the message gives file and line.
    """
    if not path.is_file():
        raise MissingFileError(f"{path}: no such file")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(f"{path}:{getattr(error, 'lineno', 1)}: not valid JSON: {error}") from None


def read_jsonl(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield `("file:line", object)` for every line that is not blank.

    Raises:
        MissingFileError: There is no such file.
        InputError: A line is not a JSON object; the message gives file and line.
    """
    if not path.is_file():
        raise MissingFileError(f"{path}: no such file")
    with path.open("rb") as handle:
        for number, line in enumerate(handle, start=1):
            where = f"{path}:{number}"
            if not line.strip():
                continue
            try:
                row = json.loads(line.decode("utf-8"))
            except (ValueError, UnicodeDecodeError) as error:
                raise InputError(f"{where}: not valid JSON: {error}") from None
            if not isinstance(row, dict):
                raise InputError(f"{where}: expected a JSON object, found {type(row).__name__}")
            yield where, row


def text_field(row: dict[str, Any], field: str, where: str) -> str:
    """The text in `row[field]`; a number is accepted and written out.

    Raises:
        InputError: The field is absent, not text, or blank; the message says where and which fields there are.
    """
    value = row.get(field)
    if value is None:
        raise InputError(f"{where}: field {field!r} is missing; the row has {', '.join(map(repr, row)) or 'no fields'}")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InputError(f"{where}: field {field!r} must be text, found {type(value).__name__}")
    if not str(value).strip():
        raise InputError(f"{where}: field {field!r} is empty")
    return str(value)


def fingerprint(value: Any) -> str:
    """A short hexadecimal digest of a JSON-able value, the same on every machine."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
