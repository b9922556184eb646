"""Judgement files."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from prmkit.demo.oracle import StepTruth
from prmkit.errors import InputError, MissingFileError
from prmkit.formats.verdicts import Verdicts, read_judgements, until_first_error
from prmkit.tables import write_rows

N, U, W = StepTruth.NEEDED, StepTruth.UNNEEDED, StepTruth.WRONG


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("truths", "first_error"),
    [((N, W, None), 1), ((N, U), -1), ((N, None), None), ((None, W), None), ((W, W), 0)],
)
def test_the_first_error_is_known_if_everything_before_it_was_judged(
    truths: tuple[StepTruth | None, ...], first_error: int | None
) -> None:
    assert Verdicts(truths=truths).first_error == first_error


def test_what_follows_a_first_error_is_not_judged() -> None:
    assert until_first_error(1, 4).truths == (N, W, None, None)
    assert until_first_error(-1, 2).truths == (N, N)
    assert until_first_error(None, 2).truths == (None, None)


def test_a_row_gives_the_first_error_or_a_verdict_on_every_step(tmp_path: Path) -> None:
    rows = read_judgements(
        write(
            tmp_path / "j.jsonl",
            {"solution": "p/0", "first_error": 1},
            {"solution": "p/1", "verdicts": [1, 0, None, -1]},
            {"solution": "p/2", "first_error": None, "said": "no idea"},
        )
    )
    assert rows["p/0"].verdicts(3).truths == (N, W, None)
    assert rows["p/1"].verdicts(4).truths == (N, U, None, W)
    assert rows["p/2"].verdicts(1).truths == (None,)


def test_a_run_directory_of_judgements_is_read_too(tmp_path: Path) -> None:
    schema = pa.schema([("solution", pa.string()), ("first_error", pa.int32())])
    rows = [{"solution": "p/0", "first_error": -1}, {"solution": "p/1", "first_error": None}]
    write_rows(tmp_path / "run" / "shards" / "00000.parquet", rows, schema)
    assert read_judgements(tmp_path / "run")["p/0"].verdicts(1).first_error == -1


def test_a_row_about_other_steps_is_refused_with_its_place(tmp_path: Path) -> None:
    file = write(tmp_path / "j.jsonl", {"solution": "p/0", "first_error": 3}, {"solution": "p/1", "verdicts": [1, 1]})
    rows = read_judgements(file)
    with pytest.raises(InputError, match=r"j.jsonl:1: first error 3, but the solution has 3 steps"):
        rows["p/0"].verdicts(3)
    with pytest.raises(InputError, match=r"j.jsonl:2: 2 verdicts, but the solution has 3 steps"):
        rows["p/1"].verdicts(3)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"first_error": 1}, "field 'solution' is missing"),
        ({"solution": "p/0"}, "field 'first_error' is missing"),
        ({"solution": "p/0", "first_error": "1"}, "field 'first_error' must be an index"),
        ({"solution": "p/0", "first_error": True}, "field 'first_error' must be an index"),
        ({"solution": "p/0", "first_error": -2}, "found -2"),
        ({"solution": "p/0", "verdicts": [2]}, "field 'verdicts' must be a list of 1, 0, -1 or null"),
        ({"solution": "p/0", "verdicts": [True]}, "field 'verdicts' must be a list of 1, 0, -1 or null"),
        ({"solution": "p/0", "verdicts": "1"}, "field 'verdicts' must be a list of 1, 0, -1 or null"),
        ({"solution": "fine", "first_error": 0}, r"solution fine is judged at .*j.jsonl:1 already"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: object, message: str) -> None:
    file = write(tmp_path / "j.jsonl", {"solution": "fine", "first_error": 0}, row)
    with pytest.raises(InputError, match=rf"j.jsonl:2: .*{message}"):
        read_judgements(file)


def test_absent_and_empty_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"absent.jsonl: no such file"):
        read_judgements(tmp_path / "absent.jsonl")
    with pytest.raises(InputError, match=r"empty.jsonl: no rows in it"):
        read_judgements(write(tmp_path / "empty.jsonl"))
    (tmp_path / "object.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match=r"object.json: expected an array of objects"):
        read_judgements(tmp_path / "object.json")
