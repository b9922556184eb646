"""Searches to look at: real ones of stories, and rows of `search.result.RESULT_SCHEMA` written by hand."""

import asyncio
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from prmkit.completers.simulated import SimulatedCompleter
from prmkit.demo.stories import LEVELS, make_stories
from prmkit.files import write_json
from prmkit.models import DEMO_POLICY, load_tokenizer
from prmkit.records import Problem
from prmkit.rewards.base import Aggregation, RewardModel
from prmkit.steps import TextFormat
from prmkit.tables import write_rows
from prmkit.texts import place
from search.method import Method
from search.result import RESULT_SCHEMA, SearchResult, result_row
from search.scoring import BatchingScorer


@cache
def solver() -> SimulatedCompleter:
    return SimulatedCompleter(load_tokenizer(str(DEMO_POLICY)), TextFormat(prompt="{problem}\n", separator="\n"))


class Guess(RewardModel):
    """The exact value of a step, half forgotten: scores between 0 and 1 that are often wrong."""

    aggregation = Aggregation.LAST
    threshold = 0.5

    def score_steps(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        return [[self._score(problem, steps[: end + 1]) for end in range(len(steps))] for problem, steps in solutions]

    def prm_tokens(self, problem: str, steps: Sequence[str], known_steps: int | None = None) -> int:
        return 10 * (len(steps) - (known_steps or 0))

    def _score(self, problem: str, steps: Sequence[str]) -> float:
        return 0.5 * solver().value(problem, steps) + 0.5 * place("\n".join([problem, *steps]))


def searched(method: Method, count: int) -> list[dict[str, Any]]:
    """Rows of so many problems, searched for real."""
    problems = [
        Problem(problem_id=f"demo-default-0-{index:05}", problem=story.text, answer=str(story.answer))
        for index, story in enumerate(make_stories(count, 0, LEVELS["default"]))
    ]

    async def search() -> list[SearchResult]:
        scorer = BatchingScorer(Guess())
        return await asyncio.gather(*(method.search(solver(), scorer, problem) for problem in problems))

    return [result_row(each, method.name, each.predicted == each.problem.answer) for each in asyncio.run(search())]


def write_run(folder: Path, rows: list[dict[str, Any]], shard_size: int = 1000) -> Path:
    """A run directory of them, finished."""
    write_json(folder / "config.json", {"config": {"command": "beam", "task": {"beams": 4, "expansions": 4}}})
    for number, start in enumerate(range(0, len(rows), shard_size)):
        write_rows(folder / "shards" / f"{number:05}.parquet", rows[start : start + shard_size], RESULT_SCHEMA)
    write_json(folder / "report.json", {})
    return folder


def search_row(*answers: tuple[str, float | None], correct: bool = True, **fields: Any) -> dict[str, Any]:
    """A row of whole candidates, each a first step and its answer, best first; further fields as they are given."""
    texts = [[f"Step {index}.", f"The answer is {answer}."] for index, (answer, _) in enumerate(answers)]
    row: dict[str, Any] = {
        "problem_id": "p",
        "problem": "How many?",
        "answer": "18",
        "method": "best-of-n",
        "chosen": "\n".join(texts[0]) if texts else None,
        "chosen_index": 0 if texts else None,
        "predicted": answers[0][0] if answers else None,
        "correct": correct,
        "tokens": 10 * len(answers),
        "prm_tokens": None,
        "seconds": 1.5,
        "ended": "done",
        "candidates": texts,
        "step_scores": [[] if score is None else [0.5, score] for _, score in answers],
        "scores": [-float("inf") if score is None else score for _, score in answers],
        "finishes": ["end"] * len(answers),
        "candidate_tokens": [10] * len(answers),
        "leaves": [2 * index + 1 for index in range(len(answers))],
        "trace": [
            {"parent": parent, "step": step, "score": score, "value": None, "tokens": 5, "fate": "kept", "visits": 1}
            for index, (steps, (_, last)) in enumerate(zip(texts, answers, strict=True))
            for parent, step, score in ((-1, steps[0], 0.5), (2 * index, steps[1], last))
        ],
    }
    return row | fields
