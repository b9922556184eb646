"""Rows of searches, labels, scores and solutions as what the page of `prmkit view` lists and shows: plain JSON.

What a row may be called (right, wrong, uncertain) is decided here; `prmkit.report.view` packs items into a page.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from prmkit import fields
from prmkit.errors import InputError
from prmkit.fields import Row
from prmkit.grading import equivalence_classes, extract
from prmkit.records import EstimateMethod, FinishReason, LabeledSolution, Solution, Strategy
from prmkit.tables import row_label, row_score, row_solution

MARGIN = 0.1
"""Scores that are less apart leave a choice open, and so does a score that close to one half."""
SNIPPET = 160
"""Characters of a problem in the list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of the list, and what is shown when it is selected. All text is as the models wrote it: hostile."""

    name: str
    """Problem, or problem and solution."""
    problem: str
    """What is asked."""
    correct: bool | None
    """Verdict on the answer; None where nobody gave one."""
    uncertain: bool
    """As the page's kind defines it."""
    strip: Sequence[float | None]
    """In [0, 1], one per step: what the list paints."""
    detail: dict[str, Any]
    """What the page's script shows; JSON-able."""


def search_item(row: Row) -> Item:
    """A row that `prmkit search` wrote (`search.result.RESULT_SCHEMA`).

    Raises:
        InputError: A field has another type, or the trace is no forest with parents before children.
    """
    trace = _trace(row)
    candidates = _candidates(row, len(trace["parent"]))
    chosen = fields.optional(fields.read, row, "chosen_index", "an integer or null", int)
    if chosen is not None and not 0 <= chosen < len(candidates["score"]):
        raise InputError(f"field 'chosen_index' is {chosen}, and there are {len(candidates['score'])} candidates")
    reasons = [] if chosen is None else open_choice(candidates, chosen)
    path = _path(trace["parent"], candidates["leaf"][chosen if chosen is not None else 0] if candidates["leaf"] else -1)
    detail = {
        name: row.get(name)
        for name in ("problem", "answer", "predicted", "method", "tokens", "prm_tokens", "seconds", "ended")
    }
    return Item(
        name=str(fields.read(row, "problem_id", "text", str | int)),
        problem=fields.read(row, "problem", "text", str),
        correct=fields.optional(fields.read, row, "correct", "true, false or null", bool),
        uncertain=bool(reasons),
        strip=[trace["score"][index] for index in path],
        detail=detail | {"chosen": chosen, "open": reasons, "candidates": candidates, "trace": trace},
    )


def open_choice(candidates: dict[str, list[Any]], chosen: int) -> list[str]:
    """Why the choice of a search is uncertain, in sentences; empty where it is not."""
    score = candidates["score"][chosen]
    if score is None:
        return ["the chosen solution was not scored"]
    reasons = []
    if round(abs(score - 0.5), 4) < MARGIN:
        reasons.append(f"its score, {score:.2f}, is less than {MARGIN:g} from one half")
    others = [
        (candidates["score"][index], answer)
        for index, (answer, group) in enumerate(zip(candidates["answer"], candidates["group"], strict=True))
        if answer is not None and group != candidates["group"][chosen] and candidates["score"][index] is not None
    ]
    if others and (best := max(others, key=lambda each: each[0]))[0] > round(score - MARGIN, 4):
        reasons.append(f"another answer, {best[1]}, scores {best[0]:.2f} where the chosen one scores {score:.2f}")
    return reasons


def _trace(row: Row) -> dict[str, list[Any]]:
    nodes = fields.many(row, "trace", "a list of objects", dict)
    columns: Row = {
        name: [node.get(name) for node in nodes]
        for name in ("parent", "step", "score", "value", "tokens", "fate", "visits")
    }
    for name, kind, expected in (("step", str, "texts"), ("fate", str, "texts"), ("parent", int, "integers")):
        fields.many(columns, name, f"{expected} in every node of 'trace'", kind)
    for name in ("score", "value", "tokens", "visits"):
        columns[name] = _numbers(columns, name)
    if any(not -1 <= parent < index for index, parent in enumerate(columns["parent"])):
        raise InputError("field 'trace': a node stands before its parent")
    return columns


def _candidates(row: Row, nodes: int) -> dict[str, list[Any]]:
    solutions = fields.nested(row, "candidates", "a list of lists of texts", str)
    columns: dict[str, list[Any]] = {
        "score": _numbers(row, "scores"),
        "finish": [
            fields.member(FinishReason, each, "finishes") for each in fields.many(row, "finishes", "texts", str)
        ],
        "tokens": _numbers(row, "candidate_tokens"),
        "leaf": list(fields.many(row, "leaves", "a list of integers", int)),
    }
    lengths = {len(solutions), *map(len, columns.values())}
    if len(lengths) != 1 or not all(-1 <= leaf < nodes for leaf in columns["leaf"]):
        raise InputError(f"candidates do not fit together: {sorted(lengths)} entries, {nodes} nodes in 'trace'")
    found = [
        extract("\n".join(steps)) if finish is FinishReason.END and steps else None
        for steps, finish in zip(solutions, columns["finish"], strict=True)
    ]
    groups = iter(equivalence_classes([each.text for each in found if each]))
    return columns | {
        "answer": [each and each.text for each in found],
        "group": [None if each is None else next(groups) for each in found],
    }


def _numbers(row: Row, name: str) -> list[Any]:
    """Numbers or None; what is not finite (the score of nothing) is None, for JSON knows no such number."""
    values = fields.many(row, name, "a list of numbers", int | float | None)
    return [_short(each) for each in values]


def _short(value: float | None) -> float | None:
    """With as many digits as a page can show; None where it is not finite."""
    if value is None or not math.isfinite(value):
        return None
    return value if isinstance(value, int) else round(value, 4)


def _path(parents: Sequence[int], leaf: int) -> list[int]:
    """From the first step to this one."""
    path: list[int] = []
    while leaf >= 0:
        path.append(leaf)
        leaf = parents[leaf]
    return path[::-1]


def label_item(incorrect: float, correct: float) -> Callable[[Row], Item]:
    """From the thresholds of the classes to a reader of rows of `LABEL_SCHEMA`."""

    def read(row: Row) -> Item:
        labeled = row_label(row)
        open_steps = uncertain_steps(labeled, (incorrect, correct))
        estimates, bare = labeled.estimates, labeled.problem_estimate
        lows, highs = zip(*labeled.intervals, strict=True) if labeled.intervals else (None, None)
        detail = _solution(labeled.solution) | {
            "open": open_steps,
            "strategy": labeled.strategy,
            "bare": bare and [bare.successes, bare.rollouts],
            "rollouts": sum(each.rollouts for each in estimates if each.method is EstimateMethod.ROLLOUTS),
            "k": [each.successes for each in estimates],
            "n": [each.rollouts for each in estimates],
            "low": lows and [_short(each) for each in lows],
            "high": highs and [_short(each) for each in highs],
            "how": [each.method for each in estimates],
            "label": [int(each) for each in labeled.labels],
        }
        return _solution_item(labeled.solution, [_short(each) for each in labeled.values], detail, bool(open_steps))

    return read


def uncertain_steps(labeled: LabeledSolution, thresholds: Sequence[float]) -> list[int]:
    """Steps that were rolled out, and whose interval holds a threshold between two classes in its inside.

    A search for the first error goes by the side of that error and not by rates: there no threshold counts.
    """
    if labeled.intervals is None or labeled.strategy is Strategy.FIRST_ERROR:
        return []
    return [
        index
        for index, (each, (low, high)) in enumerate(zip(labeled.estimates, labeled.intervals, strict=True))
        if each.method is EstimateMethod.ROLLOUTS and any(low < threshold < high for threshold in thresholds)
    ]


def score_item(row: Row) -> Item:
    """A row of `SCORE_SCHEMA`; uncertain is one whose score is close to one half."""
    scored = row_score(row)
    score, steps = _short(scored.score), [_short(each) for each in scored.step_scores]
    uncertain = score is None or round(abs(score - 0.5), 4) < MARGIN
    detail = _solution(scored.solution) | {"score": score, "scores": steps, "flagged": scored.first_flagged}
    return _solution_item(scored.solution, steps, detail, uncertain)


def solution_item(row: Row) -> Item:
    """A row of `SOLUTION_SCHEMA`; nothing is known of its steps."""
    solution = row_solution(row)
    return _solution_item(solution, [], _solution(solution), uncertain=False)


def _solution(solution: Solution) -> dict[str, Any]:
    return {
        "problem": solution.problem.problem,
        "answer": solution.problem.answer,
        "finish": solution.finish,
        "steps": list(solution.steps),
    }


def _solution_item(solution: Solution, strip: Sequence[float | None], detail: dict[str, Any], uncertain: bool) -> Item:
    return Item(
        name=solution.name,
        problem=solution.problem.problem,
        correct=solution.correct,
        uncertain=uncertain,
        strip=strip,
        detail=detail,
    )
