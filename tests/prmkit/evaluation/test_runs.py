"""Run directories as a comparison reads them."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prmkit.errors import InputError
from prmkit.evaluation.comparison import ProblemPool, compare_pool
from prmkit.evaluation.runs import drawn_per_problem, failed_items, read_search


@pytest.fixture
def comparison():
    pools = [
        ProblemPool(
            problem_id=f"p{index}",
            correct=np.array([index % 2 == 0, False]),
            classes=np.array([0, 1]),
            scores={"prm": np.array([0.5, 0.1])},
        )
        for index in range(3)
    ]
    return compare_pool(pools)


def write_run(folder, problems, failed=(), **config):
    (folder / "shards").mkdir(parents=True)
    rows = [{"problem_id": each, "method": "beam", "correct": each == "p0", "tokens": 30} for each in problems]
    pq.write_table(pa.Table.from_pylist(rows), folder / "shards/00000.parquet")
    (folder / "config.json").write_text(json.dumps({"config": config}))
    if failed:
        (folder / "quarantine").mkdir()
        lines = "".join(json.dumps({"item": each, "reason": "died"}) + "\n" for each in failed)
        (folder / "quarantine/00000.jsonl").write_text(lines)
    return folder


def test_a_search_is_named_by_its_method_and_sizes(tmp_path, comparison) -> None:
    run = write_run(tmp_path / "run", ["p0", "p1", "p2"], task={"beams": 4, "expansions": 2})
    assert read_search(run, comparison).name == "beam 4 x 2 (run)"
    plain = write_run(tmp_path / "plain", ["p0", "p1", "p2"])
    assert read_search(plain, comparison).name == "beam (plain)"


def test_problems_that_could_not_be_searched_count_as_not_solved(tmp_path, comparison) -> None:
    outcome = read_search(write_run(tmp_path / "run", ["p0", "p1"], failed=["p2"]), comparison)
    assert outcome.solved.value == pytest.approx(1 / 3) and outcome.tokens.value == 20


def test_a_search_of_other_problems_is_refused(tmp_path, comparison) -> None:
    with pytest.raises(InputError, match="2 problems of the pool were not searched, 'p1' among them"):
        read_search(write_run(tmp_path / "run", ["p0", "q1"]), comparison)


def test_only_a_run_of_sample_knows_how_many_solutions_were_drawn(tmp_path) -> None:
    sample = write_run(tmp_path / "sample", ["p0"], failed=["p7", "p8"], command="sample", task={"n": 16})
    assert drawn_per_problem(sample) == 16 and failed_items(sample) == ["p7", "p8"]
    label = write_run(tmp_path / "label", ["p0"], command="label", task={"rollouts": 8})
    assert drawn_per_problem(label) is None and failed_items(label) == []
    assert drawn_per_problem(tmp_path / "a file.parquet") is None
