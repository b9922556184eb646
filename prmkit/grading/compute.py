"""The value of an expression: an exact fraction where it is rational, else a number of as many digits as asked for.

Nothing is computed whose size could get out of hand: `TooLarge` is raised first.
"""

import hashlib
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache
from math import comb, factorial, gcd, lcm
from typing import Any

from mpmath.ctx_mp import MPContext  # type: ignore[import-untyped]

from prmkit.grading.numbers import Number
from prmkit.grading.tokens import CannotRead
from prmkit.grading.tree import Based, Call, Name, Node

DIGITS = 60
"""Precision of computed numbers, unless a caller asks for more."""
LARGEST_BITS = 100_000
"""Of an exact numerator or denominator; also of the exponent range of computed numbers."""
LARGEST_FACTORIAL = 3_000
_LARGEST_ANGLE_BITS = 400

MP = MPContext()
"""mpmath's numbers: a context of its own, so that nothing else in the process sets its precision."""
MP.dps = DIGITS
Value = Any
"""An mpf or mpc of `MP`; mpmath has no types."""


class TooLarge(Exception):  # noqa: N818
    """The value has more digits than are worth computing."""


class NoValue(CannotRead):
    """The expression is undefined, as a fraction over 0 is."""


@lru_cache(maxsize=4096)
def exact(node: Node) -> Fraction | None:
    """The value of a rational expression; None if it is irrational, may be, or holds a variable.

    Raises:
        TooLarge: It has too many digits.
        NoValue: It divides by zero.
    """
    match node:
        case Number():
            return node.value
        case Based():
            return Fraction(_based(node))
        case Call():
            operation = _EXACT.get(node.op)
            if operation is None:
                return None
            values = []
            for arg in node.args:
                value = exact(arg)
                if value is None:
                    return None
                values.append(value)
            return operation(*values)
    return None


def _based(node: Based) -> int:
    try:
        return int(node.digits, node.base)
    except ValueError:
        raise CannotRead("digits that the base lacks") from None


def _sized(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > LARGEST_BITS:
        raise TooLarge
    return value


def _add(*values: Fraction) -> Fraction:
    return sum(values, Fraction(0))


def _mul(*values: Fraction) -> Fraction:
    product = Fraction(1)
    for value in values:
        product = _sized(product * value)
    return product


def _div(top: Fraction, bottom: Fraction) -> Fraction:
    if not bottom:
        raise NoValue("division by zero")
    return top / bottom


def _pow(base: Fraction, exponent: Fraction) -> Fraction | None:
    if exponent.denominator > 1:
        return None
    if abs(base) == 1:
        return base if exponent % 2 else Fraction(1)
    if not base and exponent <= 0:
        raise NoValue("0 to the power of 0 or less")
    if abs(exponent) * max(base.numerator.bit_length(), base.denominator.bit_length()) > LARGEST_BITS:
        raise TooLarge
    return base ** int(exponent)


def _factorial(value: Fraction) -> Fraction | None:
    if value.denominator > 1 or value < 0:
        return None
    if value > LARGEST_FACTORIAL:
        raise TooLarge
    return Fraction(factorial(int(value)))


def _binomial(top: Fraction, bottom: Fraction) -> Fraction | None:
    if top.denominator > 1 or bottom.denominator > 1 or top < 0:
        return None
    if top > LARGEST_BITS or (min(bottom, top - bottom) > LARGEST_FACTORIAL):
        raise TooLarge
    return Fraction(comb(int(top), int(bottom)) if 0 <= bottom <= top else 0)


def _whole(function: Callable[..., int], values: tuple[Fraction, ...]) -> Fraction | None:
    if any(value.denominator > 1 for value in values):
        return None
    return _sized(Fraction(function(*(value.numerator for value in values))))


_EXACT: dict[str, Callable[..., Fraction | None]] = {
    "add": _add,
    "mul": _mul,
    "div": _div,
    "pow": _pow,
    "neg": lambda value: -value,
    "abs": abs,
    "floor": lambda value: Fraction(value // 1),
    "ceil": lambda value: Fraction(-(-value // 1)),
    "percent": lambda value: value / 100,
    "factorial": _factorial,
    "binom": _binomial,
    "max": max,
    "min": min,
    "gcd": lambda *values: _whole(gcd, values),
    "lcm": lambda *values: _whole(lcm, values),
}


def number(node: Node, values: Mapping[str, Value], base: int = 0) -> Value:
    """The value of an expression, in the precision that `MP` is set to.

    Args:
        node: The expression.
        values: Of its variables.
        base: Of logarithms without one; 0 is e.

    Raises:
        TooLarge: It, or a part of it, is too large to compute.
        NoValue: It has no finite value.
        CannotRead: It is no number at all.
    """
    match node:
        case Number():
            return MP.mpf(node.value.numerator) / node.value.denominator
        case Based():
            return MP.mpf(_based(node))
        case Name(text):
            if text in values:
                return values[text]
            if text in _CONSTANTS:
                return _CONSTANTS[text]()
        case Call("pow", (inside, exponent)) if (fraction := _odd_root(exponent)) is not None:
            root = _root(number(inside, values, base), MP.mpf(fraction.denominator))
            return _call("pow", [root, MP.mpf(fraction.numerator)], base)
        case Call(op, args):
            return _call(op, [number(arg, values, base) for arg in args], base)
    raise CannotRead("not a number")


_CONSTANTS: dict[str, Callable[[], Value]] = {
    "pi": lambda: +MP.pi,
    "e": lambda: +MP.e,
    "i": lambda: MP.mpc(0, 1),
}


def _bits(value: Value) -> int:
    """Binary order of magnitude; large also for tiny numbers' negative."""
    return int(MP.mag(value)) if value else 0


def _call(op: str, args: list[Value], base: int) -> Value:
    try:
        if op.startswith("apply "):
            value = _unknown(op, args)
        elif op == "log" and len(args) == 1:
            value = MP.log(args[0]) / (MP.log(base) if base else 1)
        else:
            value = _NUMERIC[op](*args)
    except KeyError:
        raise CannotRead(op) from None
    except (ZeroDivisionError, ValueError, TypeError, OverflowError, MP.NoConvergence):
        raise NoValue(op) from None
    if not MP.isfinite(value):
        raise NoValue(op)
    if abs(_bits(value)) > LARGEST_BITS:
        raise TooLarge
    return value


def _unknown(op: str, args: list[Value]) -> Value:
    """A fixed function nobody would write, for one that is only named."""
    total = drawn(op)
    for index, arg in enumerate(args):
        total += _bounded(arg, 20) * drawn(f"{op} {index}") + MP.sin(arg + drawn(f"{index} {op}"))
    return total


def _bounded(value: Value, bits: int) -> Value:
    if _bits(value) > bits:
        raise TooLarge
    return value


def _angle(function: str) -> Callable[[Value], Value]:
    return lambda value: getattr(MP, function)(_bounded(value, _LARGEST_ANGLE_BITS))


def _growing(function: str) -> Callable[[Value], Value]:
    return lambda value: getattr(MP, function)(_bounded(value, 16))


def _power(base: Value, exponent: Value) -> Value:
    if _bits(exponent) > 60 or abs(exponent) * max(abs(_bits(base)), 1) > LARGEST_BITS:
        raise TooLarge
    return base**exponent


def _root(value: Value, index: Value = 2) -> Value:
    odd = MP.isint(index) and int(index) % 2 == 1 if abs(index) < 1000 else False
    if odd and not isinstance(value, MP.mpc) and value < 0:
        return -((-value) ** (1 / index))  # the cube root of -8 is -2
    return MP.sqrt(value) if index == 2 else _power(value, 1 / index)


def _odd_root(exponent: Node) -> Fraction | None:
    r"""An exponent like 2/3, so that `x^{1/3}` is `\sqrt[3]{x}` where x is negative, too."""
    if not isinstance(exponent, Call) or exponent.op not in {"div", "neg"}:
        return None
    value = exact(exponent)
    return value if value is not None and 1 < value.denominator < 1000 and value.denominator % 2 else None


def _product(*values: Value) -> Value:
    product = values[0]
    for value in values[1:]:
        product *= value
    return product


_NUMERIC: dict[str, Callable[..., Value]] = {
    "add": lambda *values: sum(values[1:], values[0]),
    "mul": _product,
    "div": lambda top, bottom: top / bottom,
    "pow": _power,
    "root": _root,
    "neg": lambda value: -value,
    "abs": abs,
    "floor": lambda value: MP.floor(value + MP.mpf(10) ** -50),  # a computed integer may lie just below
    "ceil": lambda value: MP.ceil(value - MP.mpf(10) ** -50),
    "max": max,
    "min": min,
    "percent": lambda value: value / 100,
    "degrees": lambda value: value * MP.pi / 180,
    "factorial": lambda value: MP.factorial(_bounded(value, 11)),
    "binom": lambda top, bottom: MP.binomial(_bounded(top, 11), _bounded(bottom, 11)),
    "ln": MP.log,
    "lg": lambda value: MP.log(value) / MP.log(10),
    "log": lambda value, base: MP.log(value) / MP.log(base),
    "exp": _growing("exp"),
    **{name: _angle(name) for name in ("sin", "cos", "tan", "cot", "sec", "csc")},
    **{name: _growing(name) for name in ("sinh", "cosh", "tanh", "coth", "sech", "csch")},
    **{f"arc{name}": _angle(f"a{name}") for name in ("sin", "cos", "tan", "cot", "sec", "csc")},
    **{f"{arc}{name}": _angle(f"a{name}") for arc in ("ar", "arc") for name in ("sinh", "cosh", "tanh")},
}


@lru_cache(maxsize=4096)
def _fraction_of(text: str) -> Fraction:
    """A pseudo-random fraction from 0 to 1 of 60 bits."""
    return Fraction(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 4, 2**60)


def drawn(text: str) -> Value:
    """The same pseudo-random number from 0 to 1 whenever it is asked for by that name."""
    fraction = _fraction_of(text)
    return MP.mpf(fraction.numerator) / fraction.denominator
