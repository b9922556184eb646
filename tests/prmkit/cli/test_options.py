"""Options that several commands share."""

from pathlib import Path

import tyro

from prmkit.cli.options import PolicyOptions
from prmkit.cli.sample import Sample
from prmkit.completers.engines import EngineSpec
from prmkit.files import is_local

SETTINGS = (tyro.conf.EnumChoicesFromValues,)


def parsed(out: str) -> Path:
    return tyro.cli(Sample, args=["--problems", "demo:3", "--out", out], config=SETTINGS).out


def test_a_url_as_the_place_of_a_run_keeps_its_slashes() -> None:
    assert str(parsed("memory://bucket/run")) == "memory://bucket/run"
    assert not is_local(parsed("memory://bucket/run"))


def test_a_plain_place_of_a_run_is_a_path() -> None:
    assert parsed("some/run") == Path("some/run") and is_local(parsed("some/run"))


def test_the_share_of_gpu_memory_reaches_the_engine() -> None:
    def spec(*flags: str) -> EngineSpec:
        return tyro.cli(PolicyOptions, args=["--engine", "simulated", *flags], config=SETTINGS).spec()

    assert spec().gpu_memory == 0.9
    assert spec("--gpu-memory", "0.5").gpu_memory == 0.5
