"""How a command ends when it is interrupted or exits, and that what it prints is what the user named."""

import sys
from pathlib import Path

import pytest

from prmkit.cli.main import CONTINUING, load_command, main
from prmkit.records import SOLUTION_SCHEMA, Problem, Solution
from prmkit.tables import solution_row, write_rows

ARGUMENTS = {
    "convert": ["--data", "a", "--out", "b"],
    "grade": ["--pairs", "a", "--out", "b"],
    "score": ["--model", "a", "--solutions", "b", "--out", "c"],
    "sample": ["--problems", "demo:1", "--out", "a"],
    "label": ["--solutions", "demo:1", "--out", "a"],
    "demo": ["--out", "a"],
    "compare": ["--prm", "a", "--orm", "b", "--out", "c"],
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_only_commands_that_continue_say_so_when_interrupted(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(load_command(name), "run", interrupted)
    assert main([name, *ARGUMENTS[name]]) == 130
    advice = "; the same command continues where it stopped" if name in CONTINUING else ""
    assert capsys.readouterr().err == f"prmkit {name}: interrupted{advice}\n"
    assert (name in CONTINUING) == (name not in ("convert", "grade"))


@pytest.mark.parametrize(
    ("code", "status", "printed"), [("no memory", 1, "prmkit convert: no memory\n"), (3, 3, ""), (None, 0, "")]
)
def test_an_exit_from_within_keeps_its_status_or_prints_its_text(
    code: str | int | None,
    status: int,
    printed: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(load_command("convert"), "run", lambda _: sys.exit(code))
    assert main(["convert", *ARGUMENTS["convert"]]) == status
    assert capsys.readouterr().err == printed


@pytest.mark.parametrize("folder", ["[bold]x[/]", "[/red]", "a" * 150])
def test_a_path_is_printed_as_it_is(folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    problem = Problem(problem_id="p", problem="1 + 1?", answer="2")
    solution = Solution(solution_id="0", problem=problem, steps=("The answer is 2.",))
    write_rows(tmp_path / "rows.parquet", [solution_row(solution)], SOLUTION_SCHEMA)
    out = f"{tmp_path}/{folder}/rows.jsonl"
    assert main(["convert", "--data", str(tmp_path / "rows.parquet"), "--out", out]) == 0
    assert capsys.readouterr().out == f"1 rows, as they are, in {out}\n"


def test_a_field_name_is_printed_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pairs.jsonl").write_text('{"gold": "2", "[/b]": "2"}\n')
    options = ["--pred-field", "[/b]", "--out", str(tmp_path / "out.jsonl")]
    assert main(["grade", "--pairs", str(tmp_path / "pairs.jsonl"), *options]) == 0
    assert "[/b]" in capsys.readouterr().out
