"""Which of the candidates of a search is its answer: the best one, or the best of the answer with the most votes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from prmkit.grading import equivalence_classes, extract
from prmkit.records import FinishReason
from search.result import Candidate


class Choice(StrEnum):
    """How the chosen candidate is found among the whole ones."""

    MAX = "max"
    """The one with the highest score."""
    MAJORITY = "majority"
    """The highest score among those whose answer is the most frequent (Wang et al. 2022, arXiv:2203.11171)."""
    WEIGHTED = "weighted"
    """The same with every vote weighted by its score (Li et al. 2022, arXiv:2206.02336)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Votes:
    """Votes for one answer."""

    answer: str
    """As the best of its candidates wrote it."""
    count: int = 0
    """Candidates that state it."""
    weight: float = 0.0
    """Sum of their scores."""


def votes(candidates: Sequence[Candidate]) -> dict[int, Votes]:
    """Votes of the whole candidates that state an answer.

    Equivalent answers count as one (`prmkit.grading`): "1/2" and "0.5" are votes for the same. May start worker
    processes that compare expressions, so do not call it in an event loop.

    Returns:
        By index of the candidate that stands for an answer, the first of its class.
    """
    found = {
        index: answer.text
        for index, each in enumerate(candidates)
        if each.finish is FinishReason.END and (answer := extract("\n".join(each.steps)))
    }
    firsts: dict[int, int] = {}
    counted: dict[int, Votes] = {}
    for index, group in zip(found, equivalence_classes(list(found.values())), strict=True):
        first = firsts.setdefault(group, index)
        before = counted.get(first, Votes(answer=found[first]))
        counted[first] = replace(before, count=before.count + 1, weight=before.weight + candidates[index].score)
    return counted


def choose(candidates: Sequence[Candidate], how: Choice) -> tuple[int | None, str | None]:
    """The chosen candidate's index and its answer; None where no candidate is whole, or states an answer.

    Args:
        candidates: Best first (`SearchResult.candidates`): answers with equally many votes are decided by their best.
        how: The rule.
    """
    whole = next((index for index, each in enumerate(candidates) if each.finish is FinishReason.END), None)
    if whole is None:
        return None, None
    if how is Choice.MAX:
        answer = extract("\n".join(candidates[whole].steps))
        return whole, answer.text if answer else None
    counted = votes(candidates)
    if not counted:
        return whole, None
    field = "count" if how is Choice.MAJORITY else "weight"
    winner = max(counted, key=lambda first: (getattr(counted[first], field), -first))
    return winner, counted[winner].answer
