"""The command line: fast help, one-line errors, exit statuses."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import prmkit
from prmkit.cli.main import COMMANDS, load_command, main
from prmkit.models import DEMO_POLICY


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Exit status and what was written to standard error."""
    status = main(arguments)
    return status, capsys.readouterr().err


def test_help_lists_every_command_and_needs_no_torch() -> None:
    code = (
        "import sys; from prmkit.cli.main import main; status = main(['--help']);"
        "sys.exit(status or bool({'torch', 'ray', 'sympy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(f"  {name}" in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_of_every_command_needs_no_torch(name: str) -> None:
    code = (
        f"import sys; from prmkit.cli.main import main; status = main(['{name}', '--help']);"
        "sys.exit(status or bool({'torch', 'ray', 'sympy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "usage: prmkit" in done.stdout


def test_no_command_prints_the_help_and_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage: prmkit COMMAND" in capsys.readouterr().out


def test_an_unknown_command_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    status, error = run(capsys, "lable")
    assert status == 2 and "no command 'lable'" in error and "label" in error


def test_an_unknown_flag_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    status, error = run(capsys, "sample", "--problems", "demo:1", "--out", "x", "--temprature", "1")
    assert status == 2 and "--temprature" in error


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == prmkit.__version__


def test_every_command_can_be_run() -> None:
    for name in COMMANDS:
        command = load_command(name)
        kinds = getattr(command, "__args__", (command,))
        assert all(hasattr(getattr(kind, "__origin__", kind), "run") for kind in kinds), name


def folder_without(tmp_path: Path, *names: str) -> str:
    folder = tmp_path / "policy"
    shutil.copytree(DEMO_POLICY, folder)
    for name in names:
        (folder / name).unlink()
    return str(folder)


def policy_with(tmp_path: Path, name: str, content: str) -> str:
    """A copy of the shipped policy with another content of one file."""
    folder = Path(shutil.copytree(DEMO_POLICY, tmp_path / f"with-{content.encode().hex()}"))
    (folder / name).write_text(content)
    return str(folder)


def problems_file(tmp_path: Path, name: str, *lines: str) -> str:
    file = tmp_path / f"{name}.jsonl"
    file.write_text("\n".join(lines) + "\n")
    return str(file)


GOOD = json.dumps({"problem": "How many?", "answer": "3"})


def bad_inputs(tmp_path: Path) -> dict[str, tuple[list[str], str]]:
    sample = ["sample", "--out", str(tmp_path / "out"), "--problems"]
    label = ["label", "--out", str(tmp_path / "out"), "--solutions"]
    no_steps = {"problem_id": "p", "problem": "How many?", "answer": "3", "solution_id": "0", "steps": []}
    (tmp_path / "nosteps.jsonl").write_text(json.dumps(no_steps) + "\n")
    (tmp_path / "good.jsonl").write_text(json.dumps(no_steps | {"steps": ["The answer is 3."]}) + "\n")
    return {
        "missing file": ([*sample, "nowhere.jsonl"], "nowhere.jsonl"),
        "malformed line": ([*sample, problems_file(tmp_path, "torn", GOOD, "{oops")], "torn.jsonl:2"),
        "absent field": ([*sample, problems_file(tmp_path, "absent", '{"answer": "3"}')], "absent.jsonl:1"),
        "empty problem": (
            [*sample, problems_file(tmp_path, "empty", '{"problem": " ", "answer": "3"}')],
            "empty.jsonl:1",
        ),
        "no problems": ([*sample, problems_file(tmp_path, "none", "")], "none.jsonl"),
        "unknown model folder": ([*sample, "demo:2", "--policy", "./nowhere"], "./nowhere"),
        "unknown level": ([*sample, "demo:2:absurd"], "absurd"),
        "policy without tokenizer": (
            [*sample, "demo:2", "--policy", folder_without(tmp_path, "tokenizer.json")],
            "lacks a tokenizer",
        ),
        "corrupt tokenizer": (
            [*sample, "demo:2", "--policy", policy_with(tmp_path, "tokenizer.json", "{}")],
            "its tokenizer cannot be loaded",
        ),
        "corrupt weights": (
            [*sample, "demo:2", "--policy", policy_with(tmp_path, "model.safetensors", "oops")],
            "model.safetensors: it cannot be loaded as safetensors weights",
        ),
        "broken config": (
            [*sample, "demo:2", "--policy", policy_with(tmp_path, "config.json", "{")],
            "config.json:1: not valid JSON",
        ),
        "unknown kind of model": (
            [*sample, "demo:2", "--policy", policy_with(tmp_path, "config.json", '{"model_type": "oops"}')],
            "its config.json cannot be used",
        ),
        "unknown key in prmkit.json": (
            [*sample, "demo:2", "--policy", policy_with(tmp_path, "prmkit.json", '{"text_format": {"oops": 1}}')],
            "prmkit.json: no field 'oops'",
        ),
        "n = 0": ([*sample, "demo:2", "-n", "0"], "n must be at least 1, got 0"),
        "negative temperature": ([*sample, "demo:2", "--temperature", "-1"], "temperature"),
        "no rollouts": ([*label, "demo:2", "--rollouts", "0"], "rollouts must be at least 1, got 0"),
        "thresholds crossed": ([*label, "demo:2", "--incorrect", "0.9"], "incorrect < correct"),
        "solution without steps": ([*label, str(tmp_path / "nosteps.jsonl")], "nosteps.jsonl:1"),
        "no finished run": ([*label, str(tmp_path)], "no finished shards"),
        "negative engines": ([*sample, "demo:2", "--engines", "-1"], "engines"),
        "shards of nothing": ([*sample, "demo:2", "--shard-size", "0"], "shard"),
        "scores without a model": (
            [
                "score",
                "--model",
                str(DEMO_POLICY),
                "--solutions",
                str(tmp_path / "good.jsonl"),
                "--out",
                str(tmp_path / "out"),
            ],
            "kind",
        ),
        "grade without pairs": (
            ["grade", "--pairs", "nowhere.jsonl", "--out", str(tmp_path / "out.jsonl")],
            "nowhere.jsonl",
        ),
    }


CASES = """missing file, malformed line, absent field, empty problem, no problems, unknown model folder, unknown level,
policy without tokenizer, corrupt tokenizer, corrupt weights, broken config, unknown kind of model,
unknown key in prmkit.json, n = 0, negative temperature, no rollouts, thresholds crossed, solution without steps,
no finished run, negative engines, shards of nothing, scores without a model, grade without pairs""".replace("\n", " ")


@pytest.mark.parametrize("case", CASES.split(", "))
def test_bad_input_is_one_clear_line_and_leaves_nothing_behind(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, said = bad_inputs(tmp_path)[case]
    status, error = run(capsys, *arguments)
    assert status == 1
    assert said in error and error.count("\n") == 1 and "Traceback" not in error
    assert not list(tmp_path.glob("out*"))
