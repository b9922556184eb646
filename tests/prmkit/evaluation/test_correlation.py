import numpy as np
import pytest
from scipy.stats import spearmanr

from prmkit.evaluation.correlation import correlation_estimate, numbered, rank_correlation


def test_names_are_numbered_without_gaps():
    assert numbered(["b", "a", "b"]).tolist() == [1, 0, 1]


def test_the_rank_correlation_is_spearmans_with_ties():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 5, 40).astype(float), rng.integers(0, 5, 40).astype(float)
    wanted = spearmanr(first, second).statistic
    assert rank_correlation(first.tolist(), second.tolist()) == pytest.approx(wanted)
    found = correlation_estimate(np.arange(40), first, second, seed=0)
    assert found.value == pytest.approx(wanted)
    assert found.low < found.value < found.high
    assert found.n == 40


def test_the_interval_is_wider_where_rows_of_a_prompt_resemble_each_other():
    rng = np.random.default_rng(1)
    first, noise = rng.normal(size=20), rng.normal(size=20)
    columns = [np.repeat(each, 5) for each in (first, first + noise)]
    clustered = correlation_estimate(np.repeat(np.arange(20), 5), *columns, seed=0)
    alone = correlation_estimate(np.arange(100), *columns, seed=0)
    assert clustered.value == pytest.approx(alone.value)
    assert clustered.high - clustered.low > 1.5 * (alone.high - alone.low)


def test_a_constant_column_has_no_correlation():
    assert correlation_estimate(np.arange(3), np.ones(3), np.arange(3.0), seed=0) is None
    assert rank_correlation([1.0, 1.0], [1.0, 2.0]) is None
    assert rank_correlation([1.0], [1.0]) is None
