"""Whether a folder holds a run that may be continued; if it was made with other options, which."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from prmkit.errors import InputError, RunChangedError
from prmkit.files import fingerprint, read_json, write_json


def plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration as it will be read back from JSON."""
    loaded: dict[str, Any] = json.loads(json.dumps(config, default=str))
    return loaded


def check_folder(folder: Path, config_file: str, config: Mapping[str, Any]) -> bool:
    """Look at the folder of a run; write nothing.

    Args:
        folder: `--out`.
        config_file: Name of the file in it that holds the configuration.
        config: JSON-able; everything that decides the results, and nothing else.

    Returns:
        True if it holds a run of this configuration, False if it is absent or empty.

    Raises:
        RunChangedError: It holds a run with another configuration; the message names the differences.
        InputError: It holds something else.
    """
    file = folder / config_file
    if not file.is_file():
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(f"{folder}: not empty and not a run of prmkit; choose another --out")
        return False
    held = read_json(file)
    there = held.get("config") if isinstance(held, dict) else None
    if not isinstance(there, dict):
        raise InputError(f"{file}: not the configuration of a run of prmkit; choose another --out")
    old, new = flat(there), flat(plain(config))
    changed = [_difference(name, old, new) for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    if changed:
        raise RunChangedError(
            f"{folder} holds a run with another configuration ({'; '.join(changed)}); "
            "use the same options to continue it, or another --out"
        )
    return True


_DIGEST = re.compile(r"[0-9a-f]{16}")


def _difference(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """One difference in words; digests are told as what they stand for."""
    before, now = (each.get(name, "absent") for each in (old, new))
    if all(isinstance(each, str) and _DIGEST.fullmatch(each) for each in (before, now)):
        return f"{name}: other content (digest {before} there, {now} now)"
    return f"{name}: {before!r} there, {now!r} now"


def contents(named: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """What tells one source from another, in words where possible: for a run's configuration.

    Args:
        named: Every item's name and what decides the results about it (JSON-able), in order; read once, not kept.

    Returns:
        How many there are, the names of the first and the last, and a digest of all.
    """
    number, first, last = 0, None, None
    digest = hashlib.sha256()
    for name, value in named:
        number, first, last = number + 1, name if first is None else first, name
        digest.update(fingerprint([name, value]).encode())
    return {"number": number, "first": first, "last": last, "content": digest.hexdigest()[:16]}


def write_config(folder: Path, config_file: str, config: Mapping[str, Any]) -> None:
    """Take a folder for a configuration."""
    write_json(folder / config_file, {"config": plain(config), "fingerprint": fingerprint(plain(config))})


def shard_files(folder: Path) -> list[Path]:
    """Finished shards of a run, in order. What a run keeps in RUN/rollouts counts once its own shard is finished."""
    files = sorted((folder / "shards").glob("*.parquet"))
    finished = folder.parent / "shards"
    if folder.name != "rollouts" or not finished.is_dir():
        return files
    names = {file.name for file in finished.glob("*.parquet")}
    return [file for file in files if file.name in names]


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested names joined by dots."""
    found: dict[str, Any] = {}
    for name, value in config.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return found
