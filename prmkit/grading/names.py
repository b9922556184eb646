r"""Names that a writer is free to choose: a constant of integration, the integer of a family, a function's argument."""

from prmkit.grading.tree import Bag, Call, Chain, Name, Node, renamed, variables

_CONSTANTS = ("C", "c", "K", "k")
_INTEGERS = frozenset({"set Z", "set N"})


def with_names_of(gold: Node, pred: Node) -> Node:
    r"""The answer with the names that the gold one has in the same places, where they say nothing.

    These are `C` in `x^2 + C`, `k` in `k\pi, k \in \mathbb{Z}` and `n` in `f(n) = n + 1`. Nothing is renamed to a
    name that the answer has already.
    """
    for find in (_constant, _integer, _argument):
        asked, given = find(gold), find(pred)
        if asked and given and asked != given and asked not in variables(pred) and given not in variables(gold):
            return renamed(pred, given, asked)
    return pred


def _constant(node: Node) -> str | None:
    r"""Of a sum in which one other variable occurs: `\ln|x| + C`."""
    side = node.sides[-1] if isinstance(node, Chain) and node.ops == ("=",) else node
    if not isinstance(side, Call) or side.op != "add" or len(variables(side)) != 2:
        return None
    letters = [arg.text for arg in side.args if isinstance(arg, Name) and arg.text in _CONSTANTS]
    others = [arg for arg in side.args if not isinstance(arg, Name)]
    alone = letters and others and not any(letters[0] in variables(arg) for arg in others)
    return letters[0] if alone and len(letters) == 1 else None


def _integer(node: Node) -> str | None:
    match node:
        case Bag((*_, Chain((Name(text), Name(numbers)), ("in",))), False) if numbers in _INTEGERS:
            return text
    return None


def _argument(node: Node) -> str | None:
    match node:
        case Chain((Call(op, (Name(text),)), _), ("=",)) if op.startswith("apply "):
            return text
    return None
