"""The house as a whole: who imports whom, and what is in the package."""

import ast
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("prmkit", "labelers", "search")


def imports(file: Path) -> set[str]:
    """Top-level names of the packages a file imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", PACKAGES)
def test_each_room_imports_only_what_stands_below_it(package: str) -> None:
    others = {"prmkit": {"labelers", "search"}, "labelers": {"search"}, "search": {"labelers"}}[package]
    for file in sources(package):
        if (ROOT / "prmkit" / "cli") not in file.parents:
            assert not imports(file) & others, file.relative_to(ROOT)


@pytest.mark.parametrize("package", PACKAGES)
def test_files_stay_short_enough_to_read(package: str) -> None:
    for file in sources(package):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        assert len(file.read_text(encoding="utf-8").splitlines()) < 300, file.relative_to(ROOT)
        assert ast.get_docstring(tree), f"{file.relative_to(ROOT)} says nothing about itself"
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                documented = len((ast.get_docstring(node, clean=False) or "").splitlines())
                assert node.end_lineno - node.lineno - documented <= 50, f"{file.relative_to(ROOT)}: {node.name}"


def test_untrusted_text_never_reaches_eval() -> None:
    for package in PACKAGES:
        for file in sources(package):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                    name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                    assert name not in {"exec", "sympify", "parse_expr"}, f"{file.relative_to(ROOT)}:{node.lineno}"
                    assert ast.unparse(node.func) != "eval", f"{file.relative_to(ROOT)}:{node.lineno}"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_wheel_holds_every_file_of_the_packages(tmp_path: Path) -> None:
    tracked = subprocess.run(["git", "ls-files", *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("not a git checkout: what belongs to the packages is not known")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")  # made from the sdist, so the sdist holds them too
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if name.partition("/")[0] in PACKAGES}
    assert inside == set(tracked.stdout.split())
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"README.md", "LICENSE", "Makefile", "pyproject.toml"} <= names
