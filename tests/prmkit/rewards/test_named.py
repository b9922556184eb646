from pathlib import Path

import pytest

from prmkit.cli.main import main
from prmkit.errors import InputError, MissingFileError
from prmkit.records import SOLUTION_SCHEMA
from prmkit.rewards.base import Aggregation
from prmkit.rewards.judge import NO_VERDICT, JudgeReward
from prmkit.rewards.named import load_any
from prmkit.rewards.published import PublishedReward
from prmkit.rewards.scorer import ClassifierReward, load_reward_model
from prmkit.tables import read_scores, solution_row, write_rows

SOLUTIONS = [("What is 1 + 1?", ["One and one.", "2"])]


def test_a_folder_of_training_is_read_as_it_was_written(make_reward):
    folder = make_reward("prm")
    model = load_any(folder, "cpu", neutral_weight=1.0)
    assert type(model) is ClassifierReward
    assert model.score_steps(SOLUTIONS) == load_reward_model(folder, neutral_weight=1.0).score_steps(SOLUTIONS)


def test_a_published_model_is_found_by_its_architecture_or_by_an_adapter(published):
    assert isinstance(load_any(str(published("skywork-prm"))), PublishedReward)
    model = load_any(published("rlhflow"), adapter="rlhflow", aggregation=Aggregation.MIN)
    assert isinstance(model, PublishedReward) and model.adapter.name == "rlhflow"
    assert model.aggregation is Aggregation.MIN


def test_a_judge_is_a_language_model_after_a_colon():
    said_to_all = {"calibrated": True, "neutral_weight": None, "prefix_cache": 1 << 20}
    judge = load_any("judge:demo", aggregation=Aggregation.LAST, threshold=0.4, **said_to_all)
    assert isinstance(judge, JudgeReward)
    assert (judge.aggregation, judge.threshold) == (Aggregation.LAST, 0.4)
    judge.sampling = type(judge.sampling)(temperature=0.0, max_tokens=4)  # the small policy knows no verdicts
    assert judge.score_steps(SOLUTIONS) == [[NO_VERDICT, NO_VERDICT]]
    judge.close()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("judge:demo", {"adapter": "rlhflow"}, "an adapter is for published models"),
        ("judge:demo", {"neutral_weight": 0.5}, "judge 'demo': neutral_weight cannot be chosen"),
        ("judge:demo", {"device": "cpu"}, "judge 'demo': a device cannot be chosen"),
        ("demo", {}, r"model 'demo': neither a folder written by `prmkit train` nor a published reward model"),
        ("demo", {"adapter": "no"}, "no adapter 'no' for published reward models; there are math-shepherd"),
    ],
)
def test_what_does_not_belong_to_a_model_is_refused(name, options, message):
    with pytest.raises(InputError, match=message):
        load_any(name, **options)


def test_an_adapter_for_a_model_of_our_own_is_refused(make_reward):
    with pytest.raises(InputError, match="an adapter is for published models; this one needs none"):
        load_any(make_reward("orm"), adapter="rlhflow")


def test_a_model_that_is_nowhere_is_an_error_of_one_line(tmp_path: Path):
    with pytest.raises(MissingFileError, match="no such folder"):
        load_any(tmp_path / "nowhere")


@pytest.fixture
def command(labeled_pool, tmp_path):
    """Arguments of `prmkit score` for two solutions, without the model."""
    pool = [each.solution for each in labeled_pool(1, per_problem=2)]
    write_rows(tmp_path / "pool.parquet", [solution_row(each) for each in pool], SOLUTION_SCHEMA)
    return pool, ["score", "--solutions", str(tmp_path / "pool.parquet"), "--out", str(tmp_path / "out"), "--model"]


def test_the_command_line_takes_published_models_and_says_how_they_are_read(published, command, tmp_path, capsys):
    pool, arguments = command
    model = str(published("rlhflow"))
    assert main([*arguments, model]) == 1
    assert "name its adapter (math-shepherd" in capsys.readouterr().err
    assert main([*arguments, model, "--adapter", "rlhflow"]) == 0
    assert "adapter: rlhflow, asked for" in capsys.readouterr().out
    texts = [(each.problem.problem, each.steps) for each in pool]
    expected = load_any(model, adapter="rlhflow").score_steps(texts)
    for row, steps in zip(read_scores(tmp_path / "out"), expected, strict=True):
        assert row.step_scores == pytest.approx(steps, abs=1e-5)


@pytest.mark.slow
def test_the_command_line_takes_a_judge_and_counts_what_could_not_be_read(command, capsys):
    _, arguments = command
    assert main([*arguments, "judge:demo"]) == 0
    assert "judge: 2 solutions without a verdict that can be read, scored 0.5" in capsys.readouterr().out
