"""The folder of a training run: who may write into it, where it stopped, and what a finished one holds.

::

    OUT/run.json                 the configuration, written first
    OUT/checkpoints/             states to resume from, gone when the run is finished
    OUT/model.safetensors ...    the trained model as transformers saves it, with its tokenizer
    OUT/history.json             losses and validation metrics over the run
    OUT/tensorboard/             the same for TensorBoard, with --report-to tensorboard
    OUT/trained_problems.txt     digests of the problems it learned from
    OUT/README.md                the model card
    OUT/prmkit.json              how the model is read; written last, so a folder that has it is finished
"""

import shutil
from pathlib import Path
from typing import Any

from prmkit.errors import InputError
from prmkit.files import read_json
from prmkit.runs import check_folder, write_config
from prmkit.steps import METADATA_FILE

RUN_FILE = "run.json"
HISTORY_FILE = "history.json"
REPORT_FOLDER = "tensorboard"
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
        self.config = config
        check_folder(folder, RUN_FILE, config)

    def begin(self) -> None:
        """Take the folder for this configuration."""
        write_config(self.folder, RUN_FILE, self.config)

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
