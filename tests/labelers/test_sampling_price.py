"""The price of sampling is stated before it starts, and holds."""

import asyncio
import re
from dataclasses import replace
from pathlib import Path

import pytest

from labelers.pricing import choose
from labelers.sample import SampleTask
from labelers.sampling_price import SamplingPrice, forecast_sampling
from labelers.worker import Usage
from prmkit.cli.main import main
from prmkit.demo.stories import LEVELS, make_stories
from prmkit.errors import InputError
from prmkit.files import read_json
from prmkit.records import FinishReason, Problem, Solution
from prmkit.tables import row_solution

from .simulated_work import SAMPLING, problem, solver

USAGE = Usage(starting=3.0, seconds=10.0, full_seconds=8.0, tokens=5_000)
TASK = SampleTask(sampling=SAMPLING, n=3)


def stories(number: int) -> list[Problem]:
    return [
        replace(problem(each), problem_id=f"p{index}")
        for index, each in enumerate(make_stories(number, 11, LEVELS["default"]))
    ]


def drawn(task: SampleTask, problems: list[Problem]) -> list[Solution]:
    results = asyncio.run(task.run(solver(), problems))
    return [row_solution(row) for each in results for row in each.rows]


def priced(task: SampleTask, problems: list[Problem], usage: Usage = USAGE) -> SamplingPrice:
    chosen = choose(problems, task.seed)
    sample = drawn(task, [problems[index] for index in chosen])
    return forecast_sampling(task, problems, chosen, sample, usage=usage, stored=10_000, seconds=1.0)


def test_the_forecast_holds_the_tokens_of_the_whole_run() -> None:
    problems = stories(80)
    price = priced(TASK, problems)
    written = sum(len(ids) for each in drawn(TASK, problems) for ids in each.step_ids or ())
    assert price.tokens.low < written < price.tokens.high < 1.5 * price.tokens.low
    assert (price.problems, price.sampled, price.solutions) == (80, 16, 240)


def test_what_is_sampled_whole_is_known_exactly() -> None:
    problems = stories(8)
    price = priced(TASK, problems)
    written = sum(len(ids) for each in drawn(TASK, problems) for ids in each.step_ids or ())
    assert price.tokens.low == price.tokens.value == price.tokens.high == written
    assert price.megabytes == 0.01


def test_more_solutions_cost_more_and_a_slower_engine_takes_longer() -> None:
    problems = stories(40)
    price, dearer = priced(TASK, problems), priced(replace(TASK, n=6), problems)
    assert dearer.tokens.value == pytest.approx(2 * price.tokens.value, rel=0.1)
    slower = priced(TASK, problems, replace(USAGE, seconds=20.0))
    assert slower.engine_hours.value == pytest.approx(2 * price.engine_hours.value)
    assert price.engine_hours.value == pytest.approx(price.tokens.value / 500 / 3600)
    assert price.megabytes == pytest.approx(0.01 * 5, rel=0.2)


def test_the_report_says_how_many_solutions_are_right_and_cut() -> None:
    price = priced(TASK, stories(8))
    cut = [replace(each, finish=FinishReason.LENGTH, correct=False) for each in price.drawn[:6]]
    told = replace(price, drawn=(*cut, *(replace(each, correct=True) for each in price.drawn[6:]))).report()
    assert "solutions: 24; of the 24 drawn 75.0% are right, 25.0% were cut at --max-tokens" in told


def test_a_policy_that_writes_nothing_has_no_price() -> None:
    with pytest.raises(InputError, match="the policy wrote nothing but blanks"):
        forecast_sampling(TASK, stories(8), [0], [], usage=USAGE, stored=0, seconds=1.0)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_dry_run_writes_nothing_and_foresees_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    options = ["sample", "--problems", "demo:48", "-n", "3", "--engine", "simulated", "--engines", "1"]
    assert main([*options, "--out", str(out), "--dry-run"]) == 0
    foreseen = capsys.readouterr().out
    assert not list(tmp_path.iterdir())
    assert main([*options, "--out", str(out)]) == 0
    match = re.search(r"^tokens: [\d,]+ \(95%: ([\d,]+) to ([\d,]+)\)", foreseen, re.MULTILINE)
    assert match is not None
    low, high = (int(each.replace(",", "")) for each in match.groups())
    assert low <= read_json(out / "report.json")["tokens"] <= high
    disk = re.search(r"^disk: about ([\d.]+) MB", foreseen, re.MULTILINE)
    assert disk is not None
    stored = sum(file.stat().st_size for file in (out / "shards").iterdir())
    assert float(disk[1]) == pytest.approx(stored / 1e6, rel=0.3)
    assert "priced by 9 of 48 problems" in foreseen and "engine hours: " in foreseen
