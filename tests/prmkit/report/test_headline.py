"""The result in words."""

from dataclasses import replace

import numpy as np
import pytest

from prmkit.evaluation.comparison import ProblemPool, compare_pool
from prmkit.evaluation.intervals import Difference
from prmkit.report.headline import claim, headline

from .conftest import make_pools


@pytest.mark.parametrize(
    ("ends", "told"),
    [
        ((0.041, 0.02, 0.063), "PRM beats ORM by 4.1 points [2.0, 6.3] at n = 64."),
        ((-0.041, -0.063, -0.02), "ORM beats PRM by 4.1 points [2.0, 6.3] at n = 64."),
        (
            (0.01, -0.02, 0.04),
            "No difference between PRM and ORM shown at n = 64 (PRM − ORM: +1.0 points [−2.0, +4.0]).",
        ),
        ((0.02, 0.0, 0.04), "No difference between PRM and ORM shown at n = 64 (PRM − ORM: +2.0 points [0.0, +4.0])."),
    ],
)
def test_the_claim_states_the_difference_whatever_its_sign(ends, told) -> None:
    value, low, high = ends
    assert claim("prm", "orm", Difference(value=value, low=low, high=high, n=500, p_value=0.01), 64) == told


def test_with_few_problems_the_claim_says_that_its_interval_is_too_narrow() -> None:
    won, open_ = (Difference(value=0.1, low=low, high=0.2, n=29, p_value=0.01) for low in (0.05, -0.05))
    for each in (won, open_):
        assert claim("prm", "orm", each, 4).endswith(" (few problems: 29; intervals are too narrow).")
        assert "few" not in claim("prm", "orm", replace(each, n=30), 4)


def test_the_headline_of_one_problem_claims_no_winner() -> None:
    scores = {"prm": np.array([0.9, 0.1]), "orm": np.array([0.1, 0.9])}
    pool = ProblemPool(problem_id="p", correct=np.array([True, False]), classes=np.array([0, 1]), scores=scores)
    told = headline(compare_pool([pool]))
    assert told.startswith("No difference between PRM and ORM shown") and "(few problems: 1;" in told
    assert "beats" not in told


def test_a_sentence_begins_with_a_capital() -> None:
    worse = Difference(value=-0.1, low=-0.2, high=-0.05, n=9, p_value=0.01)
    assert claim("prm", "majority", worse, 4).startswith("Majority vote beats PRM by 10.0 points [5.0, 20.0]")


def test_one_problem_with_one_solution_is_no_plural() -> None:
    (pool,) = make_pools(1)
    one = ProblemPool(
        problem_id="p", correct=pool.correct[:1], classes=pool.classes[:1], scores={"prm": pool.scores["prm"][0][:1]}
    )
    assert "Solved, of 1 problem with 1 solution each: " in headline(compare_pool([one]))


def test_the_headline_begins_with_prm_against_orm_and_ends_with_every_share(report) -> None:
    told, comparison = headline(report.comparison), report.comparison
    assert told.startswith(claim("prm", "orm", comparison.differences["prm", "orm"][-1], 16))
    assert claim("prm", "majority", comparison.differences["prm", "majority"][-1], 16) in told
    assert "of 40 problems with 16 solutions each: PRM " in told
    for method in ("prm", "orm", "majority", "prm-weighted", "orm-weighted"):
        assert f"{100 * comparison.accuracy[method][-1].value:.1f}" in told
    assert f"a single solution {100 * comparison.accuracy['pass'][0].value:.1f}\u202f%" in told
    assert "training runs" not in told


def test_several_training_runs_are_said_to_be_a_mean() -> None:
    assert "mean of 3 training runs" in headline(compare_pool(make_pools(12, runs=3), resamples=100))


def test_pools_without_scores_have_shares_and_nothing_to_claim() -> None:
    pools = [ProblemPool(problem_id="p", correct=np.array([True, False]), classes=np.array([0, 1]), scores={})]
    told = headline(compare_pool(pools, resamples=100))
    assert (
        told
        == "Solved, of 1 problem with 2 solutions each: majority vote 50.0\u202f% and a single solution 50.0\u202f%."
    )
    assert headline(compare_pool([replace(pools[0], scores={"prm": np.array([1.0, 0.0])})], resamples=100)) != told


def test_without_n_1_no_single_solution_is_named() -> None:
    assert "single" not in headline(compare_pool(make_pools(12), sizes=(4, 16), resamples=100))
