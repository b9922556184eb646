"""Whether the grader is at least as right as math-verify and how much faster it is: `python -m benchmarks.grading`.

Both grade the same pairs in the same run, each in one process (ours with one worker, whose CPU time counts). Imports,
starting the worker and two warm-up comparisons are left out of both; every timed run starts with empty caches in a new
process. math-verify is used as its README says, its own caches on. Writes `results/grading.json` and, with what reading
each of them showed, every verdict that differs from the data's label to `results/grading_disagreements.jsonl`.
"""

import json
import random
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from statistics import quantiles

from benchmarks.grading_classified import CLASSIFIED
from benchmarks.grading_runs import Run, run
from benchmarks.grading_sources import DATA, SOURCES, Pair, rollouts
from benchmarks.results import RESULTS, Measurement, rate, write_results

PEER = "math-verify"
RUNS = 3
"""Timed runs of each grader, in turn."""
ROLLOUTS = 2_000
"""Length of the stream of rollouts."""
HARD = 150
"""Pairs of each source that no fast path decides, at most."""


def main() -> None:
    if not DATA.is_dir():
        sys.exit(f"no data in {DATA}: set PRMKIT_DATA to a folder that holds gsm8k/, math500/ and processbench/")
    measurements: list[Measurement] = []
    disagreements: list[dict[str, object]] = []
    hard: list[Pair] = []
    for source, load in SOURCES.items():
        pairs = load()
        ours, peer = (run(grader, _texts(pairs)) for grader in ("ours-single", PEER))
        measurements += _accuracy(source, pairs, ours, peer)
        disagreements += _disagreements(pairs, ours, peer)
        slow = [pair for pair, fast in zip(pairs, ours.fast, strict=True) if not fast]
        hard += random.Random(0).sample(slow, min(HARD, len(slow)))
    streams = {
        ("GSM8K model solutions", 50.0): SOURCES["gsm8k"](),
        ("ProcessBench MATH, cold", 5.0): SOURCES["processbench-math"](),
        ("rollouts of ProcessBench MATH, 8 after every step", 20.0): rollouts(ROLLOUTS),
        ("LaTeX that no fast path decides", 2.0): hard,
    }
    for (name, aim), pairs in streams.items():
        measurements += _throughput(name, aim, pairs)
    for measurement in measurements:
        print(json.dumps(asdict(measurement), ensure_ascii=False))
    print(write_results("grading", measurements, ["prmkit", "math-verify", "latex2sympy2_extended", "sympy"]))
    _write_disagreements(disagreements)


def _texts(pairs: Sequence[Pair]) -> list[tuple[str, str]]:
    return [(pair.gold, pair.solution) for pair in pairs]


def _accuracy(source: str, pairs: Sequence[Pair], ours: Run, peer: Run) -> list[Measurement]:
    """Accuracy, both error rates (as their complements, so that more is better), latency and rate on one source."""
    found = []
    kinds = (
        ("accuracy", {True, False}),
        ("share of wrong answers refused (1 - false positives)", {False}),
        ("share of right answers accepted (1 - false negatives)", {True}),
    )
    for kind, labels in kinds:
        chosen = [index for index, pair in enumerate(pairs) if pair.label in labels]
        if not chosen or (len(labels) == 1 and len(chosen) == len(pairs)):
            continue  # the same as accuracy
        value, peer_value = (
            sum(each.equal[index] == pairs[index].label for index in chosen) / len(chosen) for each in (ours, peer)
        )
        name = f"{source}: {kind} on {len(chosen)} pairs"
        found.append(_compared(name, value / peer_value, value, peer_value, f"share of {len(chosen)} pairs"))
    p99, peer_p99 = (quantiles(each.seconds, n=100)[98] for each in (ours, peer))
    name = f"{source}: 99th percentile of the time of one pair"
    found.append(_compared(name, peer_p99 / p99, p99, peer_p99, "seconds, wall clock"))
    name = f"{source}: throughput on {len(pairs)} pairs, one by one"
    return [*found, _compared(name, ours.rate / peer.rate, ours.rate, peer.rate, "pairs per CPU-second")]


def _compared(name: str, ratio: float, value: float, peer_value: float, unit: str) -> Measurement:
    return Measurement(name=name, ratio=ratio, aim=1.0, value=value, peer=PEER, peer_value=peer_value, unit=unit)


def _throughput(name: str, aim: float, pairs: Sequence[Pair]) -> list[Measurement]:
    runs: dict[str, list[Run]] = {"ours": [], PEER: []}
    for _ in range(RUNS):
        for grader, done in runs.items():
            done.append(run(grader, _texts(pairs)))
    ours, theirs = ([each.rate for each in done] for done in runs.values())
    unit = "pairs per CPU-second"
    found = [rate(f"{name}: throughput on {len(pairs)} pairs", ours, PEER, theirs, unit=unit, aim=aim)]
    if "rollouts" in name:
        cost, peer_cost = 1000 / found[0].value, 1000 / found[0].peer_value
        unit, label = "CPU-seconds per 1,000 rollouts", f"{name}: cost of grading"
        found.append(
            Measurement(
                name=label, ratio=peer_cost / cost, aim=aim, value=cost, peer=PEER, peer_value=peer_cost, unit=unit
            )
        )
    return found


def _disagreements(pairs: Sequence[Pair], ours: Run, peer: Run) -> list[dict[str, object]]:
    rows = []
    for index, pair in enumerate(pairs):
        if ours.equal[index] != pair.label:
            kind, reason = CLASSIFIED.get((pair.source, pair.name), ("unclassified", ""))
            rows.append(
                {
                    "source": pair.source,
                    "name": pair.name,
                    "gold": pair.gold,
                    "extracted": ours.extracted[index],
                    "label": pair.label,
                    "verdict": ours.equal[index],
                    "rule": ours.rules[index],
                    PEER: peer.equal[index],
                    "class": kind,
                    "reason": reason,
                }
            )
    return rows


def _write_disagreements(rows: Sequence[dict[str, object]]) -> None:
    path = RESULTS / "grading_disagreements.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    print(path, dict(Counter(str(row["class"]) for row in rows)))
    for row in rows:
        if row["class"] == "unclassified":
            print("unclassified:", json.dumps(row, ensure_ascii=False))


if __name__ == "__main__":
    main()
