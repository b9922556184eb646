"""A solution while it is searched, how such are ranked, and what becomes of equal ones."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from prmkit.records import FinishReason


class Duplicates(StrEnum):
    """What becomes of equal steps after the same solution so far."""

    ACCEPT = "accept"
    """Each counts, so that what the policy finds likely keeps its weight."""
    MERGE = "merge"
    """They count once, so fewer are ranked; a rare step then weighs as much as a likely one."""
    REPLACE = "replace"
    """They count once, and others are drawn in their place, twice at most."""
    HEAT = "heat"
    """The same, at 1.5 times the temperature, then at 2.25 times."""


@dataclass(eq=False, kw_only=True)
class Node:
    """A solution so far."""

    token_ids: tuple[int, ...] = ()
    """What the policy wrote after the prompt."""
    steps: tuple[str, ...] = ()
    """The same in steps."""
    finish: FinishReason = FinishReason.STEP
    """STEP: it can be continued."""
    step_scores: tuple[float, ...] = ()
    """Of the reward model; empty until they are known."""
    score: float = -math.inf
    """Aggregate of the step scores."""
    value: float = -math.inf
    """What it is ranked by."""
    tie: int = 0
    """Seed of its draw: decides between equal values, at random and yet repeatably."""
    leaf: int = -1
    """Index of its last step in the trace; -1 where it has none."""

    @property
    def live(self) -> bool:
        """Whether it can be continued."""
        return self.finish is FinishReason.STEP

    @property
    def scored(self) -> bool:
        """Whether all its steps have scores."""
        return len(self.step_scores) == len(self.steps)


def best(nodes: Iterable[Node], count: int) -> list[Node]:
    """The highest values; those that were cut have no answer and are kept only where there is no other."""
    ranked = sorted(nodes, key=lambda each: (-each.value, each.tie))
    whole = [each for each in ranked if each.finish is not FinishReason.LENGTH]
    return (whole or ranked)[:count]
