"""What is to be done in a run: items in shards, shards in pieces, and what becomes of the pieces of a dead actor.

A piece is what an actor is given at once: a whole shard, or one item that runs alone because it may have killed. No
Ray here (`labelers.driver`).
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from labelers.worker import Done, Item

DEATHS = 3
"""Actors an item may kill before it is given up."""
_NODE_LOSSES = 5
"""Lost nodes that are not held against what was on them."""


@dataclass(eq=False, slots=True)
class Shard:
    """Items that are stored together."""

    number: int
    """From 0, in the order of the items."""
    items: list[Any]
    """At least one."""
    results: dict[int, Done | str] = field(default_factory=dict)
    """What came of the items done so far, or why nothing did, by place."""


@dataclass(eq=False, slots=True)
class Piece:
    """Work for one actor."""

    shard: Shard
    places: range
    """Of its items in the shard."""
    deaths: int = 0
    """Of actors that held it."""
    losses: int = 0
    """Of nodes that held it."""
    alone: bool = False
    """Its actor is to hold nothing else."""

    @property
    def items(self) -> list[Any]:
        """What is to be done."""
        return [self.shard.items[place] for place in self.places]


def make_shards(items: Iterable[Item], group: Callable[[Item], str], size: int) -> Iterator[Shard]:
    """Cut a stream of items into shards: as many whole groups of neighbours as reach `size` items.

    Which items a shard holds depends on the items and on `size` alone, so a stream that is read again gives the same.
    """
    held: list[Item] = []
    number, last = 0, ""
    for item in items:
        name = group(item)
        if len(held) >= size and name != last:
            yield Shard(number, held)
            number, held = number + 1, []
        held.append(item)
        last = name
    if held:
        yield Shard(number, held)


class Work:
    """Pieces waiting for an actor. Shards are read one by one as they are asked for."""

    def __init__(self, shards: Iterator[Shard]) -> None:
        """Hand out these shards."""
        self._shards = shards
        self._again: deque[Piece] = deque()
        self._single: deque[Piece] = deque()
        self._open = 0
        self._exhausted = False

    @property
    def finished(self) -> bool:
        """Every shard was handed out and closed."""
        return self._exhausted and not self._open

    @property
    def suspects(self) -> int:
        """Single items that wait for an actor of their own."""
        return len(self._single)

    def suspect(self) -> Piece | None:
        """A single item that must run alone."""
        return self._single.popleft() if self._single else None

    def next(self) -> Piece | None:
        """A shard; None where there is none to hand out now."""
        if self._again:
            return self._again.popleft()
        shard = None if self._exhausted else next(self._shards, None)
        if shard is None:
            self._exhausted = True
            return None
        self._open += 1
        return Piece(shard, range(len(shard.items)))

    def lost(self, piece: Piece, reason: str, *, node: bool) -> Shard | None:
        """Have the work of a dead actor done again, or give it up.

        A lost node says nothing against what it held, up to a limit. Otherwise each item becomes a suspect, to run
        alone: the next death then tells who is to blame.

        Args:
            piece: What the actor held.
            reason: Of its death.
            node: The whole node was lost, or the connection to it.

        Returns:
            The piece's shard where it is complete now, because the piece was given up.
        """
        if node and piece.losses < _NODE_LOSSES:
            piece.losses += 1
            (self._single if piece.alone else self._again).append(piece)
        elif piece.deaths + 1 >= DEATHS:
            return self.done(piece, [f"its engine died {DEATHS} times: {reason}"] * len(piece.places))
        else:
            for place in piece.places:
                single = range(place, place + 1)
                self._single.append(Piece(piece.shard, single, piece.deaths + 1, piece.losses, alone=True))
        return None

    def done(self, piece: Piece, results: list[Done | str]) -> Shard | None:
        """Take what came of a piece; its shard where that is complete now, which then has to be closed."""
        shard = piece.shard
        shard.results.update(zip(piece.places, results, strict=True))
        return shard if len(shard.results) == len(shard.items) else None

    def close(self) -> None:
        """A complete shard is stored."""
        self._open -= 1
