"""Whether a folder holds a run that may be continued; if it was made with other options, which."""

import json
from collections.abc import Mapping
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
    old, new = flat(read_json(file).get("config", {})), flat(plain(config))
    changed = [
        f"{name}: {old.get(name, 'absent')!r} there, {new.get(name, 'absent')!r} now"
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]
    if changed:
        raise RunChangedError(
            f"{folder} holds a run with another configuration ({'; '.join(changed)}); "
            "use the same options to continue it, or another --out"
        )
    return True


def write_config(folder: Path, config_file: str, config: Mapping[str, Any]) -> None:
    """Take a folder for a configuration."""
    write_json(folder / config_file, {"config": plain(config), "fingerprint": fingerprint(plain(config))})


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested names joined by dots."""
    found: dict[str, Any] = {}
    for name, value in config.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return found
