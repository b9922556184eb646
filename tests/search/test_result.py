"""A result, and the row it is stored as."""

import pickle

import numpy as np
import pyarrow as pa

from prmkit.completers import Sampling
from prmkit.records import FinishReason, Problem
from prmkit.rewards.simulated import OracleReward
from search.beam import BeamSearch
from search.method import Method
from search.result import (
    RESULT_SCHEMA,
    Candidate,
    Ended,
    SearchResult,
    result_row,
)

from .searching import EVERY, PROBLEMS, SAMPLING, CountingOracle, run

PER_CANDIDATE = ("candidates", "step_scores", "scores", "finishes", "candidate_tokens", "leaves")


@EVERY
def test_every_search_gives_the_one_result_which_is_stored_without_loss(method: Method) -> None:
    for result in run(method, CountingOracle(), problems=PROBLEMS[:3]):
        row = result_row(result, method.name, correct=True)
        (stored,) = pa.Table.from_pylist([row], RESULT_SCHEMA).to_pylist()
        assert set(row) == set(stored) == set(RESULT_SCHEMA.names)
        for node in row["trace"]:
            node["value"] = (
                None if node["value"] is None else float(np.float32(node["value"]))
            )  # a mean, in a tree search
        assert stored == row  # scores of the oracle are exact in single precision
        assert (stored["problem_id"], stored["answer"]) == (result.problem.problem_id, result.problem.answer)
        assert (stored["method"], stored["ended"], stored["correct"]) == (method.name, str(result.ended), True)
        assert {len(stored[name]) for name in PER_CANDIDATE} == {len(result.candidates)}
        assert result.chosen is not None
        assert stored["chosen"] == "\n".join(result.chosen.steps) == "\n".join(stored["candidates"][result.choice])


def test_what_was_not_found_is_stored_as_null() -> None:
    method = BeamSearch(sampling=Sampling(max_tokens=4), beams=1, expansions=1)
    (result,) = run(method, OracleReward(), problems=PROBLEMS[:1])
    row = result_row(result, method.name, correct=False)
    (stored,) = pa.Table.from_pylist([row], RESULT_SCHEMA).to_pylist()
    assert {name for name, value in stored.items() if value is None} == {
        "chosen",
        "chosen_index",
        "predicted",
    }
    assert (stored["finishes"], stored["scores"], stored["step_scores"]) == (["length"], [None], [[]])
    (node,) = stored["trace"]
    assert (node["score"], node["value"], node["fate"]) == (None, None, "cut")


def test_an_empty_result_is_stored() -> None:
    result = SearchResult(
        problem=Problem(problem_id="p", problem="What is it?", answer=None),
        candidates=(),
        choice=None,
        predicted=None,
        tokens=0,
        prm_tokens=0,
        ended=Ended.SECONDS,
        trace=(),
    )
    (stored,) = pa.Table.from_pylist([result_row(result, "beam", correct=False)], RESULT_SCHEMA).to_pylist()
    assert stored["trace"] == stored["candidates"] == [] and stored["ended"] == "seconds" and stored["answer"] is None


def test_the_chosen_candidate_is_the_one_of_the_choice() -> None:
    first, second = (
        Candidate(token_ids=(1,), steps=(text,), step_scores=(0.5,), score=0.5, finish=FinishReason.END)
        for text in ("a", "b")
    )
    result = SearchResult(
        problem=PROBLEMS[0],
        candidates=(first, second),
        choice=1,
        predicted="b",
        tokens=2,
        prm_tokens=None,
        ended=Ended.DONE,
        trace=(),
    )
    assert result.chosen is second


@EVERY
def test_methods_and_results_survive_pickling(method: Method) -> None:
    assert pickle.loads(pickle.dumps(method)) == method
    (result,) = run(method, OracleReward(), problems=PROBLEMS[:1])
    assert pickle.loads(pickle.dumps(result)) == result


def test_results_differ_by_more_than_the_time_they_took() -> None:
    first, again = (
        run(BeamSearch(sampling=SAMPLING, seed=seed), OracleReward(), problems=PROBLEMS[:1])[0] for seed in (0, 0)
    )
    assert first == again and first.seconds != again.seconds
