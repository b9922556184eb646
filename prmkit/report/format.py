"""Figures as text."""

from prmkit.evaluation.intervals import Difference, Estimate
from prmkit.report.records import Unit

MINUS = "\N{MINUS SIGN}"
THIN = "\N{NARROW NO-BREAK SPACE}"


def number(value: float, unit: Unit) -> str:
    """A value in its unit, without the unit's name."""
    match unit:
        case Unit.PERCENT:
            text = f"{100 * value:.1f}"
        case Unit.POINTS:
            text = f"{100 * value:+.1f}" if round(1000 * value) else "0.0"
        case Unit.NUMBER:
            text = f"{value:.2f}" if round(100 * value) else "0.00"
        case Unit.COUNT:
            text = f"{value:,.0f}".replace(",", THIN)
        case Unit.SECONDS | Unit.WATT_HOURS:
            text = f"{value:.1f}" if value < 10 else f"{value:,.0f}".replace(",", THIN)
    return text.replace("-", MINUS)


def interval(estimate: Estimate, unit: Unit) -> str:
    """`low to high`; empty for an exact figure."""
    if estimate.low == estimate.value == estimate.high:
        return ""
    return f"{number(estimate.low, unit)} to {number(estimate.high, unit)}"


def p_value(estimate: Estimate) -> str:
    """`p = 0.03`, unbreakable; empty for what is not a difference."""
    if not isinstance(estimate, Difference):
        return ""
    return f"p{THIN}<{THIN}0.001" if estimate.p_value < 0.001 else f"p{THIN}={THIN}{estimate.p_value:.2g}"


def within(estimate: Estimate, unit: Unit) -> str:
    """A figure within a sentence, its 95 % interval in brackets: `+1.4 points [-0.3, +3.1]`."""
    name = "points" if unit is Unit.POINTS else unit
    return f"{number(estimate.value, unit)} {name} [{number(estimate.low, unit)}, {number(estimate.high, unit)}]"
