import json

import pytest
import tyro

from prmkit.cli.score import Score
from prmkit.errors import InputError, MissingFileError, RunChangedError
from prmkit.records import SOLUTION_SCHEMA
from prmkit.rewards.base import Aggregation
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
    arguments = ["--model", str(model), "--solutions", str(solutions), "--out", str(out), *extra]
    tyro.cli(Score, prog="prmkit score", args=arguments).run()


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
        "parquet", data_files=str(tmp_path / "out" / "shards" / "scores.parquet"), cache_dir=str(tmp_path / "cache")
    )["train"]
    assert table["solution_id"][:] == [each.solution_id for each in solutions]
    assert [len(each) for each in table["step_scores"][:]] == [len(each.steps) for each in solutions]


def test_the_same_command_may_be_repeated_and_another_is_refused(make_reward, pool, tmp_path):
    model = make_reward("prm")
    score(model, pool, tmp_path / "out")
    first = (tmp_path / "out" / "shards" / "scores.parquet").read_bytes()
    score(model, pool, tmp_path / "out", "--device", "cpu")
    assert (tmp_path / "out" / "shards" / "scores.parquet").read_bytes() == first
    assert json.loads((tmp_path / "out" / "config.json").read_text())["config"]["command"] == "score"
    with pytest.raises(RunChangedError, match="model: "):
        score(make_reward("orm"), pool, tmp_path / "out")


def test_scores_of_other_weights_are_refused(make_reward, pool, tmp_path):
    model = make_reward("prm")
    score(model, pool, tmp_path / "out")
    weights = bytearray((model / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (model / "model.safetensors").write_bytes(weights)
    with pytest.raises(RunChangedError, match="model: "):
        score(model, pool, tmp_path / "out")


def test_a_folder_that_is_no_reward_model_leaves_nothing_behind(pool, tmp_path):
    with pytest.raises(MissingFileError, match=r"no prmkit.json in it"):
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
