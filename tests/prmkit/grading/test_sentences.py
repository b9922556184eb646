"""What sentences say."""

import pytest

from prmkit.grading.sentences import bold, formula, number, stated_at, whole


@pytest.mark.parametrize(
    "text", ["18", "18 dollars", "x > 3", "no real solution", r"\text{Evelyn and Bob went home}", "(B) 12"]
)
def test_short_texts_that_are_no_sentences_are_answers(text: str) -> None:
    assert whole(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "She has 5 apples", "I do not know what to say", "1\n2", r"is \boxed{5}", "1" * 401, r"\begin{align} x &= 5"],
)
def test_sentences_and_solutions_are_not(text: str) -> None:
    assert whole(text) is None


def test_a_colon_introduces_a_solution_and_a_verb_states_an_answer() -> None:
    text = "3 apples cost $6 in that shop and so they do. Then she pays 2."
    assert stated_at(text, 0, firm=True) == "3"
    assert stated_at(text, 0, firm=False) is None


def test_a_formula_counts_unless_other_numbers_follow() -> None:
    assert formula("So $x = 4$ is what he walks.") == "x = 4"
    assert formula("So $x = 4$ and he walks 12 miles.") is None
    assert formula(r"So $3 + 1 = 4$, and he walks 4 miles in 12 days.") == "4"
    assert formula(r"\\[0] is no formula") is None


def test_bold_counts_only_in_the_last_sentence_and_not_as_a_heading() -> None:
    assert bold("He has **12 apples** in all.") == "12 apples"
    assert bold("He has **12 apples**. Then he goes.") is None
    assert bold("**Step 3:** He has 12 apples.") is None
    assert bold("He goes **west** to find 12 apples.") is None
    assert bold("To find 12 apples he goes **west**.") == "west"


def test_the_last_number_counts_unless_a_computation_gave_another_of_the_sentence() -> None:
    assert number("She has 7 apples in 4 weeks") == "4"
    assert number("3 + 4 = 7. She has 7 apples in 4 weeks") == "7"
    assert number("3 + 4 = 7. She has 8 apples in 4 weeks") == "4"
    assert number("She bought 3 and 9. So there are twenty-one apples") == "twenty-one"
    assert number("She bought 3 and 9. So there is one for each") == "9"
    assert number("There is none") is None
