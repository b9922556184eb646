"""The fast path: what it decides, and what it leaves to the parser."""

import json
from pathlib import Path

import pytest

from prmkit.grading import equivalent
from prmkit.grading.quick import class_key, quick_compare

EQUAL = {
    "numbers": [
        ("18", "18.00"),
        ("18", "18."),
        ("-3", "−3"),
        ("5", "(5)"),
        ("0", "-0"),
        ("15", r"\15"),
        ("1,000", "1000"),
        ("1{,}000", "1000"),
        (r"1\,000", "1000"),
        ("1 000", "1000"),
        ("1/2", "0.5"),
        (r"-\frac{1}{2}", r"\frac{-1}{2}"),
        (r"-\frac{1}{2}", r"\frac{1}{-2}"),
        (r"\frac34", "3/4"),
        (r"2\frac{1}{2}", "2.5"),
        ("2 1/2", "5/2"),
        ("2 and 1/2", "5/2"),
        ("2½", "2.5"),
        (r"0.\overline{3}", "1/3"),
        (r"\frac{1}{6}", "0.1666..."),
        ("41/333", r"0.123123\ldots"),
        ("1024", "2^{10}"),
        ("1e-7", "0.0000001"),
        ("1e-7", "10^{-7}"),
        ("4.5e33", r"4.5\times 10^{33}"),
        ("1.2×10⁵", "120000"),
        ("5", "about 5"),
        ("5", r"\approx 5"),
        ("3rd", "3"),
        (r"3^{\text{rd}}", "3"),
        ("5", "x = 5"),
        ("x = 5", "5"),
        ("5", "f(2)=5"),
        ("8", "Total = 5 + 3 = 8"),
        ("50", r"150 \div 3 = 50"),
        ("-9", "a + b = 1994 - 2003 = -9"),
        ("12", "x^3 = 12"),
        ("7", "f(2) + f(3) = 7"),
        (r"-\frac{24}{25}", r"\cos \angle RPS = -\frac{24}{25}"),
        ("40", r"\text{Volume} = 20 \times 2 = 40 \text{ cubic inches}"),
        ("5", "There are 5 apples"),
    ],
    "words for numbers": [
        ("12", "She has twelve apples"),
        ("five", "5"),
        ("21", "twenty-one"),
        ("105", "one hundred and five"),
        ("2300", "two thousand three hundred"),
        ("1,500,000", "1.5 million"),
        ("24", "2 dozen"),
        ("12", "a dozen"),
        ("1/2", r"\text{one half}"),
        ("half", "0.5"),
        ("2.5", "two and a half"),
        ("three quarters", "3/4"),
        ("two-thirds", "2/3"),
    ],
    "percentages": [
        (r"10\%", "10"),
        (r"10\%", "0.1"),
        ("10", r"10\%"),
        ("0.1", "10%"),
        (r"10\%", r"10 \text{ percent}"),
        ("1/2", "50%"),
        ("0.125", r"12.5\%"),
    ],
    "money": [
        (r"\$324", "324"),
        ("18", "$18"),
        (r"\$1,200.50", "1200.5 dollars"),
        ("-5", "-$5"),
        (r"\$0.05", r"5 \text{ cents}"),
        ("25 cents", "$0.25"),
        ("€5", "5 euros"),
        ("$5 per hour", "5"),
    ],
    "units": [
        ("18", "18 dollars a day"),
        ("14", "14 square units"),
        ("52", r"\(52\) candles and flashlights"),
        ("5 feet", "5 foot"),
        (r"5 \text{ cm}^2", r"5 \text{ square centimeters}"),
        (r"5 \text{ cm}^2", "5"),
        ("5", r"5 \text{ m}"),
        ("5", "5 m"),
        ("9.8", "9.8 m/s^2"),
        (r"2 \text{ hours}", r"120 \text{ minutes}"),
        (r"12\text{ in}", "1 foot"),
        ("7 days", "1 week"),
        ("3.5 hours", "3 hours and 30 minutes"),
        (r"30 \text{ m/s}", "30 m/s"),
        (r"60 \text{ miles per hour}", "60 mph"),
        (r"90^\circ", "90"),
        ("90 degrees", "90°"),
        (r"20^\circ\text{C}", "20 degrees Celsius"),
        ("20°C", "20 degrees"),
    ],
    "times": [
        (r"3:30 \text{ pm}", "15:30"),
        ("3:30 p.m.", "3:30 PM"),
        ("3:30 pm", "3:30"),
        ("3 pm", "3:00 p.m."),
        ("noon", "12:00 pm"),
        (r"7:30 \text{ p.m.}", r"7\!:\!30 \text{ p.m.}"),
    ],
    "dates": [("June 20", r"20 \text{ June}"), ("May 5th, 2020", "5 May 2020"), ("Sept. 3", "September 3, 1999")],
    "ratios": [
        ("3:4", "6:8"),
        ("3:4", "3 : 4"),
        ("3:4", r"\frac34"),
        ("0.75", "3:4"),
        ("1:2:3", "2:4:6"),
        ("3:5", "3 to 5"),
    ],
    "bases": [
        ("1011_2", r"1011_{\text{two}}"),
        ("1011_2", r"1011_\text{two}"),
        ("1011_2", "1011 base 2"),
        ("52_8", "52_{8}"),
        ("52_8", "52"),
        ("2A3_{16}", "(2A3)_{16}"),
    ],
    "choices": [
        ("B", "(B)"),
        ("(B)", "(b)"),
        ("B", "B) 12"),
        ("B", "Option B"),
        (r"\text{(B)}", r"\textbf{(B)}\ 12"),
        ("12", r"\textbf{(B)}\ 12"),
        ("Tuesday", "(C) Tuesday"),
        ("D", r"\boldsymbol{D}"),
    ],
    "words": [
        (r"\text{east}", "East"),
        ("Evelyn", r"\text{Evelyn}."),
        ("the cat", "cat"),
        ("no solution", "No solutions"),
        (r"\emptyset", r"\text{no solution}"),
        (r"\mathbb{R}", "all real numbers"),
        ("Alice and Bob", r"\text{Bob}, \text{Alice}"),
        ("Yes", "yes, because x > 3"),
        ("True", "Yes"),
    ],
}
DIFFERENT = [
    ("18", "17.999999"),
    ("1/3", "0.33"),
    ("3.141592", "3.141593"),
    ("0.0000001", "0.0000002"),
    ("5", "15 apples"),
    ("-5", "5"),
    ("25", "5^3"),
    ("5", "5 million"),
    ("8", "x = 9"),
    ("8", r"\text{Total} = 9"),
    ("8", "Total sum = 9"),
    ("10", "0.1"),
    (r"10\%", r"20\%"),
    ("10", "0.1%"),
    ("5 feet", "6 feet"),
    (r"5 \text{ feet}", r"5 \text{ inches}"),
    (r"5 \text{ cm}", r"5 \text{ cm}^2"),
    (r"5 \text{ kg}", r"5 \text{ meters}"),
    (r"20^\circ C", r"20^\circ F"),
    (r"\$5", r"5 \text{ cents}"),
    ("€5", "$5"),
    (r"\$10", r"10\%"),
    (r"3:30 \text{ pm}", r"3:30 \text{ am}"),
    ("3:30", "3:45"),
    ("June 20", "June 21"),
    ("June 20", "July 20"),
    ("May 5, 2020", "May 5, 2021"),
    ("1/3", "0.1666..."),
    ("3:4", "4:3"),
    ("1011_2", "1011_3"),
    ("52_8", "42"),
    ("52_8", "42_{10}"),
    ("B", "C"),
    ("B", "5"),
    ("east", "seat"),
    ("Yes", "No"),
    ("even", "not even"),
    ("5", "many apples"),
    ("50", "10+John's age"),
    ("", "5"),
    ("$$", "$$"),
]
UNDECIDED = [
    (r"\sqrt{12}", r"2\sqrt{3}"),
    ("(1,2)", "(2,1)"),
    ("1,2", "2,1"),
    ("1,234", "1, 234"),
    ("1 000", "1001"),
    ("x=8", "y=8"),
    ("2", "2x"),
    ("2", "2ab"),
    ("5", "5 t"),
    ("6", "5 m"),
    ("5", "5 tenths"),
    ("B", "the answer is B"),
    ("5", "5!"),
    ("2", "2 squared"),
    ("2", "2 pi"),
    (r"14\pi", "14"),
    ("0", "5x - 7y + 4 = 0"),
    ("1", r"\frac{y^2}{4} - \frac{x^2}{9} = 1"),
    ("5", "x < y = 5"),
    ("9/14", "0.6428..."),
    ("5", "5 or 6"),
    ("5", "5 or more"),
    ("5", "at least 5"),
    ("5", "There are 5 apples in 3 boxes"),
    ("3", "third"),
    ("3:30", "1:10"),
    ("B", "b"),
    ("x", "X"),
    ("AB", "ab"),
    ("A", "A = 5"),
    ("3", "1 + 2"),
    ("9" * 500, "9" * 501),
]


@pytest.mark.parametrize(("gold", "pred"), [pair for pairs in EQUAL.values() for pair in pairs])
def test_plain_answers_that_are_equal_are_decided(gold: str, pred: str) -> None:
    decided = quick_compare(gold, pred)
    assert decided is not None
    assert decided[0]


@pytest.mark.parametrize(("gold", "pred"), DIFFERENT)
def test_plain_answers_that_differ_are_decided(gold: str, pred: str) -> None:
    decided = quick_compare(gold, pred)
    assert decided is not None
    assert not decided[0]


@pytest.mark.parametrize(("gold", "pred"), UNDECIDED)
def test_what_is_not_plain_is_left_to_the_parser(gold: str, pred: str) -> None:
    assert quick_compare(gold, pred) is None


@pytest.mark.parametrize(
    ("gold", "pred", "equal"),
    [
        ("1/3", "0.333333", True),
        ("1/3", "0.333334", True),
        ("1/3", "0.333335", False),
        ("1/3", "0.33333", False),
        ("1/6", "0.166667", True),
        ("1/6", "0.166666", True),
        ("1/3000000", "0.000000", False),
        ("0.3", "0.30000000000000004", True),
        ("0.3", "0.3000000000004", False),
        ("18", "18.0000001", False),
        ("2/3", "66.666667%", True),
    ],
)
def test_tolerances_are_those_of_the_documentation(gold: str, pred: str, equal: bool) -> None:
    decided = quick_compare(gold, pred)
    assert decided is not None
    assert decided[0] == equal


@pytest.mark.parametrize(
    ("gold", "pred"), [("Yes", "yes, because x > 3"), ("8", "Total = 5 + 3 = 8"), ("the cat", "cat")]
)
def test_the_gold_answer_decides_what_is_asked_for(gold: str, pred: str) -> None:
    forth, back = quick_compare(gold, pred), quick_compare(pred, gold)
    assert forth is not None
    assert forth[0]
    assert back is None or not back[0]


@pytest.mark.parametrize(
    ("gold", "pred", "rule"),
    [
        ("18", "18 ", "text"),
        ("18", "18.0", "number"),
        ("3:4", "6:8", "ratio"),
        ("3 pm", "15:00", "time"),
        ("11_2", "11", "base"),
        ("B", "C", "choice"),
        ("east", "west", "words"),
    ],
)
def test_the_rule_is_named(gold: str, pred: str, rule: str) -> None:
    decided = quick_compare(gold, pred)
    assert decided is not None
    assert decided[1] == rule


def test_answers_that_share_a_class_key_are_equal_and_others_with_one_are_not() -> None:
    answers = [answer for pairs in [*EQUAL.values(), DIFFERENT, UNDECIDED] for pair in pairs for answer in pair]
    plain = [answer for answer in dict.fromkeys(answers) if class_key(answer) is not None]
    assert len(plain) > 100
    for one in plain:
        for other in plain:
            assert equivalent(one, other) == (class_key(one) == class_key(other)), (one, other)


def test_no_gold_of_gsm8k_or_math500_is_different_from_itself(data_dir: Path) -> None:
    answers = []
    for file in ("gsm8k/test.jsonl", "math500/test.jsonl"):
        rows = [json.loads(line) for line in (data_dir / file).read_text(encoding="utf-8").splitlines()]
        answers += [row["answer"].rpartition("#### ")[2] for row in rows]
    decided = [quick_compare(answer, f"${answer}$.") for answer in answers]
    assert [answer for answer, each in zip(answers, decided, strict=True) if each is not None and not each[0]] == []
