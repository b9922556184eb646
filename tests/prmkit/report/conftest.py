"""A report with every part, made of seeded numbers and real stories."""

import random
from dataclasses import replace

import numpy as np
import pytest

from prmkit.demo.oracle import StepTruth
from prmkit.demo.stories import LEVELS, make_stories
from prmkit.evaluation.comparison import ProblemPool, compare_pool, compare_search
from prmkit.evaluation.judged import judge_scores, judge_stories
from prmkit.evaluation.label_quality import class_agreement, oracle_agreement
from prmkit.evaluation.step_quality import step_quality
from prmkit.evaluation.verdicts import oracle_verdicts
from prmkit.records import (
    EstimateMethod,
    LabeledSolution,
    Problem,
    ScoredSolution,
    Solution,
    StepEstimate,
    StepLabel,
)
from prmkit.report import Disagreement, Example, Report
from prmkit.report.comparison import sections
from prmkit.report.examples import choose_examples, find_disagreements, make_example
from prmkit.report.headline import headline
from prmkit.report.tables import (
    Cost,
    class_table,
    cost_table,
    oracle_tables,
    search_table,
    step_quality_table,
)

PROBLEMS = 40
SIZE = 16


def make_solutions(rng: random.Random) -> list[Solution]:
    """Three solutions of every story: right ones, and ones with a number changed."""
    solutions = []
    for index, story in enumerate(make_stories(PROBLEMS, 0, LEVELS["default"])):
        problem = Problem(problem_id=f"demo-default-0-{index:05}", problem=story.text, answer=str(story.answer))
        for draw in range(3):
            steps = story.steps()
            if wrong := rng.random() < 0.6:
                at = rng.randrange(len(steps))
                for later in range(at, len(steps)):
                    steps[later] = steps[later].rstrip(".") + "7."
            solutions.append(Solution(solution_id=f"0-{draw}", problem=problem, steps=tuple(steps), correct=not wrong))
    return solutions


def make_labels(solutions, judged, rollouts: int, seed: int) -> list[LabeledSolution]:
    rng = np.random.default_rng(seed)
    labeled = []
    for index, (solution, judgement) in enumerate(zip(solutions, judged, strict=True)):
        hardness = np.random.default_rng(index).random()
        alive = [StepTruth.WRONG not in judgement.steps[: at + 1] for at in range(len(solution.steps))]
        estimates = [
            StepEstimate(successes=int(rng.binomial(rollouts, hardness if each else 0.02)), rollouts=rollouts)
            for each in alive[:-1]
        ]
        graded = StepEstimate(successes=int(solution.correct), rollouts=1, method=EstimateMethod.GRADED)
        estimates.append(graded)
        labels = [StepLabel(-1 if each.rate == 0 else 1 if each.rate >= 0.5 else 0) for each in estimates]
        labeled.append(
            LabeledSolution(
                solution=solution,
                estimates=tuple(estimates),
                labels=tuple(labels),
                soft_labels=((0.0, 0.0, 1.0),) * len(labels),
            )
        )
    return labeled


def make_pools(problems: int = PROBLEMS, runs: int = 1) -> list[ProblemPool]:
    """Problems of any difficulty; the scores, in [0, 1], of the PRM know more than those of the ORM."""
    rng = np.random.default_rng(0)
    pools = []
    for index in range(problems):
        correct = rng.random(SIZE) < rng.beta(1, 1.5)
        pools.append(
            ProblemPool(
                problem_id=f"p{index}",
                correct=correct,
                classes=np.where(correct, 0, rng.integers(1, 5, SIZE)),
                scores={
                    name: 1 / (1 + np.exp(-how * (2 * correct - 1) - rng.normal(size=(runs, SIZE))))
                    for name, how in (("prm", 1.0), ("orm", 0.6))
                },
                tokens=rng.integers(80, 140, SIZE),
            )
        )
    return pools


@pytest.fixture(scope="session")
def report() -> Report:
    rng = random.Random(0)
    solutions = make_solutions(rng)
    judged, verdicts = judge_stories(solutions), oracle_verdicts(solutions)
    assert judged is not None and verdicts is not None
    few, many = make_labels(solutions, judged, 8, 1), make_labels(solutions, judged, 512, 2)
    noise = np.random.default_rng(3)
    scored = []
    for each in many:
        scores = tuple(float(np.clip(one.rate + noise.normal(0, 0.15), 0, 1)) for one in each.estimates)
        scored.append(ScoredSolution(solution=each.solution, step_scores=scores, score=scores[-1]))
    pools = make_pools()
    comparison = compare_pool(pools)
    beam = compare_search(
        comparison,
        "beam search 4 x 4",
        {each: index % 3 > 0 for index, each in enumerate(comparison.problem_ids)},
        dict.fromkeys(comparison.problem_ids, 1700),
    )
    worse = [
        replace(each, step_scores=tuple(1 - score for score in each.step_scores), score=1 - each.score)
        for each in scored
    ]

    def example(index: int) -> Example:
        return make_example(
            solutions[index],
            step_scores=scored[index].step_scores,
            scores={"prm": scored[index].score, "orm": worse[index].score},
            estimates=few[index].estimates,
            judgement=judged[index],
        )

    pairs = find_disagreements(solutions, *([each.score for each in rows] for rows in (scored, worse)))
    return Report(
        title="PRM against ORM on arithmetic stories",
        headline=headline(comparison),
        notes=("One training run of each model: the intervals cover the choice of problems, not the training seed.",),
        comparison=comparison,
        tables=(
            search_table([beam]),
            *sections(comparison, pools),
            *oracle_tables(oracle_agreement(few, judged)),
            class_table(class_agreement(few, many), 8, 512),
            step_quality_table(
                {name: step_quality(judge_scores(rows, verdicts)) for name, rows in (("prm", scored), ("orm", worse))}
            ),
            cost_table([Cost(stage="sample", seconds=81.2, tokens=1_234_567), Cost(stage="score", seconds=4.25)]),
        ),
        examples=tuple(example(index) for index in choose_examples(solutions, 24)),
        disagreements=(
            *(Disagreement(prm=example(prm), orm=example(orm)) for prm, orm in pairs[:3]),
            *(Disagreement(prm=example(orm), orm=example(prm)) for prm, orm in pairs[3:6]),  # as if the ORM knew
        ),
        examples_note="Chosen at random, half of them right.",
        config={"problems": "demo:40", "n": SIZE, "seed": 0, "temperature": 1.0},
        versions={"prmkit": "0.1.0", "torch": "2.13.0", "transformers": "5.19.0"},
        command="prmkit compare --policy demo --problems demo:40 --prm out/prm --orm out/orm -n 16 --out out/compare",
    )
