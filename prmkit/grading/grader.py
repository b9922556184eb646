"""The one answer grader: labelling, training, search, votes and evaluation all call these functions.

Three layers: answers are extracted and compared in this process where that is certain (`prmkit.grading.quick`),
refused where their size is hostile (`.limits`), and otherwise parsed and compared in a worker process (`.pool`,
`.symbolic`). Judgements are remembered.
"""

import itertools
import os
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from prmkit.errors import InputError
from prmkit.grading.extract import Extracted, extract, extract_marked
from prmkit.grading.handle import Judgement
from prmkit.grading.limits import LONGEST_ANSWER, refusal
from prmkit.grading.normalise import key, parser_text
from prmkit.grading.pool import pool_of
from prmkit.grading.quick import class_key, quick_compare

CACHED = 50_000
"""Verdicts kept; the oldest give way."""
LONGEST_GOLD = 4_000
"""Characters of a reference solution whose answer is kept."""
SHORT = 18
"""Digits of an integer that is compared as it stands."""
FATAL = ("time limit", "memory limit", "too deep")
"""Reasons for `unknown` that cost a worker."""
LOST = "worker lost"
"""The one reason for `unknown` that says nothing about the pair; it is not remembered."""
FEW_WORKERS = 2
"""Workers behind single gradings and small batches, of which a machine may run many processes (one per engine)."""
FEW_PAIRS = 16
"""Comparisons up to which `grade_many` leaves them to `FEW_WORKERS`."""


class Outcome(StrEnum):
    """What a comparison found."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNKNOWN = "unknown"
    """Refused, out of time or out of memory; counts as not equal."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of grading one solution, with its reason."""

    outcome: Outcome
    """Equal, different or unknown."""
    rule: str
    """What decided: `no answer`, `text`, a `readings.Kind`, `parsed`, `sympy`, `unreadable`, or why it is unknown."""
    extracted: Extracted | None
    """The answer found in the solution; None where there is none."""
    seconds: float
    """CPU seconds of the comparison in the worker; 0 where none was needed or the verdict was cached."""

    @property
    def equal(self) -> bool:
        """Whether the solution counts as right."""
        return self.outcome is Outcome.EQUAL


def grade(gold: str, solution: str) -> bool:
    """Whether a solution's final answer equals the reference answer.

    Args:
        gold: The reference answer, or a reference solution that marks its answer.
        solution: A full solution, or an answer alone.
    """
    return grade_detailed(gold, solution).equal


def equivalent(gold: str, pred: str) -> bool:
    """Whether two answers are equal; nothing is extracted. The gold one decides what form is asked for."""
    return (_known(gold, pred) or _slow(gold, pred))[0] == Outcome.EQUAL


def grade_detailed(gold: str, solution: str) -> Verdict:
    """`grade` with its reason."""
    gold, extracted = _gold_answer(gold), extract(solution)
    if extracted is None:
        return _NO_ANSWER
    return _verdict(_known(gold, extracted.text) or _slow(gold, extracted.text), extracted)


def grade_many(
    pairs: Sequence[tuple[str, str]],
    workers: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[Verdict]:
    """Grade many (gold, solution) pairs; equal pairs of answers are compared once.

    Args:
        pairs: Gold and solution, as `grade` takes them.
        workers: Worker processes for what has to be parsed; the default is `FEW_WORKERS` for up to `FEW_PAIRS` such
            comparisons and one per usable core beyond.
        progress: Called with the number of pairs just done, from this thread.

    Returns:
        One verdict per pair, in order.

    Raises:
        InputError: `workers` is less than 1.
    """
    if workers is not None and workers < 1:
        raise InputError(f"workers must be at least 1, got {workers}")
    verdicts: list[Verdict] = []
    waiting: dict[tuple[str, str], list[int]] = {}
    for index, (gold_text, solution) in enumerate(pairs):
        extracted = extract(solution)
        if extracted is None:
            verdict = _NO_ANSWER
        else:
            gold = _gold_answer(gold_text)
            judgement = _known(gold, extracted.text)
            if judgement is None:
                waiting.setdefault((gold, extracted.text), []).append(index)
            verdict = _verdict(judgement or _PENDING, extracted)
        verdicts.append(verdict)
        if progress and verdict.rule is not _PENDING[1]:
            progress(1)
    for pair, judgement in _slow_many(list(waiting), workers):
        for index in waiting[pair]:
            verdicts[index] = _verdict(judgement, verdicts[index].extracted)
        if progress:
            progress(len(waiting[pair]))
    return verdicts


def equivalence_classes(answers: Sequence[str]) -> list[int]:
    """Group equal answers, for votes.

    An answer joins the first class whose first answer it equals (`equivalent(first, answer)`). Plain numbers, words and
    choices are found by what they share, in linear time; only answers that hold an expression, a unit or a percentage
    are compared one by one with the first answers, those of one class in one batch for all workers.

    Returns:
        For each answer the index of its class; classes are numbered in order of first appearance.
    """
    firsts: dict[str, int] = {}  # by notation, the node that stands for it
    plain: dict[Hashable, int] = {}
    nodes: list[str] = []  # answers to compare, and whether they are plain
    is_plain: list[bool] = []
    node_of = []
    for answer in answers:
        name = key(answer) if len(answer) <= LONGEST_ANSWER else answer
        node = firsts.get(name)
        if node is None:
            shared = class_key(answer) if len(answer) <= LONGEST_ANSWER else None
            node = firsts[name] = len(nodes) if shared is None else plain.setdefault(shared, len(nodes))
            if node == len(nodes):
                nodes.append(answer)
                is_plain.append(shared is not None)
        node_of.append(node)
    classes = _classes(nodes, is_plain)
    return [classes[node] for node in node_of]


def _classes(nodes: list[str], is_plain: list[bool]) -> list[int]:
    """Class of each node; two that are both plain differ, and what a worker did not survive stands alone."""
    class_of = [-1] * len(nodes)
    free = [index for index, plain in enumerate(is_plain) if not plain]
    tried = _judge("1", [nodes[index] for index in free]) if len(nodes) > 2 else []
    fatal = {index for index, judgement in zip(free, tried, strict=False) if judgement[1] in FATAL}
    count = 0
    for first, answer in enumerate(nodes):
        if class_of[first] >= 0:
            continue
        rest = free if is_plain[first] else range(first + 1, len(nodes))
        rest = [index for index in rest if class_of[index] < 0 and index != first and index not in fatal]
        rest = [] if first in fatal else rest
        class_of[first] = count
        for index, judgement in zip(rest, _judge(answer, [nodes[index] for index in rest]), strict=True):
            class_of[index] = count if judgement[0] == Outcome.EQUAL else -1
        free = [index for index in free if class_of[index] < 0]
        count += 1
    return class_of


def _judge(gold: str, preds: Sequence[str]) -> list[Judgement]:
    """Each different answer against one, those that need a worker in one batch."""
    known = {pred: _known(gold, pred) for pred in preds}
    waiting = [(gold, pred) for pred, judgement in known.items() if judgement is None]
    found = {pred: judgement for (_, pred), judgement in _slow_many(waiting, None)}
    return [known[pred] or found[pred] for pred in preds]


_NO_ANSWER = Verdict(Outcome.DIFFERENT, "no answer", None, 0.0)
_OUTCOMES = {str(outcome): outcome for outcome in Outcome}
_PENDING: Judgement = ("unknown", "pending", 0.0)


def _verdict(judgement: Judgement, extracted: Extracted | None) -> Verdict:
    outcome, rule, seconds = judgement
    return Verdict(_OUTCOMES[outcome], rule, extracted, seconds)


def _gold_answer(gold: str) -> str:
    return _marked_answer(gold) if len(gold) <= LONGEST_GOLD else _marked_answer.__wrapped__(gold)


@lru_cache(maxsize=4_096)
def _marked_answer(gold: str) -> str:
    marked = extract_marked(gold)
    return marked.text if marked else gold


def _known(gold: str, pred: str) -> Judgement | None:
    """The judgement of a pair that was judged before or needs no worker."""
    judgement = _memory.get((gold, pred))
    if judgement is None and (judgement := _quick(gold, pred)) is not None:
        _memory.put((gold, pred), judgement)
    return judgement


def _quick(gold: str, pred: str) -> Judgement | None:
    """Decide without a worker: the same text, too large to look at, or the fast path."""
    if gold == pred:
        return ("equal" if gold.strip() else "different"), "text", 0.0
    if max(len(gold), len(pred)) <= SHORT and gold.isdecimal() and pred.isdecimal() and (gold + pred).isascii():
        return ("equal" if int(gold) == int(pred) else "different"), "number", 0.0
    if reason := refusal(gold) or refusal(pred):
        return "unknown", reason, 0.0
    if (quick := quick_compare(gold, pred)) is not None:
        return ("equal" if quick[0] else "different"), quick[1], 0.0
    return None


def _slow(gold: str, pred: str) -> Judgement:
    ((_, judgement),) = _slow_many([(gold, pred)], None)
    return judgement


def _slow_many(pairs: Sequence[tuple[str, str]], workers: int | None) -> Iterator[tuple[tuple[str, str], Judgement]]:
    """Compare in workers, each pair once; yields pairs as they are done."""
    if not pairs:
        return
    pool = pool_of(workers or (FEW_WORKERS if len(pairs) <= FEW_PAIRS else _cores()))
    for index, judgement in pool.compare_many([(parser_text(gold), parser_text(pred)) for gold, pred in pairs]):
        if judgement[1] != LOST:  # what runs out of CPU time once does so again
            _memory.put(pairs[index], (judgement[0], judgement[1], 0.0))
        yield pairs[index], judgement


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Memory:
    """Judgements by gold and predicted answer. Threads read without a lock and write with one."""

    def __init__(self) -> None:
        self._judgements: dict[tuple[str, str], Judgement] = {}
        self.get = self._judgements.get
        self.unlock()

    def unlock(self) -> None:
        """In a forked child: whoever held the lock is not there."""
        self._lock = threading.Lock()

    def put(self, pair: tuple[str, str], judgement: Judgement) -> None:
        if len(pair[0]) + len(pair[1]) > LONGEST_ANSWER:
            return
        with self._lock:
            if len(self._judgements) >= CACHED:
                for oldest in list(itertools.islice(self._judgements, CACHED // 10)):
                    del self._judgements[oldest]
            self._judgements[pair] = judgement


_memory = _Memory()
os.register_at_fork(after_in_child=_memory.unlock)
