"""What a search may spend on one problem, and what it has spent."""

import math
import time
from dataclasses import dataclass, fields

from prmkit.errors import InputError
from search.result import Ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Limits for one problem; None is no limit. A search that reaches one stops with the best so far."""

    tokens: int | None = None
    """Tokens that the policy writes; never exceeded."""
    prm_tokens: int | None = None
    """Tokens that the reward model reads, those it keeps counted once; never exceeded."""
    seconds: float | None = None
    """Since the search of the problem began. What is being drawn then is given up; what was drawn is still scored."""

    def __post_init__(self) -> None:
        for each in fields(self):
            limit = getattr(self, each.name)
            if limit is not None and not 0 < limit < math.inf:
                raise InputError(f"a budget of {each.name} must be above 0 and finite, got {limit}")


class Purse:
    """What one search has spent of its budget; it begins to run when it is made."""

    def __init__(self, budget: Budget) -> None:
        """Start the clock."""
        self.budget = budget
        self.tokens = 0
        """Written by the policy."""
        self.prm_tokens: int | None = 0
        """Read by the reward model; None where it does not say."""
        self.ended: Ended | None = None
        """The limit that ended the search, once one did."""
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._began

    def time_left(self) -> float | None:
        """Seconds; None where they are not limited."""
        return None if self.budget.seconds is None else max(0.0, self.budget.seconds - self.seconds)

    def tokens_left(self) -> int | None:
        """Tokens the policy may still write; None where they are not limited."""
        return None if self.budget.tokens is None else self.budget.tokens - self.tokens

    def may_write(self, draws: int) -> bool:
        """Whether so many draws can be paid, a token each at least; ends the search where they cannot."""
        if self.time_left() == 0:
            self.ended = self.ended or Ended.SECONDS
        left = self.tokens_left()
        if left is not None and left < draws:
            self.ended = self.ended or Ended.TOKENS
        return self.ended is None

    def pay_read(self, tokens: int | None) -> bool:
        """Pay for a score, of so many tokens; where that is more than is left nothing is paid and the search ends.

        Raises:
            InputError: They are limited, and the reward model does not say how many it reads.
        """
        limit = self.budget.prm_tokens
        if tokens is None or self.prm_tokens is None:
            if limit is not None:
                raise InputError("a budget of tokens read needs a reward model that says how many tokens it reads")
            self.prm_tokens = None
            return True
        if limit is not None and self.prm_tokens + tokens > limit:
            self.ended = self.ended or Ended.PRM_TOKENS
            return False
        self.prm_tokens += tokens
        return True
