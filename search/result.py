"""What every search returns, and the Arrow schema in which it is stored."""

from dataclasses import dataclass

import pyarrow as pa

from prmkit.records import PROBLEM_FIELDS, FinishReason, Problem
from prmkit.tables import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A solution, whole or under way, with its scores."""

    token_ids: tuple[int, ...]
    """What the policy wrote after the prompt."""
    steps: tuple[str, ...]
    """The same in steps."""
    step_scores: tuple[float, ...]
    """The reward model's score of each step, in [0, 1]."""
    score: float
    """Aggregate of the step scores, by the model's own aggregation; minus infinity where there are no steps."""
    finish: FinishReason
    """END: whole. STEP: under way when the search ended. LENGTH: cut by the token limit, so without an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """The outcome for one problem."""

    problem: Problem
    """What was searched."""
    candidates: tuple[Candidate, ...]
    """Best first: whole ones before others, then by score."""
    tokens: int
    """Tokens the policy wrote, pruned ones included."""

    @property
    def chosen(self) -> Candidate | None:
        """The best whole candidate; None where no candidate is whole."""
        best = self.candidates[0] if self.candidates else None
        return best if best and best.steps and best.finish is FinishReason.END else None


def ranked(candidates: list[Candidate]) -> tuple[Candidate, ...]:
    """Whole candidates first, then by score, best first; equal ones keep their order."""
    return tuple(sorted(candidates, key=lambda each: (each.finish is not FinishReason.END, -each.score)))


RESULT_SCHEMA = pa.schema(
    [
        *PROBLEM_FIELDS,
        pa.field("method", pa.string()),
        pa.field("chosen", pa.string()),
        pa.field("correct", pa.bool_()),
        pa.field("tokens", pa.int64()),
        pa.field("candidates", pa.list_(pa.list_(pa.string()))),
        pa.field("step_scores", pa.list_(pa.list_(pa.float32()))),
        pa.field("scores", pa.list_(pa.float32())),
        pa.field("finishes", pa.list_(pa.string())),
    ]
)
"""One row per problem; the last four lists have one entry per candidate. `chosen` is null where none is whole."""


def result_row(result: SearchResult, method: str, correct: bool) -> Row:
    """A result as a row of `RESULT_SCHEMA`."""
    problem, chosen = result.problem, result.chosen
    return {
        "problem_id": problem.problem_id,
        "problem": problem.problem,
        "answer": problem.answer,
        "method": method,
        "chosen": None if chosen is None else "\n".join(chosen.steps),
        "correct": correct,
        "tokens": result.tokens,
        "candidates": [list(each.steps) for each in result.candidates],
        "step_scores": [list(each.step_scores) for each in result.candidates],
        "scores": [each.score for each in result.candidates],
        "finishes": [str(each.finish) for each in result.candidates],
    }
