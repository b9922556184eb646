"""`prmkit compare --scored` as a user runs it, on files of the documented layouts."""

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest

from prmkit.cli.main import main


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    """PRM800K's layout: 12 problems, eight samples each but seven of the last; the PRM knows more than the ORM."""
    rng = random.Random(0)
    rows: list[dict[str, Any]] = []
    for problem in range(12):
        for draw in range(8 - (problem == 11)):
            right = draw % 3 == 0
            rows.append(
                {
                    "problem": f"What is {problem} + 1?",
                    "steps": ["First.", "Then."],
                    "answer": str(problem + 1 if right else 100 + draw),
                    "is_correct": right,
                    "prm_score": 0.5 * right + 0.4 * rng.random(),
                    "orm_score": rng.random(),
                }
            )
    return write(tmp_path / "scored-test-samples.jsonl", rows)


def pools(tmp_path: Path, *, scored: bool) -> list[Path]:
    """RLHFlow's layout: the pool, or what its two evaluation scripts make of it."""
    rows: list[dict[str, Any]] = [
        {
            "prompt": f"What is {problem} + 1?",
            "answers": [f"So.\n\nThe answer is: {problem + 1 + draw % 2}" for draw in range(4)],
            "label": [1, 0, 1, 0],
        }
        for problem in range(5)
    ]
    if not scored:
        return [write(tmp_path / "pool.jsonl", rows)]
    prm = [row | {"step_scores": [[0.9, 0.9], [0.9, 0.1], [0.8], [0.1]]} for row in rows]
    orm = [row | {"step_scores": [0.1, 0.9, 0.1, 0.2]} for row in rows]
    return [write(tmp_path / "prm.jsonl", prm), write(tmp_path / "orm.jsonl", orm)]


def compare(*options: Any) -> int:
    return main(["compare", *map(str, options)])


def figures(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "metrics.json").read_text())
    return found


def test_scored_samples_become_a_report_with_every_figure(samples: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    assert compare("--scored", samples, "--out", out) == 0
    found = figures(out)
    assert list(found["accuracy"]) == ["1", "2", "4", "8"]
    assert found["accuracy"]["8"]["prm"]["value"] == 1.0 > found["accuracy"]["8"]["orm"]["value"]
    assert found["accuracy"]["1"]["prm"]["value"] == pytest.approx(3 / 8)  # the sample that is missing counts as failed
    assert found["difference"]["4"]["prm-orm"]["low"] > 0
    assert found["config"]["scored"] == [str(samples)]
    page = (out / "report.html").read_text()
    assert "Published samples (prm800k)" in page and "the 1 that are not in the files count as failed" in page
    # at n = 8 they differ on five problems, all in one direction: the sign test's p-value is 0.0625
    told = capsys.readouterr().out.replace("\n", " ")
    assert "No difference between PRM and ORM shown at n = 8" in told and "few problems: 12;" in told


def test_the_number_drawn_and_the_seed_are_taken(samples: Path, tmp_path: Path) -> None:
    for name, options in (("plain", []), ("drawn", ["-n", 16]), ("seed", ["--seed", 1])):
        assert compare("--scored", samples, "--out", tmp_path / name, *options) == 0
    plain, drawn, seed = (figures(tmp_path / name)["accuracy"] for name in ("plain", "drawn", "seed"))
    assert list(drawn) == ["1", "2", "4", "8", "16"]
    assert drawn["1"]["prm"]["value"] == pytest.approx(plain["1"]["prm"]["value"] / 2)
    assert seed["4"]["orm"]["value"] == plain["4"]["orm"]["value"]
    assert seed["4"]["orm"]["low"] != plain["4"]["orm"]["low"]


def test_the_comparison_is_made_at_the_sizes_that_are_named(samples: Path, tmp_path: Path) -> None:
    for name, options in (("plain", []), ("sizes", ["--sizes", 3, 4])):
        assert compare("--scored", samples, "--out", tmp_path / name, *options) == 0
    plain, sizes = (figures(tmp_path / name) for name in ("plain", "sizes"))
    assert list(sizes["accuracy"]) == ["3", "4"] and sizes["accuracy"]["4"] == plain["accuracy"]["4"]
    assert "at n = 4 (few problems" in sizes["headline"]


def test_scores_from_both_of_rlhflows_scripts_are_compared(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert compare("--scored", *pools(tmp_path, scored=True), "--out", out) == 0
    last = figures(out)["accuracy"]["4"]
    assert {name: last[name]["value"] for name in ("prm", "orm", "majority")} == {"prm": 1, "orm": 0, "majority": 0.5}


def test_a_pool_without_scores_gives_majority_voting_and_says_so(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert compare("--scored", *pools(tmp_path, scored=False), "--out", out) == 0
    found = figures(out)
    assert list(found["accuracy"]["4"]) == ["majority", "pass"]
    assert found["accuracy"]["1"]["pass"]["value"] == 0.5
    assert "There are no scores in these files" in (out / "report.html").read_text()


def test_options_that_would_do_nothing_are_refused(samples: Path, tmp_path: Path, capsys) -> None:
    for options, message in (
        (["--prm", samples], "--prm changes nothing with --scored"),
        (["--problems", "demo:4"], "--problems changes nothing with --scored"),
        (["--examples", "3"], "--examples changes nothing with --scored"),
        (["--policy", "x"], "--policy changes nothing with --scored"),
        (["--temperature", "0.5"], "--temperature changes nothing with --scored"),
        (["--full"], "--full runs every regime of a recipe"),
        (["--dry-run"], "with --scored neither is done"),
        (["-n", "0"], "need n >= 1, got 0"),
        (["-n", "7"], "has 8 samples, and 7 were said to be drawn"),
        (["--sizes", "4", "9"], "sizes must ascend within 1 and the 8 solutions of the largest pool, got (4, 9)"),
    ):
        assert compare("--scored", samples, "--out", tmp_path / "out", *options) == 1
        assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_bad_row_is_one_line_with_file_and_field(samples: Path, tmp_path: Path, capsys) -> None:
    with samples.open("a") as file:
        file.write('{"problem": "P", "is_correct": "yes", "answer": "2", "prm_score": 0.1}\n')
    assert compare("--scored", samples, "--out", tmp_path / "out") == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "scored-test-samples.jsonl:96: field 'is_correct'" in told and "'yes'" in told


@pytest.mark.slow
def test_pools_as_large_as_the_published_one_take_seconds_per_problem(tmp_path: Path) -> None:
    """1,860 samples of each problem, with hundreds of different answers."""
    rng = random.Random(0)
    rows = []
    for problem in range(4):
        for _ in range(1860):
            right = rng.random() < 0.2 + 0.2 * problem
            answer = "42" if right else str(int(rng.expovariate(0.01)) + 43)
            scores = {
                f"{name}_score": rng.random() ** (1 / (1 + skill * right)) for name, skill in (("prm", 4), ("orm", 1))
            }
            rows.append({"problem": f"P{problem}", "answer": answer, "is_correct": right} | scores)
    file = write(tmp_path / "samples.jsonl", rows)
    began = time.process_time()
    assert compare("--scored", file, "--out", tmp_path / "out") == 0
    assert time.process_time() - began < 40
    found = figures(tmp_path / "out")["accuracy"]
    assert list(found)[-2:] == ["1024", "1860"]
    assert found["1024"]["prm"]["value"] > found["1"]["prm"]["value"]
