"""What a model learns from an example: at which tokens, and which target there. One class per kind of reward model.

Targets are float32 throughout; a hard label is a distribution with all mass on one class. Nothing here may pass through
an integer, or a soft 0.75 becomes 0. The losses themselves are `prmkit.training.losses`; nothing here imports torch.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from prmkit.errors import InputError
from prmkit.records import StepLabel
from prmkit.rewards.metadata import Pooling, RewardKind
from prmkit.training.choices import AfterError, Marks, Neutral, OutcomeLoss, Targets
from prmkit.training.data import Example, Row

ClassWeights = Literal["none", "balanced"] | tuple[float, float, float]


class _Steps:
    """What objectives share that learn at the ends of steps."""

    @property
    def needs_whole_solutions(self) -> bool:
        """Whether an example that was cut at the length limit has lost its label."""
        return False

    @property
    def pooling(self) -> Pooling:
        """Which logits make up those of a step."""
        return Pooling.LAST


@dataclass(frozen=True, kw_only=True)
class PRMObjective(_Steps):
    """The class, or value, of every step, read at the step's end."""

    targets: Targets = Targets.HARD
    """hard: the class of each step; soft: the posterior mass of the three classes; value: the Monte-Carlo rate k/n, for
    the score P(correct) + neutral weight * P(neutral)."""
    neutral: Neutral = Neutral.KEEP
    """Neutral steps: keep them as a class, learn them as correct (Lightman) or as incorrect, or mask them."""
    after_error: AfterError = AfterError.KEEP
    """Steps after the first incorrect one: keep their labels (Math-Shepherd), mask them (Lightman), or drop them, which
    learns the same and does not even read them."""
    class_weights: ClassWeights = "none"
    """Weights of incorrect, neutral and correct steps in the loss: none, balanced (each class weighs alike), or three
    numbers."""
    neutral_weight: float = 0.5
    """A step's score is P(correct) + this * P(neutral); in [0, 1]."""
    marks: Marks = Marks.ENDS
    """Where the target of a step is learned: ends, where steps are read, or tokens, at every token of the step too
    (many more signals; a small model learns sooner what a wrong step looks like)."""
    kind: ClassVar[RewardKind] = RewardKind.PRM

    def __post_init__(self) -> None:
        if not 0 <= self.neutral_weight <= 1:
            raise InputError(f"--neutral-weight must be in [0, 1], got {self.neutral_weight}")
        given = [] if isinstance(self.class_weights, str) else list(self.class_weights)
        if given and not (min(given) >= 0 and 0 < max(given) < float("inf")):
            raise InputError(f"--class-weights must not be negative, and not all zero; got {given}")
        if self.targets is Targets.VALUE:
            for name, plain in (("neutral", Neutral.KEEP), ("class_weights", "none")):
                if getattr(self, name) != plain:
                    raise InputError(
                        f"--{name.replace('_', '-')} {getattr(self, name)} has no effect with --targets value: a value "
                        "has no classes"
                    )

    def classes(self, example: Example) -> list[StepLabel | None]:
        """For each step that is looked at the class it is learned as; None for one that teaches nothing."""
        classes = [self._learned(label) for label in example.labels]
        if self.after_error is AfterError.KEEP or StepLabel.INCORRECT not in classes:
            return classes
        return classes[: classes.index(StepLabel.INCORRECT) + 1]

    def targets_of(self, example: Example) -> tuple[list[int], np.ndarray]:
        """Indices of the steps to learn and their targets, float32 `[P, 3]`, with value targets `[P, 1]`; both may be
        empty.

        Raises:
            InputError: A soft label is no distribution.
        """
        classes = self.classes(example)
        if self.targets is Targets.VALUE:
            steps = [step for step in range(len(classes)) if example.estimates[step].rollouts]
            return steps, _columns([(example.estimates[step].rate,) for step in steps], 1)
        steps = [step for step, found in enumerate(classes) if found is not None]
        if self.targets is Targets.HARD:
            return steps, _columns([tuple(float(classes[step] == each) for each in StepLabel) for step in steps], 3)
        soft = [_distribution(example.soft_labels[step], example.name, step) for step in steps]
        return steps, _columns([self._moved(each) for each in soft], 3)

    def row(self, example: Example) -> Row | None:
        """Positions and targets of one example; None where it has nothing to teach.

        Raises:
            InputError: As of `targets_of`.
        """
        steps, targets = self.targets_of(example)
        if not steps:
            return None
        encoded, ids = example.encoded, example.encoded.ids
        if self.after_error is AfterError.DROP:
            ids = ids[: encoded.ends[len(self.classes(example)) - 1] + 1]
        if self.marks is Marks.ENDS:
            return Row(ids, encoded.prompt_length, [encoded.ends[step] for step in steps], targets)
        begins = [encoded.prompt_length, *(end + 1 for end in encoded.ends)]
        positions = [range(begins[step], encoded.ends[step] + 1) for step in steps]
        repeated = np.repeat(targets, [len(each) for each in positions], axis=0)
        return Row(ids, encoded.prompt_length, [each for tokens in positions for each in tokens], repeated)

    def _learned(self, label: StepLabel) -> StepLabel | None:
        """The class that a label is learned as; None learns nothing."""
        if label is not StepLabel.NEUTRAL or self.neutral is Neutral.KEEP:
            return label
        if self.neutral is Neutral.MASK:
            return None
        return StepLabel.CORRECT if self.neutral is Neutral.CORRECT else StepLabel.INCORRECT

    def _moved(self, soft: tuple[float, float, float]) -> tuple[float, float, float]:
        """A soft label with its neutral mass where neutral steps belong."""
        incorrect, neutral, correct = soft
        if self.neutral is Neutral.CORRECT:
            return incorrect, 0.0, correct + neutral
        if self.neutral is Neutral.INCORRECT:
            return incorrect + neutral, 0.0, correct
        return soft


@dataclass(frozen=True, kw_only=True)
class ORMObjective:
    """Whether the solution turns out right."""

    loss: OutcomeLoss = OutcomeLoss.TOKENS
    """tokens: cross-entropy at every token of the solution (Cobbe); last: at its last token; mean: of the mean logit of
    its tokens; pairwise: Bradley-Terry on right against wrong solutions of a problem; listwise: Plackett-Luce."""
    lm_weight: float = 0.0
    """With --loss tokens: weight of the language-modelling loss on the tokens of right solutions (Cobbe et al. 2021);
    0 leaves it out."""
    margin: float = 0.0
    """With --loss pairwise: by how much a right solution should outscore a wrong one, in logits (Llama 2)."""
    balance: bool = True
    """With --loss pairwise or listwise: all comparisons of a problem together weigh as much as those of any other
    (InstructGPT); without, every comparison does."""
    group_size: int = 8
    """With --loss pairwise or listwise: solutions of a problem that are compared at a time, at least 2."""
    kind: ClassVar[RewardKind] = RewardKind.ORM

    def __post_init__(self) -> None:
        wanted = {
            "lm_weight": (OutcomeLoss.TOKENS,),
            "margin": (OutcomeLoss.PAIRWISE,),
            "balance": (OutcomeLoss.PAIRWISE, OutcomeLoss.LISTWISE),
            "group_size": (OutcomeLoss.PAIRWISE, OutcomeLoss.LISTWISE),
        }
        for name, losses in wanted.items():
            if getattr(self, name) != getattr(type(self), name) and self.loss not in losses:
                raise InputError(
                    f"--{name.replace('_', '-')} {getattr(self, name)} has no effect with --loss {self.loss}; "
                    f"it belongs to --loss {' or '.join(losses)}"
                )
        if not 0 <= self.lm_weight < float("inf") or not 0 <= self.margin < float("inf") or self.group_size < 2:
            raise InputError(
                "--lm-weight and --margin must not be negative and --group-size at least 2, got "
                f"{self.lm_weight}, {self.margin} and {self.group_size}"
            )

    @property
    def compares(self) -> bool:
        """Whether it learns from comparisons of solutions and not from each alone."""
        return self.loss in (OutcomeLoss.PAIRWISE, OutcomeLoss.LISTWISE)

    @property
    def needs_whole_solutions(self) -> bool:
        """Whether an example that was cut at the length limit has lost its label."""
        return self.loss is not OutcomeLoss.TOKENS

    @property
    def pooling(self) -> Pooling:
        """Which logits make up those of a step."""
        return Pooling.MEAN if self.loss is OutcomeLoss.MEAN else Pooling.LAST

    def targets_of(self, example: Example) -> tuple[list[int], np.ndarray]:
        """Indices of the steps at whose ends the outcome is to be known, and the outcome there, float32 `[P, 1]`.

        Raises:
            InputError: The solution was never graded.
        """
        if example.correct is None:
            raise InputError(
                f"solution {example.name}: field 'correct' is missing; an ORM learns from graded solutions"
            )
        count = len(example.labels)
        steps = list(range(count)) if self.loss is OutcomeLoss.TOKENS else [count - 1]
        return steps, _columns([(float(example.correct),)] * len(steps), 1)

    def row(self, example: Example) -> Row | None:
        """Positions and targets of one example; errors as of `targets_of`."""
        steps, targets = self.targets_of(example)
        encoded = example.encoded
        positions = [encoded.ends[step] for step in steps]
        if self.loss is OutcomeLoss.TOKENS:
            positions = list(range(encoded.prompt_length, len(encoded.ids)))
            targets = np.repeat(targets[:1], len(positions), axis=0)
        language = self.lm_weight > 0 and bool(example.correct)
        return Row(encoded.ids, encoded.prompt_length, positions, targets, language)


@dataclass(frozen=True, kw_only=True)
class ValueObjective(_Steps):
    """How often rollouts from a step are right: k of n, at the step's end. Steps without rollouts are left out."""

    kind: ClassVar[RewardKind] = RewardKind.VALUE

    def targets_of(self, example: Example) -> tuple[list[int], np.ndarray]:
        """Indices of the steps with rollouts and their rates k/n, float32 `[P, 1]`; both may be empty."""
        steps = [step for step, estimate in enumerate(example.estimates) if estimate.rollouts]
        return steps, _columns([(example.estimates[step].rate,) for step in steps], 1)

    def row(self, example: Example) -> Row | None:
        """Positions and targets of one example; None where nothing was drawn from it."""
        steps, targets = self.targets_of(example)
        encoded = example.encoded
        return (
            Row(encoded.ids, encoded.prompt_length, [encoded.ends[step] for step in steps], targets) if steps else None
        )


Objective = PRMObjective | ORMObjective | ValueObjective
"""What is learned from labelled solutions."""


def objective_of(kind: RewardKind) -> Objective:
    """The objective of a kind with its options at their defaults.

    Raises:
        InputError: The kind is not learned from labelled solutions.
    """
    for objective in (PRMObjective(), ORMObjective(), ValueObjective()):
        if objective.kind is kind:
            return objective
    raise InputError(f"a {kind} model is not learned from labelled solutions")


def _columns(rows: list[tuple[float, ...]], width: int) -> np.ndarray:
    """float32 `[P, width]`."""
    return np.asarray(rows, dtype=np.float32).reshape(-1, width)


def _distribution(soft: tuple[float, float, float], name: str, step: int) -> tuple[float, float, float]:
    if not abs(sum(soft) - 1) < 1e-3 or min(soft) < -1e-6:
        raise InputError(f"solution {name}, step {step}: soft label {soft} is no distribution over three classes")
    return soft
