"""Options that several commands share."""

from pathlib import Path

import tyro

from prmkit.cli.sample import Sample
from prmkit.files import is_local


def parsed(out: str) -> Path:
    settings = (tyro.conf.EnumChoicesFromValues,)
    return tyro.cli(Sample, args=["--problems", "demo:3", "--out", out], config=settings).out


def test_a_url_as_the_place_of_a_run_keeps_its_slashes() -> None:
    assert str(parsed("memory://bucket/run")) == "memory://bucket/run"
    assert not is_local(parsed("memory://bucket/run"))


def test_a_plain_place_of_a_run_is_a_path() -> None:
    assert parsed("some/run") == Path("some/run") and is_local(parsed("some/run"))
