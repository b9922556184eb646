"""Curves from pools, without any model."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prmkit.errors import ShapeError
from prmkit.evaluation import comparison as module
from prmkit.evaluation.best_of_n import NO_ANSWER, best_of_n, majority, pass_at
from prmkit.evaluation.comparison import ProblemPool, compare_pool, compare_search
from prmkit.evaluation.intervals import paired_differences, share_estimates
from prmkit.evaluation.weighted import vote_weights, weighted_majority

from .simulated_models import Model, draw_pools


def make_pools(problems=60, size=8, seed=0, **quality):
    """Pools in which each method's score is its quality times the truth plus noise."""
    rng = np.random.default_rng(seed)
    pools = []
    for index in range(problems):
        correct = rng.random(size) < rng.beta(1, 1.5)
        scores = {name: how * correct + rng.normal(size=size) for name, how in quality.items()}
        classes = np.where(correct, 0, rng.integers(1, 5, size))
        pools.append(
            ProblemPool(
                problem_id=f"p{index}", correct=correct, classes=classes, scores=scores, tokens=np.full(size, 50)
            )
        )
    return pools


def test_outcomes_are_the_estimators_of_each_problem_and_accuracy_their_mean() -> None:
    pools = make_pools(problems=5, prm=1.0)
    comparison = compare_pool(pools)
    assert comparison.sizes == (1, 2, 4, 8)
    for row, pool in enumerate(pools):
        for column, n in enumerate(comparison.sizes):
            best, voted = best_of_n(pool.correct, pool.scores["prm"], n), majority(pool.correct, pool.classes, n)
            assert comparison.outcomes["prm"][row, column] == pytest.approx(best)
            assert comparison.outcomes["majority"][row, column] == pytest.approx(voted)
    assert comparison.accuracy["prm"][2].value == pytest.approx(comparison.outcomes["prm"][:, 2].mean())
    assert comparison.accuracy["prm"][2].n == 5


def test_all_methods_start_at_pass_at_1_and_none_beats_the_best_possible_choice() -> None:
    comparison = compare_pool(make_pools(prm=2.0, orm=1.0))
    starts = [curve[0] for curve in comparison.accuracy.values()]
    assert starts == [starts[0]] * 6
    for curve in comparison.accuracy.values():
        for mine, best in zip(curve, comparison.accuracy["pass"], strict=True):
            assert mine.value <= best.value + 1e-12


def test_a_better_reward_model_wins_and_the_difference_is_paired() -> None:
    comparison = compare_pool(make_pools(prm=4.0, orm=0.5))
    difference = comparison.differences["prm", "orm"][-1]
    assert difference.low > 0 and difference.p_value < 0.01
    prm, orm = comparison.outcomes["prm"][:, -1], comparison.outcomes["orm"][:, -1]
    assert difference.value == pytest.approx((prm - orm).mean())


def test_a_worse_reward_model_loses_with_its_sign() -> None:
    assert compare_pool(make_pools(prm=-2.0, orm=2.0)).differences["prm", "orm"][-1].high < 0


def test_the_differences_are_those_of_the_methods_that_are_there() -> None:
    both = compare_pool(make_pools(problems=5, prm=1.0, orm=1.0))
    assert list(both.differences) == [
        ("prm", "orm"),
        ("prm", "majority"),
        ("orm", "majority"),
        ("prm-weighted", "orm-weighted"),
        ("prm-weighted", "majority"),
        ("orm-weighted", "majority"),
    ]
    alone = compare_pool(make_pools(problems=5, prm=1.0))
    assert list(alone.differences) == [("prm", "majority"), ("prm-weighted", "majority")]
    assert list(compare_pool(make_pools(problems=5)).accuracy) == ["majority", "pass"]


def test_weighted_votes_are_those_of_the_scores_as_weights() -> None:
    pools = make_pools(problems=4, prm=1.0, orm=2.0)
    comparison = compare_pool(pools)
    assert comparison.scored == ("prm", "orm")
    for name in comparison.scored:
        weights = vote_weights([each.scores[name] for each in pools])
        for row, pool in enumerate(pools):
            values, _ = weighted_majority(pool.correct, pool.classes, weights[row][None], comparison.sizes)
            assert comparison.outcomes[f"{name}-weighted"][row] == pytest.approx(values[0])
            assert comparison.errors[f"{name}-weighted"].tolist() == [0] * 4


def test_what_has_to_be_drawn_has_its_error_stated_and_everything_else_none() -> None:
    pools = make_pools(problems=6, size=16, prm=1.0)
    comparison = compare_pool(pools)
    assert all(not errors.any() for name, errors in comparison.errors.items() if name != "prm-weighted")
    assert [error > 0 for error in comparison.errors["prm-weighted"]] == [False, False, False, True, False]
    again = [compare_pool(pools, seed=seed).accuracy["prm-weighted"][3].value for seed in range(1, 25)]
    assert np.std(again) == pytest.approx(comparison.errors["prm-weighted"][3], rel=0.4)


def test_a_vote_too_large_for_the_exact_form_is_drawn_within_its_error(monkeypatch) -> None:
    pools = make_pools(problems=30, size=20)
    exact = compare_pool(pools)
    monkeypatch.setattr(module, "EXACT_VOTES", 4)
    drawn = compare_pool(pools)
    assert [error > 0 for error in drawn.errors["majority"]] == [False, False, False, True, True, False]
    for column in range(6):
        off = drawn.accuracy["majority"][column].value - exact.accuracy["majority"][column].value
        assert abs(off) <= 3 * drawn.errors["majority"][column] + 1e-12


def test_a_problem_with_fewer_solutions_enters_with_all_it_has_and_is_counted() -> None:
    eight, three = make_pools(problems=1, prm=1.0)[0], make_pools(problems=1, size=3, prm=1.0)[0]
    three = replace(three, problem_id="three")
    comparison = compare_pool([eight, three])
    assert comparison.sizes == (1, 2, 4, 8) and comparison.short == (0, 0, 1, 1)
    for name, estimator in (
        ("prm", lambda each, n: best_of_n(each.correct, each.scores["prm"], n)),
        ("majority", lambda each, n: majority(each.correct, each.classes, n)),
        ("pass", lambda each, n: pass_at(each.correct, n)),
    ):
        assert comparison.outcomes[name][1] == pytest.approx([estimator(three, n) for n in (1, 2, 3, 3)])
        assert comparison.outcomes[name][0] == pytest.approx([estimator(eight, n) for n in (1, 2, 4, 8)])
    weighted = comparison.outcomes["prm-weighted"][1]
    assert weighted[2] == weighted[3]


@st.composite
def small_pools(draw):
    """Problems of unequal size whose answers are right or wrong by class, with scores that tie or are unusable."""
    pools = []
    for index in range(draw(st.integers(1, 3))):
        size = draw(st.integers(1, 5))
        classes = np.array(draw(st.lists(st.integers(NO_ANSWER, 2), min_size=size, max_size=size)))
        score = st.sampled_from([-np.inf, 0.0, 0.25, 0.5, 1.0])
        scores = np.array(draw(st.lists(score, min_size=size, max_size=size)))
        pools.append(ProblemPool(problem_id=f"p{index}", correct=classes == 0, classes=classes, scores={"prm": scores}))
    return pools


def chosen_among(pool, subset):
    """By method: how right its choice among the whole subset is, by the rules as they are told."""
    correct, classes, scores = pool.correct[subset], pool.classes[subset], pool.scores["prm"][subset]

    def winners_right(voters, weights):
        sums = {name: weights[voters & (classes == name)].sum() for name in set(classes[voters])}
        winners = [name for name, total in sums.items() if total == max(sums.values())]
        return np.mean([name == 0 for name in winners]) if winners else 0.0

    voters = classes != NO_ANSWER
    return {
        "prm": correct[scores == scores.max()].mean(),
        "majority": winners_right(voters, np.ones(len(subset))),
        "prm-weighted": winners_right(voters & np.isfinite(scores), scores),
        "pass": correct.any(),
    }


@settings(max_examples=150, deadline=None)
@given(small_pools())
def test_every_method_is_the_mean_over_all_subsets_of_problems_of_unequal_size(pools) -> None:
    comparison = compare_pool(pools, resamples=10)
    for row, pool in enumerate(pools):
        for column, n in enumerate(comparison.sizes):
            subsets = combinations(range(pool.size), min(n, pool.size))
            told = [chosen_among(pool, list(subset)) for subset in subsets]
            for name, outcomes in comparison.outcomes.items():
                assert outcomes[row, column] == pytest.approx(np.mean([each[name] for each in told])), name


def test_any_sizes_can_be_asked_for() -> None:
    pools = make_pools(problems=3, prm=1.0)
    comparison = compare_pool(pools, sizes=(3, 5))
    assert comparison.sizes == (3, 5) and comparison.largest == 5
    assert comparison.outcomes["prm"][0] == pytest.approx(
        [best_of_n(pools[0].correct, pools[0].scores["prm"], n) for n in (3, 5)]
    )
    for bad in ((), (0, 2), (5, 3), (3, 3), (2, 9)):
        with pytest.raises(ShapeError, match="ascend within 1 and the 8 solutions"):
            compare_pool(pools, sizes=bad)


def with_runs(pools, seed=0, **spreads):
    """Three training runs: each method's score plus noise of its spread; without one, a single run."""
    rng = np.random.default_rng(seed)
    return [
        replace(
            pool,
            scores={
                name: scores + spreads[name] * rng.normal(size=(3, len(scores))) if name in spreads else scores
                for name, scores in pool.scores.items()
            },
        )
        for pool in pools
    ]


def test_several_training_runs_are_averaged_and_kept() -> None:
    pools = with_runs(make_pools(problems=20, prm=1.0, orm=1.0), prm=1.0)
    comparison = compare_pool(pools)
    assert comparison.runs == 3
    shapes = {name: values.shape for name, values in comparison.run_outcomes.items()}
    assert shapes["prm"] == shapes["prm-weighted"] == (3, 20, 4)
    assert shapes["orm"] == shapes["orm-weighted"] == shapes["majority"] == shapes["pass"] == (1, 20, 4)
    for run in range(3):
        alone = compare_pool([replace(each, scores={"prm": each.scores["prm"][run]}) for each in pools])
        assert alone.runs == 1
        for name in ("prm", "prm-weighted"):
            assert comparison.run_outcomes[name][run] == pytest.approx(alone.outcomes[name])
    assert comparison.outcomes["prm"] == pytest.approx(comparison.run_outcomes["prm"].mean(axis=0))
    (difference,) = paired_differences(
        comparison.run_outcomes["prm"][:, :, [-1]], comparison.run_outcomes["orm"][:, :, [-1]]
    )
    assert comparison.differences["prm", "orm"][-1].to_json() == pytest.approx(difference.to_json())


def test_one_run_given_as_a_row_is_the_same_as_one_given_flat() -> None:
    flat = make_pools(problems=10, prm=1.0, orm=0.5)
    rows = [replace(each, scores={name: one[None] for name, one in each.scores.items()}) for each in flat]
    first, second = compare_pool(flat), compare_pool(rows)
    assert first.accuracy == second.accuracy and first.differences == second.differences


def test_a_search_is_held_against_all_training_runs() -> None:
    comparison = compare_pool(with_runs(make_pools(problems=20, prm=1.0), prm=2.0))
    outcome = compare_search(
        comparison, "beam", dict.fromkeys(comparison.problem_ids, True), dict.fromkeys(comparison.problem_ids, 400)
    )
    assert outcome.matched_n == 8
    assert outcome.difference.value == pytest.approx(1 - comparison.accuracy["prm"][-1].value)


def test_training_runs_have_to_be_as_many_everywhere() -> None:
    one, three = make_pools(problems=2, prm=1.0, orm=1.0), with_runs(make_pools(problems=2, prm=1.0, orm=1.0), prm=1.0)
    with pytest.raises(
        ShapeError, match=r"'p1' is scored by prm \(3 runs\), orm \(1 run\), problem 'p0' by prm \(1 run"
    ):
        compare_pool([one[0], three[1]])
    mixed = [
        replace(each, scores={"prm": each.scores["prm"], "orm": np.stack([each.scores["orm"]] * 2)}) for each in three
    ]
    with pytest.raises(ShapeError, match="as many training runs"):
        compare_pool(mixed)


SIZES = (4, 16)


@pytest.mark.slow
def test_known_curves_of_two_synthetic_reward_models_are_in_the_interval_in_95_of_100_data_sets() -> None:
    """1,000 data sets of 200 problems with 16 solutions; one model is honest, the other over-optimised."""
    models = (Model(1.0), Model(1.2, 1.5))
    known_MS = np.array([[model.solves(n) for n in SIZES] for model in models])
    rng = np.random.default_rng(0)
    outcomes_MPDS = np.empty((2, 200, 1000, len(SIZES)))
    for data_set in range(1000):
        correct, scores = draw_pools(rng, 200, 16, *models)
        for model, row in np.ndindex(2, 200):
            outcomes_MPDS[model, row, data_set] = [best_of_n(correct[row], scores[model][row], n) for n in SIZES]
    first, second = outcomes_MPDS.reshape(2, 200, -1)
    targets = [*known_MS, known_MS[0] - known_MS[1]]
    found = [share_estimates(first, resamples=2000), share_estimates(second, resamples=2000)]
    found.append(paired_differences(first, second, resamples=2000))
    for target_S, estimates in zip(targets, found, strict=True):
        inside = [each.low <= target_S[index % len(SIZES)] <= each.high for index, each in enumerate(estimates)]
        covered_S = np.reshape(inside, (1000, len(SIZES))).mean(axis=0)
        assert ((covered_S >= 0.93) & (covered_S <= 0.97)).all(), covered_S


def test_what_the_simulation_does_with_outcomes_is_what_a_comparison_does() -> None:
    correct, (prm, orm) = draw_pools(np.random.default_rng(0), 20, 16, Model(1.0), Model(1.2, 1.5))
    pools = [
        ProblemPool(
            problem_id=str(row),
            correct=correct[row],
            classes=np.where(correct[row], 0, 1),
            scores={"prm": prm[row], "orm": orm[row]},
        )
        for row in range(20)
    ]
    comparison = compare_pool(pools, sizes=SIZES, resamples=2000)
    first, second = (
        np.round([[best_of_n(correct[row], scores[row], n) for n in SIZES] for row in range(20)], 12)
        for scores in (prm, orm)
    )
    assert comparison.accuracy["prm"] == tuple(share_estimates(first, resamples=2000))
    assert comparison.differences["prm", "orm"] == tuple(paired_differences(first, second, resamples=2000))


def test_the_seed_moves_intervals_and_nothing_else() -> None:
    first, second = (compare_pool(make_pools(prm=1.0), seed=seed).accuracy["prm"][1] for seed in (0, 1))
    assert first.value == second.value and (first.low, first.high) != (second.low, second.high)


def test_a_search_is_set_beside_best_of_n_for_the_same_tokens() -> None:
    comparison = compare_pool(make_pools(problems=20, prm=1.0))
    solved = {each: index % 4 > 0 for index, each in enumerate(comparison.problem_ids)}
    outcome = compare_search(comparison, "beam 2 x 2", solved, dict.fromkeys(comparison.problem_ids, 190))
    assert outcome.matched_n == 4  # 4 solutions of 50 tokens
    assert outcome.solved.value == 0.75 and outcome.tokens.value == 190
    expected = 0.75 - comparison.accuracy["prm"][2].value
    assert outcome.difference.value == pytest.approx(expected)


def test_a_search_that_left_problems_out_is_refused() -> None:
    comparison = compare_pool(make_pools(problems=3, prm=1.0))
    with pytest.raises(ShapeError, match="'p1' and 1 more"):
        compare_search(comparison, "beam", {"p0": True}, {"p0": 10})


def test_problems_with_other_methods_are_refused_by_name() -> None:
    with pytest.raises(ShapeError, match=r"'p0' is scored by orm \(1 run\)"):
        compare_pool([make_pools(problems=1, prm=1.0)[0], make_pools(problems=1, orm=1.0)[0]])
    with pytest.raises(ShapeError, match="no problems"):
        compare_pool([])
