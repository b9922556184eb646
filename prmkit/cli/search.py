"""`prmkit search`: best-of-n, beam search and tree searches over problems, guided by a reward model."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from prmkit.cli.search_options import SearchBase

if TYPE_CHECKING:
    from search.method import Method


@dataclass(frozen=True, kw_only=True)
class SearchBestOfN(SearchBase):
    """Draw n solutions of each problem and take the one the reward model scores highest, or vote."""

    command = "best-of-n"

    n: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 16
    """Solutions per problem."""

    def method(self) -> "Method":
        """The search."""
        from search.best_of_n import BestOfN

        return BestOfN(n=self.n, **self.shared())


@dataclass(frozen=True, kw_only=True)
class SearchAdaptive(SearchBase):
    """Best-of-n in rounds, which goes on only where the calibrated score, or the vote, leaves the answer open."""

    command = "adaptive"

    n: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 16
    """Solutions per problem at most."""
    certain: float = 0.9
    """Certainty that is enough, in (0, 1)."""
    round: int = 4
    """Solutions drawn before the certainty is looked at again."""

    def method(self) -> "Method":
        """The search."""
        from search.adaptive import AdaptiveBestOfN

        if self.choice == "max":
            _check_calibrated(self.prm)
        return AdaptiveBestOfN(n=self.n, certain=self.certain, round=self.round, **self.shared())


@dataclass(frozen=True, kw_only=True)
class StepwiseBase(SearchBase):
    """What searches that draw step by step take."""

    expansions: Annotated[int, tyro.conf.arg(aliases=["-m"])] = 4
    """M: draws from each solution so far that is continued."""
    max_steps: int = 40
    """Steps of a solution at most."""
    duplicates: Literal["accept", "merge", "replace", "heat"] = "accept"
    """Equal next steps: each counts (accept); or they count once (merge), and are drawn again (replace), also at a
    raised temperature (heat)."""

    def shared(self) -> dict[str, Any]:
        """Settings that these searches have."""
        from search.nodes import Duplicates

        own = {"expansions": self.expansions, "max_steps": self.max_steps, "duplicates": Duplicates(self.duplicates)}
        return super().shared() | own


@dataclass(frozen=True, kw_only=True)
class SearchGreedy(StepwiseBase):
    """Grow a single solution: draw M next steps, keep the one the reward model scores highest."""

    command = "greedy"

    lookahead: int = 0
    """Greedy steps after which a step is scored; 0 scores it at once."""

    def method(self) -> "Method":
        """The search."""
        from search.beam import BeamSearch

        return BeamSearch(beams=1, lookahead=self.lookahead, **self.shared())


@dataclass(frozen=True, kw_only=True)
class SearchBeam(SearchGreedy):
    """Grow solutions step by step and keep the N that the reward model scores highest."""

    command = "beam"

    beams: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 4
    """N: beams kept."""

    def method(self) -> "Method":
        """The search."""
        from search.beam import BeamSearch

        return BeamSearch(beams=self.beams, lookahead=self.lookahead, **self.shared())


@dataclass(frozen=True, kw_only=True)
class SearchDVTS(SearchGreedy):
    """Grow N solutions in independent subtrees, each greedily by the reward model."""

    command = "dvts"

    beams: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 4
    """N: subtrees."""

    def method(self) -> "Method":
        """The search."""
        from search.dvts import DVTS

        return DVTS(beams=self.beams, lookahead=self.lookahead, **self.shared())


@dataclass(frozen=True, kw_only=True)
class SearchLookahead(SearchBeam):
    """Beam search that scores every step by what the policy would greedily write after it."""

    command = "lookahead"

    lookahead: int = 1
    """Greedy steps after which a step is scored; at least 1."""

    def method(self) -> "Method":
        """The search."""
        from prmkit.errors import InputError

        if self.lookahead < 1:
            raise InputError(f"--lookahead must be at least 1, got {self.lookahead}; without looking ahead it is beam")
        return super().method()


@dataclass(frozen=True, kw_only=True)
class SearchMCTS(StepwiseBase):
    """Monte-Carlo tree search with the reward model's values."""

    command = "mcts"

    simulations: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 8
    """Walks to the end of a solution at most: the budget."""
    duplicates: Literal["accept", "merge", "replace", "heat"] = "merge"
    """Equal next steps; as in other searches."""
    exploration: float = 0.2
    """Weight of what was tried seldom; 0 always follows the highest mean value."""

    def method(self) -> "Method":
        """The search."""
        from search.mcts import MCTS

        return MCTS(simulations=self.simulations, exploration=self.exploration, **self.shared())


def _check_calibrated(models: Sequence[str]) -> None:
    """Refuse models whose scores of solutions are not probabilities that were held against outcomes."""
    from prmkit.errors import InputError
    from prmkit.rewards.metadata import RewardMetadata
    from prmkit.steps import METADATA_FILE

    ours = len(models) == 1 and (Path(models[0]) / METADATA_FILE).is_file()
    if not ours or RewardMetadata.read(Path(models[0])).solution_calibration is None:
        raise InputError(
            f"--prm {' '.join(models)}: how certain its best score is nobody knows; take one model calibrated by "
            "`prmkit calibrate --level solutions`, or --choice majority or weighted"
        )


Search = (
    Annotated[SearchBestOfN, tyro.conf.subcommand("best-of-n", prefix_name=False)]
    | Annotated[SearchAdaptive, tyro.conf.subcommand("adaptive", prefix_name=False)]
    | Annotated[SearchGreedy, tyro.conf.subcommand("greedy", prefix_name=False)]
    | Annotated[SearchBeam, tyro.conf.subcommand("beam", prefix_name=False)]
    | Annotated[SearchLookahead, tyro.conf.subcommand("lookahead", prefix_name=False)]
    | Annotated[SearchDVTS, tyro.conf.subcommand("dvts", prefix_name=False)]
    | Annotated[SearchMCTS, tyro.conf.subcommand("mcts", prefix_name=False)]
)
