"""Fields of rows that came from outside: each is of the type it must have, or the message says what was found."""

import reprlib
from collections.abc import Callable
from enum import Enum
from typing import Any, TypeVar

from prmkit.errors import InputError

Row = dict[str, Any]
T = TypeVar("T")
E = TypeVar("E", bound=Enum)


def optional(reader: Callable[[Row, str, str, Any], T], row: Row, name: str, expected: str, kind: Any) -> T | None:
    """What `reader` finds in `row[name]`; None where that is absent or null."""
    return None if row.get(name) is None else reader(row, name, expected, kind)


def _fits(found: type, kind: Any) -> bool:
    """Whether values of a type are of the kind; true and false are no integers."""
    return issubclass(found, kind) and (kind is bool or found is not bool)


def _is_list(value: Any, kind: Any) -> bool:
    # by type instead of by value: a table holds millions of token ids, all integers
    return isinstance(value, list | tuple) and all(_fits(each, kind) for each in set(map(type, value)))


def _wrong(row: Row, name: str, expected: str) -> InputError:
    if row.get(name) is None:
        return InputError(f"field {name!r} is missing")
    return InputError(f"field {name!r} must be {expected}, found {reprlib.repr(row[name])}")


def read(row: Row, name: str, expected: str, kind: Any) -> Any:
    """`row[name]`, which must be of the kind."""
    if not _fits(type(row.get(name)), kind):
        raise _wrong(row, name, expected)
    return row[name]


def many(row: Row, name: str, expected: str, kind: Any) -> tuple[Any, ...]:
    """`row[name]`, which must be a list of the kind."""
    if not _is_list(row.get(name), kind):
        raise _wrong(row, name, expected)
    return tuple(row[name])


def nested(row: Row, name: str, expected: str, kind: Any, length: int | None = None) -> tuple[tuple[Any, ...], ...]:
    """`row[name]`, which must be a list of lists of the kind, each of the length where one is given."""
    lists = many(row, name, expected, list | tuple)
    if not all(_is_list(each, kind) and length in (None, len(each)) for each in lists):
        raise _wrong(row, name, expected)
    return tuple(map(tuple, lists))


def member(kind: type[E], value: Any, name: str) -> E:
    """The member of an enumeration with this value."""
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(str(each.value) for each in kind)
        raise InputError(f"field {name!r} must be one of {known}, found {value!r}") from None
