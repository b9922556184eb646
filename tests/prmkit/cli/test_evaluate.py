"""`prmkit evaluate`, on checkpoints whose heads are random: what matters here is that the figures are theirs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prmkit.cli.main import main
from prmkit.demo.stories import LEVELS, make_stories
from prmkit.models import DEMO_POLICY, load_tokenizer
from prmkit.records import SOLUTION_SCHEMA, Problem, Solution
from prmkit.rewards.base import Aggregation
from prmkit.rewards.calibration import Calibration, CalibrationMethod
from prmkit.rewards.metadata import RewardKind, RewardMetadata
from prmkit.rewards.scorer import load_reward_model
from prmkit.rewards.trained_on import write_calibrated, write_trained
from prmkit.steps import find_text_format
from prmkit.tables import solution_row, write_rows

STORIES = list(make_stories(12, 0, LEVELS["easy"]))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo policy with a random head of three classes."""
    import torch

    from prmkit.rewards.loading import load_classifier

    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(1)
    model = load_classifier(str(DEMO_POLICY), num_labels=3)
    torch.nn.init.normal_(model.score.weight, std=0.1)
    model.save_pretrained(folder)
    load_tokenizer(str(DEMO_POLICY)).save_pretrained(folder)
    return folder


@pytest.fixture
def model(weights: Path, tmp_path: Path) -> Callable[..., Path]:
    """`model(threshold=..., ...)`: a checkpoint of those weights."""

    def make(name: str = "prm", **fields: Any) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        for file in weights.iterdir():
            (folder / file.name).symlink_to(file)
        tokenizer = load_tokenizer(str(DEMO_POLICY))
        text_format = find_text_format(DEMO_POLICY, tokenizer)
        ids = tuple(tokenizer(text_format.separator, add_special_tokens=False)["input_ids"])
        defaults = {"kind": RewardKind.PRM, "text_format": text_format, "separator_ids": ids}
        RewardMetadata(**(defaults | fields)).write(folder)
        return folder

    return make


def evaluate(what: str, prm: Any, data: Any, out: Path, *options: str, fails: bool = False) -> Any:
    """Metrics and rows; the command must succeed, or fail."""
    models, files = (map(str, each if isinstance(each, list) else [each]) for each in (prm, data))
    arguments = ["evaluate", what, "--model", *models, "--data", *files, "--out", str(out), *options]
    assert main(arguments) == int(fails)
    if fails:
        return None
    rows = [json.loads(line) for line in (out / "solutions.jsonl").read_text(encoding="utf-8").splitlines()]
    return json.loads((out / "metrics.json").read_text(encoding="utf-8")), rows


def value(cell: dict[str, float]) -> float:
    assert set(cell) == {"value", "low", "high", "n"} and cell["low"] <= cell["value"] <= cell["high"]
    return cell["value"]


def bench(path: Path, first: int = 0, count: int = 6) -> Path:
    """ProcessBench rows of stories: every second one right, in the others the last or the first step wrong."""
    rows = []
    for number, story in enumerate(STORIES[first : first + count], start=first):
        steps, label = story.steps(), -1
        if number % 2:
            label = len(steps) - 1 if number % 4 == 1 else 0
            steps[label] = "The answer is 0."
        rows.append(
            {"id": f"{path.stem}-{number}", "problem": story.text, "steps": steps}
            | {"final_answer_correct": label <= 0, "label": label}
        )
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def first_error_f1(rows: list[dict[str, Any]]) -> float:
    """As the authors' script counts it."""
    a = np.mean([row["match"] for row in rows if row["first_error"] != -1])
    b = np.mean([row["match"] for row in rows if row["first_error"] == -1])
    return float(2 * a * b / (a + b)) if a + b else 0.0


def test_processbench_tells_f1_per_subset_and_on_average(model, tmp_path: Path) -> None:
    files = [bench(tmp_path / "easy.json"), bench(tmp_path / "hard.json", 6)]
    prm = model()
    metrics, rows = evaluate("processbench", prm, files, tmp_path / "out")
    figures = metrics["processbench"]
    assert list(figures) == ["easy", "hard", "average"] and len(rows) == 12
    by_hand = [first_error_f1([row for row in rows if row["subset"] == name]) for name in ("easy", "hard")]
    assert [value(figures[name]["first_error_f1"]) for name in ("easy", "hard")] == pytest.approx(by_hand)
    assert value(figures["average"]["first_error_f1"]) == pytest.approx(np.mean(by_hand))
    expected = load_reward_model(prm, "cpu").score_steps([(row["problem"], row["steps"]) for row in rows])
    for row, scores in zip(rows, expected, strict=True):
        assert row["step_scores"] == pytest.approx(scores, abs=1e-5)
        assert row["first_flagged"] == next((at for at, score in enumerate(scores) if score < 0.5), -1)
    assert metrics["notes"] == ["Threshold 0.5: the checkpoint's, fixed beforehand."] and metrics["threshold"] == 0.5
    assert sum(each["steps"]["value"] for each in metrics["positions"].values()) == sum(
        row["first_error"] + 1 or len(row["steps"]) for row in rows
    )


def test_best_of_n_alone_rewards_an_orm_in_disguise_so_the_lowest_last_and_process_error_shares_are_told(
    model, tmp_path: Path
) -> None:
    metrics, rows = evaluate("processbench", model(), bench(tmp_path / "easy.json", 0, 12), tmp_path / "out")
    figures = metrics["processbench"]["easy"]
    lowest = np.mean(
        [
            (scores[-1] == min(scores)) / scores.count(min(scores)) if len(scores) > 1 else np.nan
            for row in rows
            for scores in [row["step_scores"]]
        ]
    )
    assert value(figures["lowest_last"]) == pytest.approx(lowest)
    assert value(figures["process_error"]) == pytest.approx(
        3 / 9
    )  # right answers, three of them with a wrong first step
    assert figures["process_error_flagged"]["n"] == figures["process_error_found"]["n"] == 3


def test_the_threshold_is_the_checkpoints_unless_another_is_given(model, tmp_path: Path) -> None:
    data = bench(tmp_path / "easy.json")
    _, rows = evaluate("processbench", model("a", threshold=0.0), data, tmp_path / "none")
    assert {row["first_flagged"] for row in rows} == {-1}
    metrics, rows = evaluate("processbench", model("b", threshold=1.0), data, tmp_path / "all")
    assert {row["first_flagged"] for row in rows} == {0} and metrics["threshold"] == 1.0
    metrics, rows = evaluate("processbench", model("c", threshold=1.0), data, tmp_path / "zero", "--threshold", "0")
    assert {row["first_flagged"] for row in rows} == {-1} and "--threshold" in metrics["notes"][0]


def test_a_threshold_tuned_on_a_share_is_reported_on_the_other_problems_and_said(model, tmp_path: Path) -> None:
    data = bench(tmp_path / "easy.json", 0, 12)
    metrics, rows = evaluate("processbench", model(), data, tmp_path / "out", "--tune", "0.5")
    assert 0 < len(rows) < 12 and metrics["threshold"] != 0.5
    left = 12 - len(rows)
    assert f"tuned on {left} solutions (50% of the problems, chosen by hash and not reported on)" in metrics["notes"][0]
    _, others = evaluate("processbench", tmp_path / "prm", data, tmp_path / "b", "--tune", "0.5", "--seed", "1")
    assert {row["solution"] for row in rows} != {row["solution"] for row in others}


def test_a_threshold_is_never_tuned_on_the_test_set(model, tmp_path: Path, capsys) -> None:
    data, aside, prm = bench(tmp_path / "easy.json"), bench(tmp_path / "aside.json", 6), model()
    metrics, rows = evaluate("processbench", prm, data, tmp_path / "out", "--tune-on", str(aside))
    assert len(rows) == 6 and "tuned on 6 solutions" in metrics["notes"][0] and "aside.json" in metrics["notes"][0]
    capsys.readouterr()
    shared = bench(tmp_path / "shared.json", 5)
    evaluate("processbench", prm, data, tmp_path / "no", "--tune-on", str(shared), fails=True)
    assert "1 problems are both tuned on and reported on" in capsys.readouterr().err
    for options in (["--tune", "0.5", "--threshold", "0.5"], ["--tune", "1.5"]):
        evaluate("processbench", prm, data, tmp_path / "no", *options, fails=True)
    assert not (tmp_path / "no").exists()


def test_subsets_and_ids_must_differ(model, tmp_path: Path, capsys) -> None:
    first, prm = bench(tmp_path / "easy.json"), model()
    evaluate("processbench", prm, [first, first], tmp_path / "out", fails=True)
    assert "the subset 'easy' is given twice" in capsys.readouterr().err
    (tmp_path / "other.json").write_text(first.read_text())
    evaluate("processbench", prm, [first, tmp_path / "other.json"], tmp_path / "out", fails=True)
    assert "the id 'easy-0' occurs twice" in capsys.readouterr().err


def test_the_same_command_may_be_repeated_and_another_is_refused(model, tmp_path: Path, capsys) -> None:
    data, prm, out = bench(tmp_path / "easy.json"), model(), tmp_path / "out"
    metrics, rows = evaluate("processbench", prm, data, out)
    again, same = evaluate("processbench", prm, data, out, "--device", "cpu")
    assert (again["processbench"], same) == (metrics["processbench"], rows)
    evaluate("processbench", prm, data, out, "--threshold", "0.4", fails=True)
    assert "threshold: None there, 0.4 now" in capsys.readouterr().err
    evaluate("steps", prm, data, out, fails=True)
    assert "command: 'evaluate processbench' there, 'evaluate steps' now" in capsys.readouterr().err


def test_solutions_beyond_the_context_are_left_out_and_said(model, tmp_path: Path, capsys) -> None:
    rows = json.loads(bench(tmp_path / "easy.json").read_text())
    rows[0]["steps"] = ["Eli has 12 books. Eli: 12."] * 100
    (tmp_path / "easy.json").write_text(json.dumps(rows))
    metrics, scored = evaluate("processbench", model(), tmp_path / "easy.json", tmp_path / "out")
    assert len(scored) == 5 and "1 of 6 solutions do not fit the model's context" in metrics["notes"][1]
    (tmp_path / "long.json").write_text(json.dumps(rows[:1]))
    evaluate("processbench", tmp_path / "prm", tmp_path / "long.json", tmp_path / "no", fails=True)
    assert "none of the 1 solutions fits the model's context" in capsys.readouterr().err


def test_problems_that_the_model_was_trained_on_are_told(model, tmp_path: Path) -> None:
    prm = model()
    write_trained(prm, [STORIES[0].text, STORIES[7].text])
    metrics, _ = evaluate("processbench", prm, bench(tmp_path / "easy.json"), tmp_path / "out")
    assert metrics["notes"][1] == "The model was trained on 1 of these 6 problems: the figures flatter it."


def test_problems_that_the_model_was_calibrated_on_are_told_unless_no_calibration_is_applied(model, tmp_path) -> None:
    prm, data = model(), bench(tmp_path / "easy.json")
    write_calibrated(prm, "steps", [STORIES[0].text, STORIES[7].text])
    metrics, _ = evaluate("processbench", prm, data, tmp_path / "out")
    assert "The model was calibrated on 1 of these 6 problems: the figures flatter it." in metrics["notes"]
    metrics, _ = evaluate("processbench", prm, data, tmp_path / "raw", "--calibration", "none")
    assert not any("calibrated on" in each for each in metrics["notes"])


def test_a_stored_calibration_is_applied_unless_it_is_switched_off(model, tmp_path: Path) -> None:
    platt = Calibration(method=CalibrationMethod.PLATT, parameters={"slope": 2.0, "intercept": 1.0})
    data, prm = bench(tmp_path / "easy.json"), model(step_calibration=platt)
    _, applied = evaluate("processbench", prm, data, tmp_path / "a")
    _, raw = evaluate("processbench", prm, data, tmp_path / "b", "--calibration", "none")
    for one, other in zip(applied, raw, strict=True):
        assert one["step_scores"] == pytest.approx(platt.apply(np.array(other["step_scores"])).tolist())


def test_options_that_do_not_belong_to_the_model_are_not_passed_over(model, tmp_path: Path, capsys) -> None:
    data, prm = bench(tmp_path / "easy.json"), model()
    evaluate("processbench", prm, data, tmp_path / "out", "--device", "nonsense", fails=True)
    assert "nonsense" in capsys.readouterr().err
    evaluate("processbench", prm, data, tmp_path / "out", "--adapter", "skywork", fails=True)
    assert "an adapter is for published models" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_several_models_are_evaluated_as_one(model, tmp_path: Path) -> None:
    data, pair = bench(tmp_path / "easy.json"), [model("a"), model("b", neutral_weight=0.0)]
    (_, one), (_, other) = (evaluate("steps", prm, data, tmp_path / f"out-{prm.name}") for prm in pair)
    metrics, both = evaluate("steps", pair, data, tmp_path / "both", "--ensemble", "min")
    for row, a, b in zip(both, one, other, strict=True):
        assert row["step_scores"] == pytest.approx(np.minimum(a["step_scores"], b["step_scores"]).tolist(), abs=1e-5)
    assert list(metrics["steps"]["auc"]) == ["a + b"]


def cases(path: Path) -> Path:
    """PRMBench rows of stories; one is there twice."""
    rows = []
    for number, kind in enumerate(("circular", "redundency", "deception", "deception")):
        steps = STORIES[number].steps()
        rows.append(
            {"idx": f"i{number}", "original_question": STORIES[number].text, "modified_question": STORIES[number].text}
            | {"modified_process": steps, "error_steps": [1, len(steps)], "classification": kind}
        )
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, rows[0]]), encoding="utf-8")
    return path


def test_prmbench_tells_prmscore_by_kind(model, tmp_path: Path) -> None:
    prm = model(threshold=0.55)
    metrics, rows = evaluate("prmbench", prm, cases(tmp_path / "cases.jsonl"), tmp_path / "out")
    figures = metrics["prmbench"]
    assert list(figures) == ["redundency", "circular", "deception", "simplicity", "overall"] and len(rows) == 4
    row = next(row for row in rows if row["kind"] == "circular")
    passed = [score >= 0.55 for score in row["step_scores"]]
    marked = [truth == "wrong" for truth in row["truths"]]
    hits = sum(ok and not bad for ok, bad in zip(passed, marked, strict=True))
    assert value(figures["circular"]["f1"]) == pytest.approx(2 * hits / (sum(passed) + marked.count(False)))
    assert metrics["notes"] == [
        "Threshold 0.55: the checkpoint's, fixed beforehand.",
        "1 rows repeat another's idx and classification; the first counts.",
    ]
    strict, _ = evaluate("prmbench", prm, tmp_path / "cases.jsonl", tmp_path / "b", "--threshold", "1")
    assert value(strict["prmbench"]["overall"]["accuracy_wrong"]) == 1.0


def story_solutions(path: Path) -> Path:
    """Two solutions of every story; in the second the last step is wrong."""
    rows = []
    for number, story in enumerate(STORIES):
        problem = Problem(problem_id=f"p{number}", problem=story.text, answer=str(story.answer))
        for name, steps in enumerate((story.steps(), [*story.steps()[:-1], "The answer is 0."])):
            solved = Solution(solution_id=str(name), problem=problem, steps=tuple(steps), correct=not name)
            rows.append(solution_row(solved))
    write_rows(path, rows, SOLUTION_SCHEMA)
    return path


def test_steps_are_held_against_the_oracle_or_people_or_a_judgement_file(model, tmp_path: Path, capsys) -> None:
    from sklearn.metrics import roc_auc_score

    data, prm = story_solutions(tmp_path / "solutions.parquet"), model()
    metrics, rows = evaluate("steps", prm, data, tmp_path / "oracle")
    figures = {name: row["prm"] for name, row in metrics["steps"].items()}
    wrong = [truth == "wrong" for row in rows for truth in row["truths"]]
    scores = [score for row in rows for score in row["step_scores"]]
    assert value(figures["auc"]) == pytest.approx(roc_auc_score(wrong, -np.array(scores)))
    assert value(figures["first_error_f1"]) == pytest.approx(first_error_f1(rows)) and len(rows) == 24
    assert list(metrics["positions"]) == [str(at) for at in range(max(len(row["steps"]) for row in rows))]

    judgements = tmp_path / "judgements.jsonl"
    judgements.write_text(json.dumps({"solution": "p0/0", "first_error": 1}) + "\n")
    _, rows = evaluate("steps", prm, data, tmp_path / "file", "--truth", str(judgements))
    assert [(row["solution"], row["first_error"]) for row in rows] == [("p0/0", 1)]

    people = bench(tmp_path / "easy.json")
    metrics, rows = evaluate("steps", prm, people, tmp_path / "people", "--threshold", "1")
    assert len(rows) == 6 and value(metrics["steps"]["recall"]["prm"]) == 1.0
    capsys.readouterr()
    evaluate("steps", prm, people, tmp_path / "no", "--truth", "oracle", fails=True)
    assert "judged by people already; leave 'oracle' out" in capsys.readouterr().err


def test_stress_gives_a_verdict_for_every_variant_that_follows_its_options(model, tmp_path: Path, capsys) -> None:
    prm = model()
    metrics, rows = evaluate("stress", prm, "demo:3:easy", tmp_path / "a", "--limit", "2")
    figures = metrics["stress"]
    assert set(figures) == {"empty", "answer_only", "template", "wrong", "shuffled", "deleted", "repeated", "long"}
    for name, each in figures.items():
        held = np.mean([row["held"] for row in rows if row["variant"] == name])
        assert value(each["held"]) == pytest.approx(held) and each["held"]["n"] == 2
        assert each["passed"]["value"] == float(held >= 0.8) and each["left_out"]["value"] == 0.0
    easy, _ = evaluate("stress", prm, "demo:3:easy", tmp_path / "b", "--share", "0.01", "--margin", "1")
    assert all(easy["stress"][name]["passed"]["value"] == 1 for name in ("deleted", "repeated", "long"))
    assert easy["stress"]["empty"]["held"]["n"] == 3
    _, other = evaluate("stress", prm, "demo:3:easy", tmp_path / "c", "--limit", "2", "--seed", "1")
    assert [row["problem"] for row in other] != [row["problem"] for row in rows]
    for option in (["--limit", "0"], ["--margin", "nan"], ["--margin", "-1"], ["--share", "nan"], ["--share", "0"]):
        evaluate("stress", prm, "demo:3:easy", tmp_path / "no", *option, fails=True)
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize("what", ["processbench", "prmbench", "steps", "stress"])
def test_a_negative_seed_is_refused_in_one_line_before_the_model_is_loaded(tmp_path: Path, capsys, what: str) -> None:
    people = cases(tmp_path / "cases.jsonl") if what == "prmbench" else bench(tmp_path / "easy.json")
    data = "demo:3:easy" if what == "stress" else people
    evaluate(what, tmp_path / "no model", data, tmp_path / "no", "--seed", "-1", fails=True)
    assert capsys.readouterr().err == "prmkit evaluate: --seed must not be negative, got -1\n"
    assert not (tmp_path / "no").exists()


def test_the_aggregation_is_the_checkpoints_default_never_a_constant_of_the_code(model, tmp_path: Path) -> None:
    lowest, last = model("lowest", aggregation=Aggregation.MIN), model("last", aggregation=Aggregation.LAST)

    def originals(prm: Path, out: str, *options: str) -> list[float]:
        _, rows = evaluate("stress", prm, "demo:2:easy", tmp_path / out, *options)
        return [row["original"] for row in rows]

    assert originals(lowest, "a") != originals(last, "b")
    assert originals(last, "c", "--aggregation", "min") == pytest.approx(originals(lowest, "d"))


def test_stress_takes_right_solutions_only(model, tmp_path: Path, capsys) -> None:
    prm = model()
    data = story_solutions(tmp_path / "solutions.parquet")
    _, rows = evaluate("stress", prm, data, tmp_path / "a", "--limit", "3")
    assert {row["solution"] for row in rows} == {"p0/0", "p1/0", "p2/0"}  # not p0/1, whose answer is wrong
    _, rows = evaluate("stress", prm, bench(tmp_path / "easy.json"), tmp_path / "b")
    assert {row["solution"] for row in rows} == {"easy-0", "easy-2", "easy-4"}
    wrong = json.loads((tmp_path / "easy.json").read_text())[1:2]
    (tmp_path / "wrong.json").write_text(json.dumps(wrong))
    evaluate("stress", prm, tmp_path / "wrong.json", tmp_path / "no", fails=True)
    assert "none of its 1 solutions is known to be right" in capsys.readouterr().err
