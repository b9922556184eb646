"""Writing files so that each is whole or absent, and reading them so that each complaint names file and line.

A place is a path or the URL of an object store (`s3://bucket/run`); a URL's place behaves like a `Path` as far as this
project uses one, and is typed as one.
"""

import gzip
import hashlib
import json
import os
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

from prmkit.errors import InputError, MissingExtraError, MissingFileError, first_line


def locate(name: str) -> Path:
    """The place behind a path or URL; `file:///folder` is a plain path.

    Raises:
        InputError: No file system of fsspec has this protocol.
        MissingExtraError: One has, and its package is not installed.
    """
    protocol, mark, rest = name.partition("://")
    if not mark or protocol == "file":
        return Path(rest if mark else name)
    from upath import UPath

    try:
        place = UPath(name)
        _ = place.fs  # found only now
    except ImportError as error:
        raise MissingExtraError(f"{name}: {error}") from None
    except ValueError as error:
        raise InputError(f"{name}: {error}") from None
    return cast(Path, place)


def is_local(place: Path) -> bool:
    """Whether a place is on a file system, with renames and appends, rather than in an object store."""
    return isinstance(place, Path)


def write_atomic(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary local file, then make it `path`: whole or not at all.

    On a file system the temporary lies beside `path`, is flushed to disk and renamed: a reader never sees half a file,
    and a killed writer leaves at most a file ending in `.tmp`. In an object store the whole object is put at once.

    Raises:
        OSError: It cannot be written; the message is one line and names `path`.
    """
    try:
        if is_local(path):
            _write_renamed(path, write)
        else:
            _put(path, write)
    except OSError as error:
        raise _unwritable(path, error) from None


def _write_renamed(path: Path, write: Callable[[Path], object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_native_id()}.tmp")
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


def _put(path: Path, write: Callable[[Path], object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder, path.name)
        write(temporary)
        content = temporary.read_bytes()
    place: Any = path
    try:
        place.fs.pipe_file(place.path, content)
    except Exception as error:  # of the store's own library
        raise OSError(str(error) or type(error).__name__) from None


def _unwritable(path: Path, error: OSError) -> OSError:
    """The same complaint as one line that names the file that was wanted, not the temporary one."""
    said = error.strerror or first_line(error)
    return OSError(error.errno, said, str(path)) if error.errno else OSError(f"{path}: cannot be written: {said}")


def append_line(path: Path, line: str) -> None:
    """Add a line to a file; one that an earlier writer left unfinished is ended first.

    An object store cannot append: there the whole object is put again.

    Raises:
        OSError: It cannot be written; the message is one line and names `path`.
    """
    if not is_local(path):
        before = path.read_text(encoding="utf-8") if path.is_file() else ""
        write_text(path, f"{before}{line}\n")
        return
    try:
        with path.open("ab+") as handle:
            size = handle.seek(0, os.SEEK_END)
            handle.seek(max(0, size - 1))
            torn = handle.read(1) not in (b"", b"\n")
            handle.write(b"\n" * torn + line.encode() + b"\n")
    except OSError as error:
        raise _unwritable(path, error) from None


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


def read_array(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Every object of a JSON array with its place, `file[index]`.

    Raises:
        MissingFileError: There is no such file.
        InputError: It is not JSON, or not an array of objects; the message gives the place.
    """
    rows = read_json(path)
    if not isinstance(rows, list):
        raise InputError(f"{path}: expected an array of objects, found {type(rows).__name__}")
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            raise InputError(f"{path}[{index}]: expected an object, found {type(row).__name__}")
    return [(f"{path}[{index}]", row) for index, row in enumerate(rows)]


def read_jsonl(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield `("file:line", object)` for every line that is not blank; a name that ends in `.gz` is decompressed.

    Raises:
        MissingFileError: There is no such file.
        InputError: A line is not a JSON object; the message gives file and line.
    """
    if not path.is_file():
        raise MissingFileError(f"{path}: no such file")
    for number, line in enumerate(_lines(path), start=1):
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


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as handle:
        if path.suffix != ".gz":
            yield from handle
            return
        try:
            with gzip.open(handle) as content:
                yield from content
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise InputError(f"{path}: not a whole gzip file: {error}") from None


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
