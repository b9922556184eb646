"""What `prmkit train preference` learns from: preferences or ratings as token ids, split by prompt.

A response is cut into steps like a solution and read at its last separator; that one logit is its reward. Responses of
a prompt that are compared are a group (`prmkit.training.groups`). Reading files is `prmkit.formats.preferences`,
checking what is in them `prmkit.evaluation.preference_data`, and training `prmkit.training.train_preference`. Nothing
here imports torch.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

from prmkit.errors import InputError
from prmkit.formats.preferences import Preference, Rating
from prmkit.steps import EncodedSolution, encode_solution, split_text
from prmkit.training.data import Row, held_out_problems
from prmkit.training.groups import MOST, Group, Ranking, split_group, weighed

if TYPE_CHECKING:
    from prmkit.training.base import TextBase

R = TypeVar("R", Preference, Rating)
Response = tuple[str, str]
"""A prompt and a response to it."""


@dataclass(frozen=True, kw_only=True)
class PreferenceObjective:
    """How preferences, or ratings, are learned."""

    loss: Literal["pairwise", "listwise"] = "pairwise"
    """pairwise: Bradley-Terry on every pair, with margins; listwise: Plackett-Luce on rankings. Preferences only."""
    margin_scale: float = 1.0
    """What the margins of pairs are multiplied by; 0 leaves them out. With --loss pairwise only."""
    balance: bool = True
    """All comparisons of a prompt together weigh as much as those of any other (InstructGPT); without, every comparison
    does. Preferences only."""
    group_size: int = MOST
    """Responses of a prompt that are compared at a time, at least 2. Preferences only."""
    rating_range: tuple[float, float] | None = None
    """Lowest and highest rating there can be; default: those of the training split. Ratings only."""

    def __post_init__(self) -> None:
        if not 0 <= self.margin_scale < float("inf") or self.group_size < 2:
            raise InputError(
                f"--margin-scale must not be negative and --group-size at least 2, got {self.margin_scale} and "
                f"{self.group_size}"
            )
        if self.loss == "listwise" and self.margin_scale != 1:
            raise InputError("--margin-scale has no effect with --loss listwise: a listwise loss has no margins")

    def check(self, *, ratings: bool) -> None:
        """Refuse options that the data have no use for.

        Raises:
            InputError: There is one.
        """
        plain = PreferenceObjective()
        mine = {"rating_range"} if ratings else {"loss", "margin_scale", "balance", "group_size"}
        for name in asdict(self).keys() - mine:
            if getattr(self, name) != getattr(plain, name):
                data = "ratings" if ratings else "preferences"
                raise InputError(f"--{name.replace('_', '-')} has no effect on {data}; leave it out")


@dataclass(frozen=True, kw_only=True)
class PreferenceData:
    """Preferences with their responses as token ids."""

    training: list[Preference]
    """To learn from."""
    validation: list[Preference]
    """Of other prompts; empty where no share was held out."""
    encoded: Mapping[Response, EncodedSolution]
    """Every response of both."""
    too_long: int
    """Left out: a response is longer than the limit."""

    def counts(self) -> dict[str, int]:
        """As stored with the model."""
        parts = {"training": self.training, "validation": self.validation}
        return {
            "too_long": self.too_long,
            **{f"{name}_preferences": len(part) for name, part in parts.items()},
            **{f"{name}_prompts": len({each.prompt for each in part}) for name, part in parts.items()},
            **{f"{name}_pairs": sum(1 for each in part for _ in each.pairs()) for name, part in parts.items()},
        }


@dataclass(frozen=True, kw_only=True)
class RatingData:
    """Ratings with their responses as token ids, and the scale they are learned on."""

    training: list[Rating]
    """To learn from."""
    validation: list[Rating]
    """Of other prompts; empty where no share was held out."""
    encoded: Mapping[Response, EncodedSolution]
    """Every response of both."""
    too_long: int
    """Left out: longer than the limit."""
    scale: tuple[float, float]
    """Ratings that become the targets 0 and 1; what lies between them is in between, in proportion."""

    def counts(self) -> dict[str, int]:
        """As stored with the model."""
        parts = {"training": self.training, "validation": self.validation}
        return {
            "too_long": self.too_long,
            **{f"{name}_ratings": len(part) for name, part in parts.items()},
            **{f"{name}_prompts": len({each.prompt for each in part}) for name, part in parts.items()},
        }

    def target(self, rating: Rating) -> float:
        """What a rating is learned as, in [0, 1]; one beyond the scale (which validation may have) as its end."""
        low, high = self.scale
        return min(max((rating.rating - low) / (high - low), 0.0), 1.0)

    def rating(self, score: float) -> float:
        """The rating that a score in [0, 1] stands for."""
        low, high = self.scale
        return low + score * (high - low)


def preference_data(
    preferences: Sequence[Preference], base: "TextBase", *, validation: float, seed: int
) -> PreferenceData:
    """Encode and split by prompt.

    Args:
        preferences: Checked ones (`prmkit.evaluation.preference_data`).
        base: Of the model.
        validation: Share of the prompts to hold out, in [0, 1).
        seed: Of the split.

    Raises:
        InputError: Nothing is left to learn from.
    """
    encoded = _encode(base, ((each.prompt, text) for each in preferences for text in each.responses))
    kept = [each for each in preferences if all((each.prompt, text) in encoded for text in each.responses)]
    training, held_out = _divided(kept, len(preferences), base, validation, seed)
    return PreferenceData(
        training=training,
        validation=held_out,
        encoded=encoded,
        too_long=len(preferences) - len(kept),
    )


def rating_data(
    ratings: Sequence[Rating],
    base: "TextBase",
    *,
    validation: float,
    seed: int,
    scale: tuple[float, float] | None = None,
) -> RatingData:
    """Encode, split by prompt, and fix the scale; arguments as of `preference_data`.

    Args:
        ratings: Checked ones.
        base: Of the model.
        validation: Share of the prompts to hold out, in [0, 1).
        seed: Of the split.
        scale: Lowest and highest rating there can be; None takes those of the training split.

    Raises:
        InputError: Nothing is left to learn from, a rating is outside the scale, or all of them are alike.
    """
    encoded = _encode(base, ((each.prompt, each.response) for each in ratings))
    kept = [each for each in ratings if (each.prompt, each.response) in encoded]
    training, held_out = _divided(kept, len(ratings), base, validation, seed)
    values = [each.rating for each in training]
    low, high = scale or (min(values), max(values))
    if not low < high:
        raise InputError(f"ratings from {low:g} to {high:g} teach nothing; a scale needs two different ends")
    if outside := [each for each in (kept if scale else training) if not low <= each.rating <= high]:
        raise InputError(f"{outside[0].where}: the rating {outside[0].rating:g} is outside {low:g} to {high:g}")
    return RatingData(
        training=training,
        validation=held_out,
        encoded=encoded,
        too_long=len(ratings) - len(kept),
        scale=(low, high),
    )


def _divided(kept: Sequence[R], rows: int, base: "TextBase", validation: float, seed: int) -> tuple[list[R], list[R]]:
    """Training and validation, of different prompts; `rows` counts those that were too long as well."""
    prompts = held_out_problems([each.prompt for each in kept], validation, seed)
    training = [each for each in kept if each.prompt not in prompts]
    if not training:
        raise InputError(
            f"nothing to train on: of {rows} rows {rows - len(kept)} are longer than {base.max_length} tokens, and "
            f"{len(prompts)} prompts are held out for validation"
        )
    return training, [each for each in kept if each.prompt in prompts]


def _encode(base: "TextBase", responses: Iterable[Response]) -> dict[Response, EncodedSolution]:
    """Every response that fits, once. One that is cut would no longer be what people saw."""
    encoded = {}
    for prompt, text in dict.fromkeys(responses):
        steps = split_text(text, base.text_format.separator)
        found = encode_solution(base.tokenizer, base.text_format, prompt, steps)
        if len(found.ids) <= base.max_length:
            encoded[prompt, text] = found
    return encoded


def response_row(encoded: EncodedSolution, target: float = 0.0) -> Row:
    """A response, marked at its last separator; a comparison does not read the target."""
    return Row(encoded.ids, encoded.prompt_length, [encoded.ends[-1]], np.array([[target]], dtype=np.float32))


def preference_groups(
    preferences: Sequence[Preference], *, most: int = MOST, margin_scale: float = 1.0
) -> tuple[list[Response], list[Group]]:
    """What is compared with what.

    Args:
        preferences: Any; those of one prompt come into one group, or several where they speak of many responses.
        most: Responses of a group, unless a single ranking has more.
        margin_scale: What margins are multiplied by.

    Returns:
        Every response once, and groups of them (rows are places in that list).
    """
    if most < 2:
        raise InputError(f"at least two responses must fit into a group, got {most}")
    by_prompt: dict[str, list[Preference]] = {}
    for each in preferences:
        by_prompt.setdefault(each.prompt, []).append(each)
    responses: list[Response] = []
    groups = []
    for prompt, own in by_prompt.items():
        distinct = dict.fromkeys(text for each in own for text in each.responses)
        texts = {text: place for place, text in enumerate(distinct)}
        rankings = tuple(
            Ranking(tuple(texts[text] for text in each.responses), each.ranks, each.margin * margin_scale)
            for each in own
        )
        rows = tuple(range(len(responses), len(responses) + len(texts)))
        groups += split_group(Group(rows, rankings), most)
        responses += [(prompt, text) for text in texts]
    return responses, weighed(groups)
