"""Trees put together by the parser (`prmkit.grading.formulas`, `.latex`)."""

from fractions import Fraction

from prmkit.grading.numbers import LONGEST_NUMBER, Number
from prmkit.grading.tokens import CannotRead
from prmkit.grading.tree import Bag, Call, Chain, Group, Matrix, Name, Node


def literal(text: str) -> Number:
    """A number as it was written; `0.1(6)` repeats the 6."""
    if len(text) > 2 * LONGEST_NUMBER:
        raise CannotRead("too many digits")
    head, _, repeating = text.rstrip(")").partition("(")
    mantissa, _, exponent = head.lower().partition("e")
    if abs(int(exponent or 0)) > LONGEST_NUMBER:
        raise CannotRead("too large a power of ten")
    places = len(mantissa.partition(".")[2])
    if repeating:
        period = Fraction(int(repeating), 10**places * (10 ** len(repeating) - 1))
        return Number(Fraction(mantissa.rstrip(".")) + period, 0, len(text))
    value = Fraction(mantissa) * Fraction(10) ** int(exponent or 0)
    places = max(places - int(exponent or 0), 0) if places else 0
    return Number(value, places, len(mantissa.replace(".", "").lstrip("0")))


def negative(node: Node) -> Node:
    """Less than zero what was greater; a number stays a number."""
    if isinstance(node, Number):
        return Number(-node.value, node.places, node.digits)
    return Call("neg", (node,))


def multiply(factors: list[Node]) -> Node:
    """The product; a matrix is multiplied cell by cell.

    Raises:
        CannotRead: There is more than one matrix.
    """
    if len(factors) == 1:
        return factors[0]
    matrices = [factor for factor in factors if isinstance(factor, Matrix)]
    if not matrices:
        return Call("mul", tuple(factors))
    if len(matrices) > 1:
        raise CannotRead("a product of matrices")
    scalars = [factor for factor in factors if not isinstance(factor, Matrix)]
    return Matrix(tuple(tuple(multiply([*scalars, cell]) for cell in row) for row in matrices[0].rows))


def is_set(node: Node) -> bool:
    """Whether a minus sign after the node takes elements away."""
    return isinstance(node, Bag | Group) or (isinstance(node, Name) and node.text.startswith("set "))


def choose_sign(node: Node, upper: bool) -> Node:
    """The node with its plus-minus signs read as plus (`upper`) or minus, minus-plus signs the other way round."""
    match node:
        case Call("pm" | "mp", (inside,)):
            chosen = choose_sign(inside, upper)
            return chosen if (node.op == "pm") == upper else Call("neg", (chosen,))
        case Call():
            return Call(node.op, tuple(choose_sign(arg, upper) for arg in node.args))
        case Chain():
            return Chain(tuple(choose_sign(side, upper) for side in node.sides), node.ops)
        case Group():
            return Group(node.left, tuple(choose_sign(item, upper) for item in node.items), node.right)
        case Matrix():
            return Matrix(tuple(tuple(choose_sign(cell, upper) for cell in row) for row in node.rows))
    return node
