import pytest

from prmkit.errors import InputError
from prmkit.evaluation.rating import ScoredRating, rating_quality, rating_samples
from prmkit.formats.preferences import Rating


def scored(number, rating, reward, domain=None, length=5):
    row = Rating(where=f"row {number}", prompt=f"p{number % 3}", response="x" * length, rating=rating, domain=domain)
    return ScoredRating(row, reward)


def test_rewards_in_the_order_of_the_ratings_correlate_perfectly_whatever_their_scale():
    found = rating_quality([scored(n, n, 2.0**n) for n in range(6)])
    assert found.correlation.value == pytest.approx(1.0)
    assert found.correlation.n == 6
    assert found.length_correlation is None


def test_each_domain_has_its_own_correlation():
    rows = [scored(n, n, sign * n, domain) for domain, sign in (("math", 1), ("code", -1)) for n in range(4)]
    found = rating_quality([*rows, scored(9, 0, 0, "one")])
    assert {name: round(each.value, 6) for name, each in found.by_domain.items()} == {"code": -1.0, "math": 1.0}


def test_rewards_that_follow_length_are_told():
    found = rating_quality([scored(n, (n * 2) % 5, n, length=n + 1) for n in range(5)])
    assert found.length_correlation.value == pytest.approx(1.0)
    assert found.correlation.value < 0.5


def test_samples_are_farthest_from_their_place():
    rows = [scored(0, 1, 9.0), scored(1, 2, 2.0), scored(2, 3, 3.0), scored(3, 4, 4.0)]
    samples = rating_samples(rows, 2)
    assert [(each["kind"], each["where"], each["places"]) for each in samples] == [
        ("too high", "row 0", 3.0),
        ("too low", "row 1", -1.0),
    ]
    assert rating_samples([scored(n, n, n) for n in range(3)], 5) == []


def test_one_rating_has_no_correlation():
    with pytest.raises(InputError, match="two ratings or more, got 1"):
        rating_quality([scored(0, 1, 1)])
