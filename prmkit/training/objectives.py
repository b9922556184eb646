"""What a model learns from an example: at which tokens, and which target there.

Targets are float32 throughout; a hard label is a distribution with all mass on one class. Nothing here may pass through
an integer, or a soft 0.75 becomes 0.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from prmkit.errors import InputError
from prmkit.records import StepLabel
from prmkit.rewards.metadata import RewardKind
from prmkit.training.data import Example


class Targets(StrEnum):
    """Targets of a PRM."""

    HARD = "hard"
    """The class of the step."""
    SOFT = "soft"
    """The posterior mass of the three classes."""


class AfterError(StrEnum):
    """What a PRM learns from steps after the first incorrect one."""

    KEEP = "keep"
    """All of them (Math-Shepherd): their labels are estimates of value like any other."""
    MASK = "mask"
    """Nothing (Lightman et al. 2023): a step that follows an error is neither right nor wrong."""


class TokenLoss(StrEnum):
    """Where an ORM learns."""

    TOKENS = "tokens"
    """At every token of the solution (Cobbe et al. 2021)."""
    LAST = "last"
    """At the solution's last token."""


@dataclass(frozen=True, slots=True)
class Row:
    """An example under an objective."""

    ids: list[int]
    """Token ids."""
    positions: list[int]
    """Indices in `ids` at which there is a loss; at least one."""
    targets: np.ndarray
    """float32 `[P, C]`: for a PRM the wanted distribution over C = 3 classes, for an ORM one probability of correct."""


@dataclass(frozen=True, kw_only=True)
class Objective:
    """PRM or ORM, with its options."""

    kind: RewardKind
    """Which."""
    targets: Targets = Targets.HARD
    """PRM only."""
    after_error: AfterError = AfterError.KEEP
    """PRM only."""
    loss: TokenLoss = TokenLoss.TOKENS
    """ORM only."""

    @property
    def needs_whole_solutions(self) -> bool:
        """Whether an example that was cut at the length limit has lost its label."""
        return self.kind is RewardKind.ORM and self.loss is TokenLoss.LAST

    def row(self, example: Example) -> Row:
        """Positions and targets of one example.

        Raises:
            InputError: A soft label is no distribution, or an ORM's solution was never graded.
        """
        encoded = example.encoded
        if self.kind is RewardKind.PRM:
            positions, wanted = self._steps(example)
        elif example.correct is None:
            raise InputError(
                f"solution {example.name}: field 'correct' is missing; an ORM learns from graded solutions"
            )
        elif self.loss is TokenLoss.TOKENS:
            positions = list(range(encoded.prompt_length, len(encoded.ids)))
            wanted = [(float(example.correct),)] * len(positions)
        else:
            positions, wanted = [encoded.ends[-1]], [(float(example.correct),)]
        return Row(encoded.ids, positions, np.asarray(wanted, dtype=np.float32))

    def _steps(self, example: Example) -> tuple[list[int], list[tuple[float, ...]]]:
        steps = len(example.labels)
        if self.after_error is AfterError.MASK and StepLabel.INCORRECT in example.labels:
            steps = example.labels.index(StepLabel.INCORRECT) + 1
        wanted: list[tuple[float, ...]]
        if self.targets is Targets.HARD:
            wanted = [tuple(float(label == each) for each in StepLabel) for label in example.labels[:steps]]
        else:
            wanted = [
                _distribution(soft, example.name, index) for index, soft in enumerate(example.soft_labels[:steps])
            ]
        return example.encoded.ends[:steps], wanted


def _distribution(soft: tuple[float, float, float], name: str, step: int) -> tuple[float, float, float]:
    if not abs(sum(soft) - 1) < 1e-3 or min(soft) < -1e-6:
        raise InputError(f"solution {name}, step {step}: soft label {soft} is no distribution over three classes")
    return soft
