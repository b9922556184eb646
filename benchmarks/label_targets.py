"""Hard, soft and value targets at 4, 8 and 16 rollouts a step: how well the PRM that learned them finds wrong steps.

    python -m benchmarks.label_targets --work DIR [--problems 240] [--seeds 2]

One pool of solutions of the demo policy is labelled with 16 rollouts a step. Fewer rollouts are a random part of those
(hypergeometric), so all PRMs learn from the same solutions and from nested draws. Each is trained by `prmkit train prm`
and scores solutions of other problems, whose steps the stories' oracle judges. The threshold that two of the figures
need is chosen on 30 % of those problems, and everything is reported on the rest; intervals resample problems.

Sampling, labelling and training are run directories in `--work`, continued where they stopped. All figures of all
seeds go to `results/label_targets_figures.json`.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.results import RESULTS, Measurement, rate, write_results
from labelers.values import Derivation, Thresholds
from prmkit.cli.label import Label
from prmkit.cli.options import SamplingOptions
from prmkit.cli.sample import Sample
from prmkit.evaluation.intervals import Estimate
from prmkit.evaluation.judged import with_verdicts
from prmkit.evaluation.scoring import score_judged
from prmkit.evaluation.step_quality import step_quality
from prmkit.evaluation.thresholds import choose_threshold, split_for_tuning
from prmkit.evaluation.verdicts import oracle_verdicts
from prmkit.files import write_json
from prmkit.formats.verdicts import JudgedSolution
from prmkit.records import LABEL_SCHEMA, EstimateMethod, LabeledSolution, StepEstimate
from prmkit.rewards.scorer import load_reward_model
from prmkit.tables import label_row, read_labels, read_solutions, write_rows

MOST = 16
ROLLOUTS = (4, 8, MOST)
TARGETS = ("hard", "soft", "value")
SEED, TEST_SEED = 7, 1_000_007
TUNED = 0.3
SAMPLING = SamplingOptions(max_tokens=400)

Figures = dict[str, Estimate | None]


def thinned(labeled: list[LabeledSolution], rollouts: int) -> list[LabeledSolution]:
    """The same solutions with a random part of each step's rollouts, their labels derived again."""
    random = np.random.default_rng(rollouts)

    def part(estimate: StepEstimate) -> StepEstimate:
        if estimate.method is not EstimateMethod.ROLLOUTS or estimate.rollouts <= rollouts:
            return estimate
        wrong = estimate.rollouts - estimate.successes
        return replace(
            estimate, successes=int(random.hypergeometric(estimate.successes, wrong, rollouts)), rollouts=rollouts
        )

    derivation = Derivation(thresholds=Thresholds())
    return [
        derivation.relabeled(replace(each, estimates=tuple(part(one) for one in each.estimates))) for each in labeled
    ]


def make_pools(work: Path, problems: int) -> tuple[list[LabeledSolution], list[JudgedSolution]]:
    """Solutions with labels of 16 rollouts, and solutions of other problems with the oracle's verdicts."""
    train, test = work / "train", work / "test"
    Sample(problems=f"demo:{problems}", out=train, n=6, seed=SEED, sampling=SAMPLING).run()
    Sample(problems="demo:150", out=test, n=8, seed=TEST_SEED, sampling=SAMPLING).run()
    Label(solutions=str(train), out=work / "labels", rollouts=MOST, seed=SEED, sampling=SAMPLING).run()
    solutions = read_solutions(test)
    verdicts = oracle_verdicts(solutions)
    assert verdicts is not None
    return read_labels(work / "labels"), [with_verdicts(*pair) for pair in zip(solutions, verdicts, strict=True)]


def trained(work: Path, labels: Path, targets: str, seed: int) -> Path:
    """The PRM that learned these labels; its folder."""
    from prmkit.cli.main import main

    out = work / f"prm-{labels.stem}-{targets}-{seed}"
    options = ["--labels", str(labels), "--out", str(out), "--targets", targets, "--seed", str(seed), "--epochs", "3"]
    if main(["train", "prm", *options]):
        raise SystemExit(f"{out}: not trained")
    return out


def measured(folder: Path, judged: list[JudgedSolution]) -> Figures:
    """Figures of one PRM."""
    scored, _ = score_judged(load_reward_model(folder), judged)
    tuned, reported = split_for_tuning(scored, TUNED)
    quality = step_quality(reported, threshold=choose_threshold(tuned).threshold)
    solutions = quality.solutions
    return {
        "auc": quality.auc,
        "f1": quality.f1,
        "first_error_f1": solutions.first_error_f1,
        "lowest_last": solutions.lowest_last,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--problems", type=int, default=240)
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    labeled, judged = make_pools(options.work, options.problems)
    figures: dict[tuple[int, str, int], Figures] = {}
    for rollouts in ROLLOUTS:
        labels = options.work / f"labels-{rollouts}.parquet"
        write_rows(labels, [label_row(each) for each in thinned(labeled, rollouts)], LABEL_SCHEMA)
        for targets in TARGETS:
            for seed in range(options.seeds):
                found = measured(trained(options.work, labels, targets, seed), judged)
                figures[rollouts, targets, seed] = found
                print(rollouts, targets, seed, {name: each and round(each.value, 3) for name, each in found.items()})
    rows = [
        {"rollouts": rollouts, "targets": targets, "seed": seed}
        | {name: each and each.to_json() for name, each in found.items()}
        for (rollouts, targets, seed), found in figures.items()
    ]
    write_json(RESULTS / "label_targets_figures.json", rows)
    write_results("label_targets", [*measurements(figures, options.seeds)], ("torch", "transformers"))


def measurements(figures: dict[tuple[int, str, int], Figures], seeds: int) -> list[Measurement]:
    """Step AUC of soft and value targets against hard ones."""

    def aucs(rollouts: int, targets: str) -> list[float]:
        found = [figures[rollouts, targets, seed]["auc"] for seed in range(seeds)]
        return [each.value for each in found if each is not None]

    return [
        rate(
            f"step AUC against the oracle, {targets} targets against hard ones at {rollouts} rollouts",
            aucs(rollouts, targets),
            "hard targets",
            aucs(rollouts, "hard"),
            unit="AUC",
            aim=1.0,
        )
        for rollouts in ROLLOUTS
        for targets in TARGETS[1:]
    ]


if __name__ == "__main__":
    main()
