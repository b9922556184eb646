"""Outcomes of regimes: stored, paired, and told as entries."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from prmkit.errors import ShapeError
from prmkit.evaluation.comparison import PAIRS, ProblemPool, compare_pool
from prmkit.evaluation.intervals import paired_differences
from prmkit.evaluation.regimes import Outcome, difference, entries, repeated_difference, repeated_share

PROBLEMS, RUNS = 30, 3


def outcome(seed: int = 0, *, prm: float = 0.7, orm: float = 0.5) -> Outcome:
    """Shares of solved problems about as given, of three training runs."""
    rng = np.random.default_rng(seed)
    shares = {"prm": prm, "orm": orm, "prm-weighted": prm, "orm-weighted": orm}
    solved = {name: rng.beta(4 * share, 4 - 4 * share, (RUNS, PROBLEMS)) for name, share in shares.items()}
    solved["majority"] = rng.beta(2, 2, (1, PROBLEMS))
    return Outcome(n=16, problem_ids=tuple(f"p{index}" for index in range(PROBLEMS)), solved=solved)


@pytest.fixture(scope="module")
def comparison():
    """Two training runs of either model, a PRM that knows more."""
    rng = np.random.default_rng(1)
    pools = []
    for index in range(12):
        correct = rng.random(8) < 0.4
        scores = {name: how * correct + rng.random((2, 8)) for name, how in (("prm", 0.6), ("orm", 0.1))}
        classes = np.where(correct, 0, rng.integers(1, 4, 8))
        pools.append(ProblemPool(problem_id=f"p{index}", correct=correct, classes=classes, scores=scores))
    return compare_pool(pools, resamples=200)


def test_an_outcome_is_the_comparison_at_its_largest_n_run_by_run(comparison) -> None:
    found = Outcome.of(comparison)
    assert found.n == 8 and found.problem_ids == comparison.problem_ids
    assert set(found.solved) == {"prm", "orm", "majority", "prm-weighted", "orm-weighted"}
    assert found.solved["prm"].shape == (2, 12) and found.solved["majority"].shape == (1, 12)
    assert (found.solved["prm"] == comparison.run_outcomes["prm"][:, :, -1]).all()
    assert found.share("prm").value == pytest.approx(comparison.accuracy["prm"][-1].value)
    gap = difference(found, "prm", found, "orm")
    assert gap.value == pytest.approx(comparison.differences["prm", "orm"][-1].value)


def test_every_run_of_regimes_with_different_numbers_of_runs_counts() -> None:
    three, other = outcome(1), outcome(2)
    two = replace(other, solved={name: values[:2] for name, values in other.solved.items()})
    gap = difference(three, "prm", two, "orm", paired=False)
    assert gap.value == pytest.approx(three.solved["prm"].mean() - two.solved["orm"].mean())
    back = difference(two, "orm", three, "prm", paired=False)
    assert (back.value, back.low, back.high) == pytest.approx((-gap.value, -gap.high, -gap.low))
    votes = difference(three, "majority", two, "prm", paired=False)
    assert votes.value == pytest.approx(three.solved["majority"].mean() - two.solved["prm"].mean())


def test_what_is_written_is_read_again(comparison, tmp_path: Path) -> None:
    before = Outcome.of(comparison)
    before.write(tmp_path / "outcome.json")
    after = Outcome.read(tmp_path / "outcome.json")
    assert (after.n, after.problem_ids, list(after.solved)) == (before.n, before.problem_ids, list(before.solved))
    for name, values in before.solved.items():
        assert after.solved[name].dtype == np.float64
        assert np.array_equal(after.solved[name], np.round(values, 12))
    assert difference(after, "prm", before, "prm").value == 0.0


def test_run_i_is_paired_with_run_i_unless_it_has_nothing_in_common_with_it() -> None:
    """ORMs that solve just what the PRM of the same run solves differ by nothing; taken as others they may."""
    drawn = outcome().solved["prm"]
    first = replace(outcome(), solved={"prm": drawn, "orm": drawn})
    same, other = (difference(first, "prm", first, "orm", paired=paired) for paired in (True, False))
    assert same == paired_differences(drawn[:, :, None], drawn[:, :, None])[0]
    assert other.value == 0.0 and other.low < 0 < other.high and other != same
    turned = replace(first, solved={"orm": np.roll(drawn, 1, axis=0)})
    again = difference(first, "prm", turned, "orm", paired=False)
    assert (again.low, again.high) == pytest.approx((other.low, other.high)), "the order of unpaired runs is nothing"


def test_the_first_regime_stands_before_the_minus() -> None:
    good, bad = outcome(prm=0.9), outcome(1, prm=0.3)
    expected = good.solved["prm"].mean() - bad.solved["prm"].mean()
    assert difference(good, "prm", bad, "prm").value == pytest.approx(expected) and expected > 0
    assert difference(bad, "prm", good, "prm").value == pytest.approx(-expected)
    assert difference(good, "prm", bad, "prm").n == PROBLEMS


@pytest.mark.parametrize(
    "changed", [{"n": 8}, {"problem_ids": tuple(f"p{index}" for index in reversed(range(PROBLEMS)))}]
)
def test_other_problems_another_order_or_another_n_are_not_paired(changed) -> None:
    first = outcome()
    with pytest.raises(ShapeError, match="only where their problems and their n are the same"):
        difference(first, "prm", replace(first, **changed), "orm")


@pytest.mark.parametrize("default", [True, False])
def test_entries_are_every_difference_in_percentage_points(default: bool) -> None:
    found = outcome()
    rows = entries("easy-8000", [found], default=default)
    assert [row["name"] for row in rows] == [f"{a}_minus_{b}".replace("-", "_") for a, b in PAIRS]
    for (a, b), row in zip(PAIRS, rows, strict=True):
        assert list(row) == ["name", "regime", "default", "n", "value", "low", "high", "p", "problems"]
        assert (row["regime"], row["default"], row["n"], row["problems"]) == ("easy-8000", default, 16, PROBLEMS)
        gap = difference(found, a, found, b)
        points = found.solved[a].mean(axis=0) - found.solved[b].mean(axis=0)
        assert row["value"] == pytest.approx(100 * points.mean(), abs=1e-3)
        assert (row["low"], row["high"]) == pytest.approx((100 * gap.low, 100 * gap.high), abs=1e-3)
        assert row["p"] == gap.p_value
    assert rows[0]["value"] > 5  # the PRM is better here, and in points, not shares
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows


def one_run(several: Outcome) -> Outcome:
    """Its first training run alone."""
    return replace(several, solved={name: values[:1] for name, values in several.solved.items()})


def test_a_worse_prm_has_a_negative_entry_and_of_a_single_run_the_seed_moves_intervals_only() -> None:
    worse = one_run(outcome(prm=0.2, orm=0.8))
    first, second = (entries("r", [worse], default=False, seed=seed)[0] for seed in (0, 1))
    assert first["value"] == second["value"] < 0 and first["high"] < 0
    assert (first["low"], first["high"]) != (second["low"], second["high"])
    assert worse.share("prm", seed=0).low != worse.share("prm", seed=1).low


def test_a_recipe_run_twice_counts_both_alike_and_is_surer_than_the_rougher() -> None:
    both = [outcome(1), outcome(2)]
    found = repeated_difference(both, "prm", "orm")
    alone = [difference(each, "prm", each, "orm") for each in both]
    assert found.value == pytest.approx(sum(each.value for each in alone) / 2) and found.n == 2 * PROBLEMS
    assert found.high - found.low < 0.8 * max(each.high - each.low for each in alone)
    assert found.p_value < max(each.p_value for each in alone)
    row = entries("r", both, default=True)[0]
    assert (row["value"], row["problems"]) == (pytest.approx(100 * found.value, abs=1e-3), 2 * PROBLEMS)


def test_a_recipe_run_once_has_the_interval_of_its_runs_and_problems() -> None:
    once = outcome()
    pairs = [(repeated_share([once], "prm"), once.share("prm"))]
    pairs.append((repeated_difference([once], "prm", "orm"), difference(once, "prm", once, "orm")))
    for found, known in pairs:
        assert (found.value, found.low, found.high) == pytest.approx((known.value, known.low, known.high))


def test_the_interval_of_a_recipe_run_twice_covers_95_times_in_100() -> None:
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(400):
        studies = [
            0.5 + rng.normal(0, 0.1, (4, 1)) + rng.normal(0, 0.4, (1, 100)) + rng.normal(0, 0.2, (4, 100))
            for _ in range(2)
        ]
        made = [Outcome(n=4, problem_ids=(), solved={"prm": each, "orm": np.zeros((1, 100))}) for each in studies]
        found = repeated_difference(made, "prm", "orm")
        covered += found.low <= 0.5 <= found.high
    assert 0.92 <= covered / 400 <= 0.985


def test_shares_and_differences_of_repeated_recipes_stay_within_what_they_can_be() -> None:
    apart = Outcome(
        n=4, problem_ids=("a", "b"), solved={"prm": np.array([[0.0, 0.0], [1.0, 1.0]]), "orm": np.zeros((1, 2))}
    )
    share, gap = repeated_share([apart], "prm"), repeated_difference([apart, apart], "prm", "orm")
    assert (share.low, share.high) == (0, 1) and -1 <= gap.low < gap.high == 1
