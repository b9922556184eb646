"""The figures of `benchmarks.search_quality`: accuracies, compute-optimal choices, and over-optimisation.

* `accuracy`: share of problems solved against tokens written per problem, for every search, every level and `all`, and
  every choice among the candidates. `any` is the choice that cannot go wrong: whether a right solution is among them.
* `compute_optimal`: the best search within a budget of tokens, that of best-of-n (Snell et al. 2024, arXiv:2408.03314).
  It is chosen on one half of the problems and judged on the other, both ways round and for many halvings, so the choice
  does not flatter itself: per level, and one for all levels.
* `over_optimisation`: what the reward model thinks of the solution that it chose, and how often that is right, as ever
  more are searched (Gao et al. 2022, arXiv:2210.10760).

Intervals are of the bootstrap over problems; differences are paired.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.results import Measurement
from prmkit.evaluation.intervals import Floats, mean_estimates, paired_differences, share_estimates
from search.choice import Choice

Key = tuple[str, str, str, int]
"""Level, reward model, method, size."""
Rows = Mapping[Key, Sequence[Mapping[str, Any]]]
Figures = dict[str, list[dict[str, Any]]]

BUDGETS = (4, 16, 64)
"""In solutions of best-of-n."""
SLACK = 1.1
"""Times the budget that a search may write on average: few come to it exactly."""
HALVINGS = 50
PEERS = (Choice.MAX, Choice.WEIGHTED, Choice.MAJORITY)
"""Of best-of-n, that the compute-optimal choice is held against."""
GROWING = ("best-of-n", "beam", "dvts")
"""Methods whose over-optimisation is shown."""


@dataclass(frozen=True, order=True)
class Variant:
    """A search and the choice among its candidates."""

    method: str
    size: int
    choice: Choice

    def __str__(self) -> str:
        return f"{self.method} ({self.size}), {self.choice}"


def variants(rows: Rows) -> list[Variant]:
    """What there is to choose from: an adaptive search stops by its own choice, others have one candidate."""
    own = {
        "temperature 0": [Choice.MAX],
        "best-of-n": [*Choice],
        "adaptive": [Choice.WEIGHTED],
        "greedy": [Choice.MAX],
    }
    searches = dict.fromkeys((method, size) for _, _, method, size in rows)
    return [Variant(*each, choice) for each in searches for choice in own.get(each[0], (Choice.MAX, Choice.WEIGHTED))]


def column(rows: Rows, key: Key, field: str) -> Floats:
    """`[P]`, one value per problem; 0 where there is none."""
    return np.array([float(each[field] or 0) for each in rows[key]])


def outcomes(rows: Rows, level: str, prm: str, variant: Variant) -> Floats:
    """`[P]`, 1 where a problem is solved."""
    return column(rows, (level, prm, variant.method, variant.size), str(variant.choice))


def tokens(rows: Rows, level: str, prm: str, variant: Variant) -> Floats:
    """`[P]`, written for each problem."""
    return column(rows, (level, prm, variant.method, variant.size), "tokens")


def share(values_P: Floats) -> dict[str, float]:
    return share_estimates(values_P[:, None])[0].to_json()


def mean(values_P: Floats) -> dict[str, float]:
    return mean_estimates(values_P[:, None])[0].to_json()


def difference(ours_P: Floats, theirs_P: Floats) -> dict[str, float]:
    return paired_differences(ours_P[:, None], theirs_P[:, None])[0].to_json()


def figures(rows: Rows) -> Figures:
    """All of them."""
    levels, prms = list(dict.fromkeys(key[0] for key in rows)), list(dict.fromkeys(key[1] for key in rows))
    return {
        "accuracy": [*_accuracies({**rows, **_pooled(rows, levels)})],
        "compute_optimal": [each for prm in prms for size in BUDGETS for each in _optimal(rows, levels, prm, size)],
        "over_optimisation": [each for prm in prms for each in _growing(rows, levels, prm)],
    }


def _pooled(rows: Rows, levels: Sequence[str]) -> Rows:
    """The problems of all levels together, as a level `all`."""
    searches = dict.fromkeys(key[1:] for key in rows)
    return {("all", *each): [row for level in levels for row in rows[level, *each]] for each in searches}


def _accuracies(rows: Rows) -> Iterator[dict[str, Any]]:
    for level, prm, method, size in rows:
        key = level, prm, method, size
        fields = [*map(str, Choice), "any"]
        judged = share_estimates(np.stack([column(rows, key, each) for each in fields], axis=1))
        read = [each["prm_tokens"] for each in rows[key]]
        yield {
            "level": level,
            "prm": prm,
            "method": method,
            "size": size,
            "tokens": mean(column(rows, key, "tokens")),
            "prm_tokens": None if None in read else mean(column(rows, key, "prm_tokens")),
            "accuracy": {field: each.to_json() for field, each in zip(fields, judged, strict=True)},
        }


@dataclass(frozen=True)
class Chosen:
    """What choosing on one half and judging on the other came to."""

    right: Floats
    """`[P]`, share of the halvings in which the chosen search solved the problem."""
    tokens: Floats
    """`[P]`, that it wrote on average."""
    names: Counter[str]
    """How often each was chosen."""


def choose_crosswise(names: Sequence[str], right_VP: Floats, tokens_VP: Floats) -> Chosen:
    """Choose the row with the most right answers on half of the columns, the cheaper of equals, and judge the rest."""
    random = np.random.default_rng(0)
    problems = right_VP.shape[1]
    right, spent, chosen = np.zeros(problems), np.zeros(problems), Counter[str]()
    cheap = tokens_VP.mean(axis=1)
    for _ in range(HALVINGS):
        order = random.permutation(problems)
        first, second = order[: problems // 2], order[problems // 2 :]
        for known, judged in ((first, second), (second, first)):
            best = np.lexsort((cheap, -right_VP[:, known].sum(axis=1)))[0]
            right[judged] += right_VP[best, judged]
            spent[judged] += tokens_VP[best, judged]
            chosen[names[best]] += 1
    return Chosen(right / HALVINGS, spent / HALVINGS, chosen)


def _optimal(rows: Rows, levels: Sequence[str], prm: str, size: int) -> Iterator[dict[str, Any]]:
    """The compute-optimal choice at a budget, on each level and on all."""
    able = {
        level: [each for each in variants(rows) if _costs(rows, level, prm, each) <= SLACK * limit]
        for level in levels
        for limit in [_costs(rows, level, prm, Variant("best-of-n", size, Choice.MAX))]
    }
    per_level = {level: _choose(rows, [level], prm, able[level]) for level in levels}
    everywhere = [each for each in variants(rows) if all(each in able[level] for level in levels)]
    one = _choose(rows, levels, prm, everywhere)
    places: dict[str, tuple[Sequence[str], Floats, Floats, Counter[str]]] = {
        level: ([level], each.right, each.tokens, each.names) for level, each in per_level.items()
    }
    places["all, chosen per level"] = (
        levels,
        np.concatenate([each.right for each in per_level.values()]),
        np.concatenate([each.tokens for each in per_level.values()]),
        Counter(),
    )
    places["all, one choice"] = (levels, one.right, one.tokens, one.names)
    for place, (within, right, spent, names) in places.items():
        peers = {
            str(how): np.concatenate([outcomes(rows, level, prm, Variant("best-of-n", size, how)) for level in within])
            for how in PEERS
        }
        cost = np.concatenate([tokens(rows, level, prm, Variant("best-of-n", size, Choice.MAX)) for level in within])
        yield {
            "prm": prm,
            "level": place,
            "budget": size,
            "accuracy": share(right),
            "tokens": mean(spent),
            "best_of_n_tokens": mean(cost),
            "chosen": {name: count / (2 * HALVINGS) for name, count in names.most_common(3)},
            "best_of_n": {how: share(each) for how, each in peers.items()},
            "minus_best_of_n": {how: difference(right, each) for how, each in peers.items()},
            "minus_one_choice": difference(right, one.right) if len(within) > 1 else None,
        }


def _costs(rows: Rows, level: str, prm: str, variant: Variant) -> float:
    return float(tokens(rows, level, prm, variant).mean())


def _choose(rows: Rows, levels: Sequence[str], prm: str, able: Sequence[Variant]) -> Chosen:
    def table(of: Any) -> Floats:
        return np.array([np.concatenate([of(rows, level, prm, each) for level in levels]) for each in able])

    return choose_crosswise([str(each) for each in able], table(outcomes), table(tokens))


def _growing(rows: Rows, levels: Sequence[str], prm: str) -> Iterator[dict[str, Any]]:
    """What becomes of score and accuracy as a search grows, all levels together."""

    def all_levels(method: str, size: int, field: str) -> Floats:
        return np.concatenate([column(rows, (level, prm, method, size), field) for level in levels])

    sampled = all_levels("best-of-n", 1, Choice.MAX)
    for method in GROWING:
        for size in sorted({key[3] for key in rows if key[2] == method}):
            right = all_levels(method, size, Choice.MAX)
            yield {
                "prm": prm,
                "method": method,
                "size": size,
                "tokens": mean(all_levels(method, size, "tokens")),
                "score": mean(all_levels(method, size, "score")),
                "accuracy": share(right),
                "any": share(all_levels(method, size, "any")),
                "minus_sampling": difference(right, sampled),
            }


def measurements(made: Figures) -> Iterator[Measurement]:
    """The compute-optimal choice against best-of-n at equal tokens, all levels together."""
    for row in made["compute_optimal"]:
        if row["level"] != "all, chosen per level":
            continue
        for how, peer in row["best_of_n"].items():
            gap = row["minus_best_of_n"][how]
            yield Measurement(
                name=f"problems solved by the compute-optimal search with the tokens of best-of-{row['budget']}, "
                f"three levels, PRM: {row['prm']}",
                ratio=row["accuracy"]["value"] / peer["value"] if peer["value"] else float("inf"),
                aim=1.0,
                value=row["accuracy"]["value"],
                peer=f"best-of-{row['budget']}, {how}",
                peer_value=peer["value"],
                unit=f"share of {row['accuracy']['n']} problems",
                runs={
                    "ours, 95% interval": [row["accuracy"]["low"], row["accuracy"]["high"]],
                    "peer, 95% interval": [peer["low"], peer["high"]],
                    "difference by problem, 95% interval": [gap["value"], gap["low"], gap["high"]],
                },
            )
