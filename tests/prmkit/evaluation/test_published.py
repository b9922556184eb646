"""Published samples as pools: held against the publisher's own way to evaluate them."""

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from prmkit.errors import InputError
from prmkit.evaluation.best_of_n import NO_ANSWER
from prmkit.evaluation.comparison import ProblemPool, compare_pool
from prmkit.evaluation.published import published_pools
from prmkit.formats.scored import NONE, SampledProblem, ScoredLayout, ScoredSamples

DRAWN = 24
TRIALS = 400
Rows = list[dict[str, Any]]


def _drawn_rows(seed: int) -> dict[str, Rows]:
    """By problem: samples as PRM800K's file has them: some have no answer, some are missing, and scores tie."""
    rng = random.Random(seed)
    found = {}
    for problem in range(6):
        rate = rng.random()
        rows = []
        for _ in range(DRAWN if problem == 0 else rng.randint(DRAWN // 2, DRAWN)):
            right = rng.random() < rate
            row: dict[str, Any] = {"answer": "42" if right else str(rng.randint(1, 5)), "is_correct": right}
            if rng.random() < 0.1:
                row["answer"] = None
            for method, skill in (("prm", 0.4), ("orm", 0.1)):
                row[f"{method}_score"] = round(min(1.0, 0.6 * rng.random() + skill * right), 1)
            rows.append(row)
        found[f"problem {problem}"] = rows
    return found


def _samples(rows: dict[str, Rows], layout: ScoredLayout = ScoredLayout.PRM800K) -> ScoredSamples:
    """What the reader makes of them."""
    problems = []
    for name, samples in rows.items():
        answers = tuple(dict.fromkeys(each["answer"] for each in samples if each["answer"] is not None))
        silent = [each["answer"] is None for each in samples]
        problems.append(
            SampledProblem(
                problem_id=name,
                correct=np.array([each["is_correct"] for each in samples]) & ~np.array(silent),
                answers=answers,
                given=np.array(
                    [
                        NONE if none else answers.index(each["answer"])
                        for each, none in zip(samples, silent, strict=True)
                    ]
                ),
                scores={
                    method: np.where(silent, -np.inf, [each[f"{method}_score"] for each in samples])
                    for method in ("prm", "orm")
                },
                characters=np.arange(len(samples)) + 1,
            )
        )
    return ScoredSamples(layout=layout, problems=problems, notes=[])


def _resampled(rows: dict[str, Rows], method: str, sizes: Sequence[int]) -> np.ndarray:
    """`[trials, sizes]`: share of problems solved, by the algorithm of PRM800K's evaluation: blanks up to the number
    that was drawn, shuffled anew for each n, the first n kept, those without an answer dropped, the best one chosen."""
    rng = random.Random(1)
    shares = np.zeros((TRIALS, len(sizes)))
    for trial in range(TRIALS):
        for column, n in enumerate(sizes):
            for samples in rows.values():
                drawn = rng.sample([*samples, *[None] * (DRAWN - len(samples))], n)
                usable = [each for each in drawn if each is not None and each["answer"] is not None]
                chosen = max(usable, key=lambda each: each[f"{method}_score"], default=None)
                shares[trial, column] += bool(chosen and chosen["is_correct"])
    return shares / len(rows)


@pytest.mark.parametrize("method", ["prm", "orm"])
def test_the_exact_expectation_is_what_the_publishers_resampling_estimates(method: str) -> None:
    rows = _drawn_rows(0)
    pools, _ = published_pools(_samples(rows), DRAWN)
    comparison = compare_pool(pools)
    assert comparison.sizes == (1, 2, 4, 8, 16, DRAWN)
    trials = _resampled(rows, method, comparison.sizes)
    error = trials.std(axis=0) / TRIALS**0.5
    exact = np.array([each.value for each in comparison.accuracy[method]])
    assert (np.abs(trials.mean(axis=0) - exact) <= 4 * error + 1e-9).all()
    assert error[:-1].min() > 0  # the publisher's figures vary
    naive = compare_pool(published_pools(_samples(rows, ScoredLayout.RLHFLOW))[0])  # missing samples not counted
    assert abs(trials.mean(axis=0)[0] - naive.accuracy[method][0].value) > 6 * error[0]


def test_samples_that_are_not_in_the_files_count_as_failed() -> None:
    rows = _drawn_rows(1)
    pools, notes = published_pools(_samples(rows), 30)
    held = sum(map(len, rows.values()))
    assert notes == [
        f"30 samples were drawn of each problem; the {30 * len(rows) - held} that are not in the files count as failed."
    ]
    for pool, samples in zip(pools, rows.values(), strict=True):
        missing = slice(len(samples), None)
        assert pool.size == 30 and not pool.correct[missing].any()
        assert (pool.classes[missing] == NO_ANSWER).all() and np.isneginf(pool.scores["prm"][missing]).all()
        assert pool.characters is not None and (pool.characters[missing] == 0).all()


def test_as_many_were_drawn_as_the_problem_with_the_most_has_unless_that_is_said() -> None:
    rows = _drawn_rows(1)
    assert {each.size for each in published_pools(_samples(rows))[0]} == {DRAWN}
    pools, notes = published_pools(_samples(rows, ScoredLayout.RLHFLOW))
    assert [each.size for each in pools] == list(map(len, rows.values())) and notes == []
    with pytest.raises(InputError, match=f"problem 'problem 0' has {DRAWN} samples, and 23 were said to be drawn"):
        published_pools(_samples(rows), 23)


def test_votes_are_grouped_by_equivalence_not_by_string() -> None:
    rows = [
        {"answer": answer, "is_correct": right, "prm_score": 0.5, "orm_score": 0.5}
        for answer, right in (
            ("\\frac12", True),
            ("0.5", True),
            ("1/2", True),
            ("3", False),
            ("3", False),
            (None, False),
        )
    ]
    ((pool,), _) = published_pools(_samples({"p": rows}))
    assert pool.classes.tolist() == [0, 0, 0, 1, 1, NO_ANSWER]
    assert compare_pool([pool]).accuracy["majority"][-1].value == 1.0


def test_pools_without_scores_give_votes_and_the_best_possible_choice() -> None:
    samples = _samples(_drawn_rows(2))
    bare = [
        SampledProblem(
            problem_id=each.problem_id, correct=each.correct, answers=each.answers, given=each.given, scores={}
        )
        for each in samples.problems
    ]
    pools, _ = published_pools(ScoredSamples(layout=ScoredLayout.RLHFLOW, problems=bare, notes=[]))
    assert list(compare_pool(pools).accuracy) == ["majority", "pass"]


def test_big_pools_neither_overflow_nor_lose_digits() -> None:
    """N = 1860 as in Lightman et al.: where the best sample is right, best-of-n finds it if it is drawn."""
    size = 1860
    scores = np.arange(size, dtype=np.float64)
    best = ProblemPool(
        problem_id="p", correct=scores == size - 1, classes=np.zeros(size, dtype=np.int64), scores={"prm": scores}
    )
    comparison = compare_pool([best], sizes=(1, 512, 1024, size), resamples=10)
    found = [each.value for each in comparison.accuracy["prm"]]
    assert found == pytest.approx([n / size for n in comparison.sizes], abs=1e-11)
