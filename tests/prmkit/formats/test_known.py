"""Problems known by their text."""

from prmkit.formats.known import KnownProblems
from prmkit.records import Problem

SHORT = Problem(problem_id="short", problem="What is 1 + 1", answer="2")
LONG = Problem(problem_id="long", problem="What is 1 + 1\nand 2?", answer="4")
ONE = Problem(problem_id="one", problem="Why?", answer="so")


def test_a_known_text_brings_its_id_and_answer_however_it_is_spaced() -> None:
    assert KnownProblems([SHORT, LONG]).find(" What  is 1 + 1 and\n2? ") is LONG


def test_an_unknown_text_has_the_same_id_wherever_it_is_found() -> None:
    """Else solutions of one problem would fall on both sides of a split by problem (PITFALLS 27)."""
    first, second = (KnownProblems([SHORT]).find(text, prefix="X-") for text in ("How  so?\n", "How so?"))
    assert first.problem_id == second.problem_id and first.problem_id.startswith("X-")
    assert first.problem == "How  so?" and first.answer is None
    assert KnownProblems([]).find("How not?").problem_id != first.problem_id


def test_the_longest_known_problem_is_split_off() -> None:
    known = KnownProblems([SHORT, LONG, ONE])
    assert known.split("What is 1 + 1 and 2? First\n  we add.") == ("What is 1 + 1 and 2?", "First\n  we add.")
    assert known.split("What is 1 + 1 or 2?") == ("What is 1 + 1", "or 2?")
    assert known.split("Why? Because.") == ("Why?", "Because.")
    assert known.split("What is 1 + 1") == ("What is 1 + 1", "")
    assert known.split("What is it?") is None
