"""Best-of-n: draw n whole solutions, take the best, or vote."""

from dataclasses import dataclass

from prmkit.completers import Completer
from prmkit.records import Problem
from search.method import Method, check_sizes
from search.nodes import Node
from search.result import SearchResult
from search.scoring import BatchingScorer
from search.tree import Tree


@dataclass(frozen=True, kw_only=True)
class BestOfN(Method):
    """The search and its settings. The solutions are those that `prmkit sample` draws with the same seed."""

    name = "best-of-n"
    purpose = "sample"

    n: int = 16
    """Solutions per problem at most; at least 1."""

    def __post_init__(self) -> None:
        check_sizes(n=self.n)

    async def search(self, completer: Completer, scorer: BatchingScorer, problem: Problem) -> SearchResult:
        """Search one problem; see `Method.search`."""
        tree = Tree(self, completer, scorer, problem)
        found: list[Node] = []
        drawn = 0
        while drawn < self.n and not await self.enough(tree, found):
            draws = min(self.n - drawn, self.wave(tree.purse.tokens_left()))
            found += (await tree.draw([tree.root], draws, one_step=False))[0]
            drawn += draws
            if tree.purse.ended:
                break
        return await tree.result(found)

    def wave(self, tokens_left: int | None) -> int:
        """Solutions that are drawn together: as many as the budget pays for at their longest, else one by one."""
        few = self.n if self.budget.prm_tokens is None else 4  # what is drawn beyond that budget is never read
        return few if tokens_left is None else max(1, min(few, tokens_left // self.sampling.max_tokens))

    async def enough(self, _tree: Tree, _found: list[Node]) -> bool:
        """Whether to stop before n."""
        return False
