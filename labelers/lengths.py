"""How long rollouts may get: a limit proposed from the lengths of the solutions that are to be labelled."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prmkit.errors import InputError
from prmkit.records import Solution

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_MEASURED = 2_000
"""Solutions whose lengths are looked at for the proposal, spread evenly over all."""
_QUANTILE = 0.99
_HEADROOM = 1.5
"""Times the quantile: solutions that go wrong are longer, and lengths of solutions that were cut are not known."""
_MULTIPLE = 32


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A limit for the length of rollouts."""

    max_tokens: int
    """At least 32, a multiple of that."""
    reason: str
    """Why, in words."""


def propose_max_tokens(solutions: Sequence[Solution], tokenizer: "PreTrainedTokenizerBase") -> Proposal:
    """A limit that hardly any rollout needs to reach, from the solutions alone: the same for a run and its restart.

    The longest rollouts begin at the bare problem and are as long as whole solutions.

    Args:
        solutions: At least one.
        tokenizer: Of the policy; for solutions without token ids.

    Raises:
        InputError: There are no solutions.
    """
    if not solutions:
        raise InputError("there are no solutions to label")
    looked_at = solutions[:: -(-len(solutions) // _MEASURED)]
    lengths = sorted(_length(each, tokenizer) for each in looked_at)
    long = lengths[min(len(lengths) - 1, int(_QUANTILE * len(lengths)))]
    limit = _MULTIPLE * -(-int(_HEADROOM * long) // _MULTIPLE)
    return Proposal(
        max_tokens=limit,
        reason=f"{_QUANTILE:.0%} of the solutions have at most {long} tokens; {_HEADROOM} times that, rounded up",
    )


def _length(solution: Solution, tokenizer: "PreTrainedTokenizerBase") -> int:
    """Tokens of a whole solution."""
    if solution.step_ids is not None:
        return sum(map(len, solution.step_ids))
    return len(tokenizer("\n".join(solution.steps) + "\n", add_special_tokens=False)["input_ids"])
