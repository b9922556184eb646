"""How fast solutions are scored step by step, against the ways of others: `python -m benchmarks.scoring`.

The same model and token ids for all, float32, one thread, in one process, in turn; rates are per CPU-second, since a
shared machine says little in wall-clock time. The peers:

* one forward pass per step over everything up to it, as RLHFlow's PRM scoring does;
* padded batches, with and without sorting by length, of several sizes. The best of them is the peer. They get no
  attention mask: padding is on the right, and with a mask they would be slower.

Before anything is timed, all of them are checked to give the same logits. Writes `results/scoring.json`.
"""

import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported

import torch
from torch import Tensor
from transformers import PreTrainedModel

from benchmarks.results import Measurement, rate, write_results
from benchmarks.reward_data import labeled_pool, lengths_from, write_base
from prmkit.models import load_tokenizer
from prmkit.rewards.loading import load_classifier
from prmkit.rewards.packing import pad, token_batches
from prmkit.rewards.scorer import step_logits
from prmkit.steps import EncodedSolution, TextFormat, encode_solution

PROBLEMS = 24
RUNS = 3
"""Of each, in turn."""
BATCHES = (512, 1024, 4096)
"""Tokens of a padded batch, padding included."""

Scorer = Callable[[PreTrainedModel, Sequence[EncodedSolution]], list[Tensor]]


@torch.no_grad()
def one_forward_per_step(model: PreTrainedModel, rows: Sequence[EncodedSolution]) -> list[Tensor]:
    return [
        torch.stack([model(torch.tensor([row.ids[: end + 1]]), use_cache=False).logits[0, -1] for end in row.ends])
        for row in rows
    ]


@torch.no_grad()
def padded(model: PreTrainedModel, rows: Sequence[EncodedSolution], *, tokens: int, in_order: bool) -> list[Tensor]:
    """Padded batches of similar lengths, or of rows as they come."""
    plain = [(row.ids, row.prompt_length) for row in rows]
    if in_order:
        size = max(1, tokens // max(len(row.ids) for row in rows))
        batches = [list(range(len(rows)))[at : at + size] for at in range(0, len(rows), size)]
    else:
        batches = token_batches(plain, tokens, packed=False)
    found = [torch.empty(0)] * len(rows)
    for batch in batches:
        made = pad([plain[index] for index in batch])
        flat = model(**made.inputs("cpu"), use_cache=False).logits.flatten(0, 1)
        for index, places in zip(batch, made.places, strict=True):
            found[index] = flat[places][rows[index].ends]
    return found


PADDED: dict[str, Scorer] = {
    f"padded batches of {tokens} tokens, {'as they come' if in_order else 'sorted by length'}": partial(
        padded, tokens=tokens, in_order=in_order
    )
    for tokens in BATCHES
    for in_order in (True, False)
}
PER_STEP = "one forward pass per step (as RLHFlow)"


def main() -> None:
    torch.set_num_threads(1)
    pool = labeled_pool(PROBLEMS)
    with tempfile.TemporaryDirectory() as folder:
        write_base(Path(folder), pool)
        tokenizer, model = load_tokenizer(folder), load_classifier(folder, num_labels=3).eval()
    rows = [
        encode_solution(tokenizer, TextFormat(), each.solution.problem.problem, each.solution.steps) for each in pool
    ]
    firsts = [row for row, each in zip(rows, pool, strict=True) if each.solution.solution_id == "0"]
    measurements = [
        *_compare(model, rows, f"{len(rows)} solutions of {PROBLEMS} problems ({lengths_from()})"),
        *_compare(
            model, firsts, f"{len(firsts)} solutions of as many problems ({lengths_from()}), no prompt in common"
        ),
    ]
    for each in measurements:
        print(json.dumps(asdict(each)))
    print(write_results("scoring", measurements, ["prmkit", "torch", "transformers"]))


def _compare(model: PreTrainedModel, rows: Sequence[EncodedSolution], what: str) -> list[Measurement]:
    scorers: dict[str, Scorer] = {"ours": step_logits, PER_STEP: one_forward_per_step, **PADDED}
    wanted = step_logits(model, rows)
    for name, scorer in scorers.items():  # a warm-up too
        for one, other in zip(wanted, scorer(model, rows), strict=True):
            assert (one - other).abs().max() < 1e-4, f"{name} computes something else"
    rates: dict[str, list[float]] = {name: [] for name in scorers}
    for _ in range(RUNS):
        for name, scorer in scorers.items():
            started = time.process_time()
            scorer(model, rows)
            rates[name].append(len(rows) / (time.process_time() - started))
    best = max(PADDED, key=lambda name: sorted(rates[name])[RUNS // 2])
    unit = "solutions per CPU-second"
    return [
        rate(f"scoring {what}", rates["ours"], PER_STEP, rates[PER_STEP], unit=unit, aim=2.0),
        rate(
            f"scoring {what}", rates["ours"], f"the fastest of padded batches: {best}", rates[best], unit=unit, aim=1.0
        ),
    ]


if __name__ == "__main__":
    main()
