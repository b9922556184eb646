"""The comparison from the command line."""

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from prmkit.cli.main import main
from prmkit.demo.stories import LEVELS, make_stories
from prmkit.records import SOLUTION_SCHEMA, Problem, Solution
from prmkit.rewards.metadata import RewardMetadata
from prmkit.tables import read_rows, solution_row, write_rows


def compare(*options: str) -> int:
    return main(["compare", *map(str, options)])


def test_an_existing_pool_becomes_a_report_with_every_figure(compared_models, compared_pool, tmp_path, capsys) -> None:
    out = tmp_path / "out"
    assert compare(*compared_models, "--pool", compared_pool, "--out", out) == 0
    figures = json.loads((out / "metrics.json").read_text())
    assert list(figures["accuracy"]) == ["1", "2", "4"]
    assert figures["accuracy"]["1"]["prm"]["value"] == pytest.approx(0.5)
    assert figures["accuracy"]["4"]["pass"]["value"] == 1.0
    assert figures["difference"]["4"]["prm-orm"]["n"] == 8
    assert figures["config"]["pool"] == str(compared_pool)
    shown = capsys.readouterr().out
    assert "report.html" in shown.replace("\n", "") and "majority" in shown
    page = (out / "report.html").read_text()
    assert figures["headline"] in re.sub(r"</?strong>", "", page)
    # five of eight problems, all in one direction: the sign test's p-value is 0.0625
    assert figures["headline"].startswith("No difference between PRM and ORM shown at n = 4 (PRM − ORM: +62.5 points [")
    assert {"overoptimisation", "difficulty", "length", "length_correlation", "calibration", "cost"} <= set(figures)
    assert {"overoptimisation_curves", "reliability"} <= set(figures) and "runs" not in figures
    assert f"prmkit compare {' '.join(compared_models)} --out {out} --pool {compared_pool}" in re.sub(
        r"</?span>", "", page
    )


def test_steps_are_flagged_below_the_threshold_of_each_checkpoint(compared_models, tmp_path) -> None:
    rows = [
        solution_row(
            Solution(
                solution_id=str(draw),
                problem=Problem(problem_id=f"p{number}", problem=story.text, answer=str(story.answer)),
                steps=(*story.steps()[:-1], story.steps()[-1] if draw else "The answer is 0."),
                correct=bool(draw),
            )
        )
        for number, story in enumerate(make_stories(4, 0, LEVELS["easy"]))
        for draw in range(2)
    ]
    write_rows(tmp_path / "stories.parquet", rows, SOLUTION_SCHEMA)
    for folder, threshold in ((compared_models[1], 1.0), (compared_models[3], 0.0)):
        metadata = RewardMetadata.read(Path(folder))
        replace(metadata, threshold=threshold).write(Path(folder))
    out = tmp_path / "out"
    assert compare(*compared_models, "--pool", tmp_path / "stories.parquet", "--examples", 0, "--out", out) == 0
    recall = json.loads((out / "metrics.json").read_text())["steps"]["recall"]
    assert (recall["prm"]["value"], recall["orm"]["value"]) == (1.0, 0.0)  # all steps are flagged, and none
    assert "scores below 0 and 1, a threshold" in (out / "report.html").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--problems", "demo:4", "--pool", "POOL"], "give either --problems"),
        ([], "give either --problems"),
        (["--pool", "POOL", "-n", "4"], "with --pool all of it is taken"),
        (["--pool", "POOL", "--limit", "4"], "with --pool all of it is taken"),
        (["--problems", "demo:4", "-n", "0"], "need n >= 1"),
        (["--pool", "POOL", "--sizes", "2", "2"], "sizes must ascend within 1 and"),
        (["--problems", "demo:4", "--sizes", "2", "65"], "sizes must ascend within 1 and the 64 solutions"),
        (["--problems", "demo:4", "-n", "4", "--sizes", "5"], "sizes must ascend within 1 and the 4 solutions"),
        (["--pool", "POOL", "--reference-labels", "POOL"], "give both"),
        (["--pool", "nowhere"], "nowhere: no such file or run directory"),
        (["--pool", "POOL", "--labels", "nowhere"], "nowhere: no such file or run directory"),
    ],
)
def test_contradictions_and_missing_inputs_are_one_line_and_write_nothing(
    compared_models, compared_pool, capsys, options, message
) -> None:
    out = compared_pool.parent / "out"
    filled = [str(compared_pool) if each == "POOL" else each for each in options]
    assert compare(*compared_models, "--out", out, *filled) == 1
    told = capsys.readouterr().err
    assert message in told and told.count("\n") == 1 and not out.exists()


def test_sizes_beyond_the_pool_are_refused_before_it_is_scored(
    compared_models, compared_pool, tmp_path, capsys
) -> None:
    out = tmp_path / "out"
    assert compare(*compared_models, "--pool", compared_pool, "--sizes", 1, 1000, "--out", out) == 1
    assert "solutions of the largest pool, got (1, 1000)" in capsys.readouterr().err and not out.exists()
    assert compare(*compared_models, "--pool", compared_pool, "--sizes", 1, 3, "--examples", 0, "--out", out) == 0
    assert list(json.loads((out / "metrics.json").read_text())["accuracy"]) == ["1", "3"]


@pytest.mark.slow
def test_a_pool_is_drawn_scored_compared_labelled_and_shown(compared_models, tmp_path) -> None:
    out = tmp_path / "out"
    policy = shlex.split("--engine simulated --problems demo:9:easy --limit 6")
    sizes = shlex.split("--engines 1 -n 4 --rollouts 3 --examples 4")
    assert compare(*compared_models, *policy, *sizes, "--out", out) == 0
    figures = json.loads((out / "metrics.json").read_text())
    assert figures["accuracy"]["4"]["prm"]["n"] == 6
    assert figures["steps"]["auc"]["prm"]["n"] > 0
    assert figures["cost"]["sample the pool"]["tokens"]["value"] > 100
    labelled = [row for _, row in read_rows(out / "examples", ("rollouts",))]
    assert len(labelled) == 4 and all(count in (1, 3) for row in labelled for count in row["rollouts"])
    assert re.search(r"[0-3]/3<", (out / "report.html").read_text())
    beam = tmp_path / "beam"
    assert main(["search", "beam", *compared_models[:2], *policy, "--beams", "2", "-m", "2", "--out", str(beam)]) == 0
    sources = ["--searches", beam, "--labels", out / "examples", "--reference-labels", out / "examples"]
    assert compare(*compared_models, "--pool", out / "pool", *sources, "--out", tmp_path / "again") == 0
    again = json.loads((tmp_path / "again/metrics.json").read_text())
    assert again["classes"]["all"]["same"]["value"] == 1.0
    assert again["truths"]["needed"]["steps"]["value"] > 0
    assert again["accuracy"] == figures["accuracy"]
    spent = figures["cost"]["label the solutions shown"]["tokens"]["value"]
    assert again["cost"]["label the steps that were learned from"]["tokens"]["value"] == spent > 0
    found = again["search"]["beam 2 x 2 (beam)"]
    assert found["solved"]["n"] == 6 and found["tokens"]["value"] > 0 and "p_value" in found["difference"]
