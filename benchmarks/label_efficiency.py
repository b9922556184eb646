"""What a label costs: rollout tokens of sequential and first-error labelling against fixed numbers, at equal agreement.

    python -m benchmarks.label_efficiency [--fresh] [--only simulated|demo]

The label tasks themselves run, on solutions that the policy sampled. Every strategy asks a memory that holds each draw
once, so equal draws are equal for all of them (they have the same addresses), and pays for what it asked. Truth is:

* simulated: the exact value of every step, at three chances `repair` that a lost solution still ends right;
* demo: the demo policy's values by 512 rollouts a step of another seed. They take minutes and are kept in
  `results/label_efficiency_reference.json`; `--fresh` draws them again.

Class accuracy is the share of rolled-out steps whose class is that of the true value (incorrect up to `negligible`,
correct from 0.5). First-error agreement is the share of solutions for which the first step after the last one of value
is the true one; fixed numbers may find it in two ways, and the better one counts. Intervals resample problems.

Beside them stands what the best stopping rule there is could save, if it knew how the true values are distributed
(`benchmarks.stopping_bound`): an aim beyond that cannot be reached by any rule that decides by a step's own counts.
"""

import argparse
import asyncio
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from benchmarks.label_outcomes import SAMPLING, THRESHOLDS, Outcome, Problems, Rule, Values, compare, label, true_class
from benchmarks.results import RESULTS, Measurement, write_results
from benchmarks.stopping_bound import accuracy_of_fixed, fewest_rollouts
from labelers.first_error import FirstError
from labelers.sample import SampleTask
from labelers.stopping import Fixed, Sequential
from labelers.worker import Done
from prmkit.completers import Completer
from prmkit.completers.engines import Engine, EngineSpec
from prmkit.completers.simulated import SimulatedCompleter
from prmkit.evaluation.intervals import Estimate, paired_differences, ratio_estimates
from prmkit.files import read_json, write_json
from prmkit.formats.problems import read_problems
from prmkit.models import DEMO_POLICY, model_fingerprint
from prmkit.tables import row_solution

REFERENCE = RESULTS / "label_efficiency_reference.json"
REFERENCE_ROLLOUTS = 512
REFERENCE_SEED = 1_000
PEER = Fixed(rollouts=16)
CONFIDENCES = (0.7, 0.8, 0.85, 0.9, 0.95, 0.97, 0.99)
RULES: list[Rule] = [
    *(Fixed(rollouts=n) for n in (1, 2, 4, 8, 16, 32)),
    *(Sequential(confidence=each, min_rollouts=4, max_rollouts=most) for most in (16, 32) for each in CONFIDENCES),
    *(FirstError(confidence=each, min_rollouts=least, max_rollouts=16) for least in (4, 8) for each in CONFIDENCES),
]


async def sample(completer: Completer, problems: int, n: int) -> Problems:
    """Solutions to label, of which some are wrong."""
    task = SampleTask(sampling=SAMPLING, n=n, seed=REFERENCE_SEED)
    results = await task.run(completer, read_problems(f"demo:{problems}", seed=0))
    found = [[row_solution(row) for row in each.rows] for each in results if isinstance(each, Done)]
    several = [[each for each in solutions if len(each.steps) > 1] for solutions in found]
    return [solutions for solutions in several if solutions]


async def on_simulation(problems: int, repair: float) -> tuple[Values, dict[Rule, Outcome]]:
    """On the simulated solver."""
    plain = EngineSpec(engine=Engine.SIMULATED, policy=str(DEMO_POLICY)).build()
    solver = SimulatedCompleter(plain.tokenizer, plain.text_format, repair=repair)
    drawn = await sample(solver, problems, 4)
    values = {
        each.name: [solver.value(each.problem.problem, each.steps[:end]) for end in range(1, len(each.steps))]
        for solutions in drawn
        for each in solutions
    }
    return values, await compare(RULES, drawn, values, solver, 1)


async def on_demo(problems: int, seeds: int, engine: Engine, fresh: bool) -> tuple[Values, dict[Rule, Outcome]]:
    """On the demo policy."""
    completer = EngineSpec(engine=engine, policy=str(DEMO_POLICY), slots=128).build()
    drawn = await sample(completer, problems, 2)
    about = {
        "policy": model_fingerprint(str(DEMO_POLICY)),
        "engine": str(engine),
        "rollouts": REFERENCE_ROLLOUTS,
        "seed": REFERENCE_SEED,
        "sampling": asdict(SAMPLING),
        "steps": {each.name: list(each.steps) for solutions in drawn for each in solutions},
    }
    kept = read_json(REFERENCE) if REFERENCE.is_file() and not fresh else {}
    if kept.get("about") != about:
        print(f"drawing {REFERENCE_ROLLOUTS} rollouts a step for the reference values", flush=True)
        _, labeled = await label(Fixed(rollouts=REFERENCE_ROLLOUTS), drawn, completer, REFERENCE_SEED)
        counts = {each.solution.name: [one.successes for one in each.estimates[:-1]] for row in labeled for each in row}
        kept = {"about": about, "successes": counts}
        write_json(REFERENCE, kept)
    values = {name: [one / REFERENCE_ROLLOUTS for one in counts] for name, counts in kept["successes"].items()}
    found = await compare(RULES, drawn, values, completer, seeds)
    completer.close()
    await asyncio.sleep(1)  # vLLM's tasks end in this loop
    return values, found


def called(rule: Rule) -> str:
    """For the record."""
    if isinstance(rule, Fixed):
        return f"fixed n={rule.rollouts}"
    kind = "sequential" if isinstance(rule, Sequential) else "first-error"
    default = " (default)" if rule == type(rule)() else ""
    return f"{kind} {rule.min_rollouts} to {rule.max_rollouts}, confidence {rule.confidence}{default}"


def tabulate(where: str, outcomes: dict[Rule, Outcome]) -> None:
    peer = outcomes[PEER]
    steps, problems = int(peer.steps.sum()), len(peer.steps)
    print(f"\n{where}: {steps} steps of {problems} problems\n{'':48}tokens/label  saving   class   first error")
    for rule in RULES:
        each = outcomes[rule]
        saving = peer.tokens_per_label / each.tokens_per_label
        shown = f"{called(rule):48}{each.tokens_per_label:12.0f} {saving:7.2f}"
        accuracy, agreement = (_share(*pair).value for pair in (each.accuracy, each.agreement))
        print(f"{shown} {'-' if isinstance(rule, FirstError) else f'{accuracy:.3f}':>7} {agreement:13.3f}", flush=True)


def _share(hits: np.ndarray, of: np.ndarray) -> Estimate:
    (share,) = ratio_estimates(hits[:, None], of[:, None])
    assert share is not None
    return share


def claims(where: str, outcomes: dict[Rule, Outcome]) -> Iterator[Measurement]:
    """Tokens and agreement of every adaptive strategy against the peer."""
    peer = outcomes[PEER]
    for rule, each in outcomes.items():
        if isinstance(rule, Fixed):
            continue
        searching = isinstance(rule, FirstError)
        what = "first-error agreement" if searching else "class accuracy"
        ours, theirs = (one.agreement if searching else one.accuracy for one in (each, peer))
        name = f"{called(rule)}, {where}"
        yield Measurement(
            name=f"rollout tokens per label, {name}",
            ratio=peer.tokens_per_label / each.tokens_per_label,
            aim=3.0 if searching else 2.0,
            value=each.tokens_per_label,
            peer=called(PEER),
            peer_value=peer.tokens_per_label,
            unit="tokens/label (fewer is better)",
        )
        share, against = _share(*ours), _share(*theirs)
        per_problem = [hits / of for hits, of in (ours, theirs)]
        (difference,) = paired_differences(per_problem[0][:, None], per_problem[1][:, None])
        yield Measurement(
            name=f"{what}, {name}",
            ratio=share.value / against.value,
            aim=1.0,
            value=share.value,
            peer=called(PEER),
            peer_value=against.value,
            unit=f"share of {share.n} {'solutions' if searching else 'steps'}",
            runs={
                "ours, 95% interval": [share.low, share.high],
                "peer, 95% interval": [against.low, against.high],
                "difference by problem, 95% interval": [difference.value, difference.low, difference.high],
            },
        )


def bound(where: str, values: Values) -> Measurement:
    """What no rule can beat."""
    flat = np.array([value for each in values.values() for value in each])
    truth = [true_class(value) for value in flat]
    accuracy = accuracy_of_fixed(flat, truth, PEER.rollouts, THRESHOLDS)
    fewest = fewest_rollouts(flat, truth, accuracy, THRESHOLDS)
    return Measurement(
        name=f"rollouts per step of the best possible stopping rule at the expected accuracy of fixed n=16, {where}",
        ratio=PEER.rollouts / fewest,
        aim=2.0,
        value=fewest,
        peer=called(PEER),
        peer_value=PEER.rollouts,
        unit="rollouts/step (fewer is better)",
        runs={"expected class accuracy of both": [accuracy]},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["simulated", "demo"])
    parser.add_argument("--problems", type=int, default=120, help="simulated problems, four solutions of each")
    parser.add_argument("--demo-problems", type=int, default=12, help="demo problems, two solutions of each")
    parser.add_argument("--seeds", type=int, default=4, help="times each strategy labels the demo's solutions")
    parser.add_argument("--engine", type=Engine, default=Engine.VLLM, help="that runs the demo policy")
    parser.add_argument("--fresh", action="store_true", help="draw the demo's reference values again")
    options = parser.parse_args()
    found: list[Measurement] = []
    runs: dict[str, Any] = {}
    if options.only != "demo":
        for repair in (0.05, 0.02, 0.0):
            runs[f"simulated, repair {repair}"] = on_simulation(options.problems, repair)
    if options.only != "simulated":
        runs["demo policy"] = on_demo(options.demo_problems, options.seeds, options.engine, options.fresh)
    for where, run in runs.items():
        values, outcomes = asyncio.run(run)
        tabulate(where, outcomes)
        found += [*claims(where, outcomes), bound(where, values)]
        print(f"best possible rule at the accuracy of fixed n=16: saving {found[-1].ratio:.2f}")
    print(write_results("label_efficiency", found, ["scipy", "numpy"]))


if __name__ == "__main__":
    main()
