"""Responses of one prompt that are learned from together, and which of them is better.

Outcome models learn right solutions against wrong ones of a problem, preference models what people chose. Both come as
`Group`s of rows with `Ranking`s over them. A group is the item that is drawn into batches, so the responses of a prompt
are always together. The losses are `prmkit.training.pairs`; nothing here imports torch.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from prmkit.errors import InputError

MOST = 8
"""Responses of one prompt that are compared at a time, unless told otherwise (InstructGPT had 4 to 9 of a prompt)."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """An order over some responses of a prompt."""

    items: tuple[int, ...]
    """The responses, as places in the rows of their group."""
    ranks: tuple[int | None, ...]
    """One per item, lower is better. Equal ranks are a tie; None is below all ranks, in an order that is not known."""
    margin: float = 0.0
    """By how much a better response should outscore a worse one, in logits; pairwise only, ties have none."""

    def __post_init__(self) -> None:
        if len(self.items) != len(self.ranks) or len(set(self.items)) < max(2, len(self.items)):
            raise InputError(f"a ranking needs two different items or more, each with a rank; got {self}")
        if all(rank is None for rank in self.ranks):
            raise InputError(f"a ranking needs at least one rank; got {self}")


@dataclass(frozen=True, slots=True)
class Group:
    """Responses of one prompt that are learned from together."""

    rows: tuple[int, ...]
    """Indices into the rows of whoever made the group."""
    rankings: tuple[Ranking, ...]
    """At least one."""
    weight: float = 1.0
    """Share of the prompt's comparisons that this group holds; the groups of a prompt sum to 1."""


@dataclass(frozen=True, kw_only=True)
class OutcomeGroups:
    """Graded solutions, grouped so that right ones can be compared with wrong ones."""

    groups: list[Group]
    """Of problems with solutions of both kinds."""
    one_kind: int
    """Problems whose graded solutions are all right or all wrong: they teach nothing here."""
    left_out: int
    """Solutions that are in no group: of those problems, and ones that nobody graded."""


def outcome_groups(
    problem_ids: Sequence[str],
    correct: Sequence[bool | None],
    *,
    most: int = MOST,
    margin: float = 0.0,
    seed: int = 0,
) -> OutcomeGroups:
    """Groups of the solutions of each problem: every right one before every wrong one.

    Each right solution has a ranking of its own, itself first and then the wrong ones in unknown order. So right
    solutions are never compared with each other, and the listwise loss is the softmax of a right one among wrong ones.

    Args:
        problem_ids: For each row its problem.
        correct: For each row whether it is right; None where nobody graded it.
        most: Rows of a group, at least 2. A problem with more is dealt into several groups, each with both kinds; of
            the scarcer kind a row may then be in several.
        margin: Of all rankings.
        seed: Of the dealing.

    Raises:
        InputError: `most` is below 2, or no problem has solutions of both kinds.
    """
    if most < 2:
        raise InputError(f"at least two solutions of a problem must fit into a group, got {most}")
    members: dict[str, tuple[list[int], list[int]]] = {}
    for row, (problem, right) in enumerate(zip(problem_ids, correct, strict=True)):
        if right is not None:
            members.setdefault(problem, ([], []))[not right].append(row)
    groups = [
        group
        for problem, (right, wrong) in members.items()
        if right and wrong
        for group in _deal(right, wrong, most, margin, random.Random(f"{seed}/{problem}"))
    ]
    if not groups:
        raise InputError(
            f"not one of {len(members)} problems has both right and wrong solutions: there is nothing to compare; "
            "sample more solutions per problem, or at a higher temperature"
        )
    return OutcomeGroups(
        groups=weighed(groups),
        one_kind=sum(not (right and wrong) for right, wrong in members.values()),
        left_out=len(correct) - len({row for group in groups for row in group.rows}),
    )


def _deal(right: list[int], wrong: list[int], most: int, margin: float, rng: random.Random) -> list[Group]:
    """The solutions of one problem in as few groups as can be."""
    parts = next(n for n in range(1, len(right) + len(wrong)) if _largest(right, n) + _largest(wrong, n) <= most)
    if parts > 1:
        right, wrong = (rng.sample(rows, len(rows)) for rows in (right, wrong))
    hands = [[rows[part::parts] or [rows[part % len(rows)]] for rows in (right, wrong)] for part in range(parts)]
    pairs = sum(len(some) * len(others) for some, others in hands)
    groups = []
    for some, others in hands:
        unknown = tuple(range(len(some), len(some) + len(others)))
        rankings = tuple(Ranking((first, *unknown), (0, *[None] * len(unknown)), margin) for first in range(len(some)))
        groups.append(Group((*some, *others), rankings, len(some) * len(others) / pairs))
    return groups


def weighed(groups: Sequence[Group]) -> list[Group]:
    """Groups with weights of mean 1 that keep their proportions: a mean over groups is then one over problems."""
    mean = sum(group.weight for group in groups) / max(1, len(groups))
    return [replace(group, weight=group.weight / mean) for group in groups]


def _largest(rows: Sequence[int], parts: int) -> int:
    """Rows of one kind in the largest of so many groups."""
    return -(-len(rows) // parts)


def split_group(group: Group, most: int = MOST) -> list[Group]:
    """A group as several of at most `most` rows, where its rankings allow it; a ranking is never cut."""
    parts: list[list[Ranking]] = [[]]
    for ranking in group.rankings:
        if parts[-1] and len(_items([*parts[-1], ranking])) > most:
            parts.append([])
        parts[-1].append(ranking)
    groups = []
    for part in parts:
        places = _items(part)
        rankings = tuple(replace(each, items=tuple(places.index(item) for item in each.items)) for each in part)
        weight = group.weight * sum(map(_comparisons, part)) / sum(map(_comparisons, group.rankings))
        groups.append(Group(tuple(group.rows[place] for place in places), rankings, weight))
    return groups


def _comparisons(ranking: Ranking) -> int:
    """Pairs that a ranking orders or ties; two that are both unranked are neither."""
    unranked = sum(rank is None for rank in ranking.ranks)
    return math.comb(len(ranking.ranks), 2) - math.comb(unranked, 2)


def _items(rankings: Sequence[Ranking]) -> list[int]:
    """Everything that is ranked, once, in order of appearance."""
    return list(dict.fromkeys(item for ranking in rankings for item in ranking.items))


def groups_per_batch(groups: Sequence[Group], rows: int) -> int:
    """How many groups make a batch of about so many rows; at least 1."""
    return max(1, round(rows * len(groups) / sum(len(group.rows) for group in groups)))
