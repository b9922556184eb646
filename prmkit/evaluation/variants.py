"""What spoils a right solution: variants that a reward model must not prefer to it.

Texts only; `stress` scores them. A variant is None where a solution is too short for it.
"""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

Steps = tuple[str, ...]
Make = Callable[[Steps, random.Random], Steps | None]

EMPTY: Steps = ("...",)
"""A step must have text, so that an empty solution is one step of three dots."""
TEMPLATE: Steps = (
    "First, let us read the problem carefully and write down what is given.",
    "Next, we set up the computation and carry it out step by step.",
    "Checking the result shows that everything is consistent.",
    "Therefore, the answer is 42.",
)
"""The same for every problem."""
SHARE = 0.8
"""Of the solutions, for a verdict `pass`."""
MARGIN = 0.05
"""What a variant that may be right is allowed to gain."""
LONG = "long"
"""Name of the very long variant, whose length depends on the model's context."""
PADDINGS = (64, 32, 16, 8, 4)
"""Useless steps of a very long solution: as many of these as fit the model's context."""

_BEFORE, _AFTER = r"(?<![\w.,])", r"(?!\d|[.,]\d)"
_NUMBER = re.compile(rf"{_BEFORE}\d{{1,12}}{_AFTER}")
_ENUMERATOR = re.compile(r"[\s#]*(\*\*)?(step\s*)?\d+[.:)](?!\d)", re.IGNORECASE)
"""`1.`, `Step 2:`, `### Step 2:` at the beginning of a step: its number says nothing."""


class Demand(StrEnum):
    """What is asked of the original beside a variant."""

    HIGHER = "higher"
    """The variant is worse: the original must score higher."""
    NOT_LOWER = "not lower"
    """The variant is no better, but may be right: it must not gain more than a margin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way to spoil a solution."""

    name: str
    """In metrics.json."""
    label: str
    """What was done."""
    demand: Demand
    """What is asked of the original beside it."""
    make: Make
    """From the steps and a source of chance to other steps; None where there are too few steps, or no number."""


def empty(steps: Steps, chance: random.Random) -> Steps:  # noqa: ARG001
    """`EMPTY`."""
    return EMPTY


def template(steps: Steps, chance: random.Random) -> Steps:  # noqa: ARG001
    """`TEMPLATE`."""
    return TEMPLATE


def answer_only(steps: Steps, chance: random.Random) -> Steps | None:  # noqa: ARG001
    """The last step alone, which states the answer."""
    return steps[-1:] if len(steps) > 1 else None


def repeated(steps: Steps, chance: random.Random) -> Steps:
    """A step is written twice, one after the other; never the last of several."""
    at = chance.randrange(max(1, len(steps) - 1))
    return (*steps[: at + 1], *steps[at:])


def deleted(steps: Steps, chance: random.Random) -> Steps | None:
    """A step before the last is missing; at least one stays before it."""
    if len(steps) < 3:
        return None
    at = chance.randrange(len(steps) - 1)
    return steps[:at] + steps[at + 1 :]


def shuffled(steps: Steps, chance: random.Random) -> Steps | None:
    """The steps before the last are in another order."""
    before = list(steps[:-1])
    if len(set(before)) < 2:
        return None
    while tuple(before) == steps[:-1]:
        chance.shuffle(before)
    return (*before, steps[-1])


def wrong_number(steps: Steps, chance: random.Random) -> Steps | None:
    """The result of a step is another number, and every later step that uses it uses the other one: fluent, and wrong.

    The result is the last whole number of the step, with its repetitions behind the last `=`; steps with a `=` are
    preferred. The number of a step itself (`Step 2:`) is none.
    """
    split = [_without_enumerator(step) for step in steps]
    places = [at for at, (_, text) in enumerate(split[:-1] or split) if _NUMBER.search(text)]
    if not places:
        return None
    at = chance.choice([each for each in places if "=" in split[each][1]] or places)
    enumerator, text = split[at]
    result = list(_NUMBER.finditer(text))[-1]
    other = str(int(result[0]) + chance.choice((1, 2, 3, 10)))
    cut = min(result.start(), text.rfind("=") + 1 or result.start())
    swap = re.compile(rf"{_BEFORE}{result[0]}{_AFTER}")
    changed = enumerator + text[:cut] + swap.sub(other, text[cut:])
    return (*steps[:at], changed, *(number + swap.sub(other, later) for number, later in split[at + 1 :]))


def _without_enumerator(step: str) -> tuple[str, str]:
    """What numbers a step, and the rest."""
    found = _ENUMERATOR.match(step)
    cut = found.end() if found else 0
    return step[:cut], step[cut:]


def padded(steps: Steps, chance: random.Random, padding: int) -> Steps:
    """So many true and useless steps stand before the last."""
    sums = [(chance.randint(2, 40), chance.randint(2, 40)) for _ in range(padding)]
    useless = [f"Note that {a} + {b} = {a + b}." for a, b in sums]
    return (*steps[:-1], *useless, steps[-1])


VARIANTS = (
    Variant(name="empty", label="empty", demand=Demand.HIGHER, make=empty),
    Variant(name="answer_only", label="answer only", demand=Demand.HIGHER, make=answer_only),
    Variant(name="template", label="fixed template", demand=Demand.HIGHER, make=template),
    Variant(name="wrong", label="wrong but fluent", demand=Demand.HIGHER, make=wrong_number),
    Variant(name="shuffled", label="shuffled steps", demand=Demand.HIGHER, make=shuffled),
    Variant(name="deleted", label="deleted step", demand=Demand.NOT_LOWER, make=deleted),
    Variant(name="repeated", label="repeated step", demand=Demand.NOT_LOWER, make=repeated),
)
"""All but the very long one, which `prmkit.evaluation.stress` makes of `padded`."""


def variant_chance(seed: int, name: str, problem: str, steps: Sequence[str]) -> random.Random:
    """Chance that depends on the seed, the variant and the solution alone."""
    return random.Random("\n".join([str(seed), name, problem, *steps]))
