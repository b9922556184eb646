"""Adaptive best-of-n: more solutions only where those drawn leave the answer open."""

import asyncio
from dataclasses import dataclass

from scipy.stats import beta

from prmkit.errors import InputError
from prmkit.records import FinishReason
from search.best_of_n import BestOfN
from search.choice import Choice, votes
from search.nodes import Node
from search.tree import Tree


@dataclass(frozen=True, kw_only=True)
class AdaptiveBestOfN(BestOfN):
    """Best-of-n in rounds, which ends as soon as the answer is certain enough.

    With `Choice.MAX` that is a calibrated score of the best solution of at least `certain`: the chance that it is
    right, as far as the calibration (`prmkit calibrate`) holds. The best of many scores is an optimistic one, the more
    so the more are drawn. With votes it is the chance that the leading answer would go on leading the second, from a
    uniform prior (Aggarwal et al. 2023, arXiv:2305.11860); weighted votes are scaled to sum to their number.
    """

    name = "adaptive"

    certain: float = 0.9
    """Certainty that is enough, above 0 and below 1."""
    round: int = 4
    """Solutions drawn before the certainty is looked at again; at least 1."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.certain < 1 or self.round < 1:
            raise InputError(f"need 0 < certain < 1 and round >= 1, got {self.certain} and {self.round}")

    def wave(self, tokens_left: int | None) -> int:
        """Solutions that are drawn together."""
        return min(self.round, super().wave(tokens_left))

    async def enough(self, tree: Tree, found: list[Node]) -> bool:
        """Whether the answer is certain enough."""
        candidates = tree.candidates(found)
        if self.choice is Choice.MAX:
            return any(each.finish is FinishReason.END and each.score >= self.certain for each in candidates[:1])
        counted = (await asyncio.to_thread(votes, candidates)).values()
        if not counted:
            return False
        sums = [each.count if self.choice is Choice.MAJORITY else each.weight for each in counted]
        scale = sum(each.count for each in counted) / (sum(sums) or 1.0)  # weights, too, sum to the number of votes
        first, second, *_ = *sorted(sums, reverse=True), 0.0, 0.0
        return float(beta.sf(0.5, first * scale + 1, second * scale + 1)) >= self.certain
