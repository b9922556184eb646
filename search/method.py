"""What every search is: settings, and a coroutine that searches one problem. Run many problems together."""

from dataclasses import dataclass, field
from typing import ClassVar

from prmkit.completers import Completer, Sampling
from prmkit.errors import InputError
from prmkit.records import Problem
from search.budget import Budget
from search.choice import Choice
from search.nodes import Duplicates
from search.result import SearchResult
from search.scoring import BatchingScorer


@dataclass(frozen=True, kw_only=True)
class Method:
    """A search and its settings; picklable."""

    name: ClassVar[str]
    """Of the method, as on the command line."""
    purpose: ClassVar[str]
    """In the addresses of its draws; those of `sample` are the solutions that `prmkit sample` draws."""

    sampling: Sampling
    """How the policy draws; `max_tokens` bounds the whole solution."""
    choice: Choice = Choice.MAX
    """How the answer is found among the candidates."""
    budget: Budget = field(default_factory=Budget)
    """What may be spent on a problem."""
    seed: int = 0
    """Of all draws."""

    async def search(self, completer: Completer, scorer: BatchingScorer, problem: Problem) -> SearchResult:
        """Search one problem. What comes out depends on nothing but settings, models and problem; time limits aside.

        Raises:
            InputError: The problem does not fit the policy's context, or the budget needs what the reward model cannot
                tell.
            EngineError: The policy's engine died.
        """
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class StepSearch(Method):
    """A search that draws step by step."""

    expansions: int = 4
    """M: draws after every solution so far that is continued; at least 1."""
    max_steps: int = 40
    """Steps of a solution at most."""
    duplicates: Duplicates = Duplicates.ACCEPT
    """What becomes of equal steps after the same solution so far."""

    def __post_init__(self) -> None:
        check_sizes(expansions=self.expansions, max_steps=self.max_steps)
        if not self.sampling.temperature and self.duplicates in (Duplicates.REPLACE, Duplicates.HEAT):
            raise InputError("at temperature 0 every draw is the same: duplicates cannot be drawn again")


def check_sizes(**sizes: int) -> None:
    """Refuse sizes below 1, by name.

    Raises:
        InputError: There is one.
    """
    if small := {name: size for name, size in sizes.items() if size < 1}:
        raise InputError(
            f"a search needs {' and '.join(small)} of at least 1, got {', '.join(map(str, small.values()))}"
        )
