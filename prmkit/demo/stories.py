"""Arithmetic stories: math problems of any difficulty whose every solution step can be judged exactly.

A story states some quantities and asks for one of them::

    Eli has 12 books. Ora has 19 more than Eli. Cal has 15 less than Ora. How many books has Cal?

A solution derives one quantity per line and ends with the answer::

    Eli has 12 books. Eli: 12.
    Ora has 19 more than Eli: 12 + 19 = 31. Ora: 31.
    Cal has 15 less than Ora: 31 - 15 = 16. Cal: 16.
    The answer is 16.

The quantities form a random tree: each one is given or refers to an earlier one. Those between a given quantity and
the asked one are *needed*, the others are distractors. This module makes stories and writes their reference solutions;
`prmkit.demo.oracle` judges solutions of others. Everything is a pure function of the seed.
"""

import random
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property

NAMES = ("Ann", "Bea", "Cal", "Dan", "Eli", "Fay", "Gus", "Hal", "Ida", "Joe", "Kim", "Leo", "Mia", "Ned", "Ora", "Pam")
ITEMS = ("apples", "books", "cards", "coins", "nuts", "pens", "shells", "stamps")
LARGEST_VALUE = 99
"""No quantity of any story exceeds this; all are at least 1."""

_GIVEN = re.compile(r"(\w+) has (\d+) (\w+)")
_DERIVED = re.compile(r"(\w+) has (\d+) (more|less) than (\w+)")
_QUESTION = re.compile(r"How many (\w+) has (\w+)\?")


@dataclass(frozen=True, slots=True)
class Fact:
    """One quantity as the story states it: a number, or an offset from another quantity."""

    name: str
    number: int
    """The value itself where `base` is None, otherwise how much more or less than `base`; at least 1."""
    sign: int = 1
    """+1 more than `base`, -1 less than `base`; +1 for a given quantity."""
    base: str | None = None
    """The quantity this one refers to; None for a given one."""

    def sentence(self, item: str) -> str:
        """The fact in the words of the problem, without the full stop."""
        if self.base is None:
            return f"{self.name} has {self.number} {item}"
        return f"{self.name} has {self.number} {'more' if self.sign > 0 else 'less'} than {self.base}"

    def step(self, item: str, base_value: int) -> str:
        """The line of a solution that derives this quantity, given the value of `base` (0 for a given quantity)."""
        value = base_value + self.sign * self.number
        sign = "+" if self.sign > 0 else "-"
        sum_ = "" if self.base is None else f": {base_value} {sign} {self.number} = {value}"
        return f"{self.sentence(item)}{sum_}. {self.name}: {value}."


@dataclass(frozen=True)
class Story:
    """A problem of the family, with everything needed to solve it and to judge solutions."""

    facts: tuple[Fact, ...]
    """In the order in which the problem states them."""
    asked: str
    """Name of the quantity the question asks for."""
    item: str
    """What is counted."""

    @cached_property
    def by_name(self) -> dict[str, Fact]:
        """The facts by the quantity they define."""
        return {fact.name: fact for fact in self.facts}

    @cached_property
    def values(self) -> dict[str, int]:
        """Every quantity's value."""
        return {name: self._value(name) for name in self.by_name}

    @cached_property
    def needed(self) -> tuple[str, ...]:
        """The quantities the answer rests on, the given one first, the asked one last."""
        return tuple(self._path(self.asked))

    @property
    def answer(self) -> int:
        """Value of the asked quantity."""
        return self.values[self.asked]

    @property
    def text(self) -> str:
        """The problem as a reader sees it: one line."""
        facts = " ".join(f"{fact.sentence(self.item)}." for fact in self.facts)
        return f"{facts} How many {self.item} has {self.asked}?"

    def _path(self, name: str) -> list[str]:
        path = [name]
        while (base := self.by_name[path[0]].base) is not None:
            path.insert(0, base)
        return path

    def _value(self, name: str) -> int:
        return sum(self.by_name[each].sign * self.by_name[each].number for each in self._path(name))

    def steps(self, skipped: Collection[str] = ()) -> list[str]:
        """A right solution: every quantity in a derivable order close to the stated one, then the answer.

        Args:
            skipped: Quantities to leave out. Nothing derived may rest on them.
        """
        lines: list[str] = []
        done: set[str | None] = {None, *skipped}
        waiting = [fact for fact in self.facts if fact.name not in skipped]
        while self.asked not in done:
            fact = next(each for each in waiting if each.base in done)
            waiting.remove(fact)
            done.add(fact.name)
            lines.append(fact.step(self.item, self.values[fact.base] if fact.base else 0))
        return [*lines, f"The answer is {self.answer}."]

    @classmethod
    def parse(cls, text: str) -> "Story":
        """Read a problem back from its text.

        Raises:
            ValueError: The text is not a story; the message quotes the sentence that could not be read.
        """
        *sentences, question = [part.strip() for part in re.split(r"\.\s*", text.strip())]
        asked = _QUESTION.fullmatch(question)
        if asked is None:
            raise ValueError(f"not an arithmetic story: no question in {question!r}")
        facts = []
        for sentence in sentences:
            if match := _DERIVED.fullmatch(sentence):
                sign = 1 if match[3] == "more" else -1
                facts.append(Fact(match[1], int(match[2]), sign, match[4]))
            elif match := _GIVEN.fullmatch(sentence):
                facts.append(Fact(match[1], int(match[2])))
            else:
                raise ValueError(f"not an arithmetic story: cannot read {sentence!r}")
        story = cls(tuple(facts), asked[2], asked[1])
        _check_derivable(story)
        return story


def _check_derivable(story: Story) -> None:
    """Refuse stories with a quantity that is stated twice, refers to nothing, or refers to itself in a circle."""
    if len(story.by_name) != len(story.facts):
        raise ValueError("not an arithmetic story: a quantity is stated twice")
    known: set[str | None] = {None}
    for _ in story.facts:
        known |= {fact.name for fact in story.facts if fact.base in known}
    unknown = ({fact.name for fact in story.facts} | {story.asked}) - known
    if unknown:
        raise ValueError(f"not an arithmetic story: {', '.join(sorted(unknown))} cannot be derived")


@dataclass(frozen=True, kw_only=True)
class Difficulty:
    """The dials of the family. Every range is inclusive."""

    needed: tuple[int, int] = (3, 6)
    """Quantities the answer rests on, the given one included: 1 to 8."""
    unneeded: tuple[int, int] = (1, 3)
    """Distractors: 0 to 8."""
    branching: float = 0.3
    """Chance in [0, 1] that a distractor refers to a random earlier quantity and not to the one stated just before."""
    given: float = 0.2
    """Chance in [0, 1] that a distractor is a given number."""
    largest: int = LARGEST_VALUE
    """Upper bound of all values, 10 to 99."""
    shuffled: bool = False
    """State the facts in random order instead of one in which they can be derived."""

    def __post_init__(self) -> None:
        total = self.needed[1] + self.unneeded[1]
        if not 1 <= self.needed[0] <= self.needed[1] or not 0 <= self.unneeded[0] <= self.unneeded[1]:
            raise ValueError(f"ranges must be ordered and not negative: {self}")
        if total > len(NAMES) or not 10 <= self.largest <= LARGEST_VALUE:
            raise ValueError(f"a story holds at most {len(NAMES)} quantities of 10 to {LARGEST_VALUE}: {self}")


LEVELS = {
    "easy": Difficulty(needed=(2, 4), unneeded=(0, 1), branching=0.0),
    "default": Difficulty(),
    "hard": Difficulty(needed=(5, 8), unneeded=(2, 5), branching=0.5),
    "shuffled": Difficulty(shuffled=True),
}
"""Named difficulties: `demo:N` is `default`, `demo:N:hard` another one."""


def make_story(rng: random.Random, difficulty: Difficulty) -> Story:
    """Draw one story; the same generator state gives the same story."""
    needed_left = rng.randint(*difficulty.needed)
    kinds = [True] * needed_left + [False] * rng.randint(*difficulty.unneeded)
    names = rng.sample(NAMES, len(kinds))
    rng.shuffle(kinds)
    values: dict[str, int] = {}
    facts: list[Fact] = []
    last_needed: str | None = None
    for name, is_needed in zip(names, kinds, strict=True):
        base = last_needed if is_needed else _distractor_base(rng, difficulty, [fact.name for fact in facts])
        fact = _draw_fact(rng, name, base, values.get(base or "", 0), difficulty.largest)
        facts.append(fact)
        values[name] = values.get(base or "", 0) + fact.sign * fact.number
        last_needed = name if is_needed else last_needed
    if difficulty.shuffled:
        rng.shuffle(facts)
    assert last_needed is not None  # Difficulty asks for at least one needed quantity
    return Story(tuple(facts), last_needed, rng.choice(ITEMS))


def _distractor_base(rng: random.Random, difficulty: Difficulty, earlier: list[str]) -> str | None:
    if not earlier or rng.random() < difficulty.given:
        return None
    return rng.choice(earlier) if rng.random() < difficulty.branching else earlier[-1]


def _draw_fact(rng: random.Random, name: str, base: str | None, base_value: int, largest: int) -> Fact:
    """A fact that keeps the value of `name` within 1 to `largest`."""
    if base is None:
        return Fact(name, rng.randint(2, largest * 2 // 3))
    value = rng.choice([each for each in range(1, largest + 1) if each != base_value])
    return Fact(name, abs(value - base_value), 1 if value > base_value else -1, base)


def make_stories(count: int, seed: int, difficulty: Difficulty) -> Iterator[Story]:
    """`count` distinct stories; story i depends on `seed` and i alone, so any longer list begins with a shorter one."""
    seen: set[str] = set()
    index = 0
    while len(seen) < count:
        story = make_story(random.Random(f"{seed}/{index}"), difficulty)
        index += 1
        if story.text not in seen:
            seen.add(story.text)
            yield story
