"""What searching buys: accuracy against generated tokens for every method, on stories of three difficulties.

    python -m benchmarks.search_quality --work DIR [--prm FOLDER] [--fast]

The demo policy is searched by every method at several sizes, guided by reward models of known quality: the stories'
oracle with 0, 10 and 25 % of its verdicts on steps turned round, and, where `--prm` names one, a trained model
(`prmkit demo --out DEMO` leaves one in DEMO/prm; it has not seen the stories searched here). Of a search the best
candidate, the majority and the weighted majority are judged, so one run serves all three. Equal draws are made once:
they have the same addresses, whoever asks for them. Beside the searches stands one solution at temperature 0.

Every search of a level is a file in `--work` as soon as it is done; the same command continues. All figures go to
`results/search_quality_figures.json` (`benchmarks.search_figures` says which). The default run takes about 40 minutes
of one core. `--fast` takes two with the simulated solver in place of the policy, and writes to `--work` alone. That
solver knows no temperature: what is greedy with the policy is drawn at random there, look-ahead included.
"""

import argparse
import asyncio
import os
import re
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported

from benchmarks.label_outcomes import Memory
from benchmarks.results import RESULTS, write_results
from benchmarks.search_figures import figures, measurements
from benchmarks.search_tables import tables
from prmkit.completers import Completer, Sampling
from prmkit.completers.engines import Engine, EngineSpec
from prmkit.errors import InputError
from prmkit.files import read_json, write_json
from prmkit.formats.problems import read_problems
from prmkit.grading import grade_many
from prmkit.models import DEMO_POLICY, model_fingerprint
from prmkit.records import FinishReason, Problem
from prmkit.rewards.base import RewardModel
from prmkit.rewards.scorer import load_reward_model
from prmkit.rewards.simulated import OracleReward
from prmkit.rewards.trained_on import problem_digest, read_trained
from search.adaptive import AdaptiveBestOfN
from search.beam import BeamSearch
from search.best_of_n import BestOfN
from search.choice import Choice, choose
from search.dvts import DVTS
from search.mcts import MCTS
from search.method import Method
from search.nodes import Duplicates
from search.result import SearchResult
from search.scoring import BatchingScorer

LEVELS = ("easy", "default", "hard")
NOISES = (0.0, 0.1, 0.25)
"""Share of the oracle's verdicts on steps that are turned round."""
SEED = 2_000_003
"""Of the stories and all draws: stories that no demo trains on."""
SAMPLING = Sampling(max_tokens=400)
PREFIX_CACHE = 1 << 29
"""Bytes."""


def _beam(beams: int, expansions: int, **options: Any) -> BeamSearch:
    return BeamSearch(sampling=SAMPLING, seed=SEED, beams=beams, expansions=expansions, **options)


METHODS: dict[str, dict[int, Method]] = {
    "temperature 0": {1: BestOfN(sampling=replace(SAMPLING, temperature=0.0), seed=SEED, n=1)},
    "best-of-n": {n: BestOfN(sampling=SAMPLING, seed=SEED, n=n) for n in (1, 4, 16, 64, 128)},
    "adaptive": {n: AdaptiveBestOfN(sampling=SAMPLING, seed=SEED, n=n, choice=Choice.WEIGHTED) for n in (16, 64)},
    "greedy": {n: _beam(1, n) for n in (4, 16)},
    "beam": {4: _beam(2, 2), 16: _beam(4, 4), 64: _beam(16, 4)},
    "beam, duplicates merged": {
        4: _beam(2, 2, duplicates=Duplicates.MERGE),
        16: _beam(4, 4, duplicates=Duplicates.MERGE),
    },
    "lookahead": {4: _beam(1, 2, lookahead=1), 16: _beam(2, 4, lookahead=1)},
    "dvts": {
        n: DVTS(sampling=SAMPLING, seed=SEED, beams=beams, expansions=expansions)
        for n, beams, expansions in ((4, 2, 2), (16, 4, 4), (64, 16, 4))
    },
    "mcts": {
        n: MCTS(sampling=SAMPLING, seed=SEED, simulations=n, expansions=expansions)
        for n, expansions in ((4, 2), (16, 4))
    },
}
"""By nominal size, in solutions: what they really write is measured."""


@dataclass(frozen=True)
class Cell:
    """One search of all problems of a level."""

    level: str
    prm: str
    method: str
    size: int

    @property
    def file(self) -> Path:
        """Within the work folder."""
        prm, method = (re.sub(r"\W+", "-", name) for name in (self.prm, self.method))
        return Path(self.level) / prm / f"{method}-{self.size}.json"


def reward_models(trained: Path | None, problems: list[Problem]) -> dict[str, tuple[RewardModel, object]]:
    """By name: the model, and what tells it from others.

    Raises:
        InputError: The trained one learned from one of these problems.
    """
    models: dict[str, tuple[RewardModel, object]] = {
        f"oracle, {noise:.0%} wrong": (OracleReward(noise=noise, seed=SEED), noise) for noise in NOISES
    }
    if trained is not None:
        if (read_trained(trained) or frozenset()) & {problem_digest(each.problem) for each in problems}:
            raise InputError(f"{trained}: it was trained on stories that are searched here")
        models["trained"] = (load_reward_model(trained, prefix_cache=PREFIX_CACHE), model_fingerprint(str(trained)))
    return models


def judged(results: list[SearchResult]) -> list[dict[str, Any]]:
    """A row per problem: what it cost, what every choice came to, and what the reward model thought of its best."""
    rows = []
    texts = [["\n".join(each.steps) for each in result.candidates] for result in results]
    pairs = [(r.problem.known_answer(), text) for r, each in zip(results, texts, strict=True) for text in each]
    verdicts = iter(grade_many(pairs))
    for result in results:
        right = [next(verdicts).equal and each.finish is FinishReason.END for each in result.candidates]
        row: dict[str, Any] = {"any": any(right)}
        for how in Choice:
            index, _ = choose(result.candidates, how)
            row[str(how)] = index is not None and right[index]
            if how is Choice.MAX:
                row["score"] = None if index is None else result.candidates[index].score
        row |= {name: getattr(result, name) for name in ("tokens", "prm_tokens")}
        rows.append(row | {"problem_id": result.problem.problem_id, "candidates": len(result.candidates)})
    return rows


async def search_level(
    completer: Completer, models: dict[str, tuple[RewardModel, object]], problems: list[Problem], level: str, work: Path
) -> dict[Cell, list[dict[str, Any]]]:
    """Every search of a level; what is there already is read."""
    memory = Memory(completer)
    found: dict[Cell, list[dict[str, Any]]] = {}
    for prm, (model, identity) in models.items():
        scorer = BatchingScorer(model)
        for name, sizes in METHODS.items():
            for size, method in sizes.items():
                cell = Cell(level, prm, name, size)
                path = work / cell.file
                about = {
                    "policy": model_fingerprint(str(DEMO_POLICY)),
                    "engine": type(completer).__name__,
                    "prm": identity,
                    "method": {"name": method.name} | asdict(method),
                    "problems": [each.problem_id for each in problems],
                }
                kept = read_json(path) if path.is_file() else {}
                if kept.get("about") != about:
                    began = time.process_time()
                    results = await asyncio.gather(*(method.search(memory, scorer, each) for each in problems))
                    kept = {"about": about, "rows": await asyncio.to_thread(judged, results)}
                    write_json(path, kept)
                    print(f"{cell.file} {time.process_time() - began:.0f} CPU-seconds", flush=True)
                found[cell] = kept["rows"]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder of what is done, continued where it stopped")
    parser.add_argument("--prm", type=Path, help="a trained reward model, such as `prmkit demo` leaves")
    parser.add_argument("--problems", type=int, help="of each level: 48, or 24 with --fast")
    parser.add_argument("--fast", action="store_true", help="two minutes, on the simulated solver")
    options = parser.parse_args()
    count = options.problems or (24 if options.fast else 48)
    problems = {level: read_problems(f"demo:{count}:{level}", seed=SEED) for level in LEVELS}
    models = reward_models(options.prm, [each for level in problems.values() for each in level])
    engine = Engine.SIMULATED if options.fast else Engine.TRANSFORMERS
    completer = EngineSpec(engine=engine, policy=str(DEMO_POLICY), slots=128).build()
    found: dict[Cell, list[dict[str, Any]]] = {}
    for level in LEVELS:
        found |= asyncio.run(search_level(completer, models, problems[level], level, options.work / str(engine)))
    completer.close()
    rows = {(cell.level, cell.prm, cell.method, cell.size): each for cell, each in found.items()}
    made = figures(rows)
    print("\n".join(tables(made)))
    write_json(options.work / "figures.json" if options.fast else RESULTS / "search_quality_figures.json", made)
    if not options.fast:
        print(write_results("search_quality", [*measurements(made)], ["prmkit", "torch", "transformers"]))


if __name__ == "__main__":
    main()
