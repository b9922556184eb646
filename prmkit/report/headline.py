"""The result in a few sentences, whatever its sign: who beats whom by how much, and what every method solves."""

from collections.abc import Sequence

from prmkit.evaluation.comparison import PASS, Comparison
from prmkit.evaluation.intervals import Difference
from prmkit.report.format import MINUS, THIN, number, within
from prmkit.report.records import Unit
from prmkit.report.tables import main_pairs, method_name
from prmkit.texts import counted

FEW = 30
"""With fewer problems than this percentile intervals are too narrow."""


def headline(comparison: Comparison) -> str:
    """About the largest n: the differences with their intervals, then the share that every method solves.

    The first sentence reads `PRM beats ORM by 4.1 points [2.0, 6.3] at n = 64.`, where there are both.
    """
    n, problems = comparison.largest, len(comparison.problem_ids)
    claims = [claim(a, b, comparison.differences[a, b][-1], n) for a, b in main_pairs(comparison)]
    shares = [
        f"{method_name(name)} {number(curve[-1].value, Unit.PERCENT)}{THIN}%"
        for name, curve in comparison.accuracy.items()
        if name != PASS
    ]
    if comparison.sizes[0] == 1:
        shares.append(f"a single solution {number(comparison.accuracy[PASS][0].value, Unit.PERCENT)}{THIN}%")
    runs = f", mean of {comparison.runs} training runs" if comparison.runs > 1 else ""
    each = f"up to {counted(n, 'solution')}" if comparison.short[-1] else f"{counted(n, 'solution')} each"
    pool = f"{counted(problems, 'problem')} with {each}"
    return " ".join([*claims, f"Solved, of {pool}{runs}: {_list(shares)}."])


def claim(a: str, b: str, difference: Difference, n: int) -> str:
    """A sentence: `PRM beats ORM by 4.1 points [2.0, 6.3] at n = 64.`, the opposite, or that no difference is shown.

    Args:
        a: Method whose accuracy comes first in the difference.
        b: The other method.
        difference: Of accuracies, a minus b; the brackets hold its 95 % interval. Below `FEW` problems the sentence
            says that it is too narrow.
        n: Solutions per problem.
    """
    first, second = method_name(a), method_name(b)
    at = f"at n = {n}"
    few = f" (few problems: {difference.n}; intervals are too narrow)" if difference.n < FEW else ""
    if difference.low <= 0 <= difference.high:
        found = within(difference, Unit.POINTS)
        return f"No difference between {first} and {second} shown {at} ({first} {MINUS} {second}: {found}){few}."
    value, low, high = difference.value, difference.low, difference.high
    if difference.high < 0:
        first, second, value, low, high = second, first, -value, -difference.high, -difference.low
    low_, high_, by = (number(each, Unit.PERCENT) for each in (low, high, value))
    return f"{first[:1].upper()}{first[1:]} beats {second} by {by} points [{low_}, {high_}] {at}{few}."


def _list(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
