"""How well rewards agree with preferences: accuracy, margins, the pull of length, calibration.

Rewards are on the scale of logits, so that the logistic function of a margin (reward of the better response less that
of the worse) is the chance that a model gives the better one. No model is touched here; intervals resample
prompts. Ratings are `prmkit.evaluation.rating`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from prmkit.errors import InputError, ShapeError
from prmkit.evaluation.calibration_error import BINS, ReliabilityBin, calibration_estimates, reliability
from prmkit.evaluation.correlation import correlation_estimate, numbered
from prmkit.evaluation.intervals import Estimate, Floats, Ints, statistic_estimate
from prmkit.evaluation.judged import problem_ratios
from prmkit.formats.preferences import Preference

SIMILAR = 0.2
"""Lengths that differ by at most this share of the longer one are similar."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Of the margins that are told."""
HISTOGRAM_BINS = 20


@dataclass(frozen=True, slots=True)
class ScoredPreference:
    """A preference with a model's rewards."""

    preference: Preference
    """What people said."""
    rewards: tuple[float, ...]
    """One per response, in logits."""

    def __post_init__(self) -> None:
        if len(self.rewards) != len(self.preference.responses):
            raise ShapeError(
                f"{self.preference.where}: {len(self.preference.responses)} responses, {len(self.rewards)} rewards"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """An ordered pair of responses with its margin."""

    preference: Preference
    """Where it comes from."""
    better: int
    """Place of the better response."""
    worse: int
    """Place of the worse one."""
    margin: float
    """Reward of the better less that of the worse; negative is a mistake."""

    @property
    def lengths(self) -> tuple[int, int]:
        """Characters of the better and of the worse response."""
        return len(self.preference.responses[self.better]), len(self.preference.responses[self.worse])


@dataclass(frozen=True, kw_only=True)
class PreferenceQuality:
    """Rewards beside preferences. A figure is None where there is nothing to measure it on."""

    accuracy: Estimate
    """Share of the ordered pairs whose better response has the higher reward; equal rewards count half."""
    by_domain: dict[str, Estimate]
    """The same for each domain that is named."""
    if_longer: Estimate | None
    """The same where the better response is the longer one."""
    if_shorter: Estimate | None
    """The same where it is the shorter one."""
    if_similar: Estimate | None
    """The same where the lengths are similar (what Hu et al. 2024, arXiv:2407.01085, do to win rates)."""
    length_controlled: Estimate | None
    """The mean of the two, pairs of equal lengths counting half in each: the accuracy if the better response were the
    longer one as often as not (post-stratification). A model that rewards length alone has 0.5."""
    margin: Estimate
    """Mean margin."""
    quantiles: dict[float, float]
    """Margins below which the share lies; 0.5 is the median."""
    histogram: tuple[tuple[float, float, int], ...]
    """Low, high and count of bins of equal width."""
    tie_margin: float | None
    """Median absolute margin of tied pairs; small, if the model sees ties as people do."""
    absolute_margin: float
    """Median absolute margin of ordered pairs."""
    length_correlation: Estimate | None
    """Spearman's rank correlation of reward and length in characters, over all responses."""
    length_correlation_within: Estimate | None
    """The same after both had their mean over the prompt subtracted."""
    calibration: dict[str, Estimate]
    """`ece` and `brier` of the model's confidence, the logistic function of the absolute margin, in being right."""
    bins: tuple[ReliabilityBin, ...]
    """Of the reliability diagram."""
    pairs: tuple[Pair, ...]
    """Every ordered pair."""
    ties: int
    """Tied pairs; they are no part of any accuracy."""


def preference_quality(
    scored: Sequence[ScoredPreference], *, similar: float = SIMILAR, bins: int = BINS, seed: int = 0
) -> PreferenceQuality:
    """Compare rewards with preferences.

    Args:
        scored: Preferences of several prompts.
        similar: Lengths that differ by at most this share of the longer one count as similar; in [0, 1].
        bins: Of the calibration error.
        seed: Of the bootstrap.

    Raises:
        InputError: No pair is ordered, or `similar` is outside [0, 1].
    """
    if not 0 <= similar <= 1:
        raise InputError(f"the share by which similar lengths may differ must be in [0, 1], got {similar}")
    pairs, ties = _pairs(scored)
    if not pairs:
        raise InputError(f"nothing to evaluate: no pair of {len(scored)} preferences is ordered")
    prompts = numbered([each.preference.prompt for each in pairs])
    margins = np.array([each.margin for each in pairs])
    wins = (np.sign(margins) + 1) / 2
    better, worse = np.array([each.lengths for each in pairs], dtype=np.float64).T
    close = np.abs(better - worse) <= similar * np.maximum(better, worse)
    domains = [each.preference.domain for each in pairs]
    masks = {name: np.array([each == name for each in domains]) for name in sorted({*domains} - {None}, key=str)}
    every = np.ones(len(pairs), dtype=np.bool_)
    parts = [every, better > worse, better < worse, close, *masks.values()]
    overall, longer, shorter, alike, *named = problem_ratios(prompts, [(wins * part, part) for part in parts], seed)
    assert overall is not None  # there are pairs
    confidence = expit(np.abs(margins))
    return PreferenceQuality(
        accuracy=overall,
        by_domain={str(name): each for name, each in zip(masks, named, strict=True) if each is not None},
        if_longer=longer,
        if_shorter=shorter,
        if_similar=alike,
        length_controlled=_length_controlled(prompts, wins, better - worse, seed),
        margin=_mean_margin(prompts, margins, seed),
        quantiles={each: float(np.quantile(margins, each)) for each in QUANTILES},
        histogram=_histogram(margins),
        tie_margin=float(np.median(np.abs(ties))) if len(ties) else None,
        absolute_margin=float(np.median(np.abs(margins))),
        length_correlation=_reward_length(scored, within=False, seed=seed),
        length_correlation_within=_reward_length(scored, within=True, seed=seed),
        calibration=calibration_estimates(confidence, wins, prompts, bins=bins, seed=seed),
        bins=tuple(reliability(confidence, wins, prompts, bins=bins, seed=seed)),
        pairs=tuple(pairs),
        ties=len(ties),
    )


def _pairs(scored: Sequence[ScoredPreference]) -> tuple[list[Pair], list[float]]:
    """Ordered pairs, and the margins of tied ones."""
    pairs, ties = [], []
    for each in scored:
        for better, worse, tie in each.preference.pairs():
            margin = each.rewards[better] - each.rewards[worse]
            if tie:
                ties.append(margin)
            else:
                pairs.append(Pair(preference=each.preference, better=better, worse=worse, margin=margin))
    return pairs, ties


def _mean_margin(prompts: Ints, margins: Floats, seed: int) -> Estimate:
    (found,) = problem_ratios(prompts, [(margins, np.ones(len(margins)))], seed)
    if found is None or np.ptp(margins) == 0:  # without spread there is nothing to resample
        return Estimate.exact(float(margins[0]), len(margins))
    return found


def _length_controlled(prompts: Ints, wins: Floats, differences: Floats, seed: int) -> Estimate | None:
    """See `PreferenceQuality.length_controlled`."""
    shares = [np.where(differences == 0, 0.5, sign * differences > 0) for sign in (1, -1)]
    sums_PK = np.stack(
        [np.bincount(prompts, weights=each) for share in shares for each in (wins * share, share)], axis=1
    )

    def mean(weights_RP: Floats) -> Floats:
        longer_wins, longer, shorter_wins, shorter = (weights_RP @ sums_PK).T
        with np.errstate(invalid="ignore"):  # a resample without one of the two is undefined
            return np.asarray((longer_wins / longer + shorter_wins / shorter) / 2)

    return statistic_estimate(mean, problems=len(sums_PK), n=len(wins), seed=seed)


def _reward_length(scored: Sequence[ScoredPreference], *, within: bool, seed: int) -> Estimate | None:
    entries = {
        (each.preference.prompt, response): reward
        for each in scored
        for response, reward in zip(each.preference.responses, each.rewards, strict=True)
    }
    prompts = numbered([prompt for prompt, _ in entries])
    lengths = np.array([len(response) for _, response in entries], dtype=np.float64)
    rewards = np.array(list(entries.values()), dtype=np.float64)
    if within:
        sizes = np.bincount(prompts)
        lengths, rewards = (  # rounded, for errors of rounding would order equals
            np.round(each - (np.bincount(prompts, weights=each) / sizes)[prompts], 9) for each in (lengths, rewards)
        )
    return correlation_estimate(prompts, rewards, lengths, seed)


def _histogram(margins: Floats) -> tuple[tuple[float, float, int], ...]:
    counts, edges = np.histogram(margins, bins=HISTOGRAM_BINS)
    return tuple(
        (float(low), float(high), int(count)) for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
    )


def preference_samples(pairs: Sequence[Pair], most: int) -> list[dict[str, object]]:
    """Pairs to read, at most so many of each kind: mistakes with the largest margins, and pairs nearest to a tie."""
    mistakes = sorted((each for each in pairs if each.margin < 0), key=lambda each: each.margin)[:most]
    near = sorted(pairs, key=lambda each: abs(each.margin))[:most]
    return [_sample(each, "mistake") for each in mistakes] + [_sample(each, "near tie") for each in near]


def _sample(pair: Pair, kind: str) -> dict[str, object]:
    preference = pair.preference
    return {
        "kind": kind,
        "margin": pair.margin,
        "prompt": preference.prompt,
        "better": preference.responses[pair.better],
        "worse": preference.responses[pair.worse],
        "domain": preference.domain,
        "where": preference.where,
    }
