"""What the checks of `prmkit doctor` look at: a base without its weights, and the pool that training makes for it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from prmkit.records import LabeledSolution
from prmkit.rewards.metadata import RewardMetadata
from prmkit.steps import TextFormat
from prmkit.training.data import Example, Pool
from prmkit.training.objectives import Objective

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_SAMPLED = 256
"""Rows that are encoded again at most."""


@dataclass(frozen=True, kw_only=True)
class Base:
    """A model to start from."""

    path: str
    """Resolved folder or hub name."""
    tokenizer: "PreTrainedTokenizerBase"
    """Its own."""
    config: Any
    """Of transformers."""
    text_format: TextFormat
    """That training will use."""
    own_format: TextFormat | None
    """That the base brings (`prmkit.json` or chat template); None where it brings none."""
    metadata: RewardMetadata | None
    """Where the base is itself a reward model."""
    trained_on: frozenset[str]
    """Digests of the problems it learned from as a reward model; empty where that is not known."""

    @cached_property
    def separator_ids(self) -> list[int]:
        """The separator's, tokenised alone."""
        return self.ids(self.text_format.separator)

    def ids(self, text: str) -> list[int]:
        """A text's, without what begins or ends a text."""
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def decode(self, ids: Sequence[int]) -> str:
        """Special tokens included, nothing tidied up."""
        return str(self.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Base, data and the training to come."""

    base: Base
    """Where training starts."""
    objective: Objective
    """What it learns."""
    records: dict[str, tuple[str, LabeledSolution]]
    """Place and record of every solution that can be read, by its name."""
    pool: Pool
    """As training makes it of them."""
    max_length: int
    """Token ids of an example at most."""

    @property
    def examples(self) -> list[Example]:
        """Of both splits."""
        return [*self.pool.training, *self.pool.validation]

    def place(self, name: str) -> str:
        """Of a solution in the data."""
        return self.records[name][0]

    def record(self, example: Example) -> LabeledSolution:
        """What an example was made of."""
        return self.records[example.name][1]

    def where(self, example: Example) -> str:
        """Place and name, to begin a description with."""
        return f"{self.place(example.name)} ({example.name})"

    def sampled(self) -> Iterator[Example]:
        """Examples evenly spaced over both splits, for what takes long."""
        step = max(1, len(self.examples) // _SAMPLED)
        return iter(self.examples[::step][:_SAMPLED])
