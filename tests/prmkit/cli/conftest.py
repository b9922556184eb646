"""What the tests of commands share."""

from pathlib import Path

import pytest

from .audited_labels import write_stories


@pytest.fixture(scope="session")
def stories(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Labels of story solutions, one in three right, from 8 rollouts and from 512 (a run directory)."""
    return write_stories(tmp_path_factory.mktemp("stories"))
