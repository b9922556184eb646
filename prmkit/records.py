"""The nouns of the project as frozen records, and the Arrow schema in which they are stored.

Records hold counts, not ratios; labels are derived from them (`labelers.values`). Nothing here reads files
(`prmkit.tables` does) or imports torch.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

import pyarrow as pa

from prmkit.errors import InputError


class FinishReason(StrEnum):
    """Why a completion ended."""

    END = "end"
    """The policy wrote its end-of-text token: the text is finished."""
    STEP = "step"
    """The text ends with a step and may go on: only one was asked for, or what follows was left out."""
    LENGTH = "length"
    """The token limit was reached: the text is cut, its last step is not a whole step."""


class StepLabel(IntEnum):
    """The three classes of a step; class index of a PRM head is the value + 1."""

    INCORRECT = -1
    NEUTRAL = 0
    CORRECT = 1


class EstimateMethod(StrEnum):
    """How the counts of a step were obtained."""

    ROLLOUTS = "rollouts"
    """Completions drawn from the prefix that ends with the step."""
    GRADED = "graded"
    """The step is the solution's last; the answer it holds was graded, nothing was drawn."""
    INFERRED = "inferred"
    """Nothing was drawn; what other steps of the solution showed decides (`labelers.first_error`)."""
    GIVEN = "given"
    """Nothing was drawn; the label came from outside: people, or a data set without counts (`prmkit.formats`)."""


class Strategy(StrEnum):
    """How it was decided where rollouts are drawn, and how many."""

    FIXED = "fixed"
    """The same number after every step (Math-Shepherd)."""
    SEQUENTIAL = "sequential"
    """After every step until its class is certain enough."""
    FIRST_ERROR = "first-error"
    """Where a search for the first step without value looks (OmegaPRM)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A problem with its reference answer."""

    problem_id: str
    """Unique within its source."""
    problem: str
    """What is asked; never empty."""
    answer: str | None
    """Reference answer, as the source writes it, without its mark (`18`, not `#### 18`); None where the source has
    none, as in data sets of labelled steps. Such a problem can be trained on and scored, not sampled or graded."""
    solution: str | None = None
    """Reference solution where the source has one."""

    def __post_init__(self) -> None:
        for field in ("problem_id", "problem", "answer"):
            value = getattr(self, field)
            if value is not None and not value.strip():
                raise InputError(f"problem {self.problem_id!r}: field {field!r} is empty")

    def known_answer(self) -> str:
        """The reference answer, for whoever grades.

        Raises:
            InputError: There is none.
        """
        if self.answer is None:
            raise InputError(
                f"problem {self.problem_id!r}: it has no reference answer (field 'answer'), so nothing can be graded; "
                "prmkit convert --problems takes answers from a problem source"
            )
        return self.answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """One solution of a problem, in steps."""

    solution_id: str
    """Unique within its problem: the address of its draw, or its place in the source."""
    problem: Problem
    """What it solves."""
    steps: tuple[str, ...]
    """Texts of the steps in order, without their separators; at least one, none blank."""
    prompt_ids: tuple[int, ...] | None = None
    """Token ids of the prompt under the policy that wrote it; None where the solution came as text."""
    step_ids: tuple[tuple[int, ...], ...] | None = None
    """The very token ids the policy wrote, cut at the step boundaries, separators and end token included."""
    finish: FinishReason = FinishReason.END
    """Why it ended. A solution cut by the length limit has no answer."""
    correct: bool | None = None
    """The grader's verdict on its final answer; None before grading, or where a source from outside does not say."""

    def __post_init__(self) -> None:
        if not self.steps or not all(step.strip() for step in self.steps):
            raise InputError(f"solution {self.name}: no steps, or a blank one; every step needs text")
        if self.step_ids is not None and len(self.step_ids) != len(self.steps):
            raise InputError(f"solution {self.name}: {len(self.steps)} steps but token ids of {len(self.step_ids)}")

    @property
    def name(self) -> str:
        """`problem_id/solution_id`, unique in its source."""
        return f"{self.problem.problem_id}/{self.solution_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEstimate:
    """How often a step's prefix led to the right answer. Counts, not a ratio: 1/1 and 64/64 differ."""

    successes: int
    """Completions whose answer the grader accepted."""
    rollouts: int
    """Completions drawn; at least 1. A graded step has 1, an inferred or given one 0."""
    method: EstimateMethod = EstimateMethod.ROLLOUTS
    """How the counts were obtained."""

    def __post_init__(self) -> None:
        counts = f"{self.successes}/{self.rollouts}"
        if self.method in (EstimateMethod.INFERRED, EstimateMethod.GIVEN):
            if self.successes or self.rollouts:
                raise InputError(f"a step whose label is {self.method} has no rollouts, got {counts}")
        elif not 0 <= self.successes <= self.rollouts or self.rollouts < 1:
            raise InputError(f"need 0 <= successes <= rollouts and rollouts >= 1, got {counts}")

    @property
    def rate(self) -> float:
        """Empirical correctness rate, in [0, 1].

        Raises:
            InputError: The step is inferred or given: nothing was drawn.
        """
        if not self.rollouts:
            raise InputError(f"a step whose label is {self.method} has no rate: nothing was drawn")
        return self.successes / self.rollouts


@dataclass(frozen=True, slots=True, kw_only=True)
class LabeledSolution:
    """A solution with one estimate and one label per step."""

    solution: Solution
    """What was labelled; `correct` is set unless the labels were given and their source does not say."""
    estimates: tuple[StepEstimate, ...]
    """One per step."""
    labels: tuple[StepLabel, ...]
    """Class of each step (`labelers.values` says how it is derived)."""
    soft_labels: tuple[tuple[float, float, float], ...]
    """Posterior mass of (incorrect, neutral, correct) for each step; each sums to 1. Of a given label: all mass on its
    class, or of a given value v (1 - v, 0, v)."""
    intervals: tuple[tuple[float, float], ...] | None = None
    """Confidence interval of each step's value, in [0, 1]; None where the source has none."""
    strategy: Strategy | None = None
    """How the rollouts were placed; None where the source does not say."""
    problem_estimate: StepEstimate | None = None
    """Of the bare problem, step 0; None where it was not estimated."""

    def __post_init__(self) -> None:
        lengths = {len(self.solution.steps), len(self.estimates), len(self.labels), len(self.soft_labels)}
        lengths |= set() if self.intervals is None else {len(self.intervals)}
        if len(lengths) != 1:
            raise InputError(f"solution {self.solution.name}: steps, estimates and labels differ in number: {lengths}")

    @property
    def values(self) -> tuple[float, ...]:
        """Value of each step, in [0, 1]: its rate where completions were drawn or graded, else what its soft label
        expects (correct counts 1, neutral 0.5).
        """
        return tuple(
            each.rate if each.rollouts else soft[2] + 0.5 * soft[1]
            for each, soft in zip(self.estimates, self.soft_labels, strict=True)
        )


PROBLEM_FIELDS = [
    pa.field("problem_id", pa.string()),
    pa.field("problem", pa.string()),
    pa.field("answer", pa.string()),
]
SOLUTION_SCHEMA = pa.schema(
    [
        *PROBLEM_FIELDS,
        pa.field("solution_id", pa.string()),
        pa.field("steps", pa.list_(pa.string())),
        pa.field("prompt_ids", pa.list_(pa.int32())),
        pa.field("step_ids", pa.list_(pa.list_(pa.int32()))),
        pa.field("finish", pa.string()),
        pa.field("correct", pa.bool_()),
    ]
)
"""One row per solution; `prompt_ids` and `step_ids` are null where a solution came as text."""

LABEL_SCHEMA = pa.schema(
    [
        *SOLUTION_SCHEMA,
        pa.field("successes", pa.list_(pa.int32())),
        pa.field("rollouts", pa.list_(pa.int32())),
        pa.field("methods", pa.list_(pa.string())),
        pa.field("labels", pa.list_(pa.int8())),
        pa.field("soft_labels", pa.list_(pa.list_(pa.float32()))),
        pa.field("lows", pa.list_(pa.float32())),
        pa.field("highs", pa.list_(pa.float32())),
        pa.field("strategy", pa.string()),
        pa.field("problem_successes", pa.int32()),
        pa.field("problem_rollouts", pa.int32()),
    ]
)
"""One row per labelled solution; the seven lists have one entry per step. What came later than `soft_labels` may be
null: intervals and strategy in tables of other origin, the bare problem's counts where it was not estimated; and
`answer` and `correct` where the labels were given from outside."""

SCORE_SCHEMA = pa.schema(
    [
        *SOLUTION_SCHEMA,
        pa.field("step_scores", pa.list_(pa.float32())),
        pa.field("score", pa.float32()),
        pa.field("first_flagged", pa.int32()),
        pa.field("step_probabilities", pa.list_(pa.list_(pa.float32()))),
        pa.field("step_disagreement", pa.list_(pa.float32())),
    ]
)
"""One row per scored solution: the model's score of every step, in [0, 1], and the solution's aggregate. What follows
may be null: the first step that scores below the threshold, class probabilities where one classifier gave them, the
spread over the members of an ensemble."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredSolution:
    """A solution with the scores of one reward model."""

    solution: Solution
    """What was scored."""
    step_scores: tuple[float, ...]
    """In [0, 1], one per step."""
    score: float
    """Aggregate of the step scores, by the model's own aggregation."""
    first_flagged: int | None = None
    """Index of the first step that scores below the threshold, -1 where none does; None where nobody looked."""
    step_probabilities: tuple[tuple[float, ...], ...] | None = None
    """For each step a PRM's probabilities in the order of `StepLabel`, or any other kind's only one; calibrated where
    the model is. None where the model gives scores only."""
    step_disagreement: tuple[float, ...] | None = None
    """For each step the standard deviation over the members of an ensemble, in [0, 0.5]; None for a single model."""
