"""Monte-Carlo tree search over reasoning steps, with the values of a reward model in place of random rollouts.

Selection by UCT (Kocsis & Szepesvári 2006); a new step's first value is its score, as in Zhang et al. 2024 (ReST-MCTS*,
arXiv:2406.03816) and Chen et al. 2024 (AlphaMath, arXiv:2405.03553).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from prmkit.completers import Completer
from prmkit.errors import InputError
from prmkit.records import FinishReason, Problem
from search.method import StepSearch, check_sizes
from search.nodes import Duplicates, Node
from search.result import SearchResult
from search.scoring import BatchingScorer
from search.tree import Tree


@dataclass(eq=False)
class _Branch:
    """A node of the tree with what was learned below it."""

    node: Node
    parent: "_Branch | None" = None
    children: list["_Branch"] = field(default_factory=list)
    closed: bool = False
    """Nothing new can be found below."""
    visits: int = 1
    total: float = 0.0

    @property
    def whole(self) -> bool:
        """Whether it is a whole solution."""
        return self.node.finish is FinishReason.END

    @property
    def mean(self) -> float:
        """Mean value, in [0, 1]."""
        return self.total / self.visits


@dataclass(frozen=True, kw_only=True)
class MCTS(StepSearch):
    """The search and its settings.

    A simulation walks from the problem to the end of a solution: at every step to the branch with the highest mean
    value + `exploration` x sqrt(ln(visits of its parent) / its own visits), drawing `expansions` next steps wherever
    there are none yet. The score of the solution it ends with, 0 for one that is cut, is then averaged into all values
    on its way. Solutions are not walked to twice. All whole solutions that were drawn are candidates.
    """

    name = "mcts"
    purpose = "mcts"

    simulations: int = 8
    """The budget: walks to the end of a solution at most; at least 1."""
    exploration: float = 0.2
    """0 always follows the highest mean value; finite."""
    duplicates: Duplicates = Duplicates.MERGE
    """As in other searches; equal steps would be walked through twice."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sizes(simulations=self.simulations)
        if not 0 <= self.exploration < math.inf:
            raise InputError(f"exploration must be at least 0 and finite, got {self.exploration}")

    async def search(self, completer: Completer, scorer: BatchingScorer, problem: Problem) -> SearchResult:
        """Search one problem; see `Method.search`."""
        tree = Tree(self, completer, scorer, problem)
        root = _Branch(tree.root)
        for _ in range(self.simulations):
            if root.closed or tree.purse.ended:
                break
            await self._simulate(tree, root)
        branches = [root]
        for branch in branches:
            branches += branch.children
        for branch in reversed(branches):  # one that only ends shares its parent's place in the trace
            tree.rank(branch.node, branch.mean, branch.visits)
        return await tree.result(each.node for each in branches if not each.children and (each.closed or each.whole))

    async def _simulate(self, tree: Tree, root: _Branch) -> None:
        """One walk."""
        branch = root
        while branch.node.live and len(branch.node.steps) < self.max_steps and not tree.purse.ended:
            if not branch.children:
                [family] = await tree.draw([branch.node], self.expansions, duplicates=self.duplicates)
                branch.children = [_Branch(each, branch, total=max(0.0, each.score)) for each in family]
            ways = [each for each in branch.children if not each.closed]
            if not ways:
                break
            branch = self._select(branch, ways)
        if tree.purse.ended and branch.node.live:
            return  # broken off: it says nothing about the way it went
        _close(branch)
        _learn(branch, branch.node.score if branch.whole else 0.0)

    def _select(self, parent: _Branch, ways: Sequence[_Branch]) -> _Branch:
        def promise(branch: _Branch) -> tuple[float, int]:
            bonus = self.exploration * math.sqrt(math.log(parent.visits) / branch.visits)
            return (round(branch.mean + bonus, 6), -branch.node.tie)

        return max(ways, key=promise)


def _close(branch: _Branch) -> None:
    """Nothing new can be found here, nor in those of its ancestors of which that is now true of all branches."""
    branch.closed = True
    above = branch.parent
    while above is not None and all(each.closed for each in above.children):
        above.closed = True
        above = above.parent


def _learn(branch: _Branch, value: float) -> None:
    """Average a solution's score into the branches that led to it."""
    way: _Branch | None = branch
    while way is not None:
        way.visits += 1
        way.total += value
        way = way.parent
