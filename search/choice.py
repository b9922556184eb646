"""Which of the candidates of a search is its answer: the best one, or the best of the answer with the most votes."""

from collections import defaultdict
from collections.abc import Sequence
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


def votes(candidates: Sequence[Candidate], how: Choice) -> dict[int, tuple[str, float]]:
    """Votes of the whole candidates that state an answer.

    Equivalent answers count as one (`prmkit.grading`): "1/2" and "0.5" are votes for the same. May start worker
    processes that compare expressions, so do not call it in an event loop.

    Returns:
        By index of the candidate that stands for an answer, the first of its class: its answer as written, and the sum
        of the votes. `MAX` counts like `WEIGHTED`.
    """
    found = {
        index: answer.text
        for index, each in enumerate(candidates)
        if each.finish is FinishReason.END and (answer := extract("\n".join(each.steps)))
    }
    sums: dict[int, float] = defaultdict(float)
    firsts: dict[int, int] = {}
    for index, group in zip(found, equivalence_classes(list(found.values())), strict=True):
        first = firsts.setdefault(group, index)
        sums[first] += 1.0 if how is Choice.MAJORITY else candidates[index].score
    return {first: (found[first], total) for first, total in sums.items()}


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
    counted = votes(candidates, how)
    if not counted:
        return whole, None
    winner = max(counted, key=lambda first: (counted[first][1], -first))
    return winner, counted[winner][0]
