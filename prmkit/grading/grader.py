"""The one answer grader: labelling, training, search, votes and evaluation all call these functions.

Three layers: answers are extracted and compared in this process where that is exact (`prmkit.grading.normalise`),
refused where their size is hostile (`.limits`), and otherwise parsed and compared by sympy in a worker process
(`.pool`). Verdicts are cached.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from enum import StrEnum

from prmkit.errors import InputError
from prmkit.grading.extract import Extracted, extract, extract_marked
from prmkit.grading.limits import LONGEST_ANSWER, refusal
from prmkit.grading.normalise import key, parser_text, quick_compare
from prmkit.grading.pool import Judgement, pool_of

CACHED = 50_000
"""Verdicts kept; the oldest give way."""
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
    """What decided: `no answer`, `text`, `words`, `choice`, `number`, `sympy`, `unreadable`, or why it is unknown."""
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
    return _verdict(_quick(gold, pred) or _slow(gold, pred), None).equal


def grade_detailed(gold: str, solution: str) -> Verdict:
    """`grade` with its reason."""
    gold, extracted = _gold_answer(gold), extract(solution)
    if extracted is None:
        return _NO_ANSWER
    return _verdict(_quick(gold, extracted.text) or _slow(gold, extracted.text), extracted)


def grade_many(
    pairs: Sequence[tuple[str, str]],
    workers: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[Verdict]:
    """Grade many (gold, solution) pairs; equal pairs of answers are compared once.

    Args:
        pairs: Gold and solution, as `grade` takes them.
        workers: Worker processes for what sympy must decide; the default is `FEW_WORKERS` for up to `FEW_PAIRS` such
            comparisons and one per usable core beyond.
        progress: Called with the number of pairs just done, from this thread.

    Returns:
        One verdict per pair, in order.

    Raises:
        InputError: `workers` is less than 1.
    """
    if workers is not None and workers < 1:
        raise InputError(f"workers must be at least 1, got {workers}")
    tell = progress or _say_nothing
    verdicts: list[Verdict | None] = [None] * len(pairs)
    waiting: dict[tuple[str, str], list[tuple[int, Extracted]]] = {}
    for index, (gold_text, solution) in enumerate(pairs):
        gold, extracted = _gold_answer(gold_text), extract(solution)
        if extracted is None:
            verdicts[index] = _NO_ANSWER
        elif quick := _quick(gold, extracted.text):
            verdicts[index] = _verdict(quick, extracted)
        else:
            waiting.setdefault((gold, extracted.text), []).append((index, extracted))
            continue
        tell(1)
    workers = workers or (FEW_WORKERS if len(waiting) <= FEW_PAIRS else _cores())
    for pair, judgement in _slow_many(waiting, workers):
        for index, extracted in waiting[pair]:
            verdicts[index] = _verdict(judgement, extracted)
        tell(len(waiting[pair]))
    return [verdict for verdict in verdicts if verdict is not None]


def equivalence_classes(answers: Sequence[str]) -> list[int]:
    """Group equal answers, for votes.

    Answers written alike are grouped first, so that the cost depends on the number of different notations. Each is then
    compared with one answer per class, the class's first.

    Returns:
        For each answer the index of its class; classes are numbered in order of first appearance.
    """
    firsts: list[str] = []
    class_of_key: dict[str, int] = {}
    classes = []
    for answer in answers:
        name = key(answer) if len(answer) <= LONGEST_ANSWER else answer
        if name not in class_of_key:
            same = next((index for index, first in enumerate(firsts) if equivalent(first, answer)), len(firsts))
            if same == len(firsts):
                firsts.append(answer)
            class_of_key[name] = same
        classes.append(class_of_key[name])
    return classes


def _say_nothing(done: int) -> None:  # noqa: ARG001
    return


_NO_ANSWER = Verdict(Outcome.DIFFERENT, "no answer", None, 0.0)


def _verdict(judgement: Judgement, extracted: Extracted | None) -> Verdict:
    outcome, rule, seconds = judgement
    return Verdict(Outcome(outcome), rule, extracted, seconds)


def _gold_answer(gold: str) -> str:
    marked = extract_marked(gold)
    return marked.text if marked else gold


def _quick(gold: str, pred: str) -> Judgement | None:
    """Decide without a worker: the same text, too large to look at, or the fast path."""
    if gold == pred and gold.strip():
        return "equal", "text", 0.0
    if reason := refusal(gold) or refusal(pred):
        return "unknown", reason, 0.0
    if (quick := quick_compare(gold, pred)) is not None:
        return ("equal" if quick[0] else "different"), quick[1], 0.0
    return _cache.get(gold, pred)


def _slow(gold: str, pred: str, workers: int = FEW_WORKERS) -> Judgement:
    judgement = pool_of(workers).compare(parser_text(gold), parser_text(pred))
    _cache.put(gold, pred, judgement)
    return judgement


def _slow_many(pairs: Iterable[tuple[str, str]], workers: int) -> Iterable[tuple[tuple[str, str], Judgement]]:
    """The judgement of each pair, as they come. The threads only wait for workers."""
    with ThreadPoolExecutor(workers, thread_name_prefix="prmkit-grading") as threads:
        pending = {threads.submit(_slow, gold, pred, workers): (gold, pred) for gold, pred in pairs}
        try:
            for done in as_completed(pending):
                yield pending[done], done.result()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Cache:
    """Judgements by (gold, answer), shared by threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._judgements: OrderedDict[tuple[str, str], Judgement] = OrderedDict()

    def get(self, gold: str, pred: str) -> Judgement | None:
        with self._lock:
            found = self._judgements.get((gold, pred))
        return None if found is None else (found[0], found[1], 0.0)

    def put(self, gold: str, pred: str, judgement: Judgement) -> None:
        with self._lock:
            self._judgements[gold, pred] = judgement
            while len(self._judgements) > CACHED:
                self._judgements.popitem(last=False)


_cache = _Cache()
