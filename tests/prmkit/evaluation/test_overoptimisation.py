"""Gold and proxy curves, where the gold one turns, and whether that is shown."""

from math import log

import numpy as np
import pytest

from prmkit.errors import ShapeError
from prmkit.evaluation.best_of_n import NO_ANSWER
from prmkit.evaluation.comparison import ProblemPool, compare_pool
from prmkit.evaluation.overoptimisation import kl, overoptimisation

from .simulated_models import Model, draw_pools

TURNING, HONEST = Model(1.2, 1.8), Model(1.2)


def make_pools(*models, problems=200, size=64, seed=0, names=("prm", "orm")):
    correct, scores = draw_pools(np.random.default_rng(seed), problems, size, *models)
    return [
        ProblemPool(
            problem_id=f"p{row}",
            correct=correct[row],
            classes=np.full(size, NO_ANSWER),  # nobody votes here
            scores={name: each[row] for name, each in zip(names, scores, strict=False)},
        )
        for row in range(problems)
    ]


def test_the_distance_of_best_of_n_is_that_of_gao_et_al() -> None:
    assert kl(1) == 0
    assert [kl(n) for n in (2, 64)] == pytest.approx([log(2) - 1 / 2, log(64) - 63 / 64])
    with pytest.raises(ShapeError, match="n >= 1"):
        kl(0)


def test_the_distance_is_the_divergence_of_the_chosen_from_a_drawn_solution() -> None:
    """By definition: the best of n has the density n u^(n-1) on the scores' quantiles u."""
    u = (np.arange(1_000_000) + 0.5) / 1_000_000
    for n in (3, 20):
        density = n * u ** (n - 1)
        assert kl(n) == pytest.approx(float(np.mean(density * np.log(density))), abs=1e-3)


def test_an_over_optimised_score_turns_where_its_known_curve_turns_and_an_honest_one_does_not() -> None:
    pools = make_pools(TURNING, HONEST, problems=300)
    found = overoptimisation(pools, compare_pool(pools))
    turning, honest = found["prm"], found["orm"]
    known = {n: TURNING.solves(n) for n in turning.sizes}
    assert known[2] > known[1] > known[64]  # it is worth choosing from 2, and not from 64
    assert turning.peak == max(known, key=known.get)
    assert turning.falls and turning.fall is not None and turning.fall.p_value < 0.01
    assert turning.fall.low < known[64] - known[turning.peak] < turning.fall.high
    assert honest.peak == 64 and honest.fall is None and not honest.falls
    for each in (turning, honest):
        proxy = [one.value for one in each.proxy]
        assert proxy == sorted(proxy)


def test_the_fit_finds_the_parameters_of_a_curve_of_its_form() -> None:
    pools = make_pools(TURNING, names=("prm",), problems=100)
    comparison = compare_pool(pools)
    fit = overoptimisation(pools, comparison)["prm"].fit
    assert fit is not None and fit.best is not None
    d = np.sqrt([kl(n) for n in comparison.sizes])[1:]
    gain = (comparison.outcomes["prm"] - comparison.outcomes["prm"][:, :1]).mean(axis=0)[1:]
    beta, alpha = np.polyfit(d, gain / d, 1, w=d)  # least squares of d (alpha - beta d), another way
    assert (fit.alpha.value, -fit.beta.value) == pytest.approx((alpha, beta))
    assert fit.best == pytest.approx(alpha / (-2 * beta))
    assert fit.residual == pytest.approx(np.sqrt(np.mean((gain - d * (alpha + beta * d)) ** 2)))
    assert fit.alpha.low < fit.alpha.value < fit.alpha.high


def test_a_score_that_only_harms_has_no_best_distance_and_peaks_at_one_solution() -> None:
    pools = make_pools(Model(-1.5), names=("prm",))
    found = overoptimisation(pools, compare_pool(pools))["prm"]
    assert found.peak == 1 and found.falls
    assert found.fit is not None and found.fit.alpha.value < 0 and found.fit.best is None


def test_three_sizes_above_one_are_needed_for_a_fit() -> None:
    pools = make_pools(HONEST, names=("prm",), problems=10)
    assert overoptimisation(pools, compare_pool(pools, sizes=(1, 2, 64)))["prm"].fit is None
    assert overoptimisation(pools, compare_pool(pools, sizes=(2, 8, 64)))["prm"].fit is not None


@pytest.mark.slow
def test_a_fall_that_is_chance_is_shown_in_at_most_5_of_100_cases() -> None:
    """A score that knows nothing: every n is as good, and the peak is chosen among them by looking."""
    shown = []
    for seed in range(100):
        pools = make_pools(Model(0.0), names=("prm",), problems=40, size=16, seed=seed)
        shown.append(overoptimisation(pools, compare_pool(pools, resamples=1000), resamples=2000)["prm"].falls)
    assert np.mean(shown) <= 0.05


def test_the_proxy_leaves_out_what_cannot_be_used_and_the_distance_is_that_of_what_was_drawn() -> None:
    def pool(name, scores):
        size = len(scores)
        return ProblemPool(
            problem_id=name,
            correct=np.zeros(size, bool),
            classes=np.zeros(size, int),
            scores={"prm": np.array(scores), "orm": np.full(size, -np.inf)},
        )

    pools = [pool("a", [0.2, 0.6, -np.inf, -np.inf]), pool("b", [-np.inf, -np.inf]), pool("c", [0.5, 0.5])]
    found = overoptimisation(pools, compare_pool(pools))
    assert list(found) == ["prm"]  # the other has no usable score at all
    proxy = found["prm"].proxy
    assert [each.value for each in proxy] == pytest.approx([0.45, ((0.2 * 2 + 0.6 * 3) / 5 + 0.5) / 2, 0.55])
    assert proxy[0].n == 2
    assert found["prm"].kl == pytest.approx((0, kl(2), (kl(4) + 2 * kl(2)) / 3))


def test_several_training_runs_share_one_curve_whose_interval_is_wider_than_that_of_one() -> None:
    one = make_pools(HONEST, names=("prm",), problems=100, size=8)
    noise = np.random.default_rng(1)
    several = [
        ProblemPool(
            problem_id=each.problem_id,
            correct=each.correct,
            classes=each.classes,
            scores={"prm": np.stack([each.scores["prm"], noise.normal(size=8), -each.scores["prm"]])},
        )
        for each in one
    ]
    single, three = (overoptimisation(each, compare_pool(each))["prm"] for each in (one, several))
    assert three.gold[-1].high - three.gold[-1].low > 2 * (single.gold[-1].high - single.gold[-1].low)
    assert three.fit is not None and single.fit is not None
    assert three.fit.alpha.high - three.fit.alpha.low > 2 * (single.fit.alpha.high - single.fit.alpha.low)


def test_seed_and_resamples_move_intervals_and_nothing_else() -> None:
    pools = make_pools(HONEST, names=("prm",), problems=20, size=8)
    comparison = compare_pool(pools)
    first, second, third = (
        overoptimisation(pools, comparison, seed=seed, resamples=count)["prm"].proxy[-1]
        for seed, count in ((0, 2000), (1, 2000), (0, 3000))
    )
    assert first.value == second.value == third.value
    assert len({first.low, second.low, third.low}) == 3


def test_other_pools_than_those_compared_are_refused() -> None:
    pools = make_pools(HONEST, names=("prm",), problems=3, size=4)
    with pytest.raises(ShapeError, match="the very pools"):
        overoptimisation(pools[::-1], compare_pool(pools))
