import json

import numpy as np
import pytest
import tyro

from labelers.ledger import read_cost
from prmkit.cli.score import Score
from prmkit.errors import InputError, MissingFileError, RunChangedError
from prmkit.records import SOLUTION_SCHEMA
from prmkit.rewards.base import Aggregation
from prmkit.rewards.calibration import Calibration, CalibrationMethod
from prmkit.rewards.scorer import load_reward_model
from prmkit.tables import read_scores, solution_row, write_rows


@pytest.fixture
def solutions(labeled_pool):
    return [each.solution for each in labeled_pool(5)]


@pytest.fixture
def pool(solutions, tmp_path):
    folder = tmp_path / "pool"
    write_rows(folder / "shards" / "00000.parquet", [solution_row(each) for each in solutions], SOLUTION_SCHEMA)
    return folder


def score(model, solutions, out, *extra):
    arguments = [
        "--model",
        *map(str, model if isinstance(model, list) else [model]),
        "--solutions",
        str(solutions),
        "--out",
        str(out),
        *extra,
    ]
    tyro.cli(Score, prog="prmkit score", args=arguments, config=(tyro.conf.EnumChoicesFromValues,)).run()


def test_every_solution_is_written_with_the_scores_of_its_steps(make_reward, pool, solutions, tmp_path):
    model = make_reward("prm", aggregation=Aggregation.MIN)
    score(model, pool, tmp_path / "out")
    scored = read_scores(tmp_path / "out")
    assert [each.solution for each in scored] == solutions
    expected = load_reward_model(model).score_steps([(each.problem.problem, each.steps) for each in solutions])
    for each, scores in zip(scored, expected, strict=True):
        assert each.step_scores == pytest.approx(scores, abs=1e-6)
        assert each.score == pytest.approx(min(scores), abs=1e-6)


def test_the_table_opens_with_datasets(make_reward, pool, solutions, tmp_path):
    from datasets import load_dataset

    score(make_reward("orm"), pool, tmp_path / "out")
    table = load_dataset(
        "parquet", data_files=str(tmp_path / "out" / "shards" / "00000.parquet"), cache_dir=str(tmp_path / "cache")
    )["train"]
    assert table["solution_id"][:] == [each.solution_id for each in solutions]
    assert [len(each) for each in table["step_scores"][:]] == [len(each.steps) for each in solutions]


def test_the_same_command_may_be_repeated_and_another_is_refused(make_reward, pool, tmp_path):
    model = make_reward("prm")
    score(model, pool, tmp_path / "out")
    first = (tmp_path / "out" / "shards" / "00000.parquet").read_bytes()
    score(model, pool, tmp_path / "out", "--device", "cpu")
    assert (tmp_path / "out" / "shards" / "00000.parquet").read_bytes() == first
    assert json.loads((tmp_path / "out" / "config.json").read_text())["config"]["command"] == "score"
    with pytest.raises(RunChangedError, match="model: "):
        score(make_reward("orm"), pool, tmp_path / "out")


def test_an_interrupted_run_is_continued_shard_by_shard(make_reward, pool, solutions, tmp_path, monkeypatch):
    monkeypatch.setattr("prmkit.cli.score.CHUNK", 3)
    monkeypatch.setattr("prmkit.cli.score.SHARD", 8)
    model, out = make_reward("prm"), tmp_path / "out"
    score(model, pool, out)
    whole, cost = read_scores(out), read_cost(out)
    shards = sorted((out / "shards").glob("*.parquet"))
    assert len(shards) == 3 and [each.solution for each in whole] == solutions and cost[0] > 0
    shards[1].unlink()
    before = [each.stat().st_mtime_ns for each in (shards[0], shards[2])]
    score(model, pool, out)
    assert [each.stat().st_mtime_ns for each in (shards[0], shards[2])] == before
    assert read_scores(out) == whole and read_cost(out)[0] > cost[0]
    spent = read_cost(out)
    score(model, pool, out)
    assert read_cost(out) == spent, "nothing was left to do"
    monkeypatch.setattr("prmkit.cli.score.SHARD", 9)
    with pytest.raises(RunChangedError, match="shard_size: "):
        score(model, pool, out)


def test_scores_of_other_weights_are_refused(make_reward, pool, tmp_path):
    model = make_reward("prm")
    score(model, pool, tmp_path / "out")
    weights = bytearray((model / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (model / "model.safetensors").write_bytes(weights)
    with pytest.raises(RunChangedError, match="model: "):
        score(model, pool, tmp_path / "out")


def test_a_folder_that_is_no_reward_model_leaves_nothing_behind(pool, tmp_path):
    with pytest.raises(MissingFileError, match=r"lacks config.json"):
        score(pool, pool, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_table_without_solutions_is_an_error(make_reward, tmp_path):
    write_rows(tmp_path / "empty.parquet", [], SOLUTION_SCHEMA)
    with pytest.raises(InputError, match=r"empty.parquet: no solutions in it"):
        score(make_reward("prm"), tmp_path / "empty.parquet", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_device_that_is_not_there_is_not_passed_over(make_reward, pool, tmp_path):
    with pytest.raises(InputError, match="device 'nonsense'"):
        score(make_reward("prm"), pool, tmp_path / "out", "--device", "nonsense")


def scores_of(out):
    return [each.score for each in read_scores(out)]


@pytest.mark.parametrize(
    ("option", "changed"),
    [
        (("--aggregation", "min"), {"score"}),
        (("--neutral-weight", "0"), {"score", "step_scores", "first_flagged"}),
        (("--threshold", "0.1"), {"first_flagged"}),
        (("--calibration", "none"), {"score", "step_scores", "step_probabilities", "first_flagged"}),
    ],
)
def test_no_option_is_written_down_and_then_ignored(make_reward, pool, tmp_path, option, changed):
    cool = Calibration(method=CalibrationMethod.TEMPERATURE, parameters={"temperature": 6.0})
    model = make_reward("prm", step_calibration=cool, threshold=0.2)
    score(model, pool, tmp_path / "plain")
    score(model, pool, tmp_path / "other", *option)
    for name in ("score", "step_scores", "step_probabilities", "first_flagged"):
        plain, other = ([getattr(each, name) for each in read_scores(tmp_path / each)] for each in ("plain", "other"))
        assert (plain != other) == (name in changed), name


def test_an_option_asked_for_later_is_another_run(make_reward, pool, tmp_path):
    model = make_reward("prm")
    score(model, pool, tmp_path / "out")
    with pytest.raises(RunChangedError, match="aggregation: None there, 'max' now"):
        score(model, pool, tmp_path / "out", "--aggregation", "max")


def test_the_table_holds_class_probabilities_and_the_first_flagged_step(make_reward, pool, tmp_path):
    score(make_reward("prm"), pool, tmp_path / "out")
    for each in read_scores(tmp_path / "out"):
        rows = np.array(each.step_probabilities)
        assert rows.sum(axis=1) == pytest.approx(1, abs=1e-5)
        assert each.step_scores == pytest.approx((rows[:, 2] + 0.5 * rows[:, 1]).tolist(), abs=1e-5)
        below = [index for index, one in enumerate(each.step_scores) if one < 0.5]
        assert each.first_flagged == (below[0] if below else -1)


@pytest.mark.parametrize("how", ["mean", "min", "lower"])
def test_several_models_make_an_ensemble_that_tells_where_they_disagree(make_reward, pool, tmp_path, how, capsys):
    models = [make_reward("prm"), make_reward("orm")]
    for index, model in enumerate(models):
        score(model, pool, tmp_path / str(index))
    score(models, pool, tmp_path / "both", "--ensemble", how)
    assert "disagreement (standard deviation over the models, of a step): mean" in capsys.readouterr().out
    one, two = (read_scores(tmp_path / str(index)) for index in range(2))
    for each, first, second in zip(read_scores(tmp_path / "both"), one, two, strict=True):
        members = np.array([first.step_scores, second.step_scores])
        combined = {"mean": members.mean(0), "min": members.min(0), "lower": members.mean(0) - members.std(0)}[how]
        assert each.step_scores == pytest.approx(combined.tolist(), abs=1e-6)
        assert each.step_disagreement == pytest.approx(members.std(0).tolist(), abs=1e-6)


def test_deviations_change_the_lower_bound_and_the_mean_is_the_default(make_reward, pool, tmp_path):
    models = [make_reward("prm"), make_reward("orm")]
    score(models, pool, tmp_path / "mean")
    score(models, pool, tmp_path / "same", "--ensemble", "lower", "--deviations", "0")
    score(models, pool, tmp_path / "less", "--ensemble", "lower", "--deviations", "2")
    assert scores_of(tmp_path / "mean") == scores_of(tmp_path / "same")
    assert max(scores_of(tmp_path / "less")) < max(scores_of(tmp_path / "same"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("prm", "--ensemble", "min"), "name two or more"),
        (("prm", "orm", "--deviations", "2"), "--deviations belongs to --ensemble lower"),
        (("prm", "orm", "--engine", "vllm"), "the vllm engine scores with one model"),
        (("prm", "--engine", "vllm", "--device", "cpu"), "the vllm engine scores with one model"),
        (("prm", "--adapter", "skywork"), "an adapter is for published models"),
    ],
)
def test_options_that_contradict_each_other_are_refused(make_reward, pool, tmp_path, options, message):
    models = [make_reward(each) for each in options if each in ("prm", "orm")]
    with pytest.raises(InputError, match=message):
        score(models, pool, tmp_path / "out", *options[len(models) :])
    assert not (tmp_path / "out").exists()


def test_one_model_twice_is_no_ensemble(make_reward, pool, tmp_path):
    import shutil

    model = make_reward("prm")
    copy = shutil.copytree(model, tmp_path / "copy")
    for other in (model, f"{model}/", copy):
        with pytest.raises(InputError, match=r"is the same model as .*; an ensemble needs different ones"):
            score([model, other], pool, tmp_path / "out")
    assert not (tmp_path / "out").exists()
