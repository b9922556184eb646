"""Solutions from our own tables and from reference solutions."""

import json
from pathlib import Path

import pytest

from prmkit.errors import InputError, MissingFileError
from prmkit.formats.solutions import read_solution_source, reference_steps
from prmkit.grading import grade
from prmkit.records import SOLUTION_SCHEMA, Problem, Solution
from prmkit.steps import split_text
from prmkit.tables import solution_row, write_rows

OURS = Solution(
    solution_id="0-3",
    problem=Problem(problem_id="p", problem="1 + 1?", answer="2"),
    steps=("1 + 1 = 2.", "The answer is 2."),
    correct=True,
)


@pytest.mark.parametrize("name", ["some.parquet", "some.jsonl", "run/shards/0.parquet"])
def test_our_own_tables_come_back_as_they_were_written(tmp_path: Path, name: str) -> None:
    write_rows(tmp_path / name, [solution_row(OURS)], SOLUTION_SCHEMA)
    source = tmp_path / name.partition("/")[0]
    assert read_solution_source(str(source)) == [OURS]


def test_reference_solutions_become_one_solution_per_problem(tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    path.write_text(json.dumps({"question": "Why?", "answer": "1 + 1 = <<1+1=2>>2\nSo.\n#### 2"}), encoding="utf-8")
    (solution,) = read_solution_source(str(path))
    assert solution.name == "some-0/reference"
    assert solution.steps == ("1 + 1 = 2", "So.", "#### 2")
    assert solution.correct is None


def test_stories_have_reference_solutions_that_depend_on_the_seed() -> None:
    first, second = read_solution_source("demo:2", seed=1), read_solution_source("demo:2", seed=2)
    assert first != second
    assert all(each.steps[-1] == f"The answer is {each.problem.answer}." for each in first)


@pytest.mark.parametrize(
    ("text", "separator", "steps"),
    [
        ("a b\nc d\n\ne", "\n", ["a b", "c d", "e"]),
        ("a b\nc d\n\ne", "\n\n", ["a b\nc d", "e"]),
        ("a b\nc d", "\n\n", ["a b", "c d"]),
        ("a\tb\nc", "\t", ["a", "b\nc"]),
        ("So $x. Y$ is 3. Then it is $4.$ Hence 5.", "\n", ["So $x. Y$ is 3.", "Then it is $4.$", "Hence 5."]),
        ("We see\n\\[\n1\n\\]\nso. Done.", "\n\n", ["We see", "\\[\n1\n\\]", "so. Done."]),
        (
            "First.\n[asy]\ndraw(1);\n\nfill(2);\n[/asy]\nLast.",
            "\n",
            ["First.", "[asy] draw(1); fill(2); [/asy]", "Last."],
        ),
        ("only this", "\n", ["only this"]),
    ],
)
def test_reference_solutions_are_cut_by_the_documented_rule(text: str, separator: str, steps: list[str]) -> None:
    assert reference_steps(text, separator) == steps


def test_a_problem_without_a_reference_solution_is_named(tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    path.write_text('{"problem": "a", "answer": "#### 1"}', encoding="utf-8")
    with pytest.raises(InputError, match=r"some.jsonl: problem 'some-0' has no reference solution"):
        read_solution_source(str(path))


def test_absent_and_broken_sources_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"absent.jsonl"):
        read_solution_source(str(tmp_path / "absent.jsonl"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingFileError, match="no finished shards"):
        read_solution_source(str(tmp_path / "empty"))
    (tmp_path / "bad.parquet").write_text("no", encoding="utf-8")
    with pytest.raises(InputError, match=r"bad.parquet: not a Parquet file"):
        read_solution_source(str(tmp_path / "bad.parquet"))
    (tmp_path / "bad.jsonl").write_text(json.dumps(solution_row(OURS) | {"steps": []}), encoding="utf-8")
    with pytest.raises(InputError, match=r"bad.jsonl:1: .*no steps"):
        read_solution_source(str(tmp_path / "bad.jsonl"))


@pytest.mark.parametrize("separator", ["\n", "\n\n"])
@pytest.mark.parametrize("name", ["gsm8k/test.jsonl", "math500/test.jsonl"])
def test_steps_of_real_reference_solutions_keep_answer_and_boundaries(
    data_dir: Path, name: str, separator: str
) -> None:
    for solution in read_solution_source(str(data_dir / name), separator):
        text = separator.join(solution.steps)
        assert grade(solution.problem.answer, text)
        assert tuple(split_text(text, separator)) == solution.steps
        if name.startswith("gsm8k"):
            assert grade(solution.problem.answer, solution.steps[-1])
