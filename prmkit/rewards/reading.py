"""How a reward model's logits become probabilities, step scores and solution scores: one reading for every engine.

`StepReader` needs the tokenizer and the metadata of a checkpoint, not its weights. Whoever has the logits of the token
classifier, from transformers, vLLM or a server, reads them with it.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from prmkit.errors import InputError, MissingFileError, ShapeError, TooLongError
from prmkit.models import load_config, load_tokenizer, resolve_model
from prmkit.rewards.base import Aggregation, RewardModel, aggregate
from prmkit.rewards.metadata import RewardKind, RewardMetadata, check_separator
from prmkit.rewards.packing import pool_logits
from prmkit.steps import EncodedSolution, encode_solution

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Floats = NDArray[np.float64]

TEXTS = 1 << 15
"""Texts whose token ids a reader remembers: the steps of growing solutions are not tokenised again."""


def logits_to_probabilities(logits_SC: Tensor, kind: RewardKind, temperature: float = 1.0) -> Floats:
    """Probabilities, float64 `[S, C]`: the softmax of a PRM's three logits, the sigmoid of any other's one."""
    scaled_SC = logits_SC.detach().cpu().double() / temperature
    probabilities_SC = scaled_SC.softmax(dim=-1) if kind is RewardKind.PRM else scaled_SC.sigmoid()
    return np.asarray(probabilities_SC.numpy())


def probabilities_to_scores(probabilities_SC: Floats, kind: RewardKind, neutral_weight: float) -> Floats:
    """Step scores, float64 `[S]` in [0, 1]: P(correct) + weight * P(neutral), or the one probability there is."""
    if kind is not RewardKind.PRM:
        return probabilities_SC[:, 0]
    return np.clip(probabilities_SC[:, 2] + neutral_weight * probabilities_SC[:, 1], 0.0, 1.0)


def logits_to_scores(logits_SC: Tensor, kind: RewardKind, neutral_weight: float) -> list[float]:
    """Step scores in [0, 1] from logits `[S, C]`, uncalibrated."""
    return list(probabilities_to_scores(logits_to_probabilities(logits_SC, kind), kind, neutral_weight).tolist())


def read_probabilities(logits_SC: Tensor, metadata: RewardMetadata) -> Floats:
    """Probabilities of the classes, float64 `[S, C]`, under a stored temperature."""
    calibration = metadata.step_calibration
    return logits_to_probabilities(logits_SC, metadata.kind, calibration.temperature if calibration else 1.0)


def read_scores(probabilities_SC: Floats, metadata: RewardMetadata) -> list[float]:
    """Step scores in [0, 1] under the neutral weight and the calibration of steps."""
    scores_S = probabilities_to_scores(probabilities_SC, metadata.kind, metadata.neutral_weight)
    return list((metadata.step_calibration.apply(scores_S) if metadata.step_calibration else scores_S).tolist())


class _RememberingTokenizer:
    """A tokenizer that knows the token ids of the last texts; all else is as of the one it stands for."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase") -> None:
        self._tokenizer = tokenizer

        @lru_cache(maxsize=TEXTS)
        def remembered(text: str, **options: bool) -> tuple[int, ...]:
            return tuple(tokenizer(text, **options)["input_ids"])

        self._remembered = remembered

    def __call__(self, text: str, **options: bool) -> dict[str, tuple[int, ...]]:
        return {"input_ids": self._remembered(text, **options)}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)


class StepReader(RewardModel):
    """Reads the logits of a checkpoint as its metadata says, or as it is told. A subclass computes them."""

    def __init__(
        self,
        tokenizer: "PreTrainedTokenizerBase",
        metadata: RewardMetadata,
        *,
        context: int | None = None,
        aggregation: Aggregation | None = None,
        neutral_weight: float | None = None,
        threshold: float | None = None,
        calibrated: bool = True,
    ) -> None:
        """Take what belongs to a checkpoint.

        Args:
            tokenizer: Of the checkpoint.
            metadata: Of the checkpoint.
            context: Tokens of a solution at most; None does not limit them.
            aggregation: In place of the checkpoint's.
            neutral_weight: In place of the checkpoint's; PRMs only.
            threshold: In place of the checkpoint's.
            calibrated: Apply the calibrations that the checkpoint holds.

        Raises:
            InputError: A value cannot be used, or it changes what a stored calibration was fitted to.
        """
        chosen = {"aggregation": aggregation, "neutral_weight": neutral_weight, "threshold": threshold}
        changed: dict[str, Any] = {
            name: each for name, each in chosen.items() if each is not None and each != getattr(metadata, name)
        }
        if "neutral_weight" in changed and metadata.kind is not RewardKind.PRM:
            raise InputError(f"a neutral weight is for PRMs; this model is of the kind {metadata.kind}")
        if not calibrated:
            metadata = replace(metadata, step_calibration=None, solution_calibration=None, normalisation=None)
        _check_calibrations(metadata, changed)
        if {"neutral_weight", "aggregation"} & changed.keys():
            metadata = replace(metadata, normalisation=None)  # measured on other rewards
        self.tokenizer = tokenizer
        self._remembering = cast("PreTrainedTokenizerBase", _RememberingTokenizer(tokenizer))
        self.metadata: RewardMetadata = replace(metadata, **changed)
        self.aggregation = self.metadata.aggregation
        self.threshold = self.metadata.threshold
        self._context = context

    def encode(self, problem: str, steps: Sequence[str]) -> EncodedSolution:
        """The token ids a model reads, and where it is read.

        Raises:
            TooLongError: They do not fit the model's context.
            ShapeError: There are no steps, or one is blank: nothing was written that could be scored.
        """
        if blank := [index for index, step in enumerate(steps) if not step.strip()]:
            raise ShapeError(f"step {blank[0]} of {len(steps)} is blank; only what was written can be scored")
        row = self._write(problem, steps)
        if self._context is not None and len(row.ids) > self._context:
            raise TooLongError(
                f"a solution of {len(row.ids)} tokens ({len(steps)} steps) does not fit the reward model's context of "
                f"{self._context}; it begins {steps[0][:60]!r}"
            )
        return row

    def _write(self, problem: str, steps: Sequence[str]) -> EncodedSolution:
        """How this model is written to; published models have ways of their own (`prmkit.rewards.published`)."""
        return encode_solution(self._remembering, self.metadata.text_format, problem, steps)

    def prm_tokens(self, problem: str, steps: Sequence[str], known_steps: int | None = None) -> int:
        """Tokens to run; see `RewardModel`. Errors also as of `encode`."""
        row = self.encode(problem, steps)
        if known_steps is None or not self._keeps_prefixes(len(row.ids)):
            return len(row.ids)
        if not 0 <= known_steps <= len(steps):
            raise ShapeError(f"of {len(steps)} steps {known_steps} cannot have been scored before")
        return len(row.ids) - (row.ends[known_steps - 1] + 1 if known_steps else row.prompt_length)

    def _keeps_prefixes(self, tokens: int) -> bool:  # noqa: ARG002
        """Whether the prefixes of a solution of so many tokens are kept between calls."""
        return False

    def pool(self, logits_LC: Tensor, row: EncodedSolution) -> Tensor:
        """Logits of the steps `[S, C]`, from those of all L tokens of an encoded solution."""
        return pool_logits(logits_LC.float().cpu(), row.ends, row.prompt_length, self.metadata.pooling)

    def probabilities(self, logits_SC: Tensor) -> Floats:
        """Probabilities of the classes, float64 `[S, C]`, from the logits of the steps; C = 1 unless it is a PRM."""
        return read_probabilities(logits_SC, self.metadata)

    def scores(self, probabilities_SC: Floats) -> list[float]:
        """Step scores in [0, 1] from the probabilities of the classes."""
        return read_scores(probabilities_SC, self.metadata)

    def solution_score(self, step_scores: Sequence[float]) -> float:
        """Score of a solution in [0, 1]: the aggregate of its step scores, calibrated where the checkpoint says how.

        Raises:
            ShapeError: There are no step scores.
        """
        score = aggregate(step_scores, self.aggregation)
        calibration = self.metadata.solution_calibration
        return float(calibration.apply(np.array([score]))[0]) if calibration else score

    def step_logits(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[Tensor]:
        """Logits of the steps, float32 `[S, C]` on the CPU for every solution."""
        raise NotImplementedError(f"{type(self).__name__} reads logits and computes none")

    def step_probabilities(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[Floats]:
        """Probabilities of the classes at the end of every step: the one function behind every score.

        Args:
            solutions: Pairs of problem text and step texts.

        Returns:
            For each solution float64 `[S, C]`, S its number of steps: the three classes of a PRM in the order of
            `StepLabel`, or the one probability of any other kind.

        Raises:
            InputError: A solution does not fit the model's context.
            ShapeError: A solution has no steps, or a blank one.
        """
        return [self.probabilities(each) for each in self.step_logits(solutions)]

    def score_steps(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        """Score the steps of many solutions; see `prmkit.rewards.base.RewardModel`. Errors: `step_probabilities`."""
        return [self.scores(each) for each in self.step_probabilities(solutions)]

    def rewards(self, solutions: Sequence[tuple[str, Sequence[str]]], *, normalised: bool = False) -> list[float]:
        """One reward per solution: its score, or for a preference model the aggregate of its logits.

        Args:
            solutions: Pairs of problem text and step texts.
            normalised: By mean and spread on the solutions of `prmkit calibrate --normalise`.

        Raises:
            InputError: The checkpoint holds no mean and spread of these rewards, or unbounded logits were to be
                multiplied.
        """
        normalisation = self.metadata.normalisation
        if normalised and normalisation is None:
            raise InputError(
                "rewards cannot be normalised: no mean and spread of them is stored with the model (or other options "
                "changed the rewards); run `prmkit calibrate --normalise`"
            )
        rewards = self.read_rewards(self.step_logits(solutions))
        if normalised and normalisation is not None:
            return list(normalisation.apply(np.array(rewards)).tolist())
        return rewards

    def read_rewards(self, logits: Sequence[Tensor]) -> list[float]:
        """Rewards, not normalised, of solutions with these logits `[S, C]`; see `rewards`."""
        if self.metadata.kind is not RewardKind.PREFERENCE:
            return [self.solution_score(self.scores(self.probabilities(each))) for each in logits]
        if self.aggregation is Aggregation.PRODUCT:
            raise InputError("a preference model's rewards have no zero point: their product means nothing")
        return [aggregate(each[:, 0].tolist(), self.aggregation) for each in logits]


def _check_calibrations(metadata: RewardMetadata, changed: dict[str, Any]) -> None:
    steps, solutions = metadata.step_calibration, metadata.solution_calibration
    moved = [name for name in ("neutral_weight", "aggregation") if name in changed]
    fitted_steps = steps is not None and steps.method != "temperature" and "neutral_weight" in changed
    if fitted_steps or (solutions is not None and moved):
        raise InputError(
            f"the checkpoint's calibration was fitted with {moved[0]} {getattr(metadata, moved[0])}, not "
            f"{changed[moved[0]]}; leave the calibration out (--calibration none)"
        )


def load_parts(folder: str | Path) -> tuple[str, "PreTrainedTokenizerBase", RewardMetadata, int | None]:
    """Everything of a checkpoint but its weights: resolved folder, tokenizer, metadata, context in tokens.

    Raises:
        MissingFileError: The folder is not there, holds no `prmkit.json`, or lacks configuration, weights or tokenizer.
        InputError: Its metadata cannot be used, or does not fit its tokenizer.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise MissingFileError(f"reward model {str(folder)!r}: no such folder")
    metadata = RewardMetadata.read(folder)
    path = resolve_model(str(folder))
    tokenizer = load_tokenizer(path)
    check_separator(metadata, tokenizer(metadata.text_format.separator, add_special_tokens=False)["input_ids"], folder)
    return path, tokenizer, metadata, getattr(load_config(path).get_text_config(), "max_position_embeddings", None)


def load_reader(folder: str | Path, **options: Any) -> StepReader:
    """A reader for logits that a server computes; options as of `StepReader`, errors as of `load_parts`."""
    _, tokenizer, metadata, context = load_parts(folder)
    return StepReader(tokenizer, metadata, context=context, **options)
