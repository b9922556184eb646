"""How a reward model is read, as stored in the `prmkit.json` beside its weights."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from prmkit.errors import InputError, MissingFileError
from prmkit.files import read_json, write_json
from prmkit.records import StepLabel
from prmkit.rewards.base import THRESHOLD, Aggregation
from prmkit.rewards.calibration import Calibration, Normalisation
from prmkit.steps import METADATA_FILE, TextFormat

T = TypeVar("T")

SCORED_POSITION = "last separator token"
"""Where every model made here is read: at the last token of the separator that ends a step."""


class RewardKind(StrEnum):
    """What a reward model was trained to predict."""

    PRM = "prm"
    """The class of each step: three logits, in the order of `StepLabel`."""
    ORM = "orm"
    """Whether the solution will turn out right: one logit, read through a sigmoid."""
    VALUE = "value"
    """How often rollouts from a step succeed, V(s): one logit, read through a sigmoid."""
    PREFERENCE = "preference"
    """Which of two responses people prefer, or how they rate one: one logit without a scale of its own."""


class Pooling(StrEnum):
    """Which logits make up the logits of a step."""

    LAST = "last"
    """Those of the last token of its separator."""
    MEAN = "mean"
    """The mean over all tokens of the solution up to there."""


CLASSES = {
    RewardKind.PRM: {label + 1: label.name.lower() for label in StepLabel},
    RewardKind.ORM: {0: "correct"},
    RewardKind.VALUE: {0: "value"},
    RewardKind.PREFERENCE: {0: "score"},
}
"""Class index to name, `id2label` of the checkpoint."""


@dataclass(frozen=True, kw_only=True)
class RewardMetadata:
    """Everything that scoring needs to know beside the weights."""

    kind: RewardKind
    """What it was trained to predict."""
    text_format: TextFormat
    """How problem and steps become one text."""
    separator_ids: tuple[int, ...]
    """Token ids of the separator; checked against the tokenizer when the model is loaded."""
    neutral_weight: float = 0.5
    """A PRM's score is P(correct) + this * P(neutral); in [0, 1]. An ORM does not use it."""
    pooling: Pooling = Pooling.LAST
    """Which logits make up those of a step."""
    aggregation: Aggregation = Aggregation.LAST
    """From step scores to the score of a solution."""
    threshold: float = THRESHOLD
    """A step that scores lower is flagged as wrong; in [0, 1]."""
    step_calibration: Calibration | None = None
    """Of step scores; applied unless it is switched off."""
    solution_calibration: Calibration | None = None
    """Of the aggregate of (calibrated) step scores."""
    normalisation: Normalisation | None = None
    """Mean and spread of the rewards of fixed solutions."""
    training: dict[str, Any] = field(default_factory=dict)
    """Configuration of the training and counts of its data."""
    metrics: dict[str, float] = field(default_factory=dict)
    """Of the final weights on the validation problems; empty where none were held out."""

    def __post_init__(self) -> None:
        if not 0 <= self.neutral_weight <= 1:
            raise InputError(f"the neutral weight must be in [0, 1], got {self.neutral_weight}")
        if not 0 <= self.threshold <= 1:
            raise InputError(f"the threshold must be in [0, 1], got {self.threshold}")

    def write(self, folder: Path) -> None:
        """Write `prmkit.json` into a folder."""
        stored = asdict(self) | {
            "text_format": self.text_format.to_json(),
            "separator_ids": list(self.separator_ids),
            "scored_position": SCORED_POSITION,
            "labels": {str(index): name for index, name in CLASSES[self.kind].items()},
        }
        write_json(folder / METADATA_FILE, stored)

    @classmethod
    def read(cls, folder: Path) -> "RewardMetadata":
        """Read `prmkit.json`.

        Raises:
            MissingFileError: There is none.
            InputError: It describes no reward model, or one that is read in a way unknown here.
        """
        file = folder / METADATA_FILE
        if not file.is_file():
            raise MissingFileError(
                f"{folder}: no {METADATA_FILE} in it; a reward model is a folder written by `prmkit train`"
            )
        stored = read_json(file)
        if stored.get("kind") not in list(RewardKind):
            kinds = ", ".join(RewardKind)
            raise InputError(f"{file}: field 'kind' must be one of {kinds}, found {stored.get('kind')!r}: a policy?")
        if stored.get("scored_position") != SCORED_POSITION:
            raise InputError(f"{file}: field 'scored_position' must be {SCORED_POSITION!r}")
        try:
            return cls(
                kind=RewardKind(stored["kind"]),
                text_format=TextFormat(**stored["text_format"]),
                separator_ids=tuple(stored["separator_ids"]),
                neutral_weight=stored["neutral_weight"],
                pooling=Pooling(stored.get("pooling", Pooling.LAST)),
                aggregation=Aggregation(stored["aggregation"]),
                threshold=stored.get("threshold", 0.5),
                step_calibration=_optional(Calibration.from_json, stored.get("step_calibration")),
                solution_calibration=_optional(Calibration.from_json, stored.get("solution_calibration")),
                normalisation=_optional(lambda each: Normalisation(**each), stored.get("normalisation")),
                training=stored.get("training", {}),
                metrics=stored.get("metrics", {}),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{file}: not the metadata of a reward model: {error}") from None


def _optional(read: Callable[[Any], T], stored: Any) -> T | None:
    return None if stored is None else read(stored)


def check_separator(metadata: RewardMetadata, ids: Sequence[int], folder: Path) -> None:
    """Refuse a tokenizer that writes the separator with other ids than those the model was trained on.

    Raises:
        InputError: They differ; scores would be read at tokens the model never saw labels on.
    """
    if tuple(ids) != metadata.separator_ids:
        raise InputError(
            f"{folder}: the tokenizer writes the separator {metadata.text_format.separator!r} as {list(ids)}, "
            f"the model was trained on {list(metadata.separator_ids)}; restore the tokenizer it was saved with"
        )
