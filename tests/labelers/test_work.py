"""Shards and pieces: what is done again, by whom, and what is given up."""

from collections.abc import Iterator

import pytest

from labelers.work import Piece, Shard, Work, make_shards
from labelers.worker import Done

DONE = Done(rows=[{}])


def shards(items: str, size: int) -> list[str]:
    return ["".join(shard.items) for shard in make_shards(items, lambda item: item, size)]


def test_a_shard_holds_whole_groups_of_neighbours() -> None:
    assert shards("aaabbbcccd", 4) == ["aaabbb", "cccd"]
    assert shards("abcdefg", 3) == ["abc", "def", "g"]
    assert shards("aaaaaaaaab", 2) == ["aaaaaaaaa", "b"]
    assert shards("", 4) == []


def test_shards_are_numbered_from_zero_and_the_same_when_read_again() -> None:
    numbered = [(shard.number, shard.items) for shard in make_shards("aabbccddee", str, 3)]
    assert [number for number, _ in numbered] == [0, 1, 2]
    assert numbered == [(shard.number, shard.items) for shard in make_shards(iter("aabbccddee"), str, 3)]


def test_items_are_read_only_as_shards_are_asked_for() -> None:
    read = []

    def stream() -> Iterator[int]:
        for number in range(1_000_000):
            read.append(number)
            yield number

    work = Work(make_shards(stream(), str, 4))
    assert work.next() and work.next()
    assert len(read) <= 9


def only_piece(items: str) -> tuple[Work, Piece]:
    work = Work(iter([Shard(0, list(items))]))
    piece = work.next()
    assert piece is not None
    return work, piece


def test_after_a_death_each_item_runs_alone_and_the_shard_is_complete_again() -> None:
    work, piece = only_piece("abc")
    assert work.lost(piece, "killed", node=False) is None
    singles = [single for _ in range(3) if (single := work.suspect())]
    assert [single.items for single in singles] == [["a"], ["b"], ["c"]]
    assert all(single.alone for single in singles) and work.suspects == 0
    assert [work.done(single, [DONE]) for single in singles[:2]] == [None, None]
    assert work.done(singles[2], [DONE]) is piece.shard
    assert piece.shard.results == {0: DONE, 1: DONE, 2: DONE}


def test_an_item_is_given_up_at_the_third_death_with_the_reason_and_its_neighbours_are_not() -> None:
    work, piece = only_piece("ab")
    work.lost(piece, "first", node=False)
    guilty, innocent = work.suspect(), work.suspect()
    assert guilty and innocent
    assert work.done(innocent, [DONE]) is None
    assert work.lost(guilty, "second", node=False) is None
    again = work.suspect()
    assert again and again.items == ["a"]
    assert work.lost(again, "third", node=False) is piece.shard
    assert piece.shard.results == {0: "its engine died 3 times: third", 1: DONE}


def test_a_lost_node_is_not_held_against_what_was_on_it() -> None:
    work, piece = only_piece("ab")
    for _ in range(5):
        work.lost(piece, "node", node=True)
        assert work.suspects == 0
        assert work.next() is piece and piece.deaths == 0


def test_an_item_that_takes_every_node_with_it_is_suspected_in_the_end() -> None:
    work, piece = only_piece("ab")
    for _ in range(6):
        work.lost(piece, "node", node=True)
    assert work.suspects == 2


def test_work_is_finished_when_every_shard_that_was_handed_out_is_stored() -> None:
    work = Work(iter([Shard(0, ["a"]), Shard(1, ["b"])]))
    assert work.next() and work.next() and not work.finished
    assert work.next() is None and not work.finished
    work.close()
    assert not work.finished
    work.close()
    assert work.finished


def test_results_of_another_number_than_items_are_refused() -> None:
    work, piece = only_piece("ab")
    with pytest.raises(ValueError, match="zip"):
        work.done(piece, [DONE])
