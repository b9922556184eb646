"""Whether preferences can be learned from: what must be dropped, and what a model would learn that nobody meant.

Dropped are rows that say nothing or the same again; biases, contradictions and disagreement are counted and told, and
stay: whether to live with them is not for a program to decide. No model is touched here.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from prmkit.evaluation.correlation import rank_correlation
from prmkit.evaluation.intervals import Estimate, wilson
from prmkit.formats.preferences import Preference, Rating

Key = tuple[str, str, str]
"""A prompt and two responses in the order of their texts."""

SHOWN = 5
"""Places that are named of each complaint."""
KAPPA = 0.2
"""Less agreement beyond chance is slight at best (Landis and Koch 1977)."""
LENGTH_CORRELATION = 0.3
"""A stronger correlation of length and rating is told."""


@dataclass(frozen=True, kw_only=True)
class PreferenceCheck:
    """What was found in preferences. A figure is None where the data say nothing about it."""

    kept: list[Preference]
    """Rows to learn from."""
    dropped: dict[str, list[str]]
    """Places of the rows that were dropped, by reason."""
    pairs: int
    """Ordered pairs of the kept rows."""
    ties: int
    """Tied ones."""
    first_wins: Estimate | None
    """Of the ordered pairs whose order of presentation is known: share in which what was shown first is better."""
    longer_wins: Estimate | None
    """Of the ordered pairs of different lengths (in characters): share in which the longer response is better."""
    length_correlation: float | None
    """Spearman's rank correlation of a response's length and the share of its pairs that it wins; ties count half."""
    contradictions: list[list[str]]
    """For each pair that is ordered both ways, the places of all rows about it."""
    agreement: Estimate | None
    """Of all two judgements by different annotators about the same pair: share that are the same."""
    kappa: float | None
    """Cohen's kappa of two annotators, averaged over those who share pairs, weighted by how many (Light 1971)."""

    def counts(self) -> dict[str, int]:
        """As stored with a model."""
        own = {"pairs": self.pairs, "ties": self.ties, "contradictory_pairs": len(self.contradictions)}
        return _counts(self.kept, self.dropped) | own

    def figures(self) -> dict[str, Estimate | None]:
        """Everything that was measured, by name."""
        return {
            "first shown is better": self.first_wins,
            "longer is better": self.longer_wins,
            "correlation of length and wins": _exact(self.length_correlation),
            "agreement of annotators": self.agreement,
            "kappa of annotators": _exact(self.kappa),
        }

    def warnings(self) -> list[str]:
        """What somebody should look at before training, a sentence each."""
        found = []
        for what, share in (("what was shown first", self.first_wins), ("the longer response", self.longer_wins)):
            if share is not None and not share.low <= 0.5 <= share.high:
                found.append(f"{what} is better in {share.value:.0%} of {share.n} pairs: a model can learn that alone")
        if self.contradictions:
            first = ", ".join(self.contradictions[0][:SHOWN])
            found.append(f"{len(self.contradictions)} pairs are ordered both ways, the first at {first}")
        if self.kappa is not None and self.kappa < KAPPA:
            found.append(f"annotators hardly agree beyond chance (kappa {self.kappa:.2f})")
        return [*found, *_drops(self.dropped)]


def check_preferences(preferences: Sequence[Preference]) -> PreferenceCheck:
    """Look at preferences and take out what cannot be learned from.

    Dropped are rows whose responses belong to different prompts, with a blank response, with the same response twice,
    and repetitions of a row by the same annotator.
    """
    dropped: dict[str, list[str]] = {
        "different prompts": [],
        "empty response": [],
        "identical responses": [],
        "duplicate": [],
    }
    kept: dict[object, Preference] = {}
    for each in preferences:
        reason = _fault(each)
        if reason is None and kept.setdefault(_identity(each), each) is not each:
            reason = "duplicate"
        if reason is not None:
            dropped[reason].append(each.where)
    return _measure(list(kept.values()), dropped)


def _fault(each: Preference) -> str | None:
    if each.prompts_differ:
        return "different prompts"
    if not all(response.strip() for response in each.responses):
        return "empty response"
    return "identical responses" if len(set(each.responses)) < len(each.responses) else None


def _identity(each: Preference) -> object:
    """What makes a row the same as another."""
    ranked = sorted(zip(each.responses, each.ranks, strict=True), key=lambda pair: pair[0])
    return each.prompt, tuple(ranked), each.annotator


@dataclass(frozen=True, slots=True)
class _Judgement:
    key: Key
    order: int
    """1 where the first text is better, -1 where the second is, 0 for a tie."""
    where: str
    annotator: str | None


def _judgements(kept: Sequence[Preference]) -> Iterator[_Judgement]:
    for each in kept:
        for better, worse, tie in each.pairs():
            one, two = each.responses[better], each.responses[worse]
            first, second = sorted((one, two))
            order = 0 if tie else 1 if first == one else -1
            yield _Judgement((each.prompt, first, second), order, each.where, each.annotator)


def _measure(kept: list[Preference], dropped: dict[str, list[str]]) -> PreferenceCheck:
    by_pair: dict[Key, list[_Judgement]] = defaultdict(list)
    for each in _judgements(kept):
        by_pair[each.key].append(each)
    ordered = [(each, better, worse) for each in kept for better, worse, tie in each.pairs() if not tie]
    firsts = [first for each, better, worse in ordered if (first := each.shown_first(better, worse)) is not None]
    lengths = [(len(each.responses[better]), len(each.responses[worse])) for each, better, worse in ordered]
    longer = [better > worse for better, worse in lengths if better != worse]
    agreement, kappa = _agreement(by_pair)
    return PreferenceCheck(
        kept=kept,
        dropped=dropped,
        pairs=len(ordered),
        ties=sum(map(len, by_pair.values())) - len(ordered),
        first_wins=wilson(sum(firsts), len(firsts)) if firsts else None,
        longer_wins=wilson(sum(longer), len(longer)) if longer else None,
        length_correlation=_length_correlation(by_pair),
        contradictions=[
            [each.where for each in found] for found in by_pair.values() if {1, -1} <= {each.order for each in found}
        ],
        agreement=agreement,
        kappa=kappa,
    )


def _length_correlation(by_pair: dict[Key, list[_Judgement]]) -> float | None:
    wins: dict[tuple[str, str], list[float]] = defaultdict(list)
    for (prompt, first, second), judgements in by_pair.items():
        for each in judgements:
            wins[prompt, first].append((1 + each.order) / 2)
            wins[prompt, second].append((1 - each.order) / 2)
    return rank_correlation([len(text) for _, text in wins], [sum(each) / len(each) for each in wins.values()])


def _agreement(by_pair: dict[Key, list[_Judgement]]) -> tuple[Estimate | None, float | None]:
    """Share of equal judgements among those of different annotators, and their mean kappa."""
    from sklearn.metrics import cohen_kappa_score

    shared = _shared(
        {each.annotator: each.order for each in judgements if each.annotator is not None}
        for judgements in by_pair.values()
    )
    both = [pair for pairs in shared for pair in pairs]
    kappas = [
        (
            None if len({*one, *two}) == 1 else float(cohen_kappa_score(one, two)),
            len(one),
        )  # of a single class it is 0/0
        for one, two in (tuple(zip(*pairs, strict=True)) for pairs in shared)
    ]
    return (wilson(sum(one == two for one, two in both), len(both)) if both else None), _weighted(kappas)


def _shared(judged: Iterable[Mapping[str, float]]) -> list[list[tuple[float, float]]]:
    """From what annotators say about each thing to the pairs of judgements of every two annotators."""
    shared: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for own in judged:
        for one, two in combinations(sorted(own), 2):
            shared[one, two].append((own[one], own[two]))
    return list(shared.values())


def _weighted(values: Sequence[tuple[float | None, int]]) -> float | None:
    """Mean of what is known, by weight."""
    known = [(value, weight) for value, weight in values if value is not None]
    return float(np.average([each for each, _ in known], weights=[each for _, each in known])) if known else None


@dataclass(frozen=True, kw_only=True)
class RatingCheck:
    """What was found in ratings. A figure is None where the data say nothing about it."""

    kept: list[Rating]
    """Rows to learn from."""
    dropped: dict[str, list[str]]
    """Places of the rows that were dropped, by reason."""
    length_correlation: float | None
    """Spearman's rank correlation of a response's length (in characters) and its rating."""
    agreement: float | None
    """Spearman's rank correlation of two annotators, averaged over those who share responses, weighted by how many."""

    def counts(self) -> dict[str, int]:
        """As stored with a model."""
        return _counts(self.kept, self.dropped)

    def figures(self) -> dict[str, Estimate | None]:
        """Everything that was measured, by name."""
        return {
            "correlation of length and rating": _exact(self.length_correlation),
            "correlation of annotators": _exact(self.agreement),
        }

    def warnings(self) -> list[str]:
        """What somebody should look at before training, a sentence each."""
        found = []
        if self.length_correlation is not None and abs(self.length_correlation) > LENGTH_CORRELATION:
            found.append(f"ratings follow length (rank correlation {self.length_correlation:.2f})")
        if self.agreement is not None and self.agreement < KAPPA:
            found.append(f"annotators hardly agree (rank correlation {self.agreement:.2f})")
        return [*found, *_drops(self.dropped)]


def check_ratings(ratings: Sequence[Rating]) -> RatingCheck:
    """Look at ratings; dropped are those of blank responses, and further ones of a response by the same annotator."""
    dropped: dict[str, list[str]] = {"empty response": [], "duplicate": []}
    kept: dict[tuple[str, str, str | None], Rating] = {}
    by_response: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for each in ratings:
        if not each.response.strip():
            dropped["empty response"].append(each.where)
        elif kept.setdefault((each.prompt, each.response, each.annotator), each) is not each:
            dropped["duplicate"].append(each.where)
        elif each.annotator is not None:
            by_response[each.prompt, each.response][each.annotator] = each.rating
    rows = list(kept.values())
    shared = [tuple(zip(*pairs, strict=True)) for pairs in _shared(by_response.values())]
    return RatingCheck(
        kept=rows,
        dropped=dropped,
        length_correlation=rank_correlation([len(each.response) for each in rows], [each.rating for each in rows]),
        agreement=_weighted([(rank_correlation(one, two), len(one)) for one, two in shared]),
    )


def _counts(kept: Sequence[Preference | Rating], dropped: Mapping[str, Sequence[str]]) -> dict[str, int]:
    return {
        "rows": len(kept) + sum(map(len, dropped.values())),
        **{f"dropped_{name.replace(' ', '_')}": len(places) for name, places in dropped.items()},
        "prompts": len({each.prompt for each in kept}),
        "annotators": len({each.annotator for each in kept if each.annotator is not None}),
    }


def _drops(dropped: Mapping[str, Sequence[str]]) -> list[str]:
    return [
        f"dropped, {reason}: {len(places)} rows, the first at {', '.join(places[:SHOWN])}"
        for reason, places in dropped.items()
        if places
    ]


def _exact(value: float | None) -> Estimate | None:
    return None if value is None else Estimate.exact(value)
