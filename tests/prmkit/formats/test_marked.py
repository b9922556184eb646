"""Problem and steps in one text."""

import pytest

from prmkit.errors import InputError
from prmkit.formats.known import KnownProblems
from prmkit.formats.marked import holds, join_marked, split_marked, with_headings, without_headings
from prmkit.records import Problem

NONE = KnownProblems([])


def test_a_marked_text_falls_into_problem_and_steps() -> None:
    text = "What is 1 + 1? Step 1: Add. ки\nStep 2: It is 2,\nof course. ки"
    assert split_marked(text, NONE, "here") == ("What is 1 + 1?", ("Add.", "It is 2,\nof course."))
    assert join_marked("What is 1 + 1?", ["Add.", "It is 2,\nof course."]) == text
    assert join_marked("Q?", ["a", "b"], ["+", "-"]) == "Q? Step 1: a +\nStep 2: b -"


def test_a_blank_step_before_a_mark_is_refused() -> None:
    """It would be scored as a step (PITFALLS 13)."""
    with pytest.raises(InputError, match="here: step 1 of 3 is blank; every labelled step needs text"):
        split_marked("Q? Step 1: a ки\n ки\nStep 3: c ки", NONE, "here")


def test_text_after_the_last_mark_is_a_step_without_a_label() -> None:
    with pytest.raises(InputError, match="here: every step must end with 'ки'; found 'Step 2: b' without one"):
        split_marked("Q? Step 1: a ки\nStep 2: b", NONE, "here")


def test_without_a_heading_only_a_known_problem_tells_where_the_steps_begin() -> None:
    text = "What is 1 + 1? We add. ки\nIt is 2. ки"
    with pytest.raises(InputError, match=r"no 'Step 1:' in 'What is 1 \+ 1\? We add.'.*\(--problems\)"):
        split_marked(text, NONE, "here")
    known = KnownProblems([Problem(problem_id="p", problem="What is 1 + 1?", answer="2")])
    assert split_marked(text, known, "here") == ("What is 1 + 1?", ("We add.", "It is 2."))


def test_a_text_without_a_problem_is_refused() -> None:
    with pytest.raises(InputError, match="here: there is no problem before the first step"):
        split_marked("Step 1: a ки", NONE, "here")


def test_headings_are_taken_off_only_where_all_steps_have_them_in_order() -> None:
    assert without_headings(["Step 1: a", "step 2 : b"]) == ["a", "b"]
    assert without_headings(["Step 1: a", "Step 3: b"]) == ["Step 1: a", "Step 3: b"]
    assert without_headings(["Step 1: a", "b"]) == ["Step 1: a", "b"]


def test_headings_are_not_put_on_twice() -> None:
    assert with_headings(["a", "b"]) == ["Step 1: a", "Step 2: b"] == with_headings(["Step 1: a", "Step 2: b"])


@pytest.mark.parametrize(
    ("problem", "step", "fits"),
    [("Q?", "a", True), ("Step 1: do what?", "a", False), ("Q?", "звонки", False), ("знаки?", "a", False)],
)
def test_a_text_that_could_not_be_taken_apart_again_does_not_fit(problem: str, step: str, fits: bool) -> None:
    assert holds(problem, [step]) is fits
    assert holds(problem, [step], None) is (fits or "Step" not in problem)
