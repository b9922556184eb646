"""Names that say nothing do not count, and all others do."""

import pytest

from prmkit.grading.symbolic import parsed


@pytest.mark.parametrize(
    ("gold", "pred"),
    [
        (r"\ln|x| + C", r"\ln |x| + c"),
        (r"y = \frac{x^3}{3} + C", r"\frac{1}{3}x^3 + k"),
        (r"k\pi, k \in \mathbb{Z}", r"n\pi, n \in \mathbb{Z}"),
        ("f(n) = n + 1", "f(x) = x + 1"),
    ],
)
def test_a_name_that_is_free_to_choose_does_not_count(gold: str, pred: str) -> None:
    assert parsed(gold, pred) == ("equal", "parsed")
    assert parsed(pred, gold) == ("equal", "parsed")


@pytest.mark.parametrize(
    ("gold", "pred"),
    [
        (r"\ln|x| + C", r"\ln|x| + x"),
        (r"x^2 + C", r"x^3 + c"),
        ("a + b + C", "a + b + c"),
        (r"k\pi, k \in \mathbb{Z}", r"2n\pi, n \in \mathbb{Z}"),
        (r"k\pi, k \in \mathbb{Z}", r"n\pi, n \in \mathbb{N}"),
        ("f(n) = n + 1", "f(x) = n + 1"),
        ("f(n) = n + x", "f(x) = x + x"),
        ("f(n) = 2n", "f(x) = n + x"),
        ("f(n) = n + 1", "g(x) = x + 2"),
        ("x + 1", "n + 1"),
    ],
)
def test_a_name_that_the_problem_gives_counts(gold: str, pred: str) -> None:
    assert parsed(gold, pred) != ("equal", "parsed")
