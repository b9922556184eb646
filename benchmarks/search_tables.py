"""The figures of `benchmarks.search_quality` as tables, in per cent with 95 % intervals."""

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.results import table_line
from benchmarks.search_figures import PEERS, Figures
from search.choice import Choice


def tables(made: Figures) -> Iterator[str]:
    """Lines in Markdown."""
    for level in dict.fromkeys(row["level"] for row in made["accuracy"]):
        yield f"\n{level}: share of problems solved\n"
        yield from _accuracies([row for row in made["accuracy"] if row["level"] == level])
    yield "\nthe best search within the tokens of best-of-n, chosen on other problems\n"
    yield from _optimal(made["compute_optimal"])
    yield "\nwhat the reward model thinks of what it chose, and what that is worth; all levels\n"
    yield from _growing(made["over_optimisation"])


def _accuracies(rows: list[dict[str, Any]]) -> Iterator[str]:
    prms = list(dict.fromkeys(row["prm"] for row in rows))
    yield from _head("search", "tokens a problem", *prms)
    for method, size in dict.fromkeys((row["method"], row["size"]) for row in rows):
        found = {row["prm"]: row for row in rows if (row["method"], row["size"]) == (method, size)}
        spent = [found[prm]["tokens"]["value"] for prm in prms]
        cost = f"{min(spent):.0f} to {max(spent):.0f}" if max(spent) > 1.01 * min(spent) else f"{max(spent):.0f}"
        several = method == "best-of-n" and size > 1
        shown: list[str] = [*Choice, "any"] if several else [_own(method)]
        for how in shown:
            yield table_line(
                f"{method} ({size}), {how}", cost, *(_percent(found[prm]["accuracy"][how]) for prm in prms)
            )


def _own(method: str) -> Choice:
    """An adaptive search votes by itself."""
    return Choice.WEIGHTED if method == "adaptive" else Choice.MAX


def _optimal(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield from _head(
        "PRM", "level", "budget", "solved", "tokens", "chosen most", *(f"best-of-n, {how}" for how in PEERS)
    )
    for row in rows:
        most = "; ".join(f"{name} ({count:.0%})" for name, count in row["chosen"].items())
        peers = (_percent(row["best_of_n"][how]) for how in PEERS)
        solved, spent = _percent(row["accuracy"]), f"{row['tokens']['value']:.0f}"
        yield table_line(row["prm"], row["level"], str(row["budget"]), solved, spent, most, *peers)


def _growing(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield from _head("PRM", "search", "tokens", "score of the chosen", "solved", "any right", "minus one sample")
    for row in rows:
        yield table_line(
            row["prm"],
            f"{row['method']} ({row['size']})",
            f"{row['tokens']['value']:.0f}",
            f"{row['score']['value']:.2f}",
            *(_percent(row[field]) for field in ("accuracy", "any", "minus_sampling")),
        )


def _head(*names: str) -> Iterator[str]:
    yield table_line(*names)
    yield "|" + "---|" * len(names)


def _percent(estimate: Mapping[str, float]) -> str:
    value, low, high = (f"{100 * estimate[name]:.0f}" for name in ("value", "low", "high"))
    return f"{value} ({low} to {high})"
