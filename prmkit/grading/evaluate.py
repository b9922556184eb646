r"""Whether two expressions are equal: a question to their values (`prmkit.grading.compute`), never to their form.

Two constants are different if they differ in the first 40 of 60 digits, and equal if their difference keeps shrinking
when 120 digits are computed. Expressions with variables are compared at points that are pseudo-random but the same in
each run: two of positive numbers, one of mixed signs, one complex (Schwartz-Zippel). Two different polynomials of
degree d agree at a point drawn from 2^60 values with probability at most d / 2^60, below 10^-14 for any degree that the
size limits let pass, and they would have to at each of four points. That other functions which agree at random points
are equal is practice (Gonnet 1984) and not proved. Roots and logarithms need to agree at positive points only
(`\sqrt{a}\sqrt{b}` and `\sqrt{ab}`), unless a sign is at stake (`\sqrt{x^2}` and `|x|` may differ).
"""

from fractions import Fraction

from prmkit.grading.compute import DIGITS, MP, TooLarge, Value, drawn, exact, number
from prmkit.grading.numbers import ROUNDED_PLACES, Number, equal_numbers
from prmkit.grading.tokens import CannotRead
from prmkit.grading.tree import Call, Name, Node, variables, walk

MORE_DIGITS = 120
"""Second precision, where the first sees no difference."""
MOST_DIGITS = 2_000
"""Before the decimal point."""
POINTS = 4
_POSITIVE = 2
"""The first points, where all variables are positive."""
_SIGNED = frozenset({"abs", "floor", "ceil"})
_BRANCHED = frozenset({"root", "ln", "lg", "log"})


def same_value(gold: Node, pred: Node) -> bool:
    """Whether two expressions are equal, see the module; decimals may be rounded as in `numbers.equal_numbers`.

    Raises:
        TooLarge: One is too large to compute.
        CannotRead: One has no value, or they are equal at some points only.
    """
    parts = [part for node in (gold, pred) for part in walk(node) if isinstance(part, Call)]
    bases = (0, 10) if any(part.op == "log" and len(part.args) == 1 for part in parts) else (0,)
    if variables(gold) | variables(pred):
        return any(_same_function(gold, pred, parts, base) for base in bases)
    one, other = exact(gold), exact(pred)
    if one is not None and other is not None:
        return equal_numbers(_written(gold, one), _written(pred, other))
    if _rounds(gold, pred) or _rounds(pred, gold):
        return True
    return any(_agree(gold, pred, frozenset(), 0, base) for base in bases)


def _written(node: Node, value: Fraction) -> Number:
    return node if isinstance(node, Number) else Number(value, 0, 0)


def _rounds(literal: Node, node: Node) -> bool:
    """Whether a decimal of enough places is what an irrational number rounds to, or is cut to."""
    if not isinstance(literal, Number) or min(literal.places, literal.digits) < ROUNDED_PLACES:
        return False
    with MP.workdps(max(DIGITS, literal.digits + 10)):
        return bool(abs(number(node, {}) - number(literal, {})) < MP.mpf(10) ** -literal.places)


def _same_function(gold: Node, pred: Node, parts: list[Call], base: int) -> bool:
    """Whether two expressions with variables, made of these calls, agree at points."""
    names = variables(gold) | variables(pred)
    branched = any(map(_has_branches, parts))
    signed = any(part.op in _SIGNED for part in parts)
    same: list[bool] = []
    failure: Exception | None = None
    for index in range(POINTS):
        try:
            same.append(_agree(gold, pred, names, index, base))
        except (CannotRead, TooLarge) as error:
            failure = error  # no value there, or none that is worth computing
            continue
        if not same[-1] and not branched:
            return False
        if index + 1 == len(same) == _POSITIVE:
            if same == [False, False]:
                return False
            if same == [True, True] and branched and not signed:
                return True
    if len(same) < 2 and failure is not None:
        raise failure
    if len(set(same)) > 1:
        raise CannotRead("equal at some points only")
    return same[0]


def _has_branches(part: Call) -> bool:
    """Whether a function has several values, of which computing takes one."""
    if part.op == "pow":
        base, exponent = exact(part.args[0]), exact(part.args[1])
        positive = part.args[0] == Name("e") or (base is not None and base > 0)
        return not positive and (exponent is None or exponent.denominator > 1)
    return part.op in _BRANCHED or part.op.startswith("arc")


def _agree(gold: Node, pred: Node, names: frozenset[str], index: int, base: int) -> bool:
    """Whether two expressions have the same value at a point, as far as digits can tell."""
    values = point(names, index)
    first, second = number(gold, values, base), number(pred, values, base)
    difference, size = abs(first - second), max(abs(first), abs(second))
    if difference > size * MP.mpf(10) ** (-DIGITS * 2 // 3) and size > MP.mpf(10) ** (-DIGITS // 3):
        return False
    digits = MORE_DIGITS + _digits(size)
    with MP.workdps(digits):  # near 0 digits may have cancelled; if so, most of the difference goes with more of them
        values = point(names, index)
        first, second = number(gold, values, base), number(pred, values, base)
        better, size = abs(first - second), max(abs(first), abs(second))
        return bool(better <= size * MP.mpf(10) ** (30 - digits) or better < difference * MP.mpf(10) ** -40)


def _digits(size: Value) -> int:
    """Digits before the decimal point, which say nothing of those after it.

    Raises:
        TooLarge: They are more than are worth computing.
    """
    digits = max(int(MP.mag(size) * 0.302), 0) if size else 0
    if digits > MOST_DIGITS:
        raise TooLarge
    return digits


def point(names: frozenset[str], index: int) -> dict[str, Value]:
    """Values of variables: 0 small and positive, 1 larger and positive, 2 of mixed signs, 3 complex."""
    values = {}
    for name in names:
        share = drawn(f"{name} {index}")
        if index == 0:
            values[name] = share + 0.25
        elif index == 1:
            values[name] = 10 * share + 5
        elif index == 2:
            values[name] = (3 * share + 0.25) * (1 if drawn(name) > 0.9 else -1)
        else:
            values[name] = MP.mpc(share * 2 - 1, drawn(f"{name} imaginary") * 2 - 1)
    return values


def close_values(one: Value, other: Value) -> bool:
    """Whether two computed numbers agree in the first two thirds of their digits (near 0: of those after the point)."""
    if MP.isinf(one) or MP.isinf(other):
        return bool(one == other)
    return bool(abs(one - other) <= max(abs(one), abs(other), 1) * MP.mpf(10) ** (-DIGITS * 2 // 3))


def minus(left: Node, right: Node) -> Node:
    """The difference of two expressions."""
    return Call("add", (left, Call("neg", (right,))))


def ratio(gold: Node, pred: Node) -> Value | None:
    """The constant that one expression is times the other; None if there is no such constant, or it is 0.

    Raises:
        TooLarge: One is too large to compute.
        CannotRead: One has no value somewhere.
    """
    names = variables(gold) | variables(pred)
    factors: list[Value] = []
    for index in range(POINTS):
        values = point(names, index)
        size = max(abs(number(gold, values)), abs(number(pred, values)))
        digits = MORE_DIGITS + 2 * _digits(size)
        with MP.workdps(digits):
            values = point(names, index)
            top, bottom = number(gold, values), number(pred, values)
            if not top or not bottom:
                return None
            factors.append(top / bottom)
            if abs(factors[-1] - factors[0]) > abs(factors[0]) * MP.mpf(10) ** (DIGITS - digits):
                return None
    return factors[0]


def never_vanish_alike(gold: Node, pred: Node) -> bool:
    """Whether two expressions that are no multiples of each other certainly have different zeros.

    So it is if their difference is constant, or if a zero of one, found by iteration where all variables but one are
    drawn, is none of the other. (A single variable is not solved for: zeros that are not real do not count there.)
    """
    names = variables(gold) | variables(pred)
    points = [point(names, index) for index in range(POINTS)]
    gaps = [number(gold, values) - number(pred, values) for values in points]
    if all(close_values(gap, gaps[0]) for gap in gaps):
        return True
    return len(names) > 1 and (_zero_missed(gold, pred, names) or _zero_missed(pred, gold, names))


def _zero_missed(one: Node, other: Node, names: frozenset[str]) -> bool:
    """Whether a zero of one expression is found that is none of the other."""
    values = point(names, 3)
    for name in sorted(variables(one))[:2]:

        def along(at: Value, name: str = name) -> Value:
            return number(one, {**values, name: at})

        try:
            root = MP.findroot(along, (values[name], values[name] + 1), maxsteps=15)
            return bool(abs(number(other, {**values, name: root})) > MP.mpf(10) ** (-DIGITS // 3))
        except (ValueError, ZeroDivisionError, CannotRead, TooLarge):
            continue
    return False
