r"""Whether two answers that have been read are equal. The gold answer decides the form.

- Numbers and formulas: by value (`prmkit.grading.evaluate`). `10\%` equals 10 and 0.1, `30^\circ` equals 30 and pi/6.
- `x = 5` against 5: the name on the left is dropped, and of a calculation (`2 + 3 = 5`) the last side counts. Two
  equations are equal if they name the same thing and have the same right side, or are multiples of each other.
- Sets in braces and lists without brackets are unordered, tuples ordered; a tuple may be written without its brackets,
  a list with round ones. Several values for a single one are different, unless all of them are equal to it.
- Intervals, unions and inequalities in one variable: as sets of real numbers (`prmkit.grading.realsets`).
- Matrices by cells; a vector equals the tuple of its components.
- A number whose base is stated equals the same digits in the same or in no stated base.
"""

from collections.abc import Sequence
from functools import partial

from prmkit.grading.compute import NoValue
from prmkit.grading.evaluate import same_value
from prmkit.grading.numbers import Number
from prmkit.grading.realsets import real_set, same_set, surely_set
from prmkit.grading.relations import compare_relations
from prmkit.grading.tokens import CannotRead
from prmkit.grading.tree import SET_OPS, Bag, Based, Call, Chain, Group, Matrix, Name, Node, Text, is_infinite, is_value

MOST_ITEMS = 60
"""In a set or list."""


def equal(gold: Node, pred: Node) -> bool:
    """Whether the answer `pred` says the same as `gold`.

    Raises:
        CannotRead: It cannot be decided here.
        TooLarge: A number is too large to compute.
    """
    if gold == pred:
        return True
    for decide in (
        partial(compare_relations, equal=equal),
        _real_sets,
        _lists,
        _groups,
        _matrices,
        _words,
        _based,
        _ratios,
    ):
        decision = decide(gold, pred)
        if decision is not None:
            return decision
    if not (is_value(gold) and is_value(pred)):
        return False  # a point is no number
    if is_infinite(gold) or is_infinite(pred):
        return False
    return _values(gold, pred)


# numbers and formulas


def _values(gold: Node, pred: Node) -> bool:
    try:
        for mark in ("percent", "degrees"):
            bare_gold, bare_pred = _unmarked(gold, mark), _unmarked(pred, mark)
            if (bare_gold, bare_pred) != (gold, pred) and same_value(bare_gold, bare_pred):
                return True
        return same_value(gold, pred)
    except NoValue:
        return False  # what is undefined equals nothing


def _unmarked(node: Node, mark: str) -> Node:
    return node.args[0] if isinstance(node, Call) and node.op == mark else node


def _based(gold: Node, pred: Node) -> bool | None:
    if not isinstance(gold, Based) and not isinstance(pred, Based):
        return None
    return _digits(gold) == _digits(pred) and not (isinstance(gold, Based) and isinstance(pred, Based))


def _digits(node: Node) -> str | None:
    match node:
        case Based():
            return node.digits
        case Number(value, 0) if value.denominator == 1:
            return str(value.numerator)
    return None


def _ratios(gold: Node, pred: Node) -> bool | None:
    match gold, pred:
        case Call("ratio", one), Call("ratio", other):
            return len(one) == len(other) and all(
                same_value(Call("mul", (a, other[0])), Call("mul", (b, one[0])))
                for a, b in zip(one, other, strict=True)
            )
        case (Call("ratio", _), _) | (_, Call("ratio", _)):
            return False
    return None


def _words(gold: Node, pred: Node) -> bool | None:
    if not isinstance(gold, Text) and not isinstance(pred, Text):
        return None
    return _letters(gold) == _letters(pred)


def _letters(node: Node) -> str | None:
    match node:
        case Text(text) | Name(text):
            return text.replace(" ", "").strip("()").casefold()
        case Call("mul", args) if all(isinstance(arg, Name) for arg in args):
            return "".join(arg.text for arg in args if isinstance(arg, Name)).casefold()
    return None


# sets, lists, tuples, matrices


def _real_sets(gold: Node, pred: Node) -> bool | None:
    if not surely_set(gold) and not surely_set(pred):
        return None
    if type(gold) is type(pred) and isinstance(gold, Group | Call) and _alike(gold, pred):
        return True
    if isinstance(gold, Bag) and isinstance(pred, Bag) and _same_items(gold.items, pred.items):
        return True
    one, other = real_set(gold), real_set(pred)
    if one is not None and other is not None:
        return same_set(one, other)
    if isinstance(gold, Group) and isinstance(pred, Group):
        return False
    if surely_set(gold) and surely_set(pred):
        raise CannotRead("sets that are not computed here")
    return None if isinstance(gold, Bag) or isinstance(pred, Bag) else False


def _alike(gold: Node, pred: Node) -> bool:
    """Whether two sets are written alike, so that their ends may be compared one by one, rounded ones too."""
    match gold, pred:
        case Group(left, one, right), Group(pred_left, other, pred_right):
            return (left, right, len(one)) == (pred_left, pred_right, len(other)) and _in_order(one, other)
        case Call(op, one), Call(pred_op, other) if op in SET_OPS:
            return op == pred_op and _in_order(one, other)
    return False


def _lists(gold: Node, pred: Node) -> bool | None:
    match gold, pred:
        case Bag(one, _), Bag(other, _):
            return _two_lists(gold, pred)
        case Bag(one, _), Group(left, other, right):
            square = (left, right) != ("(", ")")
            if square and len(other) == 2:
                return False
            return _in_order(one, other) if len(_named(one)) > 1 else _same_items(one, other)
        case Bag(one, _), _:
            return len(one) == 1 and equal(one[0], pred)
        case Group(_, one, _), Bag(other, False):
            return len(one) == len(other) and _in_order(one, other)
        case _, Bag(other, _):
            return bool(other) and not isinstance(gold, Group) and all(equal(gold, item) for item in other)
    return None


def _two_lists(gold: Bag, pred: Bag) -> bool:
    if not gold.items or not pred.items:
        return not gold.items and not pred.items
    if len(_named(gold.items)) > 1 and not any(isinstance(item, Chain) for item in pred.items):
        return len(gold.items) == len(pred.items) and _in_order(gold.items, pred.items)  # x = 1, y = 2 and 1, 2
    if gold.braces and pred.braces:
        return _same_items(_distinct(gold.items), _distinct(pred.items))
    return _same_items(gold.items, pred.items)


def _named(items: Sequence[Node]) -> set[Node]:
    """What the equations and conditions among the items give values to."""
    return {item.sides[0] for item in items if isinstance(item, Chain)}


def _in_order(gold: Sequence[Node], pred: Sequence[Node]) -> bool:
    return len(gold) == len(pred) and all(equal(one, other) for one, other in zip(gold, pred, strict=True))


def _same_items(gold: Sequence[Node], pred: Sequence[Node]) -> bool:
    if len(gold) != len(pred):
        return False
    if len(gold) > MOST_ITEMS:
        raise CannotRead("too many items")
    left = list(pred)
    for item in gold:
        index = _index(item, left)
        if index is None:
            return False
        del left[index]
    return True


def _index(item: Node, nodes: Sequence[Node]) -> int | None:
    return next((index for index, node in enumerate(nodes) if equal(item, node)), None)


def _distinct(nodes: Sequence[Node]) -> list[Node]:
    kept: list[Node] = []
    for node in nodes[:MOST_ITEMS]:
        if _index(node, kept) is None:
            kept.append(node)
    return [*kept, *nodes[MOST_ITEMS:]]


def _groups(gold: Node, pred: Node) -> bool | None:
    match gold, pred:
        case Group(left, one, right), Group(pred_left, other, pred_right):
            brackets = len(one) != 2 or (left, right) == (pred_left, pred_right)
            return brackets and _in_order(one, other)
    return None


def _matrices(gold: Node, pred: Node) -> bool | None:
    match gold, pred:
        case Matrix(rows), Matrix(other_rows):
            return len(rows) == len(other_rows) and all(map(_in_order, rows, other_rows))
        case (Matrix(rows), Group("(", items, ")")) | (Group("(", items, ")"), Matrix(rows)):
            vector = [cell for row in rows for cell in row]
            if 1 not in {len(rows), len(rows[0])}:
                return False
            return _in_order(vector, items) if isinstance(gold, Matrix) else _in_order(items, vector)
    return None
