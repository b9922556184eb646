"""The folder of a training run: who may write into it, where it stopped, and what a finished one holds.

::

    OUT/run.json                 the configuration, written first
    OUT/checkpoints/             states to resume from, gone when the run is finished
    OUT/model.safetensors ...    the trained model as transformers saves it, with its tokenizer
    OUT/history.json             losses and validation metrics over the run
    OUT/README.md                the model card
    OUT/prmkit.json              how the model is read; written last, so a folder that has it is finished
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prmkit.errors import InputError, RunChangedError
from prmkit.files import fingerprint, read_json, write_json
from prmkit.steps import METADATA_FILE

RUN_FILE = "run.json"
HISTORY_FILE = "history.json"
_STATE = "trainer_state.json"


class RunFolder:
    """One training run."""

    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        """Look at a folder that is absent, empty, or holds a run of the same configuration. Writes nothing.

        Args:
            folder: `--out`.
            config: JSON-able; everything that decides the weights.

        Raises:
            RunChangedError: The folder holds a run with another configuration; the message names the differences.
            InputError: It holds something else.
        """
        self.folder = folder
        self.checkpoints = folder / "checkpoints"
        self.config = json.loads(json.dumps(config, default=str))
        file = folder / RUN_FILE
        if file.is_file():
            _refuse_changes(folder, flat(read_json(file).get("config", {})), flat(self.config))
        elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(f"{folder}: not empty and not a training run of prmkit; choose another --out")

    def begin(self) -> None:
        """Take the folder for this configuration."""
        write_json(self.folder / RUN_FILE, {"config": self.config, "fingerprint": fingerprint(self.config)})

    @property
    def finished(self) -> bool:
        """Whether the trained model is complete."""
        return (self.folder / METADATA_FILE).is_file()

    def latest_checkpoint(self) -> Path | None:
        """The newest whole checkpoint. Half-written ones are removed (a checkpoint's state file is written last)."""
        whole = []
        for path in self.checkpoints.glob("checkpoint-*"):
            try:
                read_json(path / _STATE)
                whole.append(path)
            except (InputError, OSError):
                shutil.rmtree(path)
        return max(whole, key=lambda path: int(path.name.partition("-")[2]), default=None)

    def remove_checkpoints(self) -> None:
        """They are several times the size of the model, and the run is finished."""
        shutil.rmtree(self.checkpoints, ignore_errors=True)


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested names joined by dots."""
    found: dict[str, Any] = {}
    for name, value in config.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return found


def _refuse_changes(folder: Path, old: dict[str, Any], new: dict[str, Any]) -> None:
    changed = [
        f"{name}: {old.get(name, 'absent')!r} there, {new.get(name, 'absent')!r} now"
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]
    if changed:
        raise RunChangedError(
            f"{folder} holds a training run with another configuration ({'; '.join(changed)}); "
            "use the same options to continue it, or another --out"
        )
