"""Random texts, LaTeX-like texts and mutations of real answers: nothing escapes, and verdicts keep their promises.

More examples, other ones each time: `FUZZ_EXAMPLES=20000 python -m pytest tests/prmkit/grading/test_fuzz.py`.
"""

import os

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from prmkit.grading import (
    Outcome,
    equivalence_classes,
    equivalent,
    extract,
    extract_marked,
    grade_detailed,
    grade_many,
    symbolic,
)
from prmkit.grading.limits import refusal
from prmkit.grading.normalise import key, parser_text
from prmkit.grading.pool import pool_of
from prmkit.grading.quick import quick_compare

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
settings.register_profile(
    "grading", deadline=None, database=None, derandomize=not EXAMPLES, suppress_health_check=list(HealthCheck)
)
settings.load_profile("grading")

PIECES = [
    *(
        "x",
        "y",
        "n",
        "i",
        "e",
        "f",
        "A",
        "B",
        "0",
        "1",
        "2",
        "5",
        "10",
        "12",
        "007",
        "3.14",
        ".5",
        "5.",
        "1,000",
        "1 000",
    ),
    *(
        "+",
        "-",
        "*",
        "/",
        "=",
        "<",
        ">",
        "<=",
        "!",
        "^",
        "_",
        "'",
        ",",
        ";",
        ":",
        ".",
        "|",
        "&",
        "%",
        "$",
        "~",
        " ",
        "\n",
    ),
    *("(", ")", "[", "]", "{", "}", r"\{", r"\}", r"\(", r"\)", r"\[", r"\]", r"\left(", r"\right)", r"\left.", r"\\"),
    *(r"\frac{1}{2}", r"\frac", r"\frac12", r"\dfrac{", r"\sqrt", r"\sqrt{2}", r"\sqrt[3]{", r"\binom{4}{2}", r"\pi"),
    *(
        r"\infty",
        r"\cup",
        r"\cap",
        r"\in",
        r"\pm",
        r"\cdot",
        r"\times",
        r"\le",
        r"\neq",
        r"\sin",
        r"\log_2",
        r"\ln",
        "x^2",
    ),
    *(
        r"\text{",
        r"\text{ and }",
        r"\text{ cm}",
        r"\mathrm{",
        r"\mathbb{R}",
        r"^\circ",
        r"\%",
        r"\$",
        r"\,",
        r"\!",
        "{,}",
    ),
    *(
        r"\begin{pmatrix}",
        r"\end{pmatrix}",
        r"\overline{3}",
        r"\boxed{",
        r"\fbox{",
        "####",
        "A:",
        "The answer is ",
        "**",
    ),
    *(
        "# Answer\n",
        "Final Answer: ",
        "<answer>",
        "</answer>",
        "</think>",
        " and ",
        " or ",
        "half",
        "twenty-one",
        "dozen",
    ),
    *(
        "dollars",
        " cm",
        "5 pm",
        "3:30",
        "1:2",
        "1011_2",
        "(A)",
        "sin",
        "sqrt(",
        "pi",
        "inf",
        "nan",
        "None",
        "True",
        "√",
        "×",
    ),
    *(
        "−",
        "²",
        "½",
        "°",
        "٣",
        "５",
        "\u200b",
        "\u202e",
        "\x00",
        "\ud800",
        "é",
        "答案是",
        "__import__",
        "lambda",
        "1e5",
        "e-7",
    ),
]
GOLDS = [
    *(
        "18",
        "-3.5",
        "1/2",
        r"\frac{3}{4}",
        r"2\frac{1}{2}",
        "1,234,567",
        "3.0e-7",
        r"10\%",
        r"\$5.50",
        "5:30",
        "3:2",
        "1011_2",
    ),
    *(
        r"\sqrt{3}",
        r"2\sqrt{3}+1",
        r"\frac{1+\sqrt{5}}{2}",
        r"\frac{\pi}{6}",
        r"90^\circ",
        r"\sin x",
        r"\log_2 8",
        "3+4i",
    ),
    *(
        "(1,2)",
        "[0,1)",
        r"(-\infty, 3] \cup (5, \infty)",
        r"\{1,2,3\}",
        "1, 2, 3",
        r"x \in [-2,7]",
        "x=3",
        "y = 2x+1",
        "x<5",
    ),
    *(
        r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}",
        r"\text{east}",
        r"\text{(B)}",
        "even",
        r"5 \text{ cm}^2",
        "p - q",
    ),
    *(
        "x^2+2x+1",
        "(x+1)(x-1)",
        r"\frac{x}{y+1}",
        r"e^{i\pi}",
        "2^{10}",
        "10!",
        r"\binom{10}{3}",
        r"\lfloor x \rfloor",
        "|x|",
    ),
]

latex = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
"""Pieces of what the grader looks for, in any order."""


@st.composite
def mutations(draw: st.DrawFn) -> str:
    """A real answer in which pieces were dropped, doubled, put in or moved."""
    text = draw(st.sampled_from(GOLDS))
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(text)))
        end = draw(st.integers(begin, min(len(text), begin + 6)))
        put = draw(st.sampled_from(["", text[begin:end] * 2, *PIECES[:80]]))
        text = text[:begin] + put + text[end:]
    return text


anything = st.one_of(latex, mutations(), st.text(st.characters(), max_size=40))


@settings(max_examples=EXAMPLES or 400)
@given(anything)
def test_extraction_finds_a_part_of_any_text_or_nothing(text: str) -> None:
    for find in (extract, extract_marked):
        found = find(text)
        assert found is None or found.text == found.text.strip() != ""
        assert found == find(text)


@settings(max_examples=EXAMPLES or 400)
@given(anything, anything)
def test_the_fast_path_raises_nothing_and_equal_keys_are_equal(one: str, other: str) -> None:
    assume(refusal(one) is None and refusal(other) is None)
    assert isinstance(parser_text(one), str)
    decided = quick_compare(one, other)
    assert decided is None or isinstance(decided[0], bool)
    if key(one) == key(other) != "":
        assert decided is not None
        assert decided[0]
    same = quick_compare(one, one)
    assert same is None or same[0] or not key(one)


@settings(max_examples=EXAMPLES or 300)
@given(anything, anything)
def test_our_parser_raises_nothing_and_finds_nothing_different_from_itself(one: str, other: str) -> None:
    assume(refusal(one) is None and refusal(other) is None)
    verdict = symbolic.parsed(parser_text(one), parser_text(other))
    assert verdict is None or verdict[0] in set(Outcome)
    same = symbolic.parsed(parser_text(one), parser_text(one))
    assert same is None or same[0] != Outcome.DIFFERENT


@settings(max_examples=EXAMPLES or 120)
@given(anything, anything)
def test_grading_raises_nothing_and_says_the_same_twice(gold: str, solution: str) -> None:
    verdict = grade_detailed(gold, solution)
    again = grade_many([(gold, solution)])[0]
    assert (verdict.outcome, verdict.rule, verdict.extracted) == (again.outcome, again.rule, again.extracted)
    if verdict.rule in {"parsed", "sympy", "unreadable"}:
        assert verdict.extracted is not None
        fresh = pool_of(1).compare(parser_text(gold), parser_text(verdict.extracted.text))
        marked = extract_marked(gold)
        assert marked is not None or fresh[:2] == (verdict.outcome, verdict.rule)


@settings(max_examples=EXAMPLES or 300)
@given(anything)
@example("nan")
@example(r"\frac{0}{0}")
@example("9" * 5000)
def test_every_answer_equals_itself(text: str) -> None:
    assume(text.strip())
    assert equivalent(text, text)


@settings(max_examples=EXAMPLES or 60)
@given(st.lists(anything, max_size=6))
def test_votes_put_every_answer_into_one_class_and_equal_texts_together(answers: list[str]) -> None:
    classes = equivalence_classes(answers * 2)
    assert classes[: len(answers)] == classes[len(answers) :]
    firsts = list(dict.fromkeys(classes))
    assert firsts == sorted(firsts) == list(range(len(firsts)))


@pytest.mark.parametrize("gold", GOLDS)
def test_every_answer_equals_itself_in_other_delimiters(gold: str) -> None:
    for pred in (
        f"${gold}$",
        rf"\({gold}\)",
        f" {gold} ",
        f"**{gold}**",
        rf"\boxed{{{gold}}}",
        f"The answer is ${gold}$.",
    ):
        assert grade_detailed(gold, pred).equal, pred
