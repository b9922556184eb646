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
        (r"$x = -\dfrac{3}{2}$, so \[ \boxed{\dfrac{-3}{2}} \]", r"\dfrac{-3}{2}", ExtractRule.BOXED),
        (r"The answers are $\boxed{1}$ and $\boxed{2}$.", "1, 2", ExtractRule.BOXED),
        (r"So $x = \boxed{1}$, $x = \boxed{2}$ or $x = \boxed{5}$.", "1, 2, 5", ExtractRule.BOXED),
        (r"\boxed{5} or \boxed{5}", "5", ExtractRule.BOXED),
        (r"The first is \boxed{1}. After more work the second is \boxed{2}.", "2", ExtractRule.BOXED),
        (r"\boxed{\text{The answer is } 5}", "5", ExtractRule.BOXED),
        (r"\boxed{The answer is 5}", "5", ExtractRule.BOXED),
        (r"<think>\boxed{3}? No.</think> It is \boxed{4}", "4", ExtractRule.BOXED),
        (r"<think>I take \boxed{3}</think> Done, I hope that this helps you.", "3", ExtractRule.BOXED),
        ("<think>5, 6</think> <answer> 7 </answer>", "7", ExtractRule.TAG),
        (r"\boxed{3} <answer>It is \boxed{4}, I say.</answer>", "4", ExtractRule.TAG),
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
        (
            r"Final Answer: The final answer is $\frac{4}{7}$. I hope it is correct.",
            r"$\frac{4}{7}$",
            ExtractRule.STATED,
        ),
        ("The final answer is 220^\\circ. I hope it is correct.", "220^\\circ", ExtractRule.STATED),
        ("**Answer:** 5", "5", ExtractRule.STATED),
        ("**Answer**: 5 apples", "5 apples", ExtractRule.STATED),
        (r"Answer: \[ x = 5 \]", r"\[ x = 5 \]", ExtractRule.STATED),
        ("The answer is 3 apples for each of the 5 children.", "3", ExtractRule.STATED),
        ("The answer is $x = 5$ for all of the 3 cases", "$x = 5$", ExtractRule.STATED),
        ("The answer is $x = 1$ and $x = 2$ for all of them", "$x = 1$ and $x = 2$", ExtractRule.STATED),
        ("The answer is 3.5. we checked 12 cases", "3.5", ExtractRule.STATED),
        ("The answer to this question is 12.", "12", ExtractRule.STATED),
        ("The answer should be 12, since 3 * 4 = 12", "12", ExtractRule.STATED),
        ("Thus, the correct option is (C).", "(C)", ExtractRule.STATED),
        ("The answer is B because 5 > 3.", "B", ExtractRule.STATED),
        ("Therefore, option C is correct.", "C", ExtractRule.STATED),
        ("Because 3 > 2 we choose (C).", "C", ExtractRule.STATED),
        ("The answer is no solution.", "no solution", ExtractRule.STATED),
        ("The answer is 3:30 p.m.", "3:30 p.m.", ExtractRule.STATED),
        ("所以答案是 12。", "12", ExtractRule.STATED),
        ("答案：12", "12", ExtractRule.STATED),
        ("We add.\n\n**Final Answer**\n\n42\n", "42", ExtractRule.HEADING),
        ("We add.\n\n### Final Answer\n$42$ is it", "$42$ is it", ExtractRule.HEADING),
        ("We add.\n\n# Answer\n\n42\n", "42", ExtractRule.HEADING),
        ("18 dollars", "18 dollars", ExtractRule.WHOLE),
        (r"x \in [-2, 7]", r"x \in [-2, 7]", ExtractRule.WHOLE),
        ("no solution", "no solution", ExtractRule.WHOLE),
        ("B) 12", "B) 12", ExtractRule.WHOLE),
        (
            "$\\begin{pmatrix} 1 \\\\\n2 \\end{pmatrix}$",
            "$\\begin{pmatrix} 1 \\\\\n2 \\end{pmatrix}$",
            ExtractRule.WHOLE,
        ),
        ("She spins 2250 degrees. In the end she faces **west**.", "west", ExtractRule.BOLD),
        ("Therefore the number $2^3 5^8$ has **10 digits** in base 12.", "10 digits", ExtractRule.BOLD),
        ("**Step 2:** He has 3 apples in all now.", "3", ExtractRule.NUMBER),
        ("Thus \\[ 14 + 20 = 34 \\] So she spends a total of 34 hours in 4 weeks.", "34", ExtractRule.FORMULA),
        ("\\begin{align*} x &= 3 + 4 \\\\ &= 7 \\end{align*}", "= 7", ExtractRule.FORMULA),
        (
            "\\begin{align*} x &= 3 + 4 \\\\ &= 7 \\end{align*} as we wanted to show here",
            "= 7",
            ExtractRule.FORMULA,
        ),
        ("She buys 3 and 9.\nAltogether she then has got twelve apples", "twelve", ExtractRule.NUMBER),
        ("She has 3 + 4 = 7 of them. So she has 7 apples in 4 weeks of hard work", "7", ExtractRule.NUMBER),
        ("He has 12 of them left in each one of the boxes", "12", ExtractRule.NUMBER),
        ("We add 2 and 3.\nHence \\[ x = 5. \\]", "x = 5.", ExtractRule.FORMULA),
        (r"So the value must be $\boxed{\frac{1}{2}$", r"\frac{1}{2}", ExtractRule.FORMULA),
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


@pytest.mark.parametrize(
    ("solution", "answer"),
    [
        ("So 9 * 2 = 18. The answer is 18.\n\nProblem: What is 5 - 2?\nSolution: The answer is 3.", "18"),
        ("9 * 2 = 18.\n#### 18\n\nQuestion: And 2 + 1?\nAnswer: 2 + 1 = 3\n#### 3", "18"),
        ("\\boxed{18}\n\n**Problem:** What is 5 - 2?\n\n\\boxed{3}", "18"),
        ("So $x = 9$.\n\nHuman: Thanks! What is 3 + 3?\nAssistant: 6", "x = 9"),
        ("The answer is 20.</s>", "20"),
        ("The answer is \\boxed{20}.<|im_end|>\n<|im_start|>user\n\\boxed{3}", "20"),
    ],
)
def test_what_a_model_writes_behind_the_end_of_its_solution_does_not_count(solution: str, answer: str) -> None:
    found = extract(solution)
    assert found is not None and found.text == answer


def test_a_restated_problem_in_front_of_any_answer_is_part_of_the_solution() -> None:
    found = extract("Given:\n\nProblem: What is 5 - 2?\n\nSolution: the answer is 3.")
    assert found is not None and found.text == "3"


def test_numbered_questions_in_a_solution_are_steps_of_it() -> None:
    found = extract("Question 1: eggs?\nThe answer is 9.\n\nQuestion 2: money?\nThe answer is 18.")
    assert found is not None and found.text == "18"


@pytest.mark.parametrize(
    ("solution", "answer"),
    [
        (r"Hence $\boxed9$.", "9"),
        (r"Hence $\boxed 18$.", "18"),
        ("She adds 80 + 80 = 160. Together, they have 20 + 80 + 160 = 260 sheep.", "260"),
        ("所以概率为 $\\frac{1}{2}$。", r"\frac{1}{2}"),
        ("所以一共卖了72个发夹。", "72"),
        ("Ответ: 72", "72"),
        ("故选：A.", "A"),
        ("The roots are $x=3$ and $x=-1$.", "x=3, x=-1"),
        ("Here $a=3$ and $b=4$.", "b=4"),
        ("She arrives there at 3:30 PM.", "3:30 PM"),
        ("The wedding of the two is on June 20.", "June 20"),
        ("June 5", "June 5"),
        ("mv^2/2", "mv^2/2"),
        ("A: 9 * 2 is 18. The answer is 18.", "18"),
        ("$10 * 40 = 400$, $5 * 12 = 60$. $400 + 60 = $460.", "460"),
    ],
)
def test_answers_in_other_scripts_notations_and_sentences_are_found(solution: str, answer: str) -> None:
    found = extract(solution)
    assert found is not None and found.text.strip("$") == answer
