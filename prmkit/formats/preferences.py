r"""What people prefer: pairs, rankings and ratings of responses, as text or as lists of messages (TRL's two forms).

A file (JSONL, JSON array or Parquet) holds rows of one of these::

    {"prompt": P, "chosen": R, "rejected": R}            and, if known, margin or strength, tie, chosen_position
    {"prompt": P, "responses": [R, ...], "ranks": [1, 2, 2, null]}    1 is best, equal is a tie, null below all others
    {"prompt": P, "response": R, "rating": 3.5}          more is better

each with `annotator` and `domain` where they are known. P (also called `problem` or `question`) is a text or a list of
messages, R a text or a list of messages that ends with the assistant's. Without a prompt it is taken from the messages
before the last one, or, as in HH-RLHF, from a text up to its last `\n\nAssistant:`. A dialogue of several turns becomes
one text (`user: ...`, blank line, `assistant: ...`). `strength` is a number, or one of Llama 2's four phrases.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from prmkit.errors import InputError
from prmkit.formats.verdicts import field_of, placed_rows
from prmkit.tables import Row

PROMPT_FIELDS = ("prompt", "problem", "question")
DOMAIN_FIELDS = ("domain", "category", "subset")
ANNOTATOR_FIELDS = ("annotator", "annotator_id")
"""Names that are looked for, the first that a row has is taken."""

STRENGTHS = {"significantly better": 3.0, "better": 2.0, "slightly better": 1.0, "negligibly better": 0.0}
"""Margins of Llama 2's phrases (arXiv:2307.09288, table 27, "margin large"; "margin small" is a third of them)."""

_ASSISTANT = "\n\nAssistant:"
Message = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """An order over responses to one prompt, as somebody gave it."""

    where: str
    """Place of the row."""
    prompt: str
    """What was asked."""
    responses: tuple[str, ...]
    """Two or more, in the order of the row; a pair's chosen one first. May be blank."""
    ranks: tuple[int | None, ...]
    """One per response, from 0, lower is better. Equal ranks are a tie; None is below all ranks, order not known."""
    margin: float = 0.0
    """How much better, not negative; pairs only."""
    chosen_position: int | None = None
    """Whether the chosen one of a pair was shown first (0) or second (1)."""
    listed: bool = False
    """Whether the order of the responses is that of the row, and says nothing about which is better."""
    annotator: str | None = None
    """Who."""
    domain: str | None = None
    """Of the prompt."""
    prompts_differ: bool = False
    """Whether the responses belong to different prompts: then they cannot be compared."""

    def pairs(self) -> Iterator[tuple[int, int, bool]]:
        """Every pair of responses that is ordered or tied: better, worse, tie."""
        for first, second in combinations(range(len(self.ranks)), 2):
            one, two = (math.inf if (rank := self.ranks[each]) is None else rank for each in (first, second))
            if one != two:
                yield (first, second, False) if one < two else (second, first, False)
            elif one != math.inf:
                yield first, second, True

    def shown_first(self, better: int, worse: int) -> bool | None:
        """Whether the first of two responses was shown before the second; None where that is not known."""
        if self.listed:
            return better < worse
        return None if self.chosen_position is None else (better == 0) == (self.chosen_position == 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """A response with somebody's rating."""

    where: str
    """Place of the row."""
    prompt: str
    """What was asked."""
    response: str
    """May be blank."""
    rating: float
    """More is better; any scale."""
    annotator: str | None = None
    """Who."""
    domain: str | None = None
    """Of the prompt."""


def read_preferences(path: Path) -> list[Preference]:
    """Read pairs and rankings.

    Raises:
        MissingFileError: There is no such file.
        InputError: A row lacks a field or holds something else; the message names file and row.
    """
    return [_preference(row, where) for where, row in placed_rows(path)]


def read_ratings(path: Path) -> list[Rating]:
    """Read ratings; errors as of `read_preferences`."""
    return [_rating(row, where) for where, row in placed_rows(path)]


def holds_ratings(path: Path) -> bool:
    """Whether a file holds ratings, by its first row; errors as of `read_preferences`."""
    _, first = placed_rows(path)[0]
    return first.get("rating") is not None


def _preference(row: Row, where: str) -> Preference:
    if row.get("responses") is not None:
        return _ranked(row, where)
    for name in ("chosen", "rejected"):
        if row.get(name) is None:
            raise InputError(
                f"{where}: field {name!r} is missing; a row has chosen and rejected, responses and ranks, or response "
                f"and rating, this one has {', '.join(map(repr, row)) or 'no fields'}"
            )
    prompts, responses = zip(*(_exchange(row, row[name], name, where) for name in ("chosen", "rejected")), strict=True)
    tie = _optional(row, "tie", bool, "true or false", where) or False
    position = _optional(row, "chosen_position", int, "0 (shown first) or 1", where)
    if position not in (None, 0, 1):
        raise InputError(f"{where}: field 'chosen_position' must be 0 (shown first) or 1, found {position}")
    return Preference(
        where=where,
        prompt=prompts[0],
        responses=responses,
        ranks=(0, 0) if tie else (0, 1),
        margin=_margin(row, where),
        chosen_position=position,
        annotator=_name(row, ANNOTATOR_FIELDS, where),
        domain=_name(row, DOMAIN_FIELDS, where),
        prompts_differ=prompts[0] != prompts[1],
    )


def _ranked(row: Row, where: str) -> Preference:
    responses = field_of(row, "responses", list, "a list of responses", where)
    ranks = field_of(row, "ranks", list, "a list of numbers or null", where)
    if len(responses) < 2 or len(responses) != len(ranks):
        raise InputError(f"{where}: {len(responses)} responses and {len(ranks)} ranks; need two or more, one rank each")
    known = sorted({rank for rank in ranks if _is_number(rank)})
    if not known or not all(rank is None or _is_number(rank) for rank in ranks):
        raise InputError(f"{where}: field 'ranks' must be a list of numbers or null, at least one number, got {ranks}")
    margin = _margin(row, where)
    if margin and len(responses) > 2:
        raise InputError(f"{where}: a margin or strength belongs to a pair, this row ranks {len(responses)} responses")
    prompts, texts = zip(*(_exchange(row, each, "responses", where) for each in responses), strict=True)
    return Preference(
        where=where,
        prompt=prompts[0],
        responses=texts,
        ranks=tuple(None if rank is None else known.index(rank) for rank in ranks),
        margin=margin,
        listed=True,
        annotator=_name(row, ANNOTATOR_FIELDS, where),
        domain=_name(row, DOMAIN_FIELDS, where),
        prompts_differ=len(set(prompts)) > 1,
    )


def _rating(row: Row, where: str) -> Rating:
    prompt, response = _exchange(row, field_of(row, "response", str | list, "a text or messages", where), "", where)
    rating = field_of(row, "rating", int | float, "a number", where)
    if not _is_number(rating):
        raise InputError(f"{where}: field 'rating' must be finite, found {rating!r}")
    return Rating(
        where=where,
        prompt=prompt,
        response=response,
        rating=float(rating),
        annotator=_name(row, ANNOTATOR_FIELDS, where),
        domain=_name(row, DOMAIN_FIELDS, where),
    )


def _exchange(row: Row, response: Any, name: str, where: str) -> tuple[str, str]:
    """Prompt and response as texts."""
    prompt = next((row[field] for field in PROMPT_FIELDS if row.get(field) is not None), None)
    before = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else _messages(prompt, "prompt", where)
    if isinstance(response, str):
        if prompt is None:
            start, mark, response = response.rpartition(_ASSISTANT)
            if not mark:
                raise InputError(f"{where}: no prompt: the row has none of {', '.join(PROMPT_FIELDS)}")
            before = [{"role": "user", "content": start}]
        return _dialogue(before, where), response.strip()
    *lead, last = _messages(response, name, where) or [{"role": "", "content": ""}]
    if last["role"] != "assistant":
        raise InputError(f"{where}: field {name!r} must be a text, or messages that end with the assistant's")
    return _dialogue(before if lead == before else [*before, *lead], where), last["content"].strip()


def _messages(value: Any, name: str, where: str) -> list[Message]:
    """A list of messages; none is an empty one."""
    found = [] if value is None else value
    if not isinstance(found, list) or not all(
        isinstance(each, dict) and isinstance(each.get("role"), str) and isinstance(each.get("content"), str)
        for each in found
    ):
        raise InputError(f"{where}: field {name!r} must be a text, or a list of messages with role and content (texts)")
    return [{"role": each["role"], "content": each["content"]} for each in found]


def _dialogue(messages: Sequence[Message], where: str) -> str:
    """One text: a lone message as it is, more with their roles."""
    if len(messages) == 1:
        text = messages[0]["content"].strip()
    else:
        text = "\n\n".join(f"{each['role']}: {each['content'].strip()}" for each in messages)
    if not text:
        raise InputError(f"{where}: no prompt: {', '.join(PROMPT_FIELDS)} are empty, and no message is before the last")
    return text


def _margin(row: Row, where: str) -> float:
    given = {name: row[name] for name in ("margin", "strength") if row.get(name) is not None}
    if len(given) == 2:
        raise InputError(f"{where}: a row has a margin or a strength, not both")
    for name, value in given.items():
        if name == "strength" and isinstance(value, str) and value.lower() in STRENGTHS:
            return STRENGTHS[value.lower()]
        if not _is_number(value) or value < 0:
            phrases = f" or one of {', '.join(STRENGTHS)}" if name == "strength" else ""
            raise InputError(f"{where}: field {name!r} must be a number from 0{phrases}, found {value!r}")
        return float(value)
    return 0.0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _optional(row: Row, name: str, kind: Any, expected: str, where: str) -> Any:
    return None if row.get(name) is None else field_of(row, name, kind, expected, where)


def _name(row: Row, names: Sequence[str], where: str) -> str | None:
    """A name, which may be written as a number."""
    for name in names:
        if row.get(name) is not None:
            return str(field_of(row, name, str | int, "a text or a number", where))
    return None
