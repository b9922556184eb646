"""The price of a run is stated before it starts, and holds."""

import asyncio
import random
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from labelers.first_error import FirstError
from labelers.lengths import propose_max_tokens
from labelers.monte_carlo import LabelTask
from labelers.pricing import (
    Price,
    PriceTask,
    by_problem,
    choose,
    extrapolate,
    forecast,
)
from labelers.stopping import Fixed, Sequential
from labelers.worker import Done, Usage
from prmkit.cli.main import main
from prmkit.demo.stories import LEVELS, make_stories
from prmkit.errors import InputError
from prmkit.files import read_json
from prmkit.records import SOLUTION_SCHEMA, Solution
from prmkit.tables import Row, solution_row, write_rows

from .simulated_work import EVERY, SAMPLING, STORIES, TOKENIZER, problem, solver, text_solution

USAGE = Usage(starting=3.0, seconds=10.0, full_seconds=8.0, tokens=5_000)


def many(problems: int) -> list[Solution]:
    """One solution of each of many problems: a right one, or one that goes wrong."""
    rng = random.Random(3)
    solutions = []
    for index, story in enumerate(make_stories(problems, 11, LEVELS["default"])):
        steps = solver()._lines(story.text, [], rng)
        solutions.append(replace(text_solution(story, steps), problem=replace(problem(story), problem_id=f"p{index}")))
    return solutions


def took(task: LabelTask, problems: list[list[Solution]]) -> list[Row]:
    results = asyncio.run(PriceTask(task=task).run(solver(), problems))
    return [row for result in results if isinstance(result, Done) for row in result.rows]


def priced(task: LabelTask, solutions: list[Solution]) -> Price:
    problems = by_problem(solutions)
    chosen = choose(problems, 0)
    rows = took(task, [problems[index] for index in chosen])
    return forecast(task, problems, chosen, rows, usage=USAGE, seconds=1.0)


def test_a_total_is_exact_where_all_were_counted_or_all_are_proportional() -> None:
    sizes = np.array([1.0, 2.0, 3.0, 4.0])
    every = extrapolate(np.array([5.0, 1.0, 7.0, 2.0]), sizes, [0, 1, 2, 3])
    assert (every.low, every.value, every.high) == (15, 15, 15)
    proportional = extrapolate(np.array([3.0, 9.0]), sizes, [0, 2])
    assert (proportional.low, proportional.value, proportional.high) == pytest.approx((30, 30, 30))


def test_a_total_is_never_below_what_was_counted_and_wider_for_a_wider_spread() -> None:
    sizes = np.ones(10)
    narrow, wide = (extrapolate(np.array(each), sizes, [0, 1, 2]) for each in ([9.0, 10.0, 11.0], [1.0, 10.0, 19.0]))
    assert narrow.value == wide.value == 100
    assert wide.high - wide.low > narrow.high - narrow.low > 0
    assert wide.low >= 30
    assert extrapolate(np.array([7.0]), sizes, [4]).high == float("inf")


def test_the_interval_of_a_total_holds_it_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    sizes = rng.integers(20, 200, size=150).astype(float)
    costs = sizes * rng.gamma(4, 1, size=150)
    held = 0
    for _ in range(1_000):
        chosen = rng.choice(150, size=15, replace=False)
        total = extrapolate(costs[chosen], sizes, chosen.tolist())
        held += total.low <= costs.sum() <= total.high
    assert 0.90 <= held / 1_000 <= 0.985


@EVERY
def test_the_forecast_of_every_strategy_holds_the_cost_of_the_whole_run(rule: Fixed | Sequential | FirstError) -> None:
    task, solutions = LabelTask(sampling=SAMPLING, rule=rule), many(80)
    price = priced(task, solutions)
    rows = took(task, by_problem(solutions))
    for name, foreseen in (("rollouts", price.rollouts), ("tokens", price.tokens)):
        assert foreseen.low <= sum(row[name] for row in rows) <= foreseen.high
    assert price.tokens.low < price.tokens.value < price.tokens.high < 2 * price.tokens.value
    assert price.sampled == 16 and price.problems == price.solutions == 80


def test_fixed_numbers_are_known_exactly_and_adaptive_ones_within_a_range() -> None:
    solutions = many(40)
    fixed, sequential = (
        priced(LabelTask(sampling=SAMPLING, rule=rule), solutions) for rule in (Fixed(rollouts=6), Sequential())
    )
    assert fixed.rollouts.low == fixed.rollouts.value == fixed.rollouts.high == fixed.most_rollouts
    assert sequential.rollouts.low < sequential.rollouts.high <= sequential.most_rollouts


def test_a_price_follows_the_rollouts_and_the_speed_of_the_engine() -> None:
    solutions, task = many(40), LabelTask(sampling=SAMPLING, rule=Fixed(rollouts=2))
    price, dearer = (priced(replace(task, rule=Fixed(rollouts=n)), solutions) for n in (2, 8))
    assert dearer.tokens.value == pytest.approx(4 * price.tokens.value, rel=0.1)
    problems = by_problem(solutions)
    chosen = choose(problems, 0)
    rows = took(task, [problems[index] for index in chosen])
    slower = forecast(task, problems, chosen, rows, usage=replace(USAGE, seconds=20.0), seconds=1.0)
    assert slower.engine_hours.value == pytest.approx(2 * price.engine_hours.value)
    assert price.engine_hours.value == pytest.approx(price.tokens.value / 500 / 3600)
    assert price.engine_hours.low < price.engine_hours.value < price.engine_hours.high


def test_solutions_of_one_problem_are_priced_together() -> None:
    one = text_solution(STORIES[0])
    twice = by_problem([one, replace(one, solution_id="again"), text_solution(STORIES[1])])
    assert [len(each) for each in twice] == [2, 1]
    task = LabelTask(sampling=SAMPLING, rule=Fixed(rollouts=3))
    assert took(task, twice)[0]["rollouts"] == took(task, by_problem([one]))[0]["rollouts"]


def test_solutions_of_a_problem_that_stand_apart_are_one_problem() -> None:
    one, other = (text_solution(story) for story in STORIES[:2])
    again = replace(one, solution_id="again")
    assert by_problem([one, other, again]) == [[one, again], [other]]


def test_another_seed_prices_by_other_problems() -> None:
    problems = by_problem(many(60))
    assert choose(problems, 0) == choose(problems, 0) != choose(problems, 1)


def test_a_sample_without_rollouts_has_no_rate() -> None:
    right = [text_solution(story) for story in STORIES]  # the search for a first error spends nothing on them
    with pytest.raises(InputError, match="2 of 6 problems were labelled for the price and needed no rollouts"):
        forecast(
            LabelTask(sampling=SAMPLING, rule=FirstError()),
            by_problem(right),
            [0, 1],
            took(LabelTask(sampling=SAMPLING, rule=FirstError()), by_problem(right)),
            usage=Usage(seconds=1.0),
            seconds=1.0,
        )


@pytest.mark.slow
def test_a_dry_run_writes_nothing_and_foresees_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(tmp_path / "s.parquet", [solution_row(each) for each in many(60)], SOLUTION_SCHEMA)
    out = tmp_path / "run"
    options = ["--solutions", str(tmp_path / "s.parquet"), "--out", str(out), "--engine", "simulated"]
    options = ["label", *options, "--strategy", "sequential", "--engines", "1"]
    assert main([*options, "--dry-run"]) == 0
    foreseen = capsys.readouterr().out
    assert sorted(tmp_path.iterdir()) == [tmp_path / "s.parquet"]
    assert main(options) == 0
    report, config = read_json(out / "report.json"), read_json(out / "config.json")["config"]
    for name in ("rollouts", "tokens"):
        low, high = (int(each.replace(",", "")) for each in _interval(foreseen, name))
        assert low <= report[name] <= high
    assert "engine hours: " in foreseen and "labelled in" in foreseen
    proposed = propose_max_tokens(many(60), TOKENIZER()).max_tokens
    assert config["task"]["sampling"]["max_tokens"] == proposed
    assert f"max-tokens: {proposed}, 99% of the solutions have at most" in foreseen
    assert main(options) == 0, "a continued run has the same limit"
    assert main([*options, "--max-tokens", str(proposed + 1)]) == 1
    assert f"task.sampling.max_tokens: {proposed} there, {proposed + 1} now" in capsys.readouterr().err


def _interval(report: str, name: str) -> tuple[str, str]:
    match = re.search(rf"^{name}: [\d,]+ \(95%: ([\d,]+) to ([\d,]+)\)", report, re.MULTILINE)
    assert match is not None, report
    return match[1], match[2]
