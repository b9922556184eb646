"""ProcessBench."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from prmkit.demo.oracle import StepTruth
from prmkit.errors import InputError
from prmkit.formats.processbench import read_processbench

ROW = {
    "id": "gsm8k-0",
    "generator": "somebody",
    "problem": "What is 1 + 2 + 3?",
    "steps": ["1 + 2 = 3", "3 + 3 = 7", "The answer is 7"],
    "final_answer_correct": False,
    "label": 1,
}


def write(path: Path, *rows: Any) -> Path:
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def test_steps_before_the_label_are_right_and_those_after_it_not_judged(tmp_path: Path) -> None:
    (judged,) = read_processbench(write(tmp_path / "gsm8k.json", ROW))
    assert (judged.name, judged.problem, len(judged.steps)) == ("gsm8k-0", ROW["problem"], 3)
    assert judged.verdicts.truths == (StepTruth.NEEDED, StepTruth.WRONG, None)
    assert judged.verdicts.first_error == 1 and judged.verdicts.answer_right is False


def test_minus_one_is_a_solution_without_a_wrong_step_and_json_lines_are_read_too(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    row = {name: value for name, value in ROW.items() if name != "id"}
    file.write_text(json.dumps(row | {"label": -1, "final_answer_correct": True}) + "\n", encoding="utf-8")
    (judged,) = read_processbench(file)
    assert judged.verdicts.first_error == -1 and judged.verdicts.answer_right is True
    assert judged.name == "rows-0"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": 3}, "field 'label' is 3, but there are 3 steps"),
        ({"label": -2}, "field 'label' is -2"),
        ({"label": "1"}, "field 'label' must be the index"),
        ({"label": True}, "field 'label' must be the index"),
        ({"steps": []}, "field 'steps' must be a list of texts, at least one"),
        ({"steps": ["fine", " ", "fine"]}, "field .steps. must be a list of texts, at least one, none blank"),
        ({"steps": "fine"}, "field 'steps' must be a list of texts"),
        ({"final_answer_correct": 1}, "field 'final_answer_correct' must be true or false"),
        ({"problem": " "}, "field 'problem' is empty"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=rf"gsm8k.json\[1\]: {message}"):
        read_processbench(write(tmp_path / "gsm8k.json", ROW, ROW | change))


def test_an_absent_field_is_named(tmp_path: Path) -> None:
    row = {name: value for name, value in ROW.items() if name != "label"}
    with pytest.raises(InputError, match=r"field 'label' is missing; the row has 'id', 'generator'"):
        read_processbench(write(tmp_path / "gsm8k.json", row))


@pytest.mark.parametrize(("subset", "rows", "erroneous", "lucky"), [("gsm8k", 400, 207, 7), ("math", 1000, 594, 94)])
def test_the_real_subsets_are_read_whole(data_dir: Path, subset: str, rows: int, erroneous: int, lucky: int) -> None:
    judged = read_processbench(data_dir / "processbench" / f"{subset}.json")
    assert len({each.name for each in judged}) == len(judged) == rows
    kinds = Counter((each.verdicts.first_error != -1, each.verdicts.answer_right) for each in judged)
    assert kinds == {(True, False): erroneous - lucky, (True, True): lucky, (False, True): rows - erroneous}
