"""Requests and the addresses of draws."""

from itertools import pairwise

import pytest

from prmkit.completers import Sampling, draw_seed
from prmkit.completers.engines import Engine, EngineSpec, choose_engine, engine_spec
from prmkit.errors import InputError, MissingFileError


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


@pytest.mark.parametrize("options", [{"temperature": -1.0}, {"top_p": 0.0}, {"top_p": 1.1}, {"max_tokens": 0}])
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
