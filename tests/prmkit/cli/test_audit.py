"""`prmkit audit` on labels whose true values are known: counts drawn from them for solutions of stories."""

import json
from pathlib import Path

import pytest

from prmkit.cli.main import main
from prmkit.records import Problem
from prmkit.tables import read_labels

from .audited_labels import audit, judgement_file, labeled, lines, write_labels


def test_stories_are_held_against_the_oracle_without_being_asked(
    stories: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = audit(stories[0], tmp_path)
    printed = capsys.readouterr().out
    assert "truth: the oracle, because all problems are arithmetic stories" in printed
    assert all(name in printed for name in ("First error, by its index", "Final answers", "most suspicious steps"))
    assert set(figures) == {"labels", "truths", "first_error", "difficulty", "grading", "config"}
    cells = [
        cell for table, rows in figures.items() if table != "config" for row in rows.values() for cell in row.values()
    ]
    assert all(cell is None or set(cell) == {"value", "low", "high", "n"} for cell in cells) and len(cells) > 50
    assert figures["first_error"]["all"]["solutions"]["value"] == 75
    assert figures["difficulty"]["0.25-0.5"]["solutions"]["value"] == 75  # one in three solutions of each is right
    assert 0.2 < figures["labels"]["first_error_wrong"]["share"]["value"] < 0.9
    assert figures["config"]["truth"] is None


def test_another_truth_gives_other_figures(
    stories: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    default = audit(stories[0], tmp_path / "a")
    oracle = audit(stories[0], tmp_path / "b", "--truth", "oracle")
    assert oracle["labels"] == default["labels"]
    never = judgement_file(tmp_path / "never.jsonl", stories[0], -1)
    other = audit(stories[0], tmp_path / "c", "--truth", never)
    assert other["labels"]["first_error_wrong"]["share"] is None
    assert other["first_error"]["none"]["solutions"]["value"] == 75
    assert "never.jsonl judges 75 of 75 solutions" in capsys.readouterr().out


def test_a_reference_run_gives_a_confusion_of_classes_and_coverage(stories: tuple[Path, Path], tmp_path: Path) -> None:
    figures = audit(stories[0], tmp_path, "--reference", str(stories[1]))
    classes = figures["classes"]
    assert set(classes) == {"incorrect", "neutral", "correct", "all"}
    assert 0.5 < classes["all"]["same"]["value"] < 1
    assert classes["neutral"]["incorrect"]["value"] > 0.1  # 0 of 8 is no proof that the value is 0
    assert figures["coverage"]["all"]["covered"]["value"] > 0.85
    assert abs(figures["coverage"]["all"]["bias"]["value"]) < 0.05


def test_exact_values_of_the_simulated_engine_serve_as_reference(stories: tuple[Path, Path], tmp_path: Path) -> None:
    figures = audit(stories[0], tmp_path, "--reference", "simulated")
    coverage = figures["coverage"]
    assert "classes" not in figures
    assert coverage["all"]["covered"]["value"] > 0.85
    steps = sum(len(each.labels) - 1 for each in read_labels(stories[0]))
    assert (
        coverage["all"]["steps"]["value"]
        == steps
        == sum(row["steps"]["value"] for key, row in coverage.items() if key != "all")
    )


def test_no_more_suspicious_steps_are_written_than_asked_for(stories: tuple[Path, Path], tmp_path: Path) -> None:
    audit(stories[0], tmp_path / "a", "--suspicious", "3")
    audit(stories[0], tmp_path / "b", "--suspicious", "0")
    rows = lines(tmp_path / "a" / "suspicious.jsonl")
    assert len(rows) == 3 and lines(tmp_path / "b" / "suspicious.jsonl") == []
    assert [row["strength"] for row in rows] == sorted((row["strength"] for row in rows), reverse=True)
    assert {"solution", "step", "text", "reasons", "successes", "rollouts", "low", "high"} <= set(rows[0])


def test_the_seed_moves_intervals_and_not_figures(stories: tuple[Path, Path], tmp_path: Path) -> None:
    one, two = (audit(stories[0], tmp_path / seed, "--seed", seed)["labels"] for seed in ("0", "1"))
    assert [row["share"]["value"] for row in one.values()] == [row["share"]["value"] for row in two.values()]
    assert one != two


@pytest.mark.parametrize(
    ("file", "problem", "steps"),
    [
        ("processbench/gsm8k.json", "problem", "steps"),
        ("prmbench/subset400.jsonl", "modified_question", "modified_process"),
    ],
)
def test_peoples_labels_are_found_for_solutions_with_recorded_counts(
    data_dir: Path, tmp_path: Path, file: str, problem: str, steps: str
) -> None:
    """Made-up counts of real rows: what is checked is the arithmetic, no figure about any policy."""
    text = (data_dir / file).read_text(encoding="utf-8")
    rows = json.loads(text) if file.endswith(".json") else [json.loads(line) for line in text.splitlines()]
    solutions = []
    for index, row in enumerate(rows[:60]):
        marks = row.get("error_steps", [])
        error = (
            row["label"]
            if "label" in row
            else min(marks) - 1
            if marks and row["classification"] != "redundency"
            else -1
        )
        counts = [0 if 0 <= error <= at else 8 for at in range(len(row[steps]))]
        counts[-1] = int(error < 0)
        if index % 4 == 0:  # a label that comes one step too early, or is missing
            counts[max(error, 1) - 1 if len(counts) > 1 else 0] = 0
        told = Problem(problem_id=f"p{index}", problem=row[problem], answer="?")
        solutions.append(labeled(told, str(index), [each.strip() for each in row[steps]], counts, 8))
    labels = write_labels(tmp_path / "labels.jsonl", solutions)
    figures = audit(labels, tmp_path / "out", "--truth", str(data_dir / file))
    table = figures["first_error"]["all"]
    assert table["solutions"]["value"] == 60
    assert 0.7 < table["same"]["value"] < 0.9 and table["earlier"]["value"] > 0.1
    assert sum(table[kind]["value"] for kind in ("same", "earlier", "later", "missing")) == pytest.approx(1)


def test_ratings_as_prm800k_lays_them_out_are_a_truth(tmp_path: Path) -> None:
    texts = ["1 + 2 = 3", "3 + 3 = 7", "# Answer\n\n7"]
    rated = [
        {"completions": [{"text": text, "rating": rating, "flagged": None}], "chosen_completion": chosen}
        for text, rating, chosen in ((texts[0], 1, 0), (texts[1], -1, None))
    ]
    row = {
        "question": {"problem": "What is 1 + 2 + 3?", "ground_truth_answer": "6", "pre_generated_steps": texts},
        "label": {"steps": rated, "finish_reason": "found_error"},
    }
    (tmp_path / "phase2.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    problem = Problem(problem_id="p", problem="What is 1 + 2 + 3?", answer="6")
    labels = write_labels(tmp_path / "labels.jsonl", [labeled(problem, "0", texts, [8, 0, 0], 8)])
    figures = audit(labels, tmp_path / "out", "--truth", str(tmp_path / "phase2.jsonl"))
    assert figures["first_error"]["1"]["same"]["value"] == 1.0


BAD = {
    "no labels": (["--labels", "nowhere"], "nowhere: no such file or run directory"),
    "no truth": (["--truth", "nowhere.jsonl"], "nowhere.jsonl: no such file"),
    "no reference": (["--reference", "nowhere"], "nowhere: no such file or run directory"),
    "no opinion": (["--second-opinion", "nowhere.jsonl"], "nowhere.jsonl: no such file"),
    "consensus with nobody": (["--consensus", "steps"], "--consensus needs a --second-opinion"),
    "a judge nobody asked": (["--temperature", "1"], "are the judge's: add --second-opinion judge"),
    "an engine nobody asked": (["--engines", "2"], "are the judge's: add --second-opinion judge"),
    "a policy nobody asked": (["--policy", "x/y"], "are the judge's: add --second-opinion judge"),
    "another prompt": (
        ["--second-opinion", "judge", "--prompt", "{problem}"],
        "the judge has a prompt of its own; leave out --prompt and --separator",
    ),
    "negative": (["--suspicious", "-1"], "--suspicious must not be negative, got -1"),
    "other solutions": (["--truth", "{tmp}/others.jsonl"], "it says nothing about any of the 75"),
    "other steps": (["--second-opinion", "{tmp}/long.jsonl"], "long.jsonl:1: first error 99, but the solution has"),
    "no common solution": (["--reference", "{tmp}/other.jsonl"], "the tables share no solution"),
    "out is a file": (["--out", "{tmp}/long.jsonl"], "long.jsonl: a file; give a folder"),
    "oracle for others": (["--labels", "{tmp}/other.jsonl", "--truth", "oracle"], "only judges arithmetic stories"),
    "simulated for others": (
        ["--labels", "{tmp}/other.jsonl", "--reference", "simulated"],
        "--reference simulated knows the values of stories only",
    ),
    "empty labels": (["--labels", "{tmp}/empty.jsonl"], "empty.jsonl: no labelled solutions in it"),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_bad_input_is_one_clear_line_and_nothing_is_written(
    case: str, stories: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "others.jsonl").write_text('{"solution": "x/y", "first_error": 0}\n', encoding="utf-8")
    (tmp_path / "long.jsonl").write_text('{"solution": "p0/0", "first_error": 99}\n', encoding="utf-8")
    (tmp_path / "empty.jsonl").write_text("", encoding="utf-8")
    other = Problem(problem_id="other", problem="What is 1 + 1?", answer="2")
    write_labels(tmp_path / "other.jsonl", [labeled(other, "0", ["1 + 1 = 2", "2"], [8, 1], 8)])
    options, message = BAD[case]
    options = [each.replace("{tmp}", str(tmp_path)) for each in options]
    arguments = ["audit", "--labels", str(stories[0]), "--out", str(tmp_path / "out"), *options]
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_problems_without_a_truth_are_audited_by_themselves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = Problem(problem_id="other", problem="What is 1 + 1?", answer="2")
    labels = write_labels(tmp_path / "labels.jsonl", [labeled(other, "0", ["1 + 1 = 3", "3", "2"], [0, 8, 1], 8)])
    figures = audit(labels, tmp_path / "out")
    assert set(figures) == {"config"}
    assert "truth: none, because the problems are no arithmetic stories" in capsys.readouterr().out
    assert [row["step"] for row in lines(tmp_path / "out" / "suspicious.jsonl")] == [0]
