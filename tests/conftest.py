"""What all tests share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of real data sets; tests that want it are skipped elsewhere."""
    default = Path(__file__).parent.parent.parent / "shared" / "data"
    folder = Path(os.environ.get("PRMKIT_DATA", default))
    if not folder.is_dir():
        pytest.skip("no real data here: set PRMKIT_DATA to a folder that holds gsm8k/, math500/, ...")
    return folder
