"""What a worker calls: our own parser first, math-verify for the rest."""

import subprocess
import sys

import pytest

from prmkit.grading import symbolic


@pytest.mark.parametrize(
    ("gold", "pred", "decision"),
    [
        (r"2\sqrt{3}", r"\sqrt{12}", ("equal", "parsed")),
        (r"2\sqrt{3}", r"3\sqrt{2}", ("different", "parsed")),
        ("x/2", "1/2x", ("equal", "parsed")),
        (r"\frac{1}{2x}", "1/2x", ("equal", "parsed")),
        ("2e-1", "-1+2e", ("equal", "parsed")),
        ("2e-1", "0.2", ("equal", "parsed")),
        ("x/3", "1/2x", ("different", "parsed")),
        ("99^{99999}", "5", ("unknown", "too large")),
        ("x^2=4", "x=2", None),
        (r"\iint x", "5", None),
    ],
)
def test_our_parser_decides_what_it_can_read(gold: str, pred: str, decision: tuple[str, str] | None) -> None:
    assert symbolic.parsed(gold, pred) == decision


@pytest.mark.parametrize(
    ("gold", "pred", "decision"),
    [
        ("xy=1", r"y=\frac{1}{x}", ("equal", "sympy")),
        (r"\sum_{k=1}^{3} k", "6", ("equal", "sympy")),
        (r"\sum_{k=1}^{3} k", "7", ("different", "sympy")),
        (r"\frac{}\over", "5", ("different", "unreadable")),
        ("17", r"\over the sum of all these terms is larger than what they ask for", ("different", "unreadable")),
        (r"\sum_{k=1}^{99999} k", "5", ("unknown", "too complex")),
        (r"\int_0^1 x dx", r"\frac12", ("unknown", "too complex")),
        (r"\cdots" + "[" * 11 + "1" + "]" * 11, "5", ("unknown", "too complex")),
        (r"\cdots" + "+1" * 200, "5", ("unknown", "too complex")),
        (r"5 + \text{x y}", "9" * 10, ("different", "sympy")),
    ],
)
def test_math_verify_decides_the_rest_unless_it_would_take_too_long(
    gold: str, pred: str, decision: tuple[str, str]
) -> None:
    assert symbolic.compare(gold, pred) == decision


def test_sympy_is_imported_only_when_our_parser_cannot_decide() -> None:
    code = (
        "import sys\n"
        "from prmkit.grading import symbolic\n"
        "assert symbolic.compare('2x', 'x+x') == ('equal', 'parsed')\n"
        "assert 'sympy' not in sys.modules and 'math_verify' not in sys.modules\n"
        "symbolic.load()\n"
        "assert 'math_verify' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
