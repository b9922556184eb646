"""Commands in the documentation: all of them parse, and the recipe runs from its first line to its last."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from prmkit.cli.main import COMMANDS, load_command, main
from prmkit.files import read_json

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RECIPES = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
RECORD = r"""prmkit() { printf '%s\037' "$@"; printf '\036'; }"""
"""A shell function that says what it was called with."""
WHOLE = r"(torchrun --nproc-per-node \d+ -m )?prmkit [a-z]"
"""How a line begins that is a command line of prmkit."""
TINY = """POLICY=demo TRAIN=demo:12 TEST=demo:6:hard RUN=run
ENGINE="--max-tokens 400 --engines 1 --engine simulated"
N=4 ROLLOUTS=2 POOL=4 SEEDS="0 1"
"""


def blocks(page: str, language: str = "") -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def shell(script: str, folder: Path) -> list[list[str]]:
    """How a script of bash calls `prmkit`, without its being called."""
    (folder / "bin").mkdir(exist_ok=True)
    python = folder / "bin" / "python"
    if not python.exists():
        python.symlink_to(sys.executable)
    done = subprocess.run(
        ["bash", "-euc", f"PATH={folder / 'bin'}:$PATH\n{RECORD}\n{script}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [call.split("\x1f")[:-1] for call in done.stdout.split("\x1e")[:-1]]


def parse(arguments: list[str]) -> None:
    """Make the command, as `main` does, and do not run it."""
    import tyro

    name, *options = arguments
    assert name in COMMANDS, name
    try:
        tyro.cli(load_command(name), args=options, config=(tyro.conf.EnumChoicesFromValues,))
    except SystemExit:
        pytest.fail(f"prmkit {shlex.join(arguments)}: is no command line of prmkit")


def commands(page: str) -> Iterator[list[str]]:
    """Lines of a page's plain blocks that are whole command lines of prmkit: no alternatives, nothing left out."""
    for block in blocks(page):
        for line in re.split(r"\n| && ", block.replace("\\\n", " ")):
            if re.match(WHOLE, line) and not re.search(r"\.\.\.|\||\[", line):
                yield shlex.split(line[line.index("prmkit ") :], comments=True)[1:]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_line_of_the_documentation_parses(page: Path) -> None:
    for arguments in commands(page.read_text(encoding="utf-8")):
        parse(arguments)


def test_the_commands_of_the_job_pages_are_found() -> None:
    found = {arguments[0] for page in PAGES for arguments in commands(page.read_text(encoding="utf-8"))}
    assert found >= {"sample", "label", "train", "score", "search", "compare", "evaluate", "convert", "grade"}


def test_every_command_line_of_the_recipe_parses(tmp_path: Path) -> None:
    for name, tokens in (("solutions", 1_000), ("labels", 6_000)):
        (tmp_path / "runs" / "gsm8k" / name).mkdir(parents=True)
        (tmp_path / "runs" / "gsm8k" / name / "report.json").write_text(json.dumps({"tokens": tokens}))
    settings, math, ray, *rest = blocks(RECIPES, "bash")
    calls = shell(settings + "".join(rest), tmp_path)
    assert len(calls) == 4 + 1 + 6 + 2 + 1 + 3 + 1
    for arguments in calls:
        parse(arguments)
    more = next(each for each in calls if each[0] == "sample" and "runs/gsm8k/more-solutions" in each)
    assert more[more.index("-n") + 1] == str(8 * 7), "eight solutions for 1,000 tokens, and 6,000 more to spend"
    assert not any("--ray-address" in each for each in calls)
    elsewhere = shell(settings + math + ray + rest[0], tmp_path)
    assert all({"--ray-address", "2048"} <= set(each) for each in elsewhere)
    assert "hf:DigitalLearningGmbH/MATH-lighteval:train" in elsewhere[0]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_recipe_runs_from_sampling_to_the_table_with_the_demo_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from labelers.cluster import ClusterOptions, cluster

    monkeypatch.chdir(tmp_path)
    with cluster(ClusterOptions()):
        for block in blocks(RECIPES, "bash")[3:]:
            for arguments in shell(TINY + block, tmp_path):
                assert main(arguments) == 0, arguments
    said = capsys.readouterr().out
    assert said.count("nothing was stored") == 3 and said.count("score by PRM: ") == 1
    for folder in ("comparison", "comparison-equal-cost"):
        metrics = read_json(tmp_path / "run" / folder / "metrics.json")
        assert {"prm", "orm", "majority"} <= metrics["accuracy"]["4"].keys()
        assert (tmp_path / "run" / folder / "report.html").is_file()
    tokens, labels, more = (
        read_json(tmp_path / "run" / name / "report.json")["tokens"]
        for name in ("solutions", "labels", "more-solutions")
    )
    assert more == pytest.approx(tokens + labels, rel=0.2)
    told = [read_json(tmp_path / "run" / name / "0" / "prmkit.json")["training"] for name in ("prm", "orm", "orm-more")]
    assert told[0]["solutions"] == told[1]["solutions"] == 48 < told[2]["solutions"]
