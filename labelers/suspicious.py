"""The steps that a person should read first: where labels contradict the truth, a second opinion, or each other.

Every suspicion has a strength in [0, 1]: how far apart the two sides are beyond what the number of rollouts explains.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from labelers.audit import first_flag, graded_right
from labelers.coverage import Values, intervals
from prmkit.demo.oracle import StepTruth
from prmkit.formats.verdicts import Verdicts
from prmkit.records import EstimateMethod, LabeledSolution, StepLabel


class Reason(StrEnum):
    """Why a step is suspicious."""

    TRUTH_WRONG = "wrong by the truth, but the policy goes on to right answers"
    TRUTH_RIGHT = "right by the truth, but labelled incorrect"
    OPINION_WRONG = "wrong by the second opinion, but the policy goes on to right answers"
    OPINION_RIGHT = "right by the second opinion, but labelled incorrect"
    REFERENCE = "the value by the reference is outside the interval"
    GRADER = "the grader says of the answer what the truth denies"
    RISE = "right answers again after a step labelled incorrect"
    DIP = "fewer right answers than from the step before and the step after"
    LUCK = "the answer is right after a step labelled incorrect"
    SLIP = "the answer is wrong, though the policy still found the right one from the step before"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """A step and what is odd about it."""

    solution: str
    """Name of the solution."""
    step: int
    """Index of the step, from 0."""
    strength: float
    """Of the strongest reason, in [0, 1]."""
    reasons: tuple[str, ...]
    """All of them, the strongest first."""
    label: str
    """The step's class."""
    successes: int
    """Right completions."""
    rollouts: int
    """Completions drawn."""
    low: float
    """Lower end of the interval of the value."""
    high: float
    """Upper end."""
    text: str
    """The step."""
    problem: str
    """What was asked."""
    answer: str
    """Reference answer."""

    def to_json(self) -> dict[str, Any]:
        """As a line of suspicious.jsonl."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What else is known about one labelled solution."""

    truth: Verdicts | None = None
    """The truth."""
    opinion: Verdicts | None = None
    """A second opinion."""
    values: Values | None = None
    """True values."""


def suspicious_steps(
    labeled: Sequence[LabeledSolution], evidence: Sequence[Evidence], *, most: int, weakest: float = 0.05
) -> list[Suspicion]:
    """The most suspicious steps, strongest first.

    Args:
        labeled: Labelled solutions.
        evidence: One per solution.
        most: How many to return at most.
        weakest: Suspicions below this strength are not worth reading.
    """
    found = [
        _suspicion(each, step, strengths)
        for each, known in zip(labeled, evidence, strict=True)
        for step, strengths in _by_step(each, known, weakest).items()
    ]
    return sorted(found, key=lambda each: (-each.strength, each.solution, each.step))[:most]


def _by_step(labeled: LabeledSolution, known: Evidence, weakest: float) -> dict[int, dict[Reason, float]]:
    found: dict[int, dict[Reason, float]] = {}
    every = [
        *_against_verdicts(labeled, known.truth, Reason.TRUTH_WRONG, Reason.TRUTH_RIGHT),
        *_against_verdicts(labeled, known.opinion, Reason.OPINION_WRONG, Reason.OPINION_RIGHT),
        *_against_values(labeled, known.values),
        *_against_neighbours(labeled),
        *_against_answer(labeled, known.truth),
    ]
    for step, strength, reason in every:
        if strength >= weakest:
            reasons = found.setdefault(step, {})
            reasons[reason] = max(strength, reasons.get(reason, 0.0))
    return found


def _suspicion(labeled: LabeledSolution, step: int, strengths: dict[Reason, float]) -> Suspicion:
    solution, estimate = labeled.solution, labeled.estimates[step]
    low, high = intervals(labeled)[step]
    reasons = sorted(strengths, key=lambda reason: -strengths[reason])
    return Suspicion(
        solution=solution.name,
        step=step,
        strength=round(strengths[reasons[0]], 4),
        reasons=tuple(map(str, reasons)),
        label=labeled.labels[step].name.lower(),
        successes=estimate.successes,
        rollouts=estimate.rollouts,
        low=round(low, 4),
        high=round(high, 4),
        text=solution.steps[step],
        problem=solution.problem.problem,
        answer=solution.problem.answer or "",
    )


_Found = Iterator[tuple[int, float, Reason]]


def _drawn(labeled: LabeledSolution) -> list[int]:
    return [at for at, each in enumerate(labeled.estimates) if each.method is EstimateMethod.ROLLOUTS]


def _against_verdicts(labeled: LabeledSolution, verdicts: Verdicts | None, wrong: Reason, right: Reason) -> _Found:
    """Up to the first error: a wrong step from which the answer is still found, a right one labelled incorrect."""
    if verdicts is None:
        return
    drawn = _drawn(labeled)
    for step, (truth, (low, high)) in enumerate(zip(verdicts.truths, intervals(labeled), strict=True)):
        if truth is None:
            return
        if truth is StepTruth.WRONG:
            if step in drawn and labeled.labels[step] is not StepLabel.INCORRECT:
                yield step, low, wrong
            return
        if step in drawn and labeled.labels[step] is StepLabel.INCORRECT:
            yield step, 1.0 - high, right


def _against_values(labeled: LabeledSolution, values: Values | None) -> _Found:
    for step, (value, (low, high)) in enumerate(zip(values or [], intervals(labeled), strict=False)):
        if value is not None:
            yield step, max(low - value, value - high), Reason.REFERENCE


def _against_neighbours(labeled: LabeledSolution) -> _Found:
    """A value cannot come back once it is lost, nor dip for one step, unless policy or grader guess."""
    drawn, ends = _drawn(labeled), intervals(labeled)
    flagged: int | None = None
    for place, step in enumerate(drawn):
        low, high = ends[step]
        if flagged is not None and labeled.labels[step] is not StepLabel.INCORRECT:
            yield flagged, low - ends[flagged][1], Reason.RISE
        if flagged is None and labeled.labels[step] is StepLabel.INCORRECT:
            flagged = step
        if 0 < place < len(drawn) - 1:
            around = [ends[drawn[at]][0] for at in (place - 1, place + 1)]
            yield step, min(around) - high, Reason.DIP


def _against_answer(labeled: LabeledSolution, truth: Verdicts | None) -> _Found:
    """The graded answer beside the truth, and beside the rollouts before it."""
    drawn, flag, ends, right = _drawn(labeled), first_flag(labeled), intervals(labeled), graded_right(labeled)
    if right is None:
        return
    known = None if truth is None else truth.answer_right
    last = len(labeled.labels) - 1
    if known is not None and known is not right:
        yield last, 1.0, Reason.GRADER
    if right and flag in drawn:
        yield flag, 1.0 - ends[flag][1], Reason.LUCK
    if not right and drawn and known is not False:  # an answer that is wrong by the truth is no slip of the grader
        yield last, ends[drawn[-1]][0], Reason.SLIP
