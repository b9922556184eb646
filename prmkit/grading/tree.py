"""What an answer is once it is read: small immutable trees, made by `prmkit.grading.latex`.

A number is a `prmkit.grading.numbers.Number`, which remembers how many places it was written with.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from prmkit.grading.numbers import Number


@dataclass(frozen=True, slots=True)
class Name:
    """A variable, a constant (`pi`, `e`, `i`, `oo`) or a set (`set R`)."""

    text: str
    """With subscripts, primes and accents (`x_1`, `vec v`)."""


@dataclass(frozen=True, slots=True)
class Based:
    """An integer written in a stated base."""

    digits: str
    """Decimal digits without leading zeros; one may be too large for the base."""
    base: int
    """2 to 36."""


@dataclass(frozen=True, slots=True)
class Call:
    """An operation: `add`, `mul`, `neg`, `div`, `pow`, `root`, `sin`, `union`, ... or `apply f` for an unknown f."""

    op: str
    args: tuple["Node", ...]
    """At least one."""


@dataclass(frozen=True, slots=True)
class Group:
    """A tuple, point or interval: what stands in round or square brackets, with commas."""

    left: str
    """`(` or `[`."""
    items: tuple["Node", ...]
    """At least two."""
    right: str
    """`)` or `]`."""


@dataclass(frozen=True, slots=True)
class Bag:
    """A set in braces or a list without brackets."""

    items: tuple["Node", ...]
    braces: bool
    word: str = ","
    """What joins a list: `,`, `or`, `and`. Matters for conditions, not for values."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Relations: `x = 5`, `1 < x <= 2`, `x in S`."""

    sides: tuple["Node", ...]
    ops: tuple[str, ...]
    """Of `= != < > <= >= ~ in mod modulus`, one fewer than sides; the modulus of a congruence is its last side."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """A matrix; vectors have one column or row."""

    rows: tuple[tuple["Node", ...], ...]
    """All of the same length."""


@dataclass(frozen=True, slots=True)
class Text:
    """Words."""

    text: str
    """Lower case, single blanks."""


Node = Number | Name | Based | Call | Group | Bag | Chain | Matrix | Text

SET_OPS = frozenset({"union", "intersection", "setminus", "where"})
"""Operations that make sets."""
CONSTANTS = frozenset({"pi", "e", "i", "oo"})
"""Names that are no variables."""


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly inside a node."""
    match node:
        case Call():
            return node.args
        case Group() | Bag():
            return node.items
        case Chain():
            return node.sides
        case Matrix():
            return tuple(cell for row in node.rows for cell in row)
    return ()


def walk(node: Node) -> Iterator[Node]:
    """The node and all nodes inside it."""
    yield node
    for child in children(node):
        yield from walk(child)


def renamed(node: Node, name: str, to: str) -> Node:
    """The node with another name for one variable."""
    match node:
        case Name():
            return Name(to) if node.text == name else node
        case Call():
            return Call(node.op, tuple(renamed(arg, name, to) for arg in node.args))
        case Chain():
            return Chain(tuple(renamed(side, name, to) for side in node.sides), node.ops)
        case Group():
            return Group(node.left, tuple(renamed(item, name, to) for item in node.items), node.right)
        case Bag():
            return Bag(tuple(renamed(item, name, to) for item in node.items), node.braces, node.word)
        case Matrix():
            return Matrix(tuple(tuple(renamed(cell, name, to) for cell in row) for row in node.rows))
    return node


def variables(node: Node) -> frozenset[str]:
    """Names of the variables in a node."""
    return frozenset(part.text for part in walk(node) if isinstance(part, Name) and part.text not in CONSTANTS)


def is_value(node: Node) -> bool:
    """Whether a node is a number or formula, and no set, tuple, relation or text."""
    return isinstance(node, Number | Name) or (isinstance(node, Call) and node.op not in SET_OPS)


def is_infinite(node: Node) -> bool:
    """Whether infinity occurs in a node."""
    return any(part == Name("oo") for part in walk(node))
