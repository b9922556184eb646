"""Commands as text."""

import json
import shlex
from pathlib import Path

import tyro

from prmkit.cli.compare import Compare
from prmkit.cli.demo import Demo
from prmkit.cli.describe import command_line, given, resolved, run_cost
from prmkit.cli.options import PolicyOptions, SamplingOptions
from prmkit.report.tables import Cost

COMPARE = Compare(
    prm=(Path("my models/prm"),),
    orm=(Path("orm"),),
    out=Path("out"),
    problems="demo:8",
    n=4,
    searches=(Path("a"), Path("b")),
    policy=PolicyOptions(slots=3),
    sampling=SamplingOptions(max_tokens=99),
)


def test_the_command_line_gives_the_command_back() -> None:
    words = shlex.split(command_line("compare", COMPARE))
    assert words[:2] == ["prmkit", "compare"]
    assert tyro.cli(Compare, args=words[2:]) == COMPARE


def test_options_at_their_defaults_are_left_out_and_others_quoted() -> None:
    line = command_line("compare", COMPARE)
    assert "--temperature" not in line and "--seed" not in line and "--pool" not in line
    assert "--prm 'my models/prm'" in line and "--searches a b" in line and "--max-tokens 99" in line


def test_what_is_given_goes_by_flags_those_of_groups_among_them() -> None:
    found = given(COMPARE)
    assert list(found) == ["--prm", "--orm", "--out", "--problems", "--n", "--searches", "--slots", "--max-tokens"]
    assert found["--slots"] == 3 and found["--searches"] == (Path("a"), Path("b"))
    assert given(PolicyOptions()) == {}


def test_the_resolved_configuration_is_flat_and_names_every_option() -> None:
    config = resolved(COMPARE)
    assert config["slots"] == 3 and config["temperature"] == 1.0 and config["prm"] == ["my models/prm"]
    assert config["searches"] == ["a", "b"] and config["labels"] is None


def test_a_flag_that_is_on_has_no_value() -> None:
    words = shlex.split(command_line("demo", Demo(fast=True, seed=3)))
    assert words == ["prmkit", "demo", "--fast", "--seed", "3"]
    assert tyro.cli(Demo, args=words[2:]) == Demo(fast=True, seed=3)


def test_the_cost_of_a_run_has_its_energy_where_that_is_known(tmp_path) -> None:
    assert run_cost("nothing", tmp_path) == Cost(stage="nothing", seconds=0, tokens=0)
    line = {"start": 0, "seconds": 2.5, "tokens": 100, "gpu_joules": 7200.0}
    (tmp_path / "progress.jsonl").write_text(json.dumps(line) + "\n")
    assert run_cost("sample", tmp_path) == Cost(stage="sample", seconds=2.5, tokens=100, energy=2.0)
