"""The walls around a worker process: what it can no longer do once they are up."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from prmkit.grading import worker
from prmkit.grading.limits import MEMORY_BYTES

ROOT = Path(__file__).parents[3]


def _confined(folder: Path, statements: list[str], before: str = "") -> dict[str, str]:
    """What each statement says or raises in a process inside the walls."""
    script = f"""
    import json, os, sys
    from prmkit.grading import worker
    {before}
    said = os.fdopen(os.dup(1), "w")
    statements = [(each, compile(each, "statement.py", "exec")) for each in json.loads(sys.argv[1])]
    worker.confine()
    for each, code in statements:
        try:
            exec(code)
            print(json.dumps([each, "done"]), file=said, flush=True)
        except Exception as error:
            print(json.dumps([each, type(error).__name__]), file=said, flush=True)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), json.dumps(statements)],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    return dict(json.loads(line) for line in done.stdout.splitlines())


def test_nothing_is_written_started_sent_or_evaluated_inside_the_walls(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("here", encoding="utf-8")
    forbidden = [
        "open('canary', 'w')",
        "open('canary', 'x')",
        "open('victim', 'a')",
        "open('victim', 'r+')",
        "os.open('canary', os.O_CREAT)",
        "__import__('pathlib').Path('canary').touch()",
        "__import__('pathlib').Path('victim').unlink()",
        "os.rename('victim', 'canary')",
        "os.mkdir('canary')",
        "os.symlink('victim', 'canary')",
        "os.system('touch canary')",
        "os.popen('touch canary')",
        "os.fork()",
        "os.execv('/bin/true', ['true'])",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "__import__('subprocess').run(['touch', 'canary'])",
        "__import__('socket').socket()",
        "__import__('ctypes').CDLL(None)",
        "os.kill(os.getppid(), 0)",
        "os.environ['A'] = 'b'",
        "eval('1 + 1')",
        "exec('x = 1')",
        "compile('1', '<any>', 'eval')",
        "eval('Integer(open(1))')",
        "eval('Symbol (__import__)')",
    ]
    found = _confined(tmp_path, forbidden)
    assert found == dict.fromkeys(forbidden, "PermissionError")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["victim"]
    assert victim.read_text(encoding="utf-8") == "here"


def test_reading_imports_and_what_sympy_evaluates_of_numbers_are_let_through(tmp_path: Path) -> None:
    allowed = [
        "import decimal, colorsys",
        "open(os.__file__).read()",
        "print('swallowed')",
        "from sympy import Integer, Float, Symbol, Number, sympify",
        "assert Number('49') == 49",
        "assert float(Number('4.5e3')) == 4500",
        "assert sympify('x').name == 'x'",
    ]
    assert _confined(tmp_path, allowed, "import sympy") == dict.fromkeys(allowed, "done")
    refused = ["sympify('x.__class__')", "sympify('().__class__')", "sympify('f(1)')", "sympify('lambda: 1')"]
    found = _confined(tmp_path, ["from sympy import sympify", *refused], "import sympy")
    assert all(found[each] != "done" for each in refused), found


def test_memory_is_limited_and_a_core_is_not_dumped(tmp_path: Path) -> None:
    found = _confined(
        tmp_path,
        [
            f"bytearray({MEMORY_BYTES})",
            "import resource; assert resource.getrlimit(resource.RLIMIT_CORE)[0] == 0",
            "import resource; assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == 0",
        ],
    )
    assert sorted(found.values()) == ["MemoryError", "done", "done"]


@pytest.mark.parametrize(
    "handling",
    ["", "signal.signal(signal.SIGPROF, signal.SIG_IGN)", "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPROF})"],
)
def test_time_runs_out_even_where_the_caller_ignores_or_blocks_the_signal(tmp_path: Path, handling: str) -> None:
    script = f"""
    import signal
    from prmkit.grading import worker
    {handling}
    worker.confine()
    worker.CPU_SECONDS = 0.1
    class symbolic:
        def parsed(gold, pred):
            while True:
                pass
    worker.judge(symbolic, "1", "2")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], check=False, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == -signal.SIGPROF


class _Loading:
    """A parser that decides equal texts; sympy stands for what takes long to import."""

    def __init__(self) -> None:
        self.loads = 0

    def parsed(self, gold: str, pred: str) -> tuple[str, str] | None:
        if gold == "deep":
            return self.parsed(gold, pred)
        return ("equal", "parsed") if gold == pred else None

    def load(self) -> None:
        self.loads += 1
        end = os.times().user + 0.2
        while os.times().user < end:
            pass

    def fallback(self, gold: str, pred: str) -> tuple[str, str]:
        return "different", "sympy"


def test_sympy_is_loaded_when_it_is_first_needed_once_and_not_at_the_cost_of_the_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker, "_state", worker._State())
    symbolic = _Loading()
    assert worker.judge(symbolic, "1", "1")[:2] == ("equal", "parsed")
    assert symbolic.loads == 0
    outcome, rule, seconds = worker.judge(symbolic, "1", "2")
    assert (outcome, rule) == ("different", "sympy")
    assert seconds < 0.1
    worker.judge(symbolic, "1", "3")
    assert symbolic.loads == 1


def test_our_own_parser_may_nest_too_deeply_without_losing_the_worker() -> None:
    assert worker.judge(_Loading(), "deep", "1")[:2] == ("unknown", "too deep")


def test_the_memory_that_a_process_holds_is_measured() -> None:
    script = (
        "from prmkit.grading import worker\n"
        "before = worker._resident()\n"
        "held = b'1' * (64 << 20)\n"
        "print(worker._resident() - before)"
    )
    grown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert 60 << 20 < int(grown.stdout) < 90 << 20
