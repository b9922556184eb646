"""Pairs of a reference answer and a solution whose truth is known, from real data and from rewriting real answers.

Data come from the folder that the environment variable PRMKIT_DATA names, as for the tests.
"""

import json
import os
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.grading_families import FAMILIES
from benchmarks.grading_near_misses import near_misses
from benchmarks.grading_notations import notations
from benchmarks.grading_reading import different_values

DATA = Path(os.environ.get("PRMKIT_DATA", Path(__file__).parent.parent.parent / "shared" / "data"))
"""Folder of real data sets."""


OF_AN_INTEGER = 3
"""Notations and near misses made of each reference answer that is an integer."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A reference answer, a solution, and whether the solution's answer is right."""

    source: str
    """Where it comes from; figures are stated per source."""
    name: str
    """What tells it from the others of its source."""
    gold: str
    """The reference answer."""
    solution: str
    """A solution text that states an answer."""
    label: bool
    """Whether the answer is right, as the data say."""


def gsm8k() -> list[Pair]:
    """The solutions of four models to each question of GSM8K's test set, judged by its authors."""
    pairs = []
    for index, row in enumerate(read_rows("gsm8k/model_solutions.jsonl")):
        gold = row["ground_truth"].rpartition("A: ")[2].strip()
        for model, answer in row.items():
            if isinstance(answer, dict):
                name, label = f"{index}/{model}", answer["is_correct"]
                pairs.append(Pair(source="gsm8k", name=name, gold=gold, solution=answer["solution"], label=label))
    return pairs


def processbench(subset: str) -> list[Pair]:
    """ProcessBench's solutions to problems whose reference answer is among GSM8K and MATH-500."""
    golds, source = _golds_by_problem(), f"processbench-{subset}"
    return [
        Pair(source=source, name=row["id"], gold=gold, solution="\n\n".join(row["steps"]), label=label)
        for row in json.loads((DATA / "processbench" / f"{subset}.json").read_text(encoding="utf-8"))
        for gold, label in [(golds.get(_squeezed(row["problem"])), row["final_answer_correct"])]
        if gold is not None
    ]


def math500_notations() -> list[Pair]:
    """Every reference answer of MATH-500 against itself in other notations; all are equal."""
    return [
        Pair(source="notations", name=f"{name} {kind} {text}", gold=gold, solution=_boxed(text), label=True)
        for name, gold in _math500_golds()
        for kind, text in _few(name, gold, list(notations(gold)))
    ]


def math500_differences(others: int = 2, seed: int = 0) -> list[Pair]:
    """Reference answers of MATH-500 against near misses of themselves and against others' answers; none are equal."""
    draw, golds = random.Random(seed), _math500_golds()
    pairs = []
    for name, gold in golds:
        strangers = [("other", draw.choice(golds)[1]) for _ in range(others)]
        for kind, text in [*_few(name, gold, list(near_misses(gold))), *strangers]:
            if different_values(gold, text):
                pairs.append(
                    Pair(
                        source="differences",
                        name=f"{name} {kind} {text}",
                        gold=gold,
                        solution=_boxed(text),
                        label=False,
                    )
                )
    return pairs


def families() -> list[Pair]:
    """The hand-written pairs of `benchmarks.grading_families`."""
    return [
        Pair(source="families", name=f"{family} {text}", gold=gold, solution=_boxed(text), label=label)
        for family, cases in FAMILIES.items()
        for gold, equal, different in cases
        for label, texts in ((True, equal), (False, different))
        for text in texts
    ]


SOURCES: dict[str, Callable[[], list[Pair]]] = {
    "gsm8k": gsm8k,
    "processbench-gsm8k": lambda: processbench("gsm8k"),
    "processbench-math": lambda: processbench("math"),
    "notations": math500_notations,
    "differences": math500_differences,
    "families": families,
}
"""What accuracy is measured on."""


def rollouts(gradings: int, per_step: int = 8, seed: int = 0) -> list[Pair]:
    """A stream as Monte-Carlo labelling makes it: every step of a solution is continued `per_step` times.

    A rollout is the solution up to the step and then the end of a solution drawn from all that are known for the
    problem: the reference and those of ProcessBench. So answers repeat as they do in life, and no text comes twice.

    Args:
        gradings: Length of the stream; it ends inside a solution if need be.
        per_step: Rollouts drawn after each step.
        seed: Of the draws.
    """
    return list(_first(gradings, _rollouts(per_step, random.Random(seed))))


def _rollouts(per_step: int, draw: random.Random) -> Iterator[Pair]:
    texts: dict[str, list[list[str]]] = defaultdict(list)
    golds: dict[str, str] = {}
    for row in read_rows("math500/test.jsonl"):
        problem = _squeezed(row["problem"])
        golds[problem] = row["answer"]
        texts[problem].append([line for line in row["solution"].split("\n") if line.strip()])
    for row in json.loads((DATA / "processbench" / "math.json").read_text(encoding="utf-8")):
        if _squeezed(row["problem"]) in golds:
            texts[_squeezed(row["problem"])].append(row["steps"])
    for problem, known in texts.items():
        for steps in known[1:]:
            for step in range(len(steps)):
                for rollout in range(per_step):
                    end = draw.choice(known)
                    kept = [*steps[: step + 1], *end[-draw.randint(1, len(end)) :]]
                    text = "\n\n".join([f"Attempt {rollout + 1}.", *kept])
                    name = f"{step}/{rollout}"
                    yield Pair(source="rollouts", name=name, gold=golds[problem], solution=text, label=end is steps)


def _first(count: int, pairs: Iterator[Pair]) -> Iterator[Pair]:
    return (pair for _, pair in zip(range(count), pairs, strict=False))


def _few(name: str, gold: str, rewritten: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """All of them, but only `OF_AN_INTEGER` where the answer is an integer, as most are."""
    if not gold.lstrip("-").isdecimal():
        return rewritten
    return random.Random(name).sample(rewritten, min(OF_AN_INTEGER, len(rewritten)))


def read_rows(path: str) -> list[dict[str, Any]]:
    """The rows of a JSONL file of `DATA`."""
    return [json.loads(line) for line in (DATA / path).read_text(encoding="utf-8").splitlines()]


def _golds_by_problem() -> dict[str, str]:
    golds = {}
    for part in ("train", "test"):
        for row in read_rows(f"gsm8k/{part}.jsonl"):
            golds[_squeezed(row["question"])] = row["answer"].rpartition("####")[2].strip()
    for row in read_rows("math500/test.jsonl"):
        golds[_squeezed(row["problem"])] = row["answer"]
    return golds


def _math500_golds() -> list[tuple[str, str]]:
    return [(row["unique_id"], row["answer"]) for row in read_rows("math500/test.jsonl")]


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _boxed(answer: str) -> str:
    return rf"Therefore the answer is $\boxed{{{answer}}}$."
