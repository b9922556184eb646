"""What the tests of commands share."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from prmkit.records import SOLUTION_SCHEMA, Problem, Solution
from prmkit.tables import solution_row, write_rows

from .audited_labels import write_stories


@pytest.fixture(scope="session")
def stories(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Labels of story solutions, one in three right, from 8 rollouts and from 512 (a run directory)."""
    return write_stories(tmp_path_factory.mktemp("stories"))


@pytest.fixture
def compared_models(make_reward: Callable[..., Path]) -> list[str]:
    """The options --prm and --orm of `prmkit compare`."""
    folders = [make_reward("prm"), make_reward("orm")]
    for folder in folders:  # stories do not fit the small base's context
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 1024}))
    return ["--prm", str(folders[0]), "--orm", str(folders[1])]


@pytest.fixture
def compared_pool(tmp_path: Path) -> Path:
    """Eight problems with four solutions each; some are right."""
    solutions = [
        Solution(
            solution_id=str(draw),
            problem=Problem(problem_id=f"p{problem}", problem=f"What is {problem} + 1?", answer=str(problem + 1)),
            steps=(f"Step {draw} of {problem}.", f"The answer is {problem + 1 + draw % 2}."),
            correct=draw % 2 == 0,
        )
        for problem in range(8)
        for draw in range(4)
    ]
    file = tmp_path / "pool.parquet"
    write_rows(file, [solution_row(each) for each in solutions], SOLUTION_SCHEMA)
    return file
