"""Finding the final answer of a solution."""

import time

import pytest

from prmkit.grading import ExtractRule, extract, extract_marked
from prmkit.grading.extract import TAIL


@pytest.mark.parametrize(
    ("solution", "answer", "rule"),
    [
        (r"So $x = \boxed{\frac{1}{\sqrt{2}}}$.", r"\frac{1}{\sqrt{2}}", ExtractRule.BOXED),
        (r"First \boxed{3}, but finally \boxed{4}.", "4", ExtractRule.BOXED),
        (r"We get \boxed{\{1, 2\}}", r"\{1, 2\}", ExtractRule.BOXED),
        (r"\fbox{7}", "7", ExtractRule.BOXED),
        (r"\boxed 5", "5", ExtractRule.BOXED),
        (r"\boxed{4} and then \boxed{5", "4", ExtractRule.BOXED),
        ("9 * 2 = 18\n#### 18", "18", ExtractRule.HASHES),
        ("#### 17\nNo:\n#### 1,018", "1,018", ExtractRule.HASHES),
        ("She makes 9 * 2 = 18\nA: 18", "18", ExtractRule.LETTER_A),
        ("A: 3 apples\n", "3 apples", ExtractRule.LETTER_A),
        ("Thus the answer is 3.5.", "3.5", ExtractRule.STATED),
        ("The answer is: $\\frac{3}{4}$. I checked it 2 times.", "$\\frac{3}{4}$", ExtractRule.STATED),
        ("**Final Answer:** 12 dollars", "12 dollars", ExtractRule.STATED),
        ("Final answer = 6", "6", ExtractRule.STATED),
        ("The answer is 18 because 20 - 2 = 18.", "18", ExtractRule.STATED),
        ("The answer is that she has 18 apples.", "18", ExtractRule.STATED),
        ("The answer is:\n\n$$\\pi$$", "$$\\pi$$", ExtractRule.STATED),
        ("The answer is 4. No, wait. The answer is 5.", "5", ExtractRule.STATED),
        ("We add.\n\n# Answer\n\n42\n", "42", ExtractRule.HEADING),
        ("18 dollars", "18 dollars", ExtractRule.WHOLE),
        (r"x \in [-2, 7]", r"x \in [-2, 7]", ExtractRule.WHOLE),
        ("no solution", "no solution", ExtractRule.WHOLE),
        ("We add 2 and 3.\nHence \\[ x = 5. \\]", "x = 5.", ExtractRule.FORMULA),
        ("He walks for a while, so that $t = 4$ in the end.", "t = 4", ExtractRule.FORMULA),
        ("With $t = 4$ he walks and walks 12 miles", "12", ExtractRule.NUMBER),
        ("Since 3 + 4 = 7 she has -7.5 of the apples left", "-7.5", ExtractRule.NUMBER),
        ("In the end she pays a total of $1,234.50.", "$1,234.50", ExtractRule.NUMBER),
        (r"That is \frac{3}{4} of the whole cake, she says", r"\frac{3}{4}", ExtractRule.NUMBER),
    ],
)
def test_the_answer_of_a_solution_is_found_by_the_rule_that_is_documented(
    solution: str, answer: str, rule: ExtractRule
) -> None:
    found = extract(solution)
    assert found is not None
    assert (found.text, found.rule) == (answer, rule)


def test_rules_are_tried_in_the_documented_order() -> None:
    marks = [
        r"\boxed{1}",
        "#### 2",
        "A: 3",
        "The answer is 4.",
        "# Answer\n5",
    ]
    for first in range(len(marks)):
        found = extract("\n".join(reversed(marks[first:])))
        assert found is not None
        assert found.text == str(first + 1)


def test_a_list_of_choices_is_not_an_answer_line() -> None:
    found = extract("Which one?\nA: 5\nB: 6\nThe answer is B.")
    assert found is not None
    assert found.text == "B"


def test_an_answer_heading_before_a_solution_states_nothing() -> None:
    found = extract("Answer: She buys 3 and gets 2 more. She eats one of them. Now there are 4")
    assert found is not None
    assert (found.text, found.rule) == ("4", ExtractRule.NUMBER)


@pytest.mark.parametrize("text", ["", "   \n", r"\boxed{}", "I do not know what I should say about all this."])
def test_a_text_without_an_answer_gives_none(text: str) -> None:
    assert extract(text) is None


def test_marked_answers_are_found_and_nothing_is_guessed() -> None:
    assert extract_marked("There are 5 apples") is None
    found = extract_marked("There are 5 apples\n#### 5")
    assert found is not None
    assert found.text == "5"


def test_only_the_end_of_a_long_text_is_looked_at() -> None:
    filler = "word " * (TAIL // 5)
    assert extract(r"\boxed{3}" + filler + " the end") is None
    found = extract(filler + r"\boxed{3}")
    assert found is not None
    assert found.text == "3"


@pytest.mark.parametrize(
    "piece",
    [
        "\\boxed{",
        "$",
        "\\[",
        "\\(",
        "1,",
        "answer is \n",
        "# Answer\n\n\n",
        "((",
        "1.",
        "\\text{",
        ". ",
        "\\",
        "-",
        "A:\n",
    ],
)
def test_megabytes_of_any_mark_take_no_time(piece: str) -> None:
    begun = time.process_time()
    extract(piece * (2_000_000 // len(piece)))
    assert time.process_time() - begun < 2
