"""Beam search over reasoning steps, pruned by a reward model at every step boundary (Snell et al. 2024)."""

from dataclasses import dataclass

from prmkit.completers import Completer
from prmkit.errors import InputError
from prmkit.records import FinishReason, Problem
from search.method import StepSearch, check_sizes
from search.nodes import Node, best
from search.result import SearchResult
from search.scoring import BatchingScorer
from search.tree import Tree


@dataclass(frozen=True, kw_only=True)
class BeamSearch(StepSearch):
    """The search and its settings.

    Every beam under way is continued by `expansions` draws of one step. Of all that results the best are kept, so many
    that finished and unfinished beams together are `beams`; equal values are decided by chance. A finished beam stays.
    The search ends when all beams are finished, or at `max_steps`. With a single beam it is step-level greedy.
    """

    name = "beam"
    purpose = "beam"

    beams: int = 4
    """N: beams kept; at least 1. The first step is drawn N x M times."""
    lookahead: int = 0
    """Greedy steps after which a step is scored; 0 scores it at once."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sizes(beams=self.beams)
        if self.lookahead < 0:
            raise InputError(f"a look-ahead of {self.lookahead} steps is none; it must be at least 0")

    async def search(self, completer: Completer, scorer: BatchingScorer, problem: Problem) -> SearchResult:
        """Search one problem; see `Method.search`."""
        tree = Tree(self, completer, scorer, problem)
        kept = [tree.root]
        for step in range(self.max_steps):
            live = [each for each in kept if each.live]
            if not live:
                break
            done = [each for each in kept if not each.live]
            parents, draws = (live, self.expansions) if step else self.first(tree.root)
            families = await tree.draw(parents, draws, duplicates=self.duplicates)
            new = [each for family in families for each in family]
            if self.lookahead:
                await tree.look_ahead(new, self.lookahead)
            if tree.purse.ended:  # the round is not whole: only what is finished counts
                kept += [each for each in new if each.finish is FinishReason.END]
                break
            kept = done + self.select(families, self.beams - len(done))
        return await tree.result(kept)

    def first(self, root: Node) -> tuple[list[Node], int]:
        """What is continued for the first step, and how often."""
        return [root], self.beams * self.expansions

    def select(self, families: list[list[Node]], count: int) -> list[Node]:
        """The continuations that are kept, from those of each beam."""
        return best([each for family in families for each in family], count)
