"""The public functions of `prmkit.grading`, sympy workers included."""

import asyncio
import json
import threading
import time
from pathlib import Path

import pytest

from prmkit.errors import InputError
from prmkit.grading import Outcome, close_pools, equivalence_classes, equivalent, grade, grade_detailed, grade_many
from prmkit.grading.pool import _pools


@pytest.mark.parametrize(
    ("gold", "pred"),
    [
        (r"2\sqrt{3}", r"\sqrt{12}"),
        ("x^2+2x+1", "(x+1)^2"),
        (r"\{1,2\}", r"\{2,1\}"),
        (r"3 \text{ or } 4", "x=4 or x=3"),
        ("(1,2)", r"\left(1,\frac{4}{2}\right)"),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{bmatrix}1\\2\end{bmatrix}"),
        ("x=5", "5"),
        ("5", "x = 5"),
        (r"10\%", "10"),
        (r"1 \le x \le 2", "[1,2]"),
        (r"\sqrt{3} \text{ cm}^2", r"\sqrt{3}"),
        (r"2\pi", r"\pi + \pi inches"),
        ("52_8", "52_{8}"),
    ],
)
def test_equal_expressions_are_equal(gold: str, pred: str) -> None:
    assert equivalent(gold, pred)


@pytest.mark.parametrize(
    ("gold", "pred"),
    [
        (r"2\sqrt{3}", r"3\sqrt{2}"),
        ("(1,2)", "(2,1)"),
        ("[1,2]", "(1,2)"),
        ("x^2", "x^3"),
        ("2", r"2\pi"),
        (r"\sin x", r"\cos x"),
        ("2", "2ab"),
        ("abc", "abd"),
        (r"5 \text{ or } 6", "5"),
    ],
)
def test_different_expressions_are_different(gold: str, pred: str) -> None:
    assert not equivalent(gold, pred)


def test_gold_may_be_a_solution_that_marks_its_answer() -> None:
    assert grade("9 * 2 = 18\n#### 18", r"So it is \boxed{18}")
    assert not grade("9 * 2 = 18\n#### 18", r"So it is \boxed{2}")


def test_an_answer_that_is_a_substring_of_the_last_sentence_is_not_right() -> None:
    assert not grade("5", "In the end she has 15 apples in total.")


def test_a_verdict_tells_outcome_rule_and_extraction() -> None:
    verdict = grade_detailed("1/2", r"Hence \boxed{0.5}.")
    assert (verdict.outcome, verdict.rule, verdict.equal) == (Outcome.EQUAL, "number", True)
    assert verdict.extracted is not None
    assert verdict.extracted.text == "0.5"


def test_a_solution_without_an_answer_is_different() -> None:
    verdict = grade_detailed("5", "")
    assert (verdict.outcome, verdict.rule, verdict.extracted) == (Outcome.DIFFERENT, "no answer", None)


def test_unreadable_latex_is_different_and_raises_nothing() -> None:
    assert grade_detailed("5", r"\boxed{\frac{}\over}").outcome is Outcome.DIFFERENT


def test_unknown_counts_as_not_equal() -> None:
    verdict = grade_detailed("9^{9^{9}}", "5")
    assert (verdict.outcome, verdict.equal) == (Outcome.UNKNOWN, False)


def test_a_repeated_comparison_starts_no_worker() -> None:
    first = grade_detailed(r"\sqrt{50}", r"5\sqrt{2}")
    close_pools()
    begun = time.perf_counter()
    again = [grade_detailed(r"\sqrt{50}", r"5\sqrt{2}") for _ in range(1000)]
    assert time.perf_counter() - begun < 0.1, "a worker takes longer than that to start"
    assert first.equal
    assert {(verdict.equal, verdict.seconds) for verdict in again} == {(True, 0.0)}


@pytest.mark.slow
def test_a_comparison_that_was_given_up_is_not_tried_again() -> None:
    first = grade_detailed(r"\prod_{i=1}^{10^9} i", "5")
    begun = time.perf_counter()
    again = grade_detailed(r"\prod_{i=1}^{10^9} i", "5")
    assert time.perf_counter() - begun < 0.1
    assert first.outcome is again.outcome is Outcome.UNKNOWN


def test_many_pairs_give_the_verdicts_of_single_ones_in_order_and_report_progress() -> None:
    pairs = [
        (r"\sqrt{8}", r"\boxed{2\sqrt{2}}"),
        ("3", "A: 3"),
        (r"\sqrt{8}", r"\boxed{\sqrt{2}}"),
        ("1", ""),
        ("3", "4"),
    ] * 20
    done: list[int] = []
    verdicts = grade_many(pairs, workers=1, progress=done.append)
    assert [verdict.equal for verdict in verdicts] == [True, True, False, False, False] * 20
    assert sum(done) == len(pairs)
    assert [verdict.outcome for verdict in verdicts] == [grade_detailed(*pair).outcome for pair in pairs]


@pytest.mark.slow
def test_workers_set_the_size_of_the_pool() -> None:
    grade_many([(r"\sqrt{18}", r"3\sqrt{2}")], workers=3)
    assert 3 in _pools
    with pytest.raises(InputError, match="workers must be at least 1, got 0"):
        grade_many([("1", "1")], workers=0)


def test_grading_works_in_threads() -> None:
    results: list[bool] = []
    threads = [
        threading.Thread(target=lambda n=n: results.append(grade(rf"{n}\sqrt{{2}}", rf"\sqrt{{{2 * n * n}}}")))
        for n in range(2, 8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 6


def test_grading_works_inside_an_event_loop_and_beside_it() -> None:
    async def both() -> list[bool]:
        inside = grade(r"7\sqrt{3}", r"\sqrt{147}")
        return [inside, *await asyncio.gather(*(asyncio.to_thread(grade, "x+x", f"{n}x") for n in (2, 3)))]

    assert asyncio.run(both()) == [True, True, False]


def test_votes_group_by_equivalence_and_not_by_string() -> None:
    answers = ["1/2", "0.5", r"\frac12", "3", r"\frac{\sqrt{4}}{4}", "three", "3.0", "4"]
    assert equivalence_classes(answers) == [0, 0, 0, 1, 0, 1, 1, 2]


@pytest.mark.parametrize("kinds", [7, 50_000])
def test_many_votes_are_grouped_in_linear_time(kinds: int) -> None:
    begun = time.process_time()
    classes = equivalence_classes([f"{index % kinds} apples" for index in range(50_000)])
    assert max(classes) == kinds - 1
    assert time.process_time() - begun < 5


def test_classes_are_those_of_comparing_each_answer_with_the_first_of_every_class() -> None:
    answers = [
        "10%",
        "0.1",
        "10",
        "x+x",
        "2x",
        "10 apples",
        r"\frac{1}{10}",
        "2 hours",
        "120 minutes",
        "2",
        "(B)",
        "B) 2",
    ]
    answers += [
        "no solution",
        r"\emptyset",
        "0.333333",
        "1/3",
        "0.3333333",
        r"\sqrt{4}",
        "1 000",
        "1000",
        "x" * 3000,
    ] * 2
    firsts: list[str] = []
    expected = []
    for answer in answers:
        same = next((index for index, first in enumerate(firsts) if equivalent(first, answer)), len(firsts))
        if same == len(firsts):
            firsts.append(answer)
        expected.append(same)
    assert equivalence_classes(answers) == expected
    assert equivalence_classes([]) == []


def test_every_gold_of_math500_equals_its_own_solution(data_dir: Path) -> None:
    lines = (data_dir / "math500" / "test.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    verdicts = grade_many([(row["answer"], row["solution"]) for row in rows])
    assert [row["answer"] for row, verdict in zip(rows, verdicts, strict=True) if not verdict.equal] == []


@pytest.mark.slow
def test_grades_agree_with_processbench(data_dir: Path) -> None:
    gold = {}
    for line in (data_dir / "gsm8k" / "test.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        gold["".join(row["question"].split())] = row["answer"]
    cases = json.loads((data_dir / "processbench" / "gsm8k.json").read_text(encoding="utf-8"))
    pairs = [(gold["".join(case["problem"].split())], "\n".join(case["steps"])) for case in cases]
    agree = [v.equal == case["final_answer_correct"] for v, case in zip(grade_many(pairs), cases, strict=True)]
    assert sum(agree) / len(agree) >= 0.98


@pytest.mark.parametrize(
    ("gold", "pred", "equal"),
    [
        (r"(-\infty, \infty)", r"-\infty < x < \infty", True),
        (r"[2, \infty)", r"2 \le x < \infty", True),
        (r"(2, \infty)", r"2 \le x < \infty", False),
        ("4", r"\begin{aligned} x &= 4 \end{aligned}", True),
        ("11:30", "11{:}30", True),
        ("-3", "negative 3", True),
        ("3", "negative 3", False),
        ("f(x) = 2x", r"f(x) = 2x \text{ for all } x", True),
        ("1", r"1 \text{ for all } n > 3", False),
        ("5", "5 June", False),
        ("0", "0:30", False),
        ("x=-2, y=3", "(3,-2)", False),
        ("x=-2, y=3", "(-2,3)", True),
        ("204", "200 + 4 = 204", True),
        ("200 + 4 = 204", "204", False),
    ],
)
def test_notations_found_in_review(gold: str, pred: str, equal: bool) -> None:
    assert equivalent(gold, pred) is equal
