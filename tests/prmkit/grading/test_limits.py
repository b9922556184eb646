"""What is refused before parsing."""

import json
from pathlib import Path

import pytest

from prmkit.grading.limits import refusal


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("x" * 2001, "too long"),
        ("1\x002", "control characters"),
        ("(" * 41 + ")" * 41, "too deep"),
        (")" * 99 + "(" * 41, "too deep"),
        ("9" * 401, "too many digits"),
        ("2^{10001}", "too large a power"),
        ("2**99999", "too large a power"),
        ("1e99999", "too large a power"),
        ("9^{9^{9}}", "too large a power"),
        ("9^9^9", "too large a power"),
        ("9 ** 9 ** 9", "too large a power"),
        ("x**99999**", "too large a power"),
        ("((9^{99})^{99})^{99}", "too large a power"),
        ("2^{2^{2^{2}}}", "too large a power"),
        ("x^2" * 61, "too large a power"),
        ("3001!", "too large a factorial"),
        ("(3!)!", "too large a factorial"),
        ("5!!", "too large a factorial"),
        (r"\binom{99999}{500}", "too large a binomial"),
        ("\ud800", "control characters"),
        ("٩" * 401, "too many digits"),
        ("2^٩٩٩٩٩", "too large a power"),
    ],
)
def test_answers_of_hostile_size_are_refused_with_the_reason(answer: str, reason: str) -> None:
    assert refusal(answer) == reason


@pytest.mark.parametrize(
    "answer", ["2^{2023}", "10^{100}", "2^{2^3}", "100!", r"\binom{100}{50}", "(" * 40 + ")" * 40, "**2^{10}**"]
)
def test_answers_of_ordinary_size_pass(answer: str) -> None:
    assert refusal(answer) is None


def test_no_answer_of_math500_is_refused(data_dir: Path) -> None:
    lines = (data_dir / "math500" / "test.jsonl").read_text(encoding="utf-8").splitlines()
    assert [answer for line in lines if refusal(answer := json.loads(line)["answer"])] == []
