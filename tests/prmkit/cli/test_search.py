"""`prmkit search`: what continues, what is set aside, and what ends the run."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from prmkit.cli.main import main
from prmkit.cli.search import search_shard
from prmkit.errors import EngineError, ShapeError
from prmkit.records import Problem
from prmkit.tables import read_rows

Make = Callable[..., Path]


def search(prm: Path, out: Path, *extra: str) -> int:
    demo = ["--problems", "demo:2", "--engine", "simulated", "--prm", str(prm), "--out", str(out)]
    return main(["search", "best-of-n", *demo, "-n", "2", *extra])


def test_a_search_is_continued_wherever_its_reward_model_lies_and_however_it_is_computed(
    make_reward: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prm, threads = make_reward("prm"), torch.get_num_threads()
    assert search(prm, tmp_path / "out") == 0
    assert search(prm.rename(tmp_path / "moved"), tmp_path / "out", "--device", "cpu") == 0
    said = capsys.readouterr().out
    assert said.count("best-of-n: ") == 2 and f"results in {tmp_path / 'out'};" in said
    assert torch.get_num_threads() == threads


def test_a_search_is_not_continued_with_another_reward_model(
    make_reward: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prm = make_reward("prm")
    assert search(prm, tmp_path / "out") == 0
    weights = bytearray((prm / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (prm / "model.safetensors").write_bytes(weights)
    capsys.readouterr()
    assert search(prm, tmp_path / "out") == 1
    error = capsys.readouterr().err
    assert "another configuration (prm: " in error and error.count("\n") == 1


def test_several_reward_models_guide_a_search_together(
    make_reward: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prm, orm = make_reward("prm"), make_reward("orm")
    for folder in (prm, orm):  # stories do not fit the small base's context
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 1024}))
    scores = {}
    for name, models, extra in [
        ("prm", [prm], []),
        ("orm", [orm], []),
        ("min", [prm, orm], ["--ensemble", "min"]),
        ("mean", [prm, orm], []),
    ]:
        options = ["--problems", "demo:2", "--engine", "simulated", "--prm", *map(str, models)]
        assert main(["search", "best-of-n", *options, "--out", str(tmp_path / f"to-{name}"), "-n", "1", *extra]) == 0
        scores[name] = [row["step_scores"][0] for _, row in read_rows(tmp_path / f"to-{name}", ("step_scores",))]
    assert len(scores["min"]) == 2
    for one, two, least, mean in zip(*(scores[each] for each in ("prm", "orm", "min", "mean")), strict=True):
        assert least == pytest.approx([min(pair) for pair in zip(one, two, strict=True)], abs=1e-5)
        assert mean == pytest.approx([sum(pair) / 2 for pair in zip(one, two, strict=True)], abs=1e-5)
    assert search(prm, tmp_path / "alone", "--ensemble", "min") == 1
    assert "name two or more" in capsys.readouterr().err


def test_a_device_that_is_not_there_is_one_line_and_leaves_nothing_behind(
    make_reward: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prm = make_reward("prm")
    capsys.readouterr()
    assert search(prm, tmp_path / "out", "--device", "nonsense") == 1
    error = capsys.readouterr().err
    assert "device 'nonsense'" in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


class Failing:
    """A search that fails."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def search(self, *_: object) -> None:
        raise self.error


PROBLEM = Problem(problem_id="p", problem="How many?", answer="3")


@pytest.mark.parametrize("error", [ShapeError("no steps"), ValueError("a bad number")])
def test_a_problem_that_cannot_be_searched_is_set_aside_with_the_reason(error: Exception) -> None:
    rows, failures = asyncio.run(search_shard("x", Failing(error), None, None, [PROBLEM]))
    assert rows == []
    assert json.loads(json.dumps(failures)) == [{"item": "p", "reason": f"{type(error).__name__}: {error}"}]


@pytest.mark.parametrize(
    "error", [EngineError("the engine died"), TypeError("a mistake"), RuntimeError("out of memory")]
)
def test_what_is_not_the_problems_fault_ends_the_run(error: Exception) -> None:
    with pytest.raises(type(error), match=str(error)):
        asyncio.run(search_shard("x", Failing(error), None, None, [PROBLEM]))
