"""What every search returns: candidates, the chosen one, what it cost and the tree; and how that is stored."""

import math
from dataclasses import dataclass, field
from enum import StrEnum

import pyarrow as pa

from prmkit.records import PROBLEM_FIELDS, FinishReason, Problem
from prmkit.tables import Row


class Fate(StrEnum):
    """What became of a step that was drawn."""

    KEPT = "kept"
    """Continued, or part of a candidate."""
    PRUNED = "pruned"
    """Others ranked higher."""
    MERGED = "merged"
    """The same text as a sibling, which stands for both."""
    LOOKAHEAD = "lookahead"
    """Written only to score the steps before it."""
    CUT = "cut"
    """Cut by a limit of tokens."""
    UNSCORED = "unscored"
    """Not scored, and so not ranked: the budget was spent."""


class Ended(StrEnum):
    """Why a search ended."""

    DONE = "done"
    """It did what its settings say."""
    MAX_STEPS = "max-steps"
    """Solutions under way reached the limit of steps."""
    TOKENS = "tokens"
    """The budget of generated tokens is spent."""
    PRM_TOKENS = "prm-tokens"
    """The budget of tokens that the reward model reads is spent."""
    SECONDS = "seconds"
    """The time is up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A solution, whole or under way, with its scores."""

    token_ids: tuple[int, ...]
    """What the policy wrote after the prompt."""
    steps: tuple[str, ...]
    """The same in steps."""
    step_scores: tuple[float, ...]
    """The reward model's score of each step, in [0, 1]; of one that was cut, only those of the steps before."""
    score: float
    """The model's own aggregate of the step scores, in [0, 1]; minus infinity where a step has none."""
    finish: FinishReason
    """END: whole. STEP: under way when the search ended. LENGTH: cut by a limit of tokens, so without an answer."""
    leaf: int = -1
    """Index of its last step in the trace; -1 where it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceNode:
    """A step that was drawn."""

    parent: int
    """Index of the step before it in the trace; -1 for a first step."""
    step: str
    """Its text."""
    tokens: int
    """Written for it."""
    fate: Fate
    """What became of it."""
    score: float | None = None
    """The reward model's score of this step, in [0, 1]; None where it was not scored."""
    value: float | None = None
    """What it was ranked by: the score of the solution so far, of its look-ahead, or its mean in a tree search."""
    visits: int = 1
    """1, and 1 more for every simulation of a Monte-Carlo tree search that passed through it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """The outcome for one problem."""

    problem: Problem
    """What was searched."""
    candidates: tuple[Candidate, ...]
    """Best first: whole ones before others, then by score."""
    choice: int | None
    """Index of the chosen candidate; None where none is whole."""
    predicted: str | None
    """Answer of the chosen candidate as it wrote it; None where there is none."""
    tokens: int
    """Tokens the policy wrote, pruned ones included."""
    prm_tokens: int | None
    """Tokens the reward model had to read, those it keeps counted once; None where it does not say."""
    ended: Ended
    """Why the search ended."""
    trace: tuple[TraceNode, ...]
    """All steps drawn, parents before children."""
    seconds: float = field(default=0.0, compare=False)
    """From the first draw to the choice; other problems were searched at the same time."""

    @property
    def chosen(self) -> Candidate | None:
        """The chosen candidate; None where no candidate is whole."""
        return None if self.choice is None else self.candidates[self.choice]


_NODE = pa.struct(
    [
        pa.field("parent", pa.int32()),
        pa.field("step", pa.string()),
        pa.field("score", pa.float32()),
        pa.field("value", pa.float32()),
        pa.field("tokens", pa.int32()),
        pa.field("fate", pa.string()),
        pa.field("visits", pa.int32()),
    ]
)
RESULT_SCHEMA = pa.schema(
    [
        *PROBLEM_FIELDS,
        pa.field("method", pa.string()),
        pa.field("chosen", pa.string()),
        pa.field("chosen_index", pa.int32()),
        pa.field("predicted", pa.string()),
        pa.field("correct", pa.bool_()),
        pa.field("tokens", pa.int64()),
        pa.field("prm_tokens", pa.int64()),
        pa.field("seconds", pa.float64()),
        pa.field("ended", pa.string()),
        pa.field("candidates", pa.list_(pa.list_(pa.string()))),
        pa.field("step_scores", pa.list_(pa.list_(pa.float32()))),
        pa.field("scores", pa.list_(pa.float32())),
        pa.field("finishes", pa.list_(pa.string())),
        pa.field("candidate_tokens", pa.list_(pa.int32())),
        pa.field("leaves", pa.list_(pa.int32())),
        pa.field("trace", pa.list_(_NODE)),
    ]
)
"""One row per problem. The six lists before `trace` have one entry per candidate, best first. `chosen`, `chosen_index`
and `predicted` are null where none is whole; in a trace `score` and `value` where a step was not scored or ranked."""


def result_row(result: SearchResult, method: str, correct: bool) -> Row:
    """A result as a row of `RESULT_SCHEMA`."""
    problem, chosen = result.problem, result.chosen
    return {
        "problem_id": problem.problem_id,
        "problem": problem.problem,
        "answer": problem.answer,
        "method": method,
        "chosen": None if chosen is None else "\n".join(chosen.steps),
        "chosen_index": result.choice,
        "predicted": result.predicted,
        "correct": correct,
        "tokens": result.tokens,
        "prm_tokens": result.prm_tokens,
        "seconds": result.seconds,
        "ended": str(result.ended),
        "candidates": [list(each.steps) for each in result.candidates],
        "step_scores": [list(each.step_scores) for each in result.candidates],
        "scores": [each.score if math.isfinite(each.score) else None for each in result.candidates],
        "finishes": [str(each.finish) for each in result.candidates],
        "candidate_tokens": [len(each.token_ids) for each in result.candidates],
        "leaves": [each.leaf for each in result.candidates],
        "trace": [
            {name: getattr(each, name) for name in ("parent", "step", "score", "value", "tokens", "visits")}
            | {"fate": str(each.fate)}
            for each in result.trace
        ],
    }
