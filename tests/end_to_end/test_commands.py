"""Whole commands, as a user runs them."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from datasets import load_dataset

from prmkit.tables import read_labels, read_solutions

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
needs_vllm = pytest.mark.skipif(
    importlib.util.find_spec("vllm") is None, reason="vllm is not installed (make test installs it)"
)


def prmkit(*arguments: str) -> str:
    """What the command printed; it must succeed."""
    command = [sys.executable, "-m", "prmkit.cli.main", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=800)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two demos with the same seed."""
    folder = tmp_path_factory.mktemp("demo")
    for name in ("one", "two"):
        prmkit("demo", "--fast", "--seed", "1", "--out", str(folder / name))
    return folder / "one", folder / "two"


@pytest.mark.timeout(1500)
def test_the_demo_ends_with_a_report_and_its_figures(twice: tuple[Path, Path]) -> None:
    page = (twice[0] / "report.html").read_text(encoding="utf-8")
    metrics = json.loads((twice[0] / "metrics.json").read_text(encoding="utf-8"))
    assert "<svg" in page and "http://" not in page.replace("http://www.w3.org", "")
    assert set(metrics["accuracy"]["8"]) >= {"prm", "orm", "majority", "pass"}
    assert metrics["accuracy"]["8"]["prm"].keys() == {"value", "low", "high", "n"}
    for model in ("prm", "orm"):
        assert (twice[0] / model / "model.safetensors").is_file()


@pytest.mark.timeout(1500)
def test_the_same_seed_gives_the_same_labels_and_the_same_table(twice: tuple[Path, Path]) -> None:
    one, two = ({each.solution.name: each for each in read_labels(folder / "labels")} for folder in twice)
    assert one == two and len(one) > 100
    tables = [json.loads((folder / "metrics.json").read_text(encoding="utf-8")) for folder in twice]
    assert tables[0]["accuracy"] == tables[1]["accuracy"]
    assert tables[0]["headline"] == tables[1]["headline"]


@pytest.mark.timeout(1500)
def test_labels_open_in_datasets(twice: tuple[Path, Path]) -> None:
    files = str(twice[0] / "labels" / "shards" / "*.parquet")
    table = load_dataset("parquet", data_files=files, split="train", cache_dir=str(twice[0] / "cache"))
    assert {"problem", "steps", "successes", "rollouts", "labels", "soft_labels"} <= set(table.column_names)
    assert len(table) == len(read_labels(twice[0] / "labels"))


@needs_vllm
def test_vllm_samples_and_labels_through_the_commands(tmp_path: Path) -> None:
    common = ["--problems", "demo:4", "-n", "1", "--temperature", "0", "--max-tokens", "300"]
    for engine in ("vllm", "transformers"):
        prmkit("sample", "--engine", engine, *common, "--out", str(tmp_path / engine))
    mine, theirs = (read_solutions(tmp_path / engine) for engine in ("vllm", "transformers"))
    assert [each.step_ids for each in mine] == [each.step_ids for each in theirs] and len(mine) == 4
    labels = ["--solutions", str(tmp_path / "vllm"), "--rollouts", "4", "--max-tokens", "300"]
    prmkit("label", "--engine", "vllm", *labels, "--out", str(tmp_path / "labels"))
    labeled = read_labels(tmp_path / "labels")
    assert len(labeled) == 4
    assert all(each.rollouts == 4 for one in labeled for each in one.estimates[:-1])
    assert any(each.successes for one in labeled for each in one.estimates[:-1])


def test_a_search_goes_on_where_it_stopped(tmp_path: Path, twice: tuple[Path, Path]) -> None:
    arguments = [
        "--problems",
        "demo:6",
        "--prm",
        str(twice[0] / "prm"),
        "--shard-size",
        "2",
        "--out",
        str(tmp_path / "run"),
    ]
    first = prmkit("search", "beam", *arguments)
    (tmp_path / "run" / "shards" / "00001.parquet").unlink()
    again = prmkit("search", "beam", *arguments)
    [told], [told_again] = ([line for line in each.splitlines() if line.startswith("beam:")] for each in (first, again))
    assert told == told_again and "of 6 problems right" in told


def test_best_of_n_takes_a_reward_model_of_either_kind(tmp_path: Path, twice: tuple[Path, Path]) -> None:
    for model in ("prm", "orm"):
        printed = prmkit(
            "search",
            "best-of-n",
            "-n",
            "4",
            "--problems",
            "demo:6",
            "--prm",
            str(twice[0] / model),
            "--out",
            str(tmp_path / model),
        )
        assert "of 6 problems right" in printed
