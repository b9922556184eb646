"""Hostile answers: whatever a model writes gets a verdict within the limits, is never run, and leaves a whole pool."""

import os
import random
import re
import signal
import threading
import time
from collections.abc import Iterator
from importlib import import_module
from itertools import product
from pathlib import Path
from pkgutil import iter_modules

import pytest

import prmkit.grading
from prmkit.grading import Outcome, close_pools, equivalence_classes, equivalent, extract, grade_detailed, grade_many
from prmkit.grading.extract import TAIL
from prmkit.grading.limits import CPU_SECONDS, LONGEST_ANSWER, refusal
from prmkit.grading.normalise import key, parser_text
from prmkit.grading.pool import pool_of
from prmkit.grading.quick import quick_compare

CODE = [
    "__import__('pathlib').Path('{canary}').touch()",
    r"\text{{__import__('os').system('touch {canary}')}}",
    r"\mathrm{{open}}(\text{{'{canary}'}},\text{{'w'}})",
    r"\operatorname{{open}}('{canary}','w')",
    r"x_{{open('{canary}','w')}}",
    r"x_{{\text{{open('{canary}','w')}}}}",
    r"\begin{{open('{canary}','w')}}1\end{{open('{canary}','w')}}",
    r"1 \text{{ or open('{canary}','w')}}",
    r"\input{{{canary}}}",
    r"\write18{{touch {canary}}}",
    r"\immediate\openout1={canary}",
    "(lambda: open('{canary}','w'))()",
    'f\'{{open("{canary}","w")}}\'',
    "[open('{canary}','w') for _ in (1,)]",
    "().__class__.__base__.__subclasses__()",
    "x.__class__.__mro__[1](open('{canary}','w'))",
    "x.__class__.__init__.__globals__['__builtins__']['open']('{canary}','w')",
    "Symbol('x', commutative=open('{canary}','w'))",
    "sympify(\"open('{canary}','w')\")",
    "exec(\"open('{canary}','w')\")",
    "eval(compile('open(\"{canary}\",\"w\")','','exec'))",
    "Integer(1)+open('{canary}','w')",
    "1;import os;os.system('touch {canary}')",
    "$(touch {canary})",
    "`touch {canary}`",
    "{{{{open('{canary}','w')}}}}",
    "%s{{open('{canary}','w')}}",
]
GROWING = [
    "9^9^9^9",
    "9**9**9**9",
    "9^{9^{9}}",
    "9^{9^{x}}",
    "x^{10000}",
    "(x+1)^{9999}",
    "e^{e^{e^{e^{9}}}}",
    r"\sin(10^{9999})",
    "((((9^{999})^{999})^{999})^{999})",
    r"9^{\frac{9^{9}}{1}}",
    r"9^{9\cdot 9\cdot 9\cdot 9\cdot 9\cdot 9\cdot 9\cdot 9\cdot 9}",
    r"9^{\binom{30}{15}}",
    "9^{20!}",
    "99999999999!",
    "((10!)!)!",
    "(9^{9})!",
    r"(\sqrt{10^{18}})!",
    "1000!!",
    r"\binom{1000000}{500000}",
    r"\binom{10^{9}}{10^{8}}",
    r"{10^9 \choose 10^8}",
    "1e999999999",
    "10^{-9999}",
    r"\sum_{i=1}^{10^{9}} i",
    r"\sum_{i=1}^{\infty} \frac{1}{i^{i}}",
    r"\prod_{i=1}^{10^{9}} i",
    r"\int_0^{\infty} e^{-x^2}\sin(x^3)\,dx",
    r"\int\int\int\int x^{x^{x}}",
    r"\lim_{x\to 0} \frac{\sin(\sin(\sin x))}{x^{9}}",
    r"\Gamma(10^{9})",
    r"\lfloor 10^{9999}/7 \rfloor",
    r"10^{9999} \bmod 7",
    r"\gcd(10^{9999}, 3)",
    r"\begin{pmatrix}" + r"1&2&3&4&5&6&7&8\\ " * 100 + r"\end{pmatrix}",
    r"\det\begin{pmatrix}a&b&c\\d&e&f\\g&h&i\end{pmatrix}^{99}",
    "*".join(f"(x+{i})" for i in range(200)),
    "+".join(f"x_{{{i}}}" for i in range(250)),
    r"\pm 1" * 40,
    "1, 2, " * 300,
    "1234567.891" * 36,
    "0." + "3" * 390,
    r"0.\overline{" + "3" * 380 + "}",
    "9" * 400,
    "9" * 400 + "/" + "7" * 400,
    "9" * 4301,
    "9" * 100_000,
    "1e" + "9" * 300,
]
NESTED = [
    "(" * 5000 + ")" * 5000,
    "(" * 39 + "1,2" + ")" * 39,
    r"\{1," * 39 + "2" + r"\}" * 39,
    "{" * 100_000,
    "{" * 40 + "}" * 40,
    r"\sqrt{" * 1000 + "2" + "}" * 1000,
    r"\sqrt" * 390 + "2",
    r"\sin" * 490 + "x",
    r"\frac{" * 30 + "1",
    r"\frac{1}{" * 38 + "x" + "}" * 38,
    r"\frac1" * 390 + "2",
    "x_{" * 39 + "1" + "}" * 39,
    "x^" * 59 + "2",
    "1/" * 999 + "2",
    "-" * 1999 + "5",
    "|" * 999 + "x" + "|" * 999,
    r"\left(" * 39 + r"\right)" * 39,
    r"\boxed{" * 1000,
    r"\text{" * 39 + "}" * 39,
    r"\begin{matrix}" * 100,
    "f(" * 39 + "x" + ")" * 39,
    "!" * 1999,
    "7" + r"\%" * 900,
    "[0,1)\\cup" * 200 + "[2,3]",
    "1<x<" * 400 + "2",
    "1:" * 900 + "2",
]
BROKEN = [
    "nan",
    "NaN",
    "inf",
    "-inf",
    r"\infty",
    r"-\infty",
    r"\infty - \infty",
    "0/0",
    r"\frac{0}{0}",
    "1/0",
    "0^{-1}",
    "0^0",
    r"\log 0",
    r"\log_1 1",
    r"\sqrt[0]{2}",
    r"\tan(\pi/2)",
    r"\frac{1}{\sin(0)}",
    "",
    " ",
    "\\",
    "}",
    "{",
    "$",
    "$$$$",
    "=",
    "==",
    "%",
    "_",
    "^",
    "&",
    "#",
    "~",
    "'",
    '"',
    "_" * 500,
    "^" * 500,
    "\\" * 500,
    r"\left(",
    r"\right)",
    r"\frac",
    r"\frac{}{}",
    r"\sqrt",
    r"\begin{pmatrix}1&2\\3\end{pmatrix}",
    r"\begin{pmatrix}\end{bmatrix}",
    r"\end{pmatrix}",
    r"\undefined{5}",
    r"\over 5",
    r"\newcommand{\x}{\x\x}\x",
    r"\def\x{\x\x}\x",
    r"\loop\iftrue\repeat",
    "1\x00",
    "\x00",
    "\x1b[2J5",
    "5\x7f",
    "\ud800",
    "5\udfff",
    "\U0010ffff",
    "\ufeff",
    "\u202e12",
    "\u2066(\u2069",
    "e\u0301" * 100,
    "пять",
    "五百万億",
    "٣٫٥x",
    "x" * 3_000_000,
    "1" * 1_000_000,
    " " * 1_000_000,
    "\n" * 1_000_000,
    "$" * 1_000_000,
]
HOSTILE = [*GROWING, *NESTED, *BROKEN]
ALPHABET = [
    *("a", " ", "1", ",", ".", "-", "−", "$", "$$", "\\", "{", "}", "(", ")", "[", "]", "=", "*", "**", "\n", "#", "/"),
    *("%", "^", "_", "&", "|", "~", ":", "：", "。", "!", "?", '"', "'", "`", "<", ">", "é", "°", "×", "٣", "\u200f"),
    *("A:", "####", "answer", "answer is ", "Answer:", "the answer ", "best choice is ", "correct option ", "答案是"),
    *(r"\boxed{", r"\boxed ", r"\fbox{", r"\(", r"\)", r"\[", r"\]", r"\frac{", r"\frac12", r"\text{", r"\text{a}"),
    *(r"\begin{align}", r"\end{align}", r"\begin{pmatrix}", r"\quad", r"\circ", r"\left", r"\right(", r"\%", r"\,"),
    *(
        "<answer>",
        "</answer>",
        "</think>",
        "# Answer\n",
        "**Answer",
        "because ",
        " since",
        "Mr.",
        "i.e.",
        "and ",
        "or ",
    ),
    *(
        "one ",
        "eighty-",
        "hundred ",
        "half ",
        "e5",
        "1,000",
        "1 000",
        "10^",
        "x=",
        ":30",
        "am",
        "meters ",
        "per ",
        "km/h",
    ),
]
"""What the regular expressions of the fast path look for."""
LINEAR_SECONDS = 0.4
"""CPU time allowed for a text of `TAIL` characters, about ten times of what the slowest linear scan takes."""
QUICK_SECONDS = 0.1
"""The same for an answer of `LONGEST_ANSWER` characters."""


def _patterns() -> Iterator[tuple[str, re.Pattern[str]]]:
    """Every compiled expression of the package, by name."""

    def inside(name: str, value: object) -> Iterator[tuple[str, re.Pattern[str]]]:
        if isinstance(value, re.Pattern):
            yield name, value
        elif isinstance(value, tuple | list):
            for index, each in enumerate(value):
                yield from inside(f"{name}[{index}]", each)

    for module in iter_modules(prmkit.grading.__path__):
        for name, value in vars(import_module(f"prmkit.grading.{module.name}")).items():
            yield from inside(f"{module.name}.{name}", value)


def _filled(unit: str, length: int) -> str:
    return (unit * (length // len(unit) + 1))[:length]


def _spent(call: object, *arguments: str) -> float:
    """CPU seconds; of three runs the least where one seems slow: a busy machine makes some slow, but none quick."""

    def once() -> float:
        begun = time.process_time()
        call(*arguments)  # type: ignore[operator]
        return time.process_time() - begun

    first = once()
    return first if first < QUICK_SECONDS else min(first, once(), once())


@pytest.mark.parametrize("where", ["{}", r"\boxed{{{}}}", "The answer is {}.", "#### {}", "${}$", "x = {}", "({}, 1)"])
def test_code_in_answers_is_not_run(tmp_path: Path, where: str) -> None:
    canary = tmp_path / "canary"
    texts = [where.format(each.format(canary=canary)) for each in CODE]
    pairs = [pair for text in texts for pair in ((text, "x+1"), ("x+1", text), (text, f"{text}+0"))]
    for verdict in grade_many(pairs):
        assert isinstance(verdict.outcome, Outcome)
    for text in texts:
        assert not equivalent("x+1", text)
    assert not canary.exists()


def test_code_that_reaches_a_worker_is_not_run(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    texts = [each.format(canary=canary) for each in CODE]
    pairs = [pair for text in texts for pair in ((text, "x+1"), ("x+1", text))]
    judgements = dict(pool_of(2).compare_many(pairs))  # past the size limits and the fast path
    assert len(judgements) == len(pairs)
    assert not [pairs[index] for index, judgement in judgements.items() if judgement[0] == "equal"]
    assert not canary.exists()


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:24]))
def test_a_hostile_answer_gets_a_verdict_within_the_limits(text: str) -> None:
    for gold, pred in ((text, "x+1"), ("5", text), ("x+1", rf"So it is \boxed{{{text}}}"), (r"\frac{1}{x}", text)):
        verdict = grade_detailed(gold, pred)
        assert verdict.outcome is not Outcome.EQUAL
        assert verdict.seconds <= CPU_SECONDS
        assert verdict.rule
    assert equivalent("y+y", "2y"), "the pool is whole afterwards"


def test_undefined_values_equal_nothing_but_themselves() -> None:
    undefined = [
        "0/0",
        "1/0",
        "2/0",
        r"\infty-\infty",
        r"\log 0",
        "nan",
        r"\sqrt[0]{2}",
        r"\tan(\pi/2)",
        "0^{-1}",
        "x/0",
    ]
    wrong = [(a, b) for a, b in product(undefined, undefined) if a != b and equivalent(a, b)]
    assert set(wrong) <= {("1/0", "0^{-1}"), ("0^{-1}", "1/0")}


@pytest.mark.parametrize(
    ("gold", "pred"),
    [
        ("3", "٣"),
        ("35", "３５"),  # full width
        ("x+1", "х+1"),  # a Cyrillic letter
        ("1", "l"),
        ("0", "O"),
        ("12", "\u202e21"),  # shown as 12
        ("12", "1\u200b2"),
        ("2^3", "2³"),
        ("12", "1²"),
        ("5", "\u2464"),
        ("A", "\u0410"),
    ],
)
def test_lookalikes_are_read_as_the_digits_they_are_or_not_at_all(gold: str, pred: str) -> None:
    verdict = grade_detailed(gold, rf"\boxed{{{pred}}}")
    same_digits = pred.isdecimal() and int(pred) == int(gold)
    assert verdict.outcome is not Outcome.EQUAL or same_digits or (gold, pred) in {("2^3", "2³"), ("12", "1\u200b2")}


def test_regular_expressions_are_known_to_this_test() -> None:
    assert len(list(_patterns())) > 30


def test_extraction_is_linear_whatever_the_text() -> None:
    slow = {}
    for unit, end in product(ALPHABET, ("", "1", "The answer is 5", "= 5 and 5")):
        text = _filled(unit, TAIL - len(end)) + end
        if (seconds := _spent(extract, text)) > LINEAR_SECONDS:
            slow[unit, end] = seconds
    assert not slow


def _some_twos() -> list[tuple[str, str]]:
    """A tenth of the ways to repeat two pieces."""
    return random.Random(0).sample(list(product(ALPHABET, ALPHABET)), len(ALPHABET) ** 2 // 10)


@pytest.mark.slow
def test_extraction_is_linear_in_two_pieces_repeated() -> None:
    slow = {}
    for one, other in _some_twos():
        for text in (_filled(one + other, TAIL), _filled(one, TAIL // 2) + _filled(other, TAIL // 2)):
            if (seconds := _spent(extract, text)) > LINEAR_SECONDS:
                slow[one, other] = seconds
    assert not slow


def test_the_fast_path_is_quick_in_two_pieces_repeated() -> None:
    def fast(text: str) -> None:
        refusal(text)
        key(text)
        parser_text(text)
        for gold, pred in (("3", text), (text, "x"), ("(1, x)", text), (text, text[1:])):
            quick_compare(gold, pred)

    slow = {}
    for one, other in _some_twos():
        half = LONGEST_ANSWER // 2
        for text in (_filled(one + other, LONGEST_ANSWER), _filled(one, half) + _filled(other, half)):
            if (seconds := _spent(fast, text)) > QUICK_SECONDS:
                slow[one, other] = seconds
    assert not slow


def test_a_megabyte_costs_no_more_than_its_end() -> None:
    for unit in ALPHABET:
        text = _filled(unit, 1_000_000)
        assert _spent(extract, text) < LINEAR_SECONDS, unit
        assert _spent(equivalent, text, "5") < LINEAR_SECONDS, unit
        assert _spent(equivalent, "5", text) < LINEAR_SECONDS, unit


@pytest.mark.slow
def test_votes_over_hostile_answers_end() -> None:
    hostile = HOSTILE[::3]  # each third: a bomb costs its three seconds wherever it is tried
    classes = equivalence_classes([*hostile, *hostile, "1/2", "0.5"])
    half = len(hostile)
    assert classes[:half] == classes[half:-2]
    assert classes[-2] == classes[-1]


def _children() -> list[int]:
    tasks = Path("/proc/self/task").iterdir()
    return [int(pid) for task in tasks for pid in (task / "children").read_text(encoding="utf-8").split()]


def _held() -> dict[str, int]:
    """What this process holds: child processes, descriptors, threads, memory in MB."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return {
        "processes": len(_children()),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "threads": threading.active_count(),
        "megabytes": int(re.search(r"VmRSS:\s+(\d+)", status)[1]) // 1024,  # type: ignore[index]
    }


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_ten_thousand_hostile_pairs_in_a_row_leak_nothing() -> None:
    def pairs(first: int, last: int) -> list[tuple[str, str]]:
        """Every text is new, so that no cache answers; one in ten is for the workers."""
        made = []
        for number in range(first, last):
            text = f"{number} {HOSTILE[number % len(HOSTILE)]}"[:5000]
            if number % 10 == 0:
                text = rf"\sqrt{{{number}}} + \frac{{x}}{{{number}"
            made.append((f"x_{{{number}}}", text))
        return made

    close_pools()
    grade_many(pairs(0, 2000), workers=2)
    before = _held()
    reached = 0
    for start in range(2000, 12_000, 1000):
        verdicts = grade_many(pairs(start, start + 1000), workers=2)
        assert not any(verdict.equal for verdict in verdicts)
        reached += sum(verdict.seconds > 0 for verdict in verdicts)
        workers = [pid for pid in _children() if b"prmkit.grading" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        os.kill(workers[0], signal.SIGKILL)  # as the kernel does when memory is short
    assert reached > 500
    assert equivalent(r"\sqrt{8}+x", r"x+2\sqrt{2}")
    grade_many(pairs(20_000, 20_100), workers=2)
    after = _held()
    assert after["processes"] <= before["processes"]
    assert after["descriptors"] <= before["descriptors"]
    assert after["threads"] <= before["threads"]
    assert after["megabytes"] <= before["megabytes"] + 60
