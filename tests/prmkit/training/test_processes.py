"""One training in two processes on the CPU (gloo): copies of the model, and a model that is spread over both (FSDP)."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from prmkit.records import LABEL_SCHEMA
from prmkit.tables import label_row, write_rows
from prmkit.training.config import Optimizer, TrainConfig
from prmkit.training.objectives import PRMObjective
from prmkit.training.processes import is_main, processes
from prmkit.training.train import train

WORKER = Path(__file__).with_name("two_processes.py")


def load_worker():
    spec = importlib.util.spec_from_file_location("two_processes", WORKER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pool(labeled_pool):
    return labeled_pool(13)


@pytest.fixture(scope="module")
def both(pool, tiny_base, tmp_path_factory):
    """`(folder, output)` of two processes with half the batch each."""
    folder = tmp_path_factory.mktemp("two")
    write_rows(folder / "labels.parquet", [label_row(each) for each in pool], LABEL_SCHEMA)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    started = subprocess.Popen(
        [*launch, str(WORKER), str(folder), str(tiny_base)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        output, errors = started.communicate(timeout=240)
    finally:
        started.terminate()  # torchrun then ends its workers
    assert started.returncode == 0, errors[-30000:]
    return folder, output


def curves(folder):
    history = json.loads((folder / "history.json").read_text())
    return {key: [entry[key] for entry in history if key in entry] for key in ("loss", "eval_loss", "grad_norm")}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["orm", "prm"])
def test_two_processes_learn_what_one_with_twice_the_batch_learns(both, pool, tiny_base, tmp_path, name):
    worker = load_worker()
    config = TrainConfig(base=str(tiny_base), **(worker.CONFIG | {"batch_size": 2 * worker.CONFIG["batch_size"]}))
    objective = worker.PAIRWISE if name == "orm" else PRMObjective()
    one = train(config, objective, pool, tmp_path / name)
    assert len(curves(tmp_path / name)["loss"]) >= 4
    for key, values in curves(tmp_path / name).items():
        assert curves(both[0] / name)[key] == pytest.approx(values, rel=1e-4)
    weights, others = (load_file(folder / name / "model.safetensors") for folder in (tmp_path, both[0]))
    assert weights.keys() == others.keys()
    if name == "orm":  # comparisons do not depend on it: Adam scales up rounding errors
        weights.pop("score.bias")
    assert max(float((weights[key] - others[key]).abs().max()) for key in weights) < 1e-4
    stored = json.loads((both[0] / name / "prmkit.json").read_text())
    # without bins; the sigmoid of a pairwise ORM's logits depends on that bias
    kinds = ("loss", "accuracy") if name == "orm" else ("loss", "brier")
    smooth = {key: value for key, value in one.metrics.items() if key.endswith(kinds)}
    assert len(smooth) >= 2
    assert {key: stored["metrics"][key] for key in smooth} == pytest.approx(smooth, rel=1e-4)
    assert stored["training"]["batch_size"] == one.training["batch_size"] == 16


@pytest.mark.slow
def test_two_processes_learn_with_muon_what_one_with_twice_the_batch_learns(both, pool, tiny_base, tmp_path):
    """Its direction, computed in bfloat16, turns on rounding errors of the gradients: not to the last digits."""
    worker = load_worker()
    options = worker.CONFIG | {"batch_size": 2 * worker.CONFIG["batch_size"], "optimizer": Optimizer.MUON}
    train(TrainConfig(base=str(tiny_base), **options), PRMObjective(), pool, tmp_path / "one")
    for name in ("muon", "muon-fsdp"):
        for key, values in curves(tmp_path / "one").items():
            assert curves(both[0] / name)[key] == pytest.approx(values, rel=1e-3)
        weights, others = (load_file(folder / "model.safetensors") for folder in (tmp_path / "one", both[0] / name))
        differences = [(weights[key] - others[key]).abs() for key in weights]
        assert max(float(each.max()) for each in differences) < 2e-3
        assert max(float(each.mean()) for each in differences) < 1e-4  # four steps of 1e-3


@pytest.mark.slow
def test_only_one_process_prints_and_the_run_is_finished(both):
    folder, output = both
    assert output.count("learning rate 0.005, asked for") == 1
    assert output.count("PRM in ") == 1
    assert (folder / "prm" / "prmkit.json").is_file()
    assert not (folder / "prm" / "checkpoints").exists()


def test_the_environment_of_torchrun_says_who_is_who(monkeypatch):
    for name in ("WORLD_SIZE", "RANK"):
        monkeypatch.delenv(name, raising=False)
    assert (processes(), is_main()) == (1, True)
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("RANK", "3")
    assert (processes(), is_main()) == (4, False)
