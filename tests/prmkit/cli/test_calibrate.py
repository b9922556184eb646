import json
import subprocess
import sys

import numpy as np
import pytest
import tyro

from prmkit.cli.calibrate import Calibrate
from prmkit.errors import InputError, MissingFileError
from prmkit.records import LABEL_SCHEMA, SOLUTION_SCHEMA
from prmkit.rewards.base import Aggregation
from prmkit.rewards.metadata import RewardMetadata
from prmkit.rewards.scorer import load_reward_model
from prmkit.rewards.trained_on import problem_digest, read_calibrated, write_trained
from prmkit.tables import label_row, solution_row, write_rows


@pytest.fixture
def pool(labeled_pool):
    return labeled_pool(12)


@pytest.fixture
def labels(pool, tmp_path):
    folder = tmp_path / "labels"
    write_rows(folder / "shards" / "00000.parquet", [label_row(each) for each in pool], LABEL_SCHEMA)
    return folder


def calibrate(model, labels, *options):
    arguments = ["--model", str(model), "--labels", str(labels), *options]
    tyro.cli(Calibrate, prog="prmkit calibrate", args=arguments).run()


def step_scores(model, pool):
    texts = [(each.solution.problem.problem, each.solution.steps) for each in pool]
    return [score for scores in load_reward_model(model).score_steps(texts) for score in scores]


def test_a_fitted_calibration_is_stored_and_applied_when_the_model_is_loaded_again(make_reward, labels, pool, capsys):
    model = make_reward("prm", aggregation=Aggregation.MIN)
    before, stored = step_scores(model, pool), json.loads((model / "prmkit.json").read_text())
    calibrate(model, labels, "--method", "isotonic")
    metadata = RewardMetadata.read(model)
    assert step_scores(model, pool) == pytest.approx(metadata.step_calibration.apply(np.array(before)).tolist())
    assert metadata.step_calibration.fitted == {
        "outcomes": "rate",
        "steps": len(before),
        "problems": 12,
        "data": metadata.step_calibration.fitted["data"],
    }
    now = json.loads((model / "prmkit.json").read_text())
    assert {name for name in now if now[name] != stored[name]} == {"step_calibration"}
    shown = capsys.readouterr().out
    assert "does not say which problems it learned from" in shown
    assert "before" in shown and "after isotonic" in shown and "isotonic calibration of steps" in shown


def test_the_figures_and_the_diagram_are_written(make_reward, labels, tmp_path):
    model = make_reward("prm")
    calibrate(model, labels, "--method", "isotonic")
    calibrate(model, labels, "--method", "isotonic", "--level", "solutions", "--out", str(tmp_path / "elsewhere"))
    for folder in (model / "calibration-steps", tmp_path / "elsewhere"):
        metrics = json.loads((folder / "metrics.json").read_text())
        assert set(metrics["calibration"]) == {"before", "after_isotonic"}
        assert set(metrics["calibration"]["before"]["ece"]) == {"value", "low", "high", "n"}
        assert (
            sum(each["count"] for each in metrics["reliability"]["before"])
            == (metrics["calibration"]["before"]["ece"]["n"])
        )
        assert "<svg" in (folder / "reliability.html").read_text()
    assert not (model / "calibration-solutions").exists()


@pytest.mark.parametrize("kind", ["prm", "value"])
def test_every_method_and_level_can_be_fitted(make_reward, labels, kind):
    model = make_reward(kind)
    found = {}
    for method, level in [("isotonic", "steps"), ("isotonic", "solutions")]:
        calibrate(model, labels, "--method", method, "--level", level)
        metadata = RewardMetadata.read(model)
        found[method, level] = metadata.step_calibration if level == "steps" else metadata.solution_calibration
    assert all(found.values())
    assert found["isotonic", "steps"] != found["isotonic", "solutions"]


def informed(pool, tmp_path, make_reward):
    """A value model, and labels that agree with it as far as chance lets them."""
    from dataclasses import replace

    from prmkit.records import StepEstimate, StepLabel

    model = make_reward("value")
    rng = np.random.default_rng(0)
    texts = [(each.solution.problem.problem, each.solution.steps) for each in pool]
    labeled = []
    for each, scores in zip(pool, load_reward_model(model).score_steps(texts), strict=True):
        counts = [int(rng.binomial(8, 0.2 + 0.6 * score)) for score in scores]
        labeled.append(
            replace(
                each,
                solution=replace(each.solution, correct=bool(rng.random() < 0.2 + 0.6 * scores[-1])),
                estimates=tuple(StepEstimate(successes=count, rollouts=8) for count in counts),
                labels=tuple(StepLabel.CORRECT if count > 3 else StepLabel.INCORRECT for count in counts),
            )
        )
    folder = tmp_path / "informed"
    write_rows(folder / "shards" / "00000.parquet", [label_row(each) for each in labeled], LABEL_SCHEMA)
    return model, folder


def test_temperature_and_platt_make_an_overconfident_model_modest(make_reward, pool, tmp_path):
    model, labels = informed(pool, tmp_path, make_reward)
    before = np.array(step_scores(model, pool))
    for method in ("temperature", "platt"):
        calibrate(model, labels, "--method", method)
        after = np.array(step_scores(model, pool))
        assert RewardMetadata.read(model).step_calibration.method == method
        assert after.std() < before.std()
    calibrate(model, labels, "--method", "none")
    assert step_scores(model, pool) == before.tolist()


def test_the_kind_of_outcome_changes_what_is_fitted(make_reward, pool, tmp_path):
    model, labels = informed(pool, tmp_path, make_reward)
    fitted = []
    for outcomes in ("rate", "label"):
        calibrate(model, labels, "--method", "platt", "--outcomes", outcomes)
        fitted.append(RewardMetadata.read(model).step_calibration)
    assert fitted[0].parameters != fitted[1].parameters
    assert [each.fitted["outcomes"] for each in fitted] == ["rate", "label"]
    with pytest.raises(InputError, match="the oracle judges the demo's stories only"):
        calibrate(model, labels, "--method", "platt", "--outcomes", "oracle")


def test_the_seed_changes_the_figures_and_not_the_calibration(make_reward, labels, tmp_path):
    model, found = make_reward("prm"), []
    for seed in ("0", "1"):
        calibrate(model, labels, "--method", "isotonic", "--seed", seed, "--out", str(tmp_path / seed))
        metrics = json.loads((tmp_path / seed / "metrics.json").read_text())
        found.append((RewardMetadata.read(model).step_calibration, metrics["calibration"]["after_isotonic"]["brier"]))
    assert found[0][0] == found[1][0]
    assert found[0][1] != found[1][1]


def test_problems_the_model_learned_from_are_left_out(make_reward, labels, pool, capsys):
    model = make_reward("prm")
    problems = sorted({each.solution.problem.problem for each in pool})
    write_trained(model, problems[:8])
    calibrate(model, labels, "--method", "isotonic")
    assert "16 solutions of 4 problems; 32 left out, learned from before" in capsys.readouterr().out
    assert RewardMetadata.read(model).step_calibration.fitted["problems"] == 4


def test_labels_of_nothing_but_problems_trained_on_are_refused(make_reward, labels, pool):
    model = make_reward("prm")
    before = (model / "prmkit.json").read_bytes()
    write_trained(model, [each.solution.problem.problem for each in pool])
    with pytest.raises(InputError, match="the model learned from the problems of all 48 solutions"):
        calibrate(model, labels, "--method", "isotonic")
    assert (model / "prmkit.json").read_bytes() == before


def test_normalised_rewards_of_the_calibration_set_have_mean_zero_and_spread_one(make_reward, labels, pool):
    model = make_reward("prm")
    calibrate(model, labels, "--normalise")
    texts = [(each.solution.problem.problem, each.solution.steps) for each in pool]
    rewards = np.array(load_reward_model(model).rewards(texts, normalised=True))
    assert rewards.mean() == pytest.approx(0, abs=1e-5)
    assert rewards.std() == pytest.approx(1, abs=1e-5)
    assert RewardMetadata.read(model).normalisation.solutions == len(pool)


def test_normalising_measures_calibrated_rewards(make_reward, labels):
    plain, mapped = make_reward("prm"), make_reward("orm")
    calibrate(plain, labels, "--normalise")
    calibrate(mapped, labels, "--method", "isotonic", "--level", "solutions", "--normalise")
    found = RewardMetadata.read(mapped)
    assert found.solution_calibration is not None and found.normalisation is not None
    calibrate(mapped, labels, "--method", "none", "--level", "solutions", "--normalise")
    assert RewardMetadata.read(mapped).normalisation != found.normalisation


def test_what_rests_on_a_calibration_goes_with_it(make_reward, labels):
    model = make_reward("prm")
    calibrate(model, labels, "--method", "isotonic")
    calibrate(model, labels, "--method", "isotonic", "--level", "solutions", "--normalise")
    calibrate(model, labels, "--method", "isotonic")  # other step scores, so other solution scores and rewards
    metadata = RewardMetadata.read(model)
    assert metadata.step_calibration is not None
    assert metadata.solution_calibration is None and metadata.normalisation is None


def test_solutions_without_step_labels_calibrate_solution_scores(make_reward, pool, tmp_path):
    rows = [solution_row(each.solution) for each in pool]
    write_rows(tmp_path / "sampled.parquet", rows, SOLUTION_SCHEMA)
    model = make_reward("prm")
    calibrate(model, tmp_path / "sampled.parquet", "--method", "isotonic", "--level", "solutions")
    assert RewardMetadata.read(model).solution_calibration is not None
    with pytest.raises(InputError, match="no labels in it; run `prmkit label`, or use --level solutions"):
        calibrate(model, tmp_path / "sampled.parquet", "--method", "isotonic")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "give --method, --normalise or both"),
        (("--method", "temperature", "--level", "solutions"), "take platt or isotonic"),
        (("--method", "platt", "--level", "solutions", "--outcomes", "label"), "--outcomes says what steps foretell"),
        (("--normalise", "--outcomes", "label"), "--outcomes says what steps foretell"),
        (("--method", "platt", "--seed", "-1"), "^--seed must be at least 0, got -1$"),
    ],
)
def test_options_that_contradict_each_other_are_refused(make_reward, labels, options, message):
    with pytest.raises(InputError, match=message):
        calibrate(make_reward("prm"), labels, *options)


def test_a_folder_that_is_no_reward_model_and_a_device_that_is_not_there_are_refused(make_reward, labels, tmp_path):
    with pytest.raises(MissingFileError, match=r"no prmkit.json in it"):
        calibrate(labels, labels, "--method", "isotonic")
    with pytest.raises(InputError, match="device 'nonsense'"):
        calibrate(make_reward("prm"), labels, "--method", "isotonic", "--device", "nonsense")


def test_labels_are_read_before_torch_is_loaded(make_reward, pool, tmp_path):
    write_rows(tmp_path / "sampled.parquet", [solution_row(each.solution) for each in pool], SOLUTION_SCHEMA)
    code = """
import sys
from pathlib import Path
from prmkit.cli.calibrate import Calibrate
from prmkit.errors import InputError
try:
    Calibrate(model=Path(sys.argv[1]), labels=Path(sys.argv[2]), method="platt").run()
except InputError as error:
    print(error, "torch" in sys.modules)
"""
    command = [sys.executable, "-c", code, str(make_reward("prm")), str(tmp_path / "sampled.parquet")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("use --level solutions False")


def test_labels_that_are_wrong_in_one_row_are_told_by_their_row(make_reward, pool, tmp_path):
    rows = [label_row(each) for each in pool]
    write_rows(tmp_path / "labels.jsonl", [*rows[:-1], rows[-1] | {"successes": None}], LABEL_SCHEMA)
    with pytest.raises(InputError, match="field 'successes' is missing"):
        calibrate(make_reward("prm"), tmp_path / "labels.jsonl", "--method", "isotonic")


def test_a_table_without_rows_is_told_as_such(make_reward, tmp_path):
    write_rows(tmp_path / "empty.parquet", [], LABEL_SCHEMA)
    with pytest.raises(InputError, match=r"empty.parquet: no solutions in it"):
        calibrate(make_reward("prm"), tmp_path / "empty.parquet", "--method", "isotonic")


@pytest.mark.parametrize("kind", ["prm", "value"])
def test_the_temperature_of_a_prm_is_said_to_be_fitted_to_classes(make_reward, pool, tmp_path, kind, capsys):
    _, labels = informed(pool, tmp_path, make_reward)
    model = make_reward(kind)
    calibrate(model, labels, "--method", "temperature")
    outcomes = RewardMetadata.read(model).step_calibration.fitted["outcomes"]
    assert outcomes == ("label" if kind == "prm" else "rate")
    assert ("fitted to classes" in capsys.readouterr().out) == (kind == "prm")


def test_the_problems_of_a_calibration_are_written_down_and_go_with_it(make_reward, labels, pool):
    model = make_reward("prm")
    problems = {problem_digest(each.solution.problem.problem) for each in pool}
    calibrate(model, labels, "--method", "isotonic")
    calibrate(model, labels, "--method", "isotonic", "--level", "solutions")
    for level in ("steps", "solutions"):
        assert read_calibrated(model) == problems
        calibrate(model, labels, "--method", "none", "--level", "solutions" if level == "steps" else "steps")
    assert read_calibrated(model) == frozenset()
