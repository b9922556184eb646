"""Rewards for reinforcement learning: of a reward model, by steps or solutions, together with rules.

`RlReward` computes total and parts of completions. The signatures that trainers call are in `prmkit.rewards.trainers`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from prmkit.errors import InputError, TooLongError
from prmkit.rewards.base import RewardModel, score_fitting
from prmkit.rewards.metadata import RewardKind
from prmkit.rewards.reading import StepReader
from prmkit.steps import split_ids, split_text

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Credit(StrEnum):
    """How step scores become rewards."""

    SCORE = "score"
    """The solution's score, at its end."""
    MIN = "min"
    """Each step's score, weighted with softmax(-score / temperature): their sum is about the lowest of them, so no good
    step can pay for a bad one (PURE: Cheng et al. 2025, arXiv:2504.15275)."""
    SUM = "sum"
    """Each step's own score. The sum grows with every further step: a policy learns to write many."""


@dataclass(frozen=True, kw_only=True)
class RewardTerms:
    """What is rewarded, and how much. A weight of 0 switches a term off; it is then not computed."""

    process: float = 1.0
    """Weight of the reward model."""
    credit: Credit = Credit.SCORE
    """How its step scores become rewards."""
    temperature: float = 0.1
    """Of `Credit.MIN`; the lower, the nearer to the minimum."""
    normalised: bool = False
    """Of `Credit.SCORE`: in units of the spread that `prmkit calibrate --normalise` measured, 0 at its mean."""
    answer: float = 0.0
    """Weight of the rule: 1 where the grader accepts the final answer, else 0."""
    length: float = 0.0
    """Weight of the length penalty: 0 up to `free_tokens`, then growing evenly to 1 at `most_tokens` (DAPO: Yu et al.
    2025, arXiv:2503.14476)."""
    free_tokens: int = 2048
    """Tokens that cost nothing."""
    most_tokens: int = 4096
    """Tokens from which on the whole penalty is due."""
    repetition: float = 0.0
    """Weight of the repetition penalty: the share of word n-grams that were there before (Yeo et al. 2025,
    arXiv:2502.03373)."""
    ngram: int = 4
    """Words of an n-gram."""

    def __post_init__(self) -> None:
        weights = (self.process, self.answer, self.length, self.repetition)
        if not all(0 <= each < math.inf for each in weights) or max(weights) == 0:
            raise InputError(f"weights must be at least 0 and finite, and one of them above 0; got {weights}")
        if not 0 < self.temperature < math.inf or self.ngram < 1 or not 0 <= self.free_tokens < self.most_tokens:
            raise InputError(
                f"need a finite temperature > 0, ngram >= 1 and 0 <= free_tokens < most_tokens, got {self}"
            )
        if self.normalised and self.credit is not Credit.SCORE:
            raise InputError("only scores of solutions can be normalised: mean and spread are those of solutions")


def credit_steps(step_scores: Sequence[float], how: Credit, temperature: float = 0.1) -> list[float]:
    """Rewards of steps from their scores, by `Credit.MIN` or `Credit.SUM`."""
    scores = np.asarray(step_scores, dtype=np.float64)
    if how is Credit.MIN and len(scores):
        weights = np.exp(-(scores - scores.min()) / temperature)
        scores = scores * weights / weights.sum()
    return list(scores.tolist())


def length_penalty(tokens: int, free: int, most: int) -> float:
    """0 up to `free` tokens, 1 from `most` on, linear between."""
    return min(1.0, max(0.0, (tokens - free) / (most - free)))


def repetition_penalty(text: str, ngram: int) -> float:
    """Share of a text's word n-grams, in [0, 1], that were there before."""
    words = text.split()
    found = [tuple(words[at : at + ngram]) for at in range(len(words) - ngram + 1)]
    return 1 - len(set(found)) / len(found) if found else 0.0


Item = tuple[str, str, str | None]
"""Problem, completion, and reference answer (None where none is needed)."""


@dataclass(frozen=True, slots=True)
class Reward:
    """Of one completion."""

    total: float
    """Weighted sum of the parts, penalties taken off."""
    parts: dict[str, float]
    """Each term that is switched on, before its weight. `unscored` is 1 where the reward model could not read the
    completion (no steps, or too long) and `process` is the lowest there is instead."""
    step_rewards: tuple[float, ...]
    """The process term by steps; their sum is `parts["process"]`."""


class RlReward:
    """Rewards of completions."""

    def __init__(
        self,
        model: RewardModel | None = None,
        terms: RewardTerms | None = None,
        *,
        separator: str | None = None,
        tokenizer: "PreTrainedTokenizerBase | None" = None,
    ) -> None:
        """Choose.

        Args:
            model: Any reward model; None where the process term is off.
            terms: What is rewarded.
            separator: Text that ends a step; by default the model's own, else a blank line.
            tokenizer: The policy's; counts tokens where the trainer does not say, and places rewards on tokens.

        Raises:
            InputError: There is no model but a process term, or the model holds no mean and spread.
        """
        self.terms = terms or RewardTerms()
        if self.terms.process and model is None:
            raise InputError("a process reward needs a reward model; give one, or set process=0")
        self.model = model
        self.tokenizer = tokenizer
        self._readers = [each for each in getattr(model, "models", [model]) if isinstance(each, StepReader)]
        own = self._readers[0].metadata.text_format.separator if self._readers else "\n\n"
        self.separator = separator or own
        if self.terms.normalised and not (isinstance(model, StepReader) and model.metadata.normalisation):
            raise InputError("rewards cannot be normalised: run `prmkit calibrate --normalise` on the model first")

    def rewards(self, items: Sequence[Item], lengths: Sequence[int] | None = None) -> list[Reward]:
        """Total and parts of many completions; they are scored together.

        Args:
            items: Problem, completion, and reference answer (None where the answer term is off).
            lengths: Tokens of each completion; counted with the tokenizer if not given.

        Raises:
            InputError: An answer or the tokenizer is missing, or a preference model, whose rewards know no lowest one,
                cannot read a completion.
        """
        parts = self._rules(items, lengths)
        step_rewards: list[list[float]] = [[] for _ in items]
        if self.terms.process:
            found = self._process([(problem, split_text(text, self.separator)) for problem, text, _ in items])
            for index, (rewards, unscored) in enumerate(found):
                parts[index] |= {"process": sum(rewards), "unscored": float(unscored)}
                step_rewards[index] = rewards
        return [Reward(self._total(part), part, tuple(each)) for part, each in zip(parts, step_rewards, strict=True)]

    def _total(self, part: dict[str, float]) -> float:
        terms = self.terms
        signed = {"process": terms.process, "answer": terms.answer}
        signed |= {"length": -terms.length, "repetition": -terms.repetition}
        return sum(weight * part.get(name, 0.0) for name, weight in signed.items())

    def token_rewards(self, items: Sequence[tuple[str, Sequence[int], str | None]]) -> list[list[float]]:
        """Dense rewards, one per token, for trainers that take them; each list sums to the total of `rewards`.

        A step's reward falls on its last token, everything else on the last token of all.

        Args:
            items: Problem, the policy's token ids of the completion, and reference answer.

        Raises:
            InputError: As `rewards`; or a completion has no tokens.
        """
        if self.tokenizer is None or not all(len(ids) for _, ids, _ in items):
            raise InputError("rewards of tokens need the policy's tokenizer, and a token in every completion")
        tokenizer = self.tokenizer
        texts = [(problem, str(tokenizer.decode(ids, skip_special_tokens=True)), gold) for problem, ids, gold in items]
        dense = []
        for reward, (_, ids, _) in zip(self.rewards(texts, [len(ids) for _, ids, _ in items]), items, strict=True):
            _, step_ids = split_ids(tokenizer, ids, self.separator)
            ends = [end - 1 for end in accumulate(map(len, step_ids))] or [len(ids) - 1]
            ends = ends[-1:] if reward.parts.get("unscored") else ends
            placed = [0.0] * len(ids)
            for index, each in enumerate(reward.step_rewards):
                placed[ends[min(index, len(ends) - 1)]] += self.terms.process * each  # one token may end two steps
            placed[-1] += reward.total - sum(placed)
            dense.append(placed)
        return dense

    def _process(self, solutions: list[tuple[str, Sequence[str]]]) -> list[tuple[list[float], bool]]:
        """Rewards of the steps of each solution, and whether the model could not read it."""
        readable = [self._readable(*each) for each in solutions]
        found = iter(self._read([each for each, fits in zip(solutions, readable, strict=True) if fits]))
        rewards = [next(found) if fits else None for fits in readable]
        return [([self._lowest()], True) if each is None else (each, False) for each in rewards]

    def _read(self, solutions: list[tuple[str, Sequence[str]]]) -> list[list[float] | None]:
        """Rewards of the steps of each solution; None where only the model itself found it too long."""
        assert self.model is not None
        terms = self.terms
        if terms.credit is Credit.SCORE and isinstance(self.model, StepReader):
            ends = self.model.rewards(solutions, normalised=terms.normalised)
            return [[*[0.0] * (len(steps) - 1), end] for (_, steps), end in zip(solutions, ends, strict=True)]
        scores = score_fitting(self.model, solutions)
        if terms.credit is not Credit.SCORE:
            return [each and credit_steps(each, terms.credit, terms.temperature) for each in scores]
        return [each and [*[0.0] * (len(each) - 1), self.model.solution_score(each)] for each in scores]

    def _readable(self, problem: str, steps: Sequence[str]) -> bool:
        try:
            for reader in self._readers if steps else ():
                reader.encode(problem, steps)
        except TooLongError:
            return False
        return bool(steps)

    def _lowest(self) -> float:
        """What a completion gets that cannot be read: a score of 0."""
        model = self.model
        if not isinstance(model, StepReader) or self.terms.credit is not Credit.SCORE:
            return 0.0
        if model.metadata.kind is RewardKind.PREFERENCE:
            raise InputError(
                "a completion is empty or does not fit the reward model's context, and a preference model's rewards "
                "know no lowest one; limit the length of completions"
            )
        normalisation = model.metadata.normalisation
        return float(normalisation.apply(np.zeros(1))[0]) if self.terms.normalised and normalisation else 0.0

    def _rules(self, items: Sequence[Item], lengths: Sequence[int] | None) -> list[dict[str, float]]:
        """The terms that need no reward model."""
        terms = self.terms
        parts: list[dict[str, float]] = [{} for _ in items]
        if terms.answer:
            for part, right in zip(parts, _graded(items), strict=True):
                part["answer"] = right
        if terms.length:
            lengths = self._count(items) if lengths is None else lengths
            for part, tokens in zip(parts, lengths, strict=True):
                part["length"] = length_penalty(tokens, terms.free_tokens, terms.most_tokens)
        if terms.repetition:
            for part, (_, text, _) in zip(parts, items, strict=True):
                part["repetition"] = repetition_penalty(text, terms.ngram)
        return parts

    def _count(self, items: Sequence[Item]) -> list[int]:
        if self.tokenizer is None:
            raise InputError("a length penalty needs the policy's tokenizer to count tokens")
        return [len(self.tokenizer(text, add_special_tokens=False)["input_ids"]) for _, text, _ in items]


def _graded(items: Sequence[Item]) -> list[float]:
    from prmkit.grading import grade_many

    pairs = [(answer, text) for _, text, answer in items if answer is not None]
    if len(pairs) < len(items):
        raise InputError("a reward for right answers needs the reference answer of every problem")
    return [float(verdict.equal) for verdict in grade_many(pairs)]
