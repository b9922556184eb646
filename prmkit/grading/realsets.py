"""Sets of real numbers: intervals, unions, conditions on one variable, all as sorted intervals that do not touch."""

from dataclasses import dataclass

from prmkit.grading.compute import MP, Value, number
from prmkit.grading.evaluate import close_values, minus
from prmkit.grading.tokens import CannotRead
from prmkit.grading.tree import Bag, Call, Chain, Group, Name, Node, variables, walk


@dataclass(frozen=True, slots=True)
class Interval:
    """Real numbers from one to another; one number alone where both are equal and belong to it."""

    low: Value
    high: Value
    has_low: bool
    has_high: bool


RealSet = tuple[Interval, ...]
_EVERYTHING: RealSet = (Interval(-MP.inf, MP.inf, False, False),)
_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!="}
_MINUS_INFINITY = Call("neg", (Name("oo"),))
_BENT = frozenset({"abs", "floor", "ceil", "max", "min"})
INEQUALITIES = frozenset({"<", ">", "<=", ">=", "!="})


def is_condition(node: Node) -> bool:
    """Whether the node is an inequality or a chain of them."""
    return isinstance(node, Chain) and INEQUALITIES.issuperset(node.ops)


def surely_set(node: Node) -> bool:
    """Whether the node can mean nothing but a set of real numbers (`(1,2)` may also be a point)."""
    match node:
        case Group(left, items, right):
            mixed = (left, right) in {("(", "]"), ("[", ")")}
            return len(items) == 2 and (mixed or any(part == Name("oo") for item in items for part in walk(item)))
        case Call():
            return node.op in {"union", "intersection", "setminus", "where"}
        case Name():
            return node.text == "set R"
        case Bag():
            return bool(node.items) and all(is_condition(item) for item in node.items)
        case Chain():
            return is_condition(node)
    return False


def real_set(node: Node) -> RealSet | None:
    """The set that a node means; None where it means none or one that is not computed here.

    Raises:
        CannotRead: An end has no value.
        TooLarge: An end is too large to compute.
    """
    match node:
        case Name("set R"):
            return _EVERYTHING
        case Group(left, (low, high), right):
            return _interval(low, high, left == "[", right == "]")
        case Bag(items, True):
            return _merged([_point(item) for item in items])
        case Bag(items, False, word):
            return _conditions([real_set(item) for item in items], word)
        case Call("where", (inside,)):
            return real_set(inside)
        case Call("union" | "intersection" | "setminus", args):
            return _combined(node.op, [real_set(arg) for arg in args])
        case Chain(sides, ops):
            if ops == ("in",) and isinstance(sides[0], Name):
                return real_set(sides[1])
            return _chain(node) if is_condition(node) else None
    return None


def _combined(op: str, sets: list[RealSet | None]) -> RealSet | None:
    known = [one for one in sets if one is not None]
    if len(known) < len(sets):
        return None
    if op == "union":
        return _merged([piece for one in known for piece in one])
    return _common(known[0], known[1] if op == "intersection" else _complement(known[1]))


def same_set(one: RealSet, other: RealSet) -> bool:
    """Whether two sets have the same ends, which belong to both or neither."""
    return len(one) == len(other) and all(
        (a.has_low, a.has_high) == (b.has_low, b.has_high)
        and close_values(a.low, b.low)
        and close_values(a.high, b.high)
        for a, b in zip(one, other, strict=True)
    )


def _end(node: Node) -> Value:
    match node:
        case Name("oo"):
            return MP.inf
        case Call("neg", (Name("oo"),)):
            return -MP.inf
    if variables(node):
        raise CannotRead("an end that varies")
    value = number(node, {})
    if isinstance(value, MP.mpc):
        raise CannotRead("a complex end")
    return value


def _interval(low: Node, high: Node, has_low: bool, has_high: bool) -> RealSet | None:
    start, end = _end(low), _end(high)
    if start > end or (start == end and not (has_low and has_high)):
        return None
    return (Interval(start, end, has_low and start != -MP.inf, has_high and end != MP.inf),)


def _point(node: Node) -> Interval:
    value = _end(node)
    return Interval(value, value, True, True)


def _merged(pieces: list[Interval]) -> RealSet:
    merged: list[Interval] = []
    for piece in sorted(pieces, key=lambda interval: (interval.low, not interval.has_low)):
        last = merged[-1] if merged else None
        touches = last is not None and (
            piece.low < last.high or (close_values(piece.low, last.high) and (piece.has_low or last.has_high))
        )
        if last is None or not touches:
            merged.append(piece)
        elif close_values(piece.high, last.high):
            merged[-1] = Interval(last.low, last.high, last.has_low, last.has_high or piece.has_high)
        elif piece.high > last.high:
            merged[-1] = Interval(last.low, piece.high, last.has_low, piece.has_high)
    return tuple(merged)


def _complement(pieces: RealSet) -> RealSet:
    gaps, low, has_low = [], -MP.inf, False
    for piece in pieces:
        if low < piece.low or (low == piece.low and has_low and not piece.has_low):
            gaps.append(Interval(low, piece.low, has_low, not piece.has_low and piece.low != -MP.inf))
        low, has_low = piece.high, not piece.has_high
    if low < MP.inf:
        gaps.append(Interval(low, MP.inf, has_low, False))
    return tuple(gaps)


def _common(one: RealSet, other: RealSet) -> RealSet:
    return _complement(_merged([*_complement(one), *_complement(other)]))


def _conditions(sets: list[RealSet | None], word: str) -> RealSet | None:
    """Of conditions or intervals in a row: all hold, unless they exclude each other or `or` joins them."""
    known = [one for one in sets if one is not None]
    if len(known) < len(sets) or not known:
        return None
    common = known[0]
    for one in known[1:]:
        common = _common(common, one)
    if word == "or" or not common:
        return _merged([piece for one in known for piece in one])
    return common


def _chain(chain: Chain) -> RealSet | None:
    names = variables(chain)
    if len(names) != 1:
        return None
    common = _EVERYTHING
    for left, op, right in zip(chain.sides, chain.ops, chain.sides[1:], strict=False):
        unbounded = (left == _MINUS_INFINITY and op == "<") or (right == Name("oo") and op == "<")
        one = _EVERYTHING if unbounded else _link(left, op, right, *names)
        if one is None:
            return None
        common = _common(common, one)
    return common


def _link(left: Node, op: str, right: Node, name: str) -> RealSet | None:
    match left, right:
        case Call("abs", (inside,)), _:
            bound = right
        case _, Call("abs", (inside,)):
            bound, op = left, _FLIPPED[op]
        case _:
            return _linear(minus(left, right), op, name)
    above, below = _linear(minus(inside, bound), op, name), _linear(minus(_negative(inside), bound), op, name)
    if above is None or below is None:
        return None
    return _merged([*above, *below]) if op in {">", ">="} else _common(above, below)


def _negative(node: Node) -> Node:
    return Call("neg", (node,))


def _linear(difference: Node, op: str, name: str) -> RealSet | None:
    """Where a linear function of one variable is less, greater, ... than 0; None if it is not linear."""
    if any(isinstance(part, Call) and part.op in _BENT for part in walk(difference)):
        return None
    start, step, at_seven = (number(difference, {name: MP.mpf(at)}) for at in (0, 1, 7))
    slope = step - start
    if isinstance(slope, MP.mpc) or not slope or not close_values(start + 7 * slope, at_seven):
        return None
    root = -start / slope
    op = op if slope > 0 else _FLIPPED[op]
    if op == "!=":
        return (Interval(-MP.inf, root, False, False), Interval(root, MP.inf, False, False))
    if op in {">", ">="}:
        return (Interval(root, MP.inf, op == ">=", False),)
    return (Interval(-MP.inf, root, False, op == "<="),)
