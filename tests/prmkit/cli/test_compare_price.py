"""`prmkit compare --dry-run`: the pool's price and the scoring's, and nothing written."""

import re
import shutil
from pathlib import Path

import pytest

from prmkit.cli.main import main
from prmkit.records import SOLUTION_SCHEMA
from prmkit.tables import read_solutions, solution_row, write_rows


def compare(*options: object) -> int:
    return main(["compare", *map(str, options)])


def hours(said: str, name: str) -> float:
    match = re.search(rf"^score by {name}: ([\d.e-]+) hours", said, re.MULTILINE)
    assert match is not None, said
    return float(match[1])


def test_scoring_a_pool_is_priced_and_nothing_is_written(compared_models, compared_pool, tmp_path, capsys) -> None:
    assert compare(*compared_models, "--pool", compared_pool, "--out", tmp_path / "out", "--dry-run") == 0
    said = capsys.readouterr().out
    assert "priced by 8 of 8 problems of " in said
    assert "hours for 32 solutions at " in said and hours(said, "PRM") > 0 and hours(said, "ORM") > 0
    assert not (tmp_path / "out").exists()


def test_problems_of_a_shuffled_pool_are_counted_once(compared_models, compared_pool, tmp_path, capsys) -> None:
    solutions = sorted(read_solutions(compared_pool), key=lambda each: each.solution_id)
    write_rows(tmp_path / "shuffled.parquet", [solution_row(each) for each in solutions], SOLUTION_SCHEMA)
    options = ["--pool", tmp_path / "shuffled.parquet", "--out", tmp_path / "out", "--dry-run"]
    assert compare(*compared_models, *options) == 0
    assert "priced by 8 of 8 problems of " in capsys.readouterr().out


def test_every_training_run_is_scored_and_paid_for(compared_models, compared_pool, tmp_path, capsys) -> None:
    _, prm, _, orm = compared_models
    again = []
    for kind, folder in (("prm", prm), ("orm", orm)):
        other = Path(shutil.copytree(folder, tmp_path / f"second-{kind}"))
        (other / "config.json").write_text((other / "config.json").read_text() + " ")  # another model, for the check
        again.append(other)
    models = ["--prm", prm, again[0], "--orm", orm, again[1], "--training-runs"]
    assert compare(*models, "--pool", compared_pool, "--out", tmp_path / "out", "--dry-run") == 0
    said = capsys.readouterr().out
    assert said.count("hours for 32 solutions by each of 2 training runs at ") == 2
    pace = re.search(r"score by PRM: .* at ([\d,]+) solutions/s", said)
    assert pace is not None
    assert hours(said, "PRM") == pytest.approx(2 * 32 / float(pace[1].replace(",", "")) / 3600, rel=0.05)


def test_samples_of_others_have_no_price(compared_models, tmp_path, capsys) -> None:
    assert compare("--scored", tmp_path / "some.jsonl", "--out", tmp_path / "out", "--dry-run") == 1
    assert "with --scored neither is done" in capsys.readouterr().err
    assert compare(*compared_models, "--out", tmp_path / "out", "--dry-run") == 1
    assert "give either --problems" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_drawing_the_pool_is_priced_too(compared_models, tmp_path, capsys) -> None:
    engine = ["--engine", "simulated", "--engines", 1, "--max-tokens", 400]
    assert (
        compare(*compared_models, "--problems", "demo:10", "-n", 2, *engine, "--out", tmp_path / "out", "--dry-run")
        == 0
    )
    said = capsys.readouterr().out
    assert "priced by 8 of 10 problems, sampled in " in said and "solutions: 20; of the 16 drawn" in said
    assert said.count("hours for 20 solutions at ") == 2
    assert not (tmp_path / "out").exists()
