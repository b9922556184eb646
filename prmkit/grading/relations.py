"""Equations, inequalities and congruences: what they say, and what is left of them against an answer without one."""

from collections.abc import Callable

from prmkit.grading.compute import exact
from prmkit.grading.evaluate import minus, never_vanish_alike, ratio
from prmkit.grading.numbers import Number
from prmkit.grading.realsets import is_condition, real_set, same_set
from prmkit.grading.tokens import CannotRead
from prmkit.grading.tree import Bag, Call, Chain, Group, Name, Node, Text, is_infinite, is_value, variables

Equal = Callable[[Node, Node], bool]

_EQUALITIES = frozenset({"=", "~"})
_LABEL_OPS = frozenset({"mul", "abs", "sin", "cos", "tan"})


def compare_relations(gold: Node, pred: Node, equal: Equal) -> bool | None:
    """Compare two answers of which one at least is a relation.

    Args:
        gold: The reference answer.
        pred: The other one.
        equal: Compares what stands on the sides.

    Returns:
        Whether they are equal; None where none is a relation, or the sets that they describe are to be compared.

    Raises:
        CannotRead: It cannot be decided here.
        TooLarge: A number is too large to compute.
    """
    if _is_congruence(gold) or _is_congruence(pred):
        return _congruences(gold, pred, equal)
    match gold, pred:
        case Chain(), Chain():
            return _two_relations(gold, pred, equal)
        case _, Chain(sides, ("in",)):
            return equal(gold, sides[1])
        case _, Chain(_, ops):
            if _EQUALITIES.issuperset(ops):
                return any(equal(gold, side) for side in _results(pred))
            return _inequality_alone(gold)
        case Chain(sides, ("in",)), _:
            return equal(sides[1], pred)
        case Chain(sides, ops), _:
            if _EQUALITIES.issuperset(ops):
                return _is_label(sides[0]) and equal(sides[-1], pred)
            return _inequality_alone(pred)
    return None


def _is_congruence(node: Node) -> bool:
    return isinstance(node, Chain) and node.ops[-1] == "modulus"


def _congruences(gold: Node, pred: Node, equal: Equal) -> bool:
    """Residues with the same modulus; a bare residue does for one of them."""
    if not (isinstance(gold, Chain) and isinstance(pred, Chain)):
        return equal(*(node.sides[-2] if isinstance(node, Chain) else node for node in (gold, pred)))
    if not (_is_congruence(gold) and _is_congruence(pred)):
        raise CannotRead("a congruence and an equation")
    one, other, modulus = exact(gold.sides[-2]), exact(pred.sides[-2]), exact(gold.sides[-1])
    if one is None or other is None or not modulus:
        raise CannotRead("a congruence of expressions")
    names = variables(gold) == variables(pred) or not variables(gold) or not variables(pred)
    return names and modulus == exact(pred.sides[-1]) and (one - other) % modulus == 0


def _inequality_alone(other: Node) -> bool | None:
    """None, so that sets are compared, where what stands against an inequality can be one."""
    return None if isinstance(other, Group | Bag | Call | Name) else False


def _results(chain: Chain) -> list[Node]:
    """What a calculation arrives at: its last side, what it is rounded from, and x in `5 = x`."""
    *before, last = chain.sides
    results = []
    if any(map(_leads_to_result, before)):
        results.append(last)
        if "~" in chain.ops:
            results.append(chain.sides[chain.ops.index("~")])
    if _is_label(last) and not _is_label(before[0]):
        results.append(before[0])
    return results


def _leads_to_result(node: Node) -> bool:
    """Whether a side names what is asked for or computes it: `a + b`, `x^2 + y^2`, `2 + 3`, but not `5x - 7y + 4`."""
    return _is_label(node) or not variables(node) or not _has_coefficients(node)


def _has_coefficients(node: Node) -> bool:
    match node:
        case Number():
            return True
        case Call("pow", (base, _)):
            return _has_coefficients(base)
        case Call("mul", (Name(), Number())):
            return False  # P(3)
        case Call(op, args):
            return not op.startswith("apply ") and any(map(_has_coefficients, args))
    return False


def _is_label(node: Node) -> bool:
    """Whether the node only names what is asked for: x, f(3), (x, y), |AB|, Area."""
    match node:
        case Name() | Text():
            return True
        case Group(_, items, _):
            return all(map(_is_label, items))
        case Call("mul", (Name(), Number())):
            return True  # P(3)
        case Call("div", (Call("mul", (Name("d"), Name())), Call("mul", (Name("d"), Name())))):
            return True  # dy/dx
        case Call(op, args):
            return op.startswith("apply ") or (op in _LABEL_OPS and all(map(_is_label, args)))
    return False


def _is_loose(label: Node) -> bool:
    return isinstance(label, Text) or (isinstance(label, Call) and label.op.startswith("apply "))


def _two_relations(gold: Chain, pred: Chain, equal: Equal) -> bool | None:
    if _EQUALITIES.issuperset(gold.ops) and _EQUALITIES.issuperset(pred.ops):
        return _equations(gold.sides[0], gold.sides[-1], pred.sides[0], pred.sides[-1], equal)
    if gold.ops == ("in",) or pred.ops == ("in",):
        return equal(*(chain.sides[1] if chain.ops == ("in",) else chain for chain in (gold, pred)))
    if not (is_condition(gold) and is_condition(pred)):
        if any(_EQUALITIES.issuperset(chain.ops) for chain in (gold, pred)) and any(map(is_condition, (gold, pred))):
            return False  # x = 5 and x < 5
        raise CannotRead("relations of several kinds")
    one, other = real_set(gold), real_set(pred)
    if one is not None and other is not None:
        return same_set(one, other)
    return _inequalities(gold, pred)


def _equations(gold_left: Node, gold_right: Node, pred_left: Node, pred_right: Node, equal: Equal) -> bool:
    if _is_label(gold_left) and _is_label(pred_left):
        loosely = _is_loose(gold_left) != _is_loose(pred_left)  # y = ..., f(x) = ...
        if gold_left == pred_left or loosely:
            return equal(gold_right, pred_right)
    sides = (gold_left, gold_right, pred_left, pred_right)
    if not all(map(is_value, sides)) or any(map(is_infinite, sides)):
        return equal(gold_left, pred_left) and equal(gold_right, pred_right)
    varied = [bool(variables(left) or variables(right)) for left, right in (sides[:2], sides[2:])]
    if varied != [True, True]:  # a calculation gives a number
        named = _is_label(gold_left) if varied[0] else _is_label(pred_left) if varied[1] else True
        return named and equal(gold_right, pred_right)
    gold_zero, pred_zero = minus(gold_left, gold_right), minus(pred_left, pred_right)
    if ratio(gold_zero, pred_zero) is not None:
        return True
    if never_vanish_alike(gold_zero, pred_zero):
        return False
    raise CannotRead("equations that are no multiples of each other")


def _inequalities(gold: Chain, pred: Chain) -> bool:
    if len(gold.ops) == len(pred.ops) == 1:
        flipped = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "!=": "!="}[pred.ops[0]]
        factor = ratio(minus(*gold.sides), minus(*pred.sides))
        if factor is not None and not factor.imag:
            return gold.ops[0] == (pred.ops[0] if factor.real > 0 else flipped)
    raise CannotRead("inequalities that are not solved here")
