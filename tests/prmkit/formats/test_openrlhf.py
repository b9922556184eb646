"""OpenRLHF's marks and values."""

from pathlib import Path
from typing import Any

import pytest

from prmkit.errors import InputError
from prmkit.formats.openrlhf import read_openrlhf, write_openrlhf
from prmkit.formats.options import Neutral, ReadOptions, WriteOptions
from prmkit.records import EstimateMethod

from .outside_rows import SHEPHERD, rolled, rows_in, told, write

HARD: dict[str, Any] = {"input": SHEPHERD["input"], "value": ["+", "-", "-"]}
SOFT: dict[str, Any] = {"input": SHEPHERD["input"], "value": [0.75, 0.125, 0.0]}


@pytest.mark.parametrize(("row", "soft"), [(HARD, False), (SOFT, True)])
def test_what_is_read_is_written_as_it_was(tmp_path: Path, row: dict[str, Any], soft: bool) -> None:
    labeled = read_openrlhf(write(tmp_path / "o.jsonl", row)).labeled
    assert write_openrlhf(tmp_path / "back.jsonl", labeled, WriteOptions(soft=soft)) == []
    assert rows_in(tmp_path / "back.jsonl") == [row]


def test_signs_are_classes_and_numbers_are_values(tmp_path: Path) -> None:
    hard, soft = read_openrlhf(write(tmp_path / "o.jsonl", HARD, SOFT)).labeled
    assert hard.labels == (1, -1, -1) and hard.solution.correct is False
    assert soft.labels == (1, 0, -1) and soft.values == (0.75, 0.125, 0.0)
    (told_not, *_) = read_openrlhf(tmp_path / "o.jsonl", ReadOptions(last_step_is_answer=False)).labeled
    assert told_not.solution.correct is None


def test_the_text_may_be_called_text(tmp_path: Path) -> None:
    (labeled,) = read_openrlhf(write(tmp_path / "o.jsonl", {"text": SOFT["input"], "value": SOFT["value"]})).labeled
    assert labeled.values == (0.75, 0.125, 0.0)


def test_values_of_a_known_number_of_rollouts_become_counts(tmp_path: Path) -> None:
    (labeled,) = read_openrlhf(write(tmp_path / "o.jsonl", SOFT), ReadOptions(rollouts=8)).labeled
    assert [(each.successes, each.rollouts) for each in labeled.estimates] == [(6, 8), (1, 8), (0, 8)]
    assert labeled.estimates[0].method is EstimateMethod.ROLLOUTS


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"value": ["+", "-"]}, "field 'value' has 2 entries for 3 marks 'ки'"),
        ({"value": ["+", "-", "?"]}, r"value\[2\]: a label must be '\+' or '-', found '\?'"),
        ({"value": [1.0, 0.5, -100]}, r"value\[2\]: a label must be true, false or a number in \[0, 1\], found -100"),
        ({"input": "Q? Step 1: a"}, "field 'input': every step must end with 'ки'"),
    ],
)
def test_a_bad_row_is_told_by_place_field_and_value(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=f"o.jsonl:1.*{said}"):
        read_openrlhf(write(tmp_path / "o.jsonl", SOFT | change))


def test_rates_are_written_as_values_or_as_signs(tmp_path: Path) -> None:
    file, labeled = tmp_path / "o.jsonl", [rolled([(3, 4), (1, 4), (0, 4)])]
    write_openrlhf(file, labeled, WriteOptions())
    assert rows_in(file)[0]["value"] == [0.75, 0.25, 0.0]
    write_openrlhf(file, labeled, WriteOptions(soft=False))
    assert rows_in(file)[0]["value"] == ["+", "+", "-"]
    write_openrlhf(file, labeled, WriteOptions(soft=False, neutral=Neutral.INCORRECT))
    assert rows_in(file)[0]["value"] == ["+", "-", "-"]


def test_every_mark_has_one_value_so_that_no_label_is_lost(tmp_path: Path) -> None:
    """OpenRLHF puts values where it finds the placeholder: one too many shifts all others (PITFALLS 10)."""
    labeled = [told("+-"), told("+", steps=["ки"]), told("0-+")]
    notes = write_openrlhf(tmp_path / "o.jsonl", labeled, WriteOptions(soft=False, neutral=Neutral.LEAVE_OUT))
    (row,) = rows_in(tmp_path / "o.jsonl")
    assert row["input"].count("ки") == len(row["value"]) == 2
    assert len(notes) == 2
