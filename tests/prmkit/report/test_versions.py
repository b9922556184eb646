"""What a report says it was made with."""

import subprocess
from pathlib import Path

from prmkit.report.versions import package_versions, source_commit


def test_versions_of_the_package_and_of_what_results_rest_on() -> None:
    assert {"prmkit", "Python", "torch", "numpy"} <= set(package_versions())


def test_the_commit_of_a_checkout_and_whether_something_was_changed_since(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        return subprocess.run(
            ["git", *who, "-C", tmp_path, *arguments], capture_output=True, text=True, check=True
        ).stdout

    assert source_commit(tmp_path) is None
    git("init")
    (tmp_path / "file").write_text("a")
    git("add", "file")
    git("commit", "-m", "first")
    git("tag", "v1")
    commit = source_commit(tmp_path)
    assert commit and git("rev-parse", "HEAD").startswith(commit)
    (tmp_path / "file").write_text("b")
    assert source_commit(tmp_path) == f"{commit}-dirty"


def test_a_checkout_that_git_cannot_read_has_no_commit(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    assert source_commit(tmp_path) is None
