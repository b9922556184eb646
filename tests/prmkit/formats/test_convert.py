"""The table of outside formats: round trips, recognition, losses."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from prmkit.errors import InputError
from prmkit.formats.convert import LAYOUTS, Content, detect, losses, write_outside
from prmkit.formats.options import Format, Neutral, ReadOptions, WriteOptions
from prmkit.records import FinishReason, LabeledSolution, StepEstimate, Strategy

from .outside_rows import SHEPHERD, rolled, seen, told, write
from .test_judged import BENCH, PRMBENCH
from .test_math_aps import PREFIXES, TREE
from .test_openrlhf import HARD, SOFT
from .test_prm800k import PHASE_ONE, PHASE_TWO
from .test_rlhflow import DEEPSEEK, MISTRAL
from .test_trl import ROW

WRITTEN = [each for each, layout in LAYOUTS.items() if layout.write]
RIGHT = told("++", steps=["1 + 1 = 2", "The answer is: 2"], correct=True, answer="2")
WRONG = told("+-", steps=["1 + 1 = 2", "The answer is: 3"], correct=False, answer="2", name="1")
CUT = told("-", steps=["1 + 1 = 3"], finish=FinishReason.STEP, answer="2", name="2")
NEUTRAL = told("0+", steps=["Let us see.", "The answer is: 2"], correct=True, answer="2", name="3")


def round_trip(path: Path, labeled: list[LabeledSolution], to: Format, **options: Any) -> list[LabeledSolution]:
    write_outside(path, labeled, to, WriteOptions(**options))
    return LAYOUTS[to].read(path, ReadOptions(last_step_is_answer=True)).labeled


@pytest.mark.parametrize("to", WRITTEN)
@pytest.mark.parametrize("ending", [".jsonl", ".json"])
def test_ours_written_and_read_again_keep_problem_steps_and_classes(tmp_path: Path, to: Format, ending: str) -> None:
    labeled = [RIGHT, WRONG, told("+-", problem="Another?", steps=["a\nb", "The answer is: 1"], correct=False)]
    back = round_trip(tmp_path / f"out{ending}", labeled, to)
    assert set(map(seen, back)) == set(map(seen, labeled)) and len(back) == len(labeled)
    assert detect(tmp_path / f"out{ending}") is to


@pytest.mark.parametrize("to", [each for each in WRITTEN if each not in (Format.MATH_APS, Format.PRM800K)])
def test_a_table_of_rows_can_be_parquet_too(tmp_path: Path, to: Format) -> None:
    back = round_trip(tmp_path / "out.parquet", [RIGHT, WRONG], to)
    assert list(map(seen, back)) == [seen(RIGHT), seen(WRONG)]


@pytest.mark.parametrize("to", WRITTEN)
def test_what_a_format_says_it_holds_comes_back(tmp_path: Path, to: Format) -> None:
    holds = LAYOUTS[to].holds
    back = {each.solution.steps: each for each in round_trip(tmp_path / "out.jsonl", [RIGHT, WRONG, CUT], to)}
    right, wrong, cut = (back[each.solution.steps] for each in (RIGHT, WRONG, CUT))
    if Content.ANSWER in holds:
        assert {each.solution.problem.answer for each in (right, wrong, cut)} == {"2"}
    if Content.CORRECT in holds:
        assert (right.solution.correct, wrong.solution.correct) == (True, False)
    if Content.FINISH in holds:
        assert [each.solution.finish for each in (right, cut)] == [FinishReason.END, FinishReason.STEP]
    if Content.NEUTRAL in holds:
        (neutral,) = round_trip(tmp_path / "neutral.jsonl", [NEUTRAL], to)
        assert neutral.labels == NEUTRAL.labels
    if Content.VALUES in holds:
        (valued,) = round_trip(tmp_path / "values.jsonl", [rolled([(3, 4), (1, 4), (0, 4)])], to)
        assert valued.values == (0.75, 0.25, 0.0)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (ROW, Format.TRL),
        (SHEPHERD, Format.MATH_SHEPHERD),
        (PHASE_ONE, Format.PRM800K),
        (PHASE_TWO, Format.PRM800K),
        (HARD, Format.OPENRLHF),
        (SOFT, Format.OPENRLHF),
        ({"text": SOFT["input"], "value": [0.5]}, Format.OPENRLHF),
        (MISTRAL, Format.RLHFLOW),
        (DEEPSEEK, Format.RLHFLOW),
        (TREE, Format.MATH_APS),
        (PREFIXES, Format.MATH_APS),
        (BENCH, Format.PROCESSBENCH),
        (PRMBENCH, Format.PRMBENCH),
        (SHEPHERD | {"value": [1.0, 0.0, 0.0]}, None),
        ({"a": 1}, None),
        ({"conversations": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}, None),
        ({"problem_id": "p", "solution_id": "0", "steps": ["a"], "labels": [1]}, None),
    ],
)
def test_a_format_is_recognised_by_its_row_and_nothing_else_is(
    tmp_path: Path, row: dict[str, Any], expected: Format | None
) -> None:
    assert detect(write(tmp_path / "rows.jsonl", row)) is expected
    (tmp_path / "rows.json").write_text(json.dumps([row]), encoding="utf-8")
    assert detect(tmp_path / "rows.json") is expected


def test_a_file_without_rows_has_no_format(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no rows in it"):
        detect(write(tmp_path / "rows.jsonl"))


FULL = replace(
    rolled([(1, 4), (1, 1)], correct=True, answer="2"),
    intervals=((0.0, 1.0), (0.0, 1.0)),
    strategy=Strategy.FIXED,
    problem_estimate=StepEstimate(successes=1, rollouts=4),
)
FULL = replace(FULL, solution=replace(FULL.solution, step_ids=((1,), (2,)), finish=FinishReason.STEP))


@pytest.mark.parametrize("to", WRITTEN)
def test_what_a_format_cannot_hold_is_said_and_only_what_is_there(to: Format) -> None:
    said = losses([FULL], to, WriteOptions())[0]
    for content in Content:
        assert (content in said) is (content not in LAYOUTS[to].holds), content
    assert losses([told("+")], to, WriteOptions()) == [f"{to} cannot hold: {Content.NAMES}"]


def test_the_treatment_of_neutral_steps_is_said(tmp_path: Path) -> None:
    """PITFALLS 7."""
    for neutral in (Neutral.CORRECT, Neutral.INCORRECT):
        notes = write_outside(tmp_path / "t.jsonl", [NEUTRAL, RIGHT], Format.TRL, WriteOptions(neutral=neutral))
        assert f"1 neutral steps: {neutral} (--neutral)" in notes
    assert losses([RIGHT], Format.TRL, WriteOptions())[1:] == []
    assert losses([NEUTRAL], Format.OPENRLHF, WriteOptions())[1:] == []
    assert losses([NEUTRAL], Format.OPENRLHF, WriteOptions(soft=False))[1] == "1 neutral steps: correct (--neutral)"


def test_signs_lose_values_and_that_is_said() -> None:
    assert Content.VALUES not in losses([FULL], Format.OPENRLHF, WriteOptions())[0]
    assert Content.VALUES in losses([FULL], Format.OPENRLHF, WriteOptions(soft=False))[0]


@pytest.mark.parametrize("to", [each for each in Format if each not in WRITTEN])
def test_a_benchmark_is_not_written(tmp_path: Path, to: Format) -> None:
    with pytest.raises(InputError, match=f"{to} is a benchmark's format and only read; .* as trl, math-shepherd"):
        write_outside(tmp_path / "out.jsonl", [RIGHT], to, WriteOptions())


def test_every_format_is_in_the_documentation() -> None:
    table = (Path(__file__).parents[3] / "docs" / "data.md").read_text(encoding="utf-8")
    assert set(LAYOUTS) == set(Format)
    for each in Format:
        assert f"| `{each}` |" in table, each
