"""Diverse verifier tree search: independent subtrees, so that one early favourite cannot take all beams.

Beeching et al. 2024, "Scaling test-time compute with open models".
"""

from dataclasses import dataclass

from search.beam import BeamSearch
from search.nodes import Node, best


@dataclass(frozen=True, kw_only=True)
class DVTS(BeamSearch):
    """`beams` subtrees, each a step-level greedy search with its own draws: the best of its continuations is kept.

    Equal solutions of different subtrees are independent draws, so they stay, and vote.
    """

    name = "dvts"
    purpose = "dvts"

    def first(self, root: Node) -> tuple[list[Node], int]:
        """What is continued for the first step, and how often."""
        return [root] * self.beams, self.expansions

    def select(self, families: list[list[Node]], _count: int) -> list[Node]:
        """The continuations that are kept, from those of each beam."""
        return [each for family in families for each in best(family, 1)]
