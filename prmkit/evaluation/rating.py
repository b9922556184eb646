"""How well rewards agree with ratings of single responses. Preferences are `prmkit.evaluation.preference`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from prmkit.errors import InputError
from prmkit.evaluation.correlation import correlation_estimate, numbered
from prmkit.evaluation.intervals import Estimate
from prmkit.formats.preferences import Rating


@dataclass(frozen=True, slots=True)
class ScoredRating:
    """A rating with a model's reward."""

    rating: Rating
    """What somebody said."""
    reward: float
    """In logits."""


@dataclass(frozen=True, kw_only=True)
class RatingQuality:
    """Rewards beside ratings. A figure is None where one of its two columns is constant."""

    correlation: Estimate | None
    """Spearman's rank correlation of reward and rating."""
    by_domain: Mapping[str, Estimate]
    """The same for each domain that is named."""
    length_correlation: Estimate | None
    """Spearman's rank correlation of reward and length in characters."""


def rating_quality(scored: Sequence[ScoredRating], *, seed: int = 0) -> RatingQuality:
    """Compare rewards with ratings.

    Raises:
        InputError: There are fewer than two.
    """
    if len(scored) < 2:
        raise InputError(f"nothing to evaluate: a rank correlation needs two ratings or more, got {len(scored)}")
    prompts = numbered([each.rating.prompt for each in scored])
    rewards, ratings, lengths = (
        np.array([each.reward for each in scored]),
        np.array([each.rating.rating for each in scored]),
        np.array([float(len(each.rating.response)) for each in scored]),
    )
    domains = np.array([each.rating.domain for each in scored], dtype=object)
    parts = {name: np.flatnonzero(domains == name) for name in sorted({*domains.tolist()} - {None})}
    named = {
        name: correlation_estimate(numbered([str(prompts[row]) for row in rows]), rewards[rows], ratings[rows], seed)
        for name, rows in parts.items()
    }
    return RatingQuality(
        correlation=correlation_estimate(prompts, rewards, ratings, seed),
        by_domain={name: each for name, each in named.items() if each is not None},
        length_correlation=correlation_estimate(prompts, rewards, lengths, seed),
    )


def rating_samples(scored: Sequence[ScoredRating], most: int) -> list[dict[str, object]]:
    """Ratings to read, at most so many: those whose place by reward is farthest from their place by rating."""
    gaps = rankdata([each.reward for each in scored]) - rankdata([each.rating.rating for each in scored])
    order = np.argsort(-np.abs(gaps), kind="stable")[:most]
    return [
        {
            "kind": "too high" if gaps[place] > 0 else "too low",
            "places": float(gaps[place]),
            "prompt": scored[place].rating.prompt,
            "response": scored[place].rating.response,
            "rating": scored[place].rating.rating,
            "reward": scored[place].reward,
            "domain": scored[place].rating.domain,
            "where": scored[place].rating.where,
        }
        for place in order
        if gaps[place]
    ]
