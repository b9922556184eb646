"""How fast and in how much memory a PRM is trained, against TRL's PRMTrainer: `python -m benchmarks.training`.

Same model, solutions, precision (float32), optimiser and solutions per step, one epoch; both through their own front
door, `prmkit.training.train` and `trl.experimental.prm`, each run in a process of its own, in turn, with one thread.
What is timed is the training loop, from the Trainer's first step to its last: loading and tokenising are left out of
both. Tokens are those of the solutions, without padding and with every prompt counted for every solution. Rates are per
CPU-second, since a shared machine says little in wall-clock time. Peak memory is that of the whole process. Needs the
peer, `pip install trl==1.13.0`. Writes `results/training.json`.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.results import Measurement, rate, write_results
from benchmarks.reward_data import labeled_pool, lengths_from, write_base

PEER = "TRL's PRMTrainer"
PROBLEMS = 64
BATCH_SIZE = 32
"""Solutions per optimiser step."""
RUNS = 3
"""Of each, in turn."""
LR = 1e-4


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        pool = labeled_pool(PROBLEMS)
        write_base(Path(folder) / "base", pool)
        runs: dict[str, list[dict[str, float]]] = {"ours": [], "peer": []}
        for _ in range(RUNS):
            for side, done in runs.items():
                done.append(_run(side, Path(folder)))
                print(side, json.dumps(done[-1]), flush=True)
    tokens = {each["tokens"] for done in runs.values() for each in done}
    assert len(tokens) == 1, f"the two sides read different tokens: {tokens}"
    what = f"training a PRM on {len(pool)} solutions of {PROBLEMS} problems ({lengths_from()})"
    measurements = [
        _rate(f"{what}: throughput", runs, "cpu_seconds", "tokens per CPU-second", 2.0),
        _rate(f"{what}: throughput by the clock", runs, "seconds", "tokens per second, wall clock", 2.0),
        _peak(f"{what}: peak memory", runs, "peak_mib"),
        _peak(f"{what}: peak memory above what the process held before training", runs, "growth_mib"),
    ]
    for each in measurements:
        print(json.dumps(asdict(each)))
    print(write_results("training", measurements, ["prmkit", "trl", "torch", "transformers"]))


def _run(side: str, folder: Path) -> dict[str, float]:
    """One run in a fresh process."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TRL_EXPERIMENTAL_SILENCE": "1", "TOKENIZERS_PARALLELISM": "0"}
    command = [sys.executable, "-m", "benchmarks.training", side, str(folder)]
    with tempfile.TemporaryDirectory(dir=folder) as out:
        done = subprocess.run([*command, out], env=environment, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{side} failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _rate(name: str, runs: dict[str, list[dict[str, float]]], time_field: str, unit: str, aim: float) -> Measurement:
    ours, theirs = ([each["tokens"] / each[time_field] for each in done] for done in runs.values())
    return rate(name, ours, PEER, theirs, unit=unit, aim=aim)


def _peak(name: str, runs: dict[str, list[dict[str, float]]], memory_field: str) -> Measurement:
    ours, theirs = ([each[memory_field] for each in done] for done in runs.values())
    found = rate(name, ours, PEER, theirs, unit="MiB", aim=1.0)
    values = asdict(found) | {"ratio": found.peer_value / found.value}  # less is better
    return Measurement(**values)


def _clock() -> Any:
    """A callback of the Trainer that says when and in how much memory it worked."""
    from transformers import TrainerCallback

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            self.before = time.process_time(), time.perf_counter(), _peak_mib()

        def on_train_end(self, *_: Any, **__: Any) -> None:
            cpu, clock, peak = self.before
            self.found = {
                "cpu_seconds": time.process_time() - cpu,
                "seconds": time.perf_counter() - clock,
                "peak_mib": _peak_mib(),
                "growth_mib": _peak_mib() - peak,
            }

    return Clock()


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _ours(base: Path, out: Path, clock: Any) -> int:
    """Train by prmkit; the tokens of the solutions."""
    from prmkit.models import load_tokenizer
    from prmkit.steps import TextFormat, encode_solution
    from prmkit.training.config import TrainConfig
    from prmkit.training.objectives import PRMObjective
    from prmkit.training.train import train

    config = TrainConfig(base=str(base), epochs=1, lr=LR, batch_size=BATCH_SIZE, validation=0.0, evaluations=1)
    pool = labeled_pool(PROBLEMS)
    train(config, PRMObjective(), pool, out, callbacks=[clock])
    tokenizer, solutions = load_tokenizer(str(base)), [each.solution for each in pool]
    return sum(
        len(encode_solution(tokenizer, TextFormat(), each.problem.problem, each.steps).ids) for each in solutions
    )


def _peer(base: Path, out: Path, clock: Any) -> int:
    """Train by TRL; the tokens of the solutions."""
    from datasets import Dataset
    from transformers import AutoModelForTokenClassification, AutoTokenizer
    from trl.experimental.prm import PRMConfig, PRMTrainer

    rows = [
        {
            "prompt": f"{each.solution.problem.problem}\n\n",
            "completions": list(each.solution.steps),
            "labels": [label + 1 for label in each.labels],
        }
        for each in labeled_pool(PROBLEMS)
    ]
    trainer = PRMTrainer(
        model=AutoModelForTokenClassification.from_pretrained(base, num_labels=3),
        processing_class=AutoTokenizer.from_pretrained(base),
        train_dataset=Dataset.from_list(rows),
        callbacks=[clock],
        args=PRMConfig(
            output_dir=str(out),
            step_separator="\n\n",
            per_device_train_batch_size=BATCH_SIZE,
            num_train_epochs=1,
            learning_rate=LR,
            gradient_checkpointing=False,  # as ours; TRL would be slower with it
            bf16=False,
            use_cpu=True,
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
        ),
    )
    trainer.train()
    return sum(len(row["input_ids"]) for row in trainer.train_dataset)


SIDES: dict[str, Callable[[Path, Path, Any], int]] = {"ours": _ours, "peer": _peer}


def child(side: str, folder: str, out: str) -> None:
    """One run; the last line of its output is what was measured."""
    clock = _clock()
    tokens = SIDES[side](Path(folder) / "base", Path(out) / "run", clock)
    print(json.dumps(clock.found | {"tokens": tokens}))


if __name__ == "__main__":
    if sys.argv[1:]:
        child(*sys.argv[1:])
    else:
        main()
