"""Problems from every kind of source."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prmkit.errors import InputError, MissingFileError
from prmkit.formats.problems import read_problem_texts, read_problems
from prmkit.grading import grade


def _jsonl(folder: Path, rows: Sequence[dict[str, Any]], name: str = "some.jsonl") -> str:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


ROWS = [{"problem": "1 + 1?", "answer": "2"}, {"problem": "1 + 2?", "answer": 3}]


def test_jsonl_json_and_parquet_hold_the_same_problems(tmp_path: Path) -> None:
    rows = [{"problem": "1 + 1?", "answer": "2"}, {"problem": "1 + 2?", "answer": "3"}]
    jsonl = read_problems(_jsonl(tmp_path, rows))
    (tmp_path / "some.json").write_text(json.dumps(rows), encoding="utf-8")
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "some.parquet")
    assert [(each.problem_id, each.problem, each.answer, each.solution) for each in jsonl] == [
        ("some-0", "1 + 1?", "2", None),
        ("some-1", "1 + 2?", "3", None),
    ]
    assert read_problems(str(tmp_path / "some.json")) == jsonl
    assert read_problems(str(tmp_path / "some.parquet")) == jsonl


def test_a_local_data_set_is_read_by_datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    for name, rows in (("plain", ROWS[:1]), ("other", [{"problem": "2 + 2?", "answer": "4"}])):
        folder = tmp_path / "set" / name
        folder.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(rows), folder / "train-00000.parquet")
    found = read_problems(f"hf:{tmp_path / 'set' / 'plain'}:train")
    assert [(each.problem_id, each.answer) for each in found] == [("plain-train-0", "2")]
    card = "---\nconfigs:\n" + "".join(
        f"- config_name: {name}\n  data_files:\n  - split: test\n    path: {name}/*.parquet\n"
        for name in ("plain", "other")
    )
    (tmp_path / "set" / "README.md").write_text(f"{card}---\n", encoding="utf-8")
    assert [each.answer for each in read_problems(f"hf:{tmp_path / 'set'}:other:test")] == ["4"]


def test_math_as_the_hub_has_it_is_read_by_subject_and_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    solutions = [
        r"So $x = \boxed{\frac{1}{2}}$.",
        r"Hence $y = \fbox{7}$.",
        r"The digit is $\boxed 3$.",
        r"\boxed{(1,2)}.",
    ]
    rows = [
        {"problem": f"What is {index}?", "level": "Level 5", "type": "Algebra", "solution": solution}
        for index, solution in enumerate(solutions)
    ]
    card = "---\nconfigs:\n"
    for name in ("algebra", "geometry"):
        for split in ("train", "test"):
            (tmp_path / "math" / name).mkdir(parents=True, exist_ok=True)
            kept = rows if (name, split) == ("algebra", "train") else rows[:1]
            pq.write_table(pa.Table.from_pylist(kept), tmp_path / "math" / name / f"{split}-00000-of-00001.parquet")
        card += f"- config_name: {name}\n  data_files:\n"
        card += "".join(f"  - split: {split}\n    path: {name}/{split}-*\n" for split in ("train", "test"))
    (tmp_path / "math" / "README.md").write_text(f"{card}---\n", encoding="utf-8")
    found = read_problems(f"hf:{tmp_path / 'math'}:algebra:train")
    assert [each.answer for each in found] == [r"\frac{1}{2}", "7", "3", "(1,2)"]
    assert [each.solution for each in found] == solutions
    assert [each.problem_id for each in found] == [f"math-train-{index}" for index in range(4)]
    assert len(read_problems(f"hf:{tmp_path / 'math'}:geometry:test")) == 1


def test_a_data_set_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises((MissingFileError, InputError), match=r"hf:.*nowhere:test"):
        read_problems(f"hf:{tmp_path / 'nowhere'}:test")
    with pytest.raises(InputError, match="expected hf:NAME:SPLIT"):
        read_problems("hf:openai/gsm8k")


@pytest.mark.parametrize("field", ["problem", "question", "prompt", "input"])
def test_the_problem_is_found_under_every_usual_name(tmp_path: Path, field: str) -> None:
    assert read_problems(_jsonl(tmp_path, [{field: "Why?", "answer": "1"}]))[0].problem == "Why?"


@pytest.mark.parametrize("field", ["answer", "ground_truth", "final_answer", "expected_answer", "gold", "target"])
def test_the_answer_is_found_under_every_usual_name(tmp_path: Path, field: str) -> None:
    assert read_problems(_jsonl(tmp_path, [{"problem": "Why?", field: "1"}]))[0].answer == "1"


@pytest.mark.parametrize("field", ["problem_id", "id", "unique_id", "idx"])
def test_the_id_is_taken_from_the_row_where_it_has_one(tmp_path: Path, field: str) -> None:
    assert read_problems(_jsonl(tmp_path, [{"problem": "Why?", "answer": "1", field: 7}]))[0].problem_id == "7"


@pytest.mark.parametrize(
    ("row", "answer", "solution"),
    [
        ({"answer": "2 * 9 = $<<2*9=18>>18.\n#### 18"}, "18", "2 * 9 = $18.\n#### 18"),
        ({"answer": "So.\n#### 1,080"}, "1,080", "So.\n#### 1,080"),
        ({"ground_truth": "2 * 9 = <<2*9=18>>18\nA: 18"}, "18", "2 * 9 = 18\nA: 18"),
        ({"solution": r"We get $\boxed{\frac{1}{2}}$."}, r"\frac{1}{2}", r"We get $\boxed{\frac{1}{2}}$."),
        ({"solution": r"It is \boxed{4}.", "answer": "4"}, "4", r"It is \boxed{4}."),
        ({"answer": "#### 18"}, "18", None),
        ({"answer": r"$\boxed{18}$"}, "18", None),
        ({"answer": "18"}, "18", None),
    ],
)
def test_answers_and_reference_solutions_are_told_apart(
    tmp_path: Path, row: dict[str, str], answer: str, solution: str | None
) -> None:
    (problem,) = read_problems(_jsonl(tmp_path, [{"problem": "Why?", **row}]))
    assert (problem.answer, problem.solution) == (answer, solution)


def test_limit_takes_the_first_rows_and_reads_no_further(tmp_path: Path) -> None:
    source = _jsonl(tmp_path, [*ROWS, {"nothing": 1}])
    assert [each.problem for each in read_problems(source, limit=2)] == ["1 + 1?", "1 + 2?"]
    with pytest.raises(InputError, match="limit must be at least 1, got 0"):
        read_problems(source, limit=0)


def test_stories_depend_on_seed_level_and_number_alone() -> None:
    few, more = read_problems("demo:3", seed=1), read_problems("demo:5", seed=1)
    assert few == more[:3] == read_problems("demo:5", seed=1, limit=3)
    assert few != read_problems("demo:3", seed=2)
    assert [each.problem_id for each in few] == [f"demo-default-1-0000{index}" for index in range(3)]
    hard = read_problems("demo:3:hard", seed=1)
    assert hard[0].problem_id == "demo-hard-1-00000"
    assert {each.problem for each in hard}.isdisjoint(each.problem for each in few)
    assert all(each.solution and grade(each.answer, each.solution) for each in hard)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('{"problem": "a", "answer": "1"}\n{"problem": ', r"some.jsonl:2: not valid JSON"),
        ("[1]\n", r"some.jsonl:1: expected a JSON object, found list"),
        (
            '\n{"answer": "1"}',
            r"some.jsonl:2: needs a field problem or question or prompt or input; the row has answer",
        ),
        ('{"problem": "a"}', r"some.jsonl:1: needs a field answer or .*; the row has problem"),
        ('{"problem": " ", "answer": "1"}', r"some.jsonl:1: field 'problem' is empty"),
        ('{"problem": "a", "answer": ""}', r"some.jsonl:1: field 'answer' is empty"),
        ('{"problem": ["a"], "answer": "1"}', r"some.jsonl:1: field 'problem' must be text, found list"),
        ('{"problem": "a", "solution": "I think 5"}', r"some.jsonl:1: no answer field .* solution marks no answer"),
        (
            '{"problem": "a", "answer": "1", "id": 5}\n{"problem": "b", "answer": "1", "id": 5}',
            r"some.jsonl:2: the id '5' was already used at .*some.jsonl:1",
        ),
        ("\n", "no problems in it"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(tmp_path: Path, lines: str, message: str) -> None:
    path = tmp_path / "some.jsonl"
    path.write_text(lines, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_problems(str(path))


def test_a_bad_array_is_named_by_file_and_index(tmp_path: Path) -> None:
    path = tmp_path / "some.json"
    path.write_text('[{"problem": "a", "answer": "1"}, 3]', encoding="utf-8")
    with pytest.raises(InputError, match=r"some.json\[1\]: expected an object, found int"):
        read_problems(str(path))
    path.write_text('{"problem": "a"}', encoding="utf-8")
    with pytest.raises(InputError, match="expected an array of objects, found dict"):
        read_problems(str(path))


@pytest.mark.parametrize("source", ["demo:0", "demo:x", "demo:5:impossible", "demo:5:hard:1", "problems.txt"])
def test_a_source_that_cannot_be_meant_is_explained(source: str) -> None:
    with pytest.raises(InputError, match=r"expected demo:N|not a problem source"):
        read_problems(source)


@pytest.mark.parametrize("name", ["absent.jsonl", "absent.json", "absent.parquet"])
def test_an_absent_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(MissingFileError, match=name):
        read_problems(str(tmp_path / name))


def test_texts_are_read_where_there_are_no_answers_and_where_there_are(tmp_path: Path) -> None:
    file = tmp_path / "test.jsonl"
    file.write_text('{"question": "How many?", "label": -1}\n{"problem": "And now?", "answer": "3"}\n')
    assert read_problem_texts(str(file)) == ["How many?", "And now?"]
    assert read_problem_texts("demo:3", seed=1) == [each.problem for each in read_problems("demo:3", seed=1)]


@pytest.mark.parametrize(
    ("lines", "message"), [("", "no problems"), ('{"text": "How?"}', r"test.jsonl:1: needs a field")]
)
def test_a_source_without_problem_texts_is_refused(tmp_path: Path, lines: str, message: str) -> None:
    file = tmp_path / "test.jsonl"
    file.write_text(lines)
    with pytest.raises(InputError, match=message):
        read_problem_texts(str(file))


def test_real_data_sets_are_read_whole(data_dir: Path) -> None:
    gsm8k = read_problems(str(data_dir / "gsm8k" / "test.jsonl"))
    assert len(gsm8k) == 1319
    assert gsm8k[0].answer == "18"
    assert all(each.solution and "<<" not in each.solution for each in gsm8k)
    math500 = read_problems(str(data_dir / "math500" / "test.jsonl"))
    assert len(math500) == 500
    assert math500[0].problem_id == "test/precalculus/807.json"
    assert all(each.solution and r"\boxed" in each.solution for each in math500)
