"""What `prmkit compare --recipe stories` compares: every regime, and the sizes of everything in it.

The default regime was chosen on development seeds; docs/stories-recipe.md lists what was tried there. The runs are
`prmkit.cli.recipe_stages`, the comparison `prmkit.cli.compare_recipe`.
"""

from dataclasses import dataclass, replace

from prmkit.rewards.base import Aggregation


@dataclass(frozen=True, kw_only=True)
class Regime:
    """One comparison."""

    level: str = "hard"
    """Of the held-out stories; what the models learn from is of one level in every regime."""
    labelled: int = 8000
    """Solutions that both models learn from, their steps labelled for the PRM."""
    equal_cost: bool = False
    """The ORM learns from as many solutions as the tokens of the PRM's rollouts would have paid for."""
    runs: int = 3
    """Training runs of each model, with seeds of their own."""
    orm_aggregation: Aggregation = Aggregation.LAST
    """How the ORM is read: last is the sequence-level verifier of Cobbe et al. 2021 and Lightman et al. 2023."""

    @property
    def name(self) -> str:
        """Also its folder."""
        name = f"{self.level}-{self.labelled}"
        if self.equal_cost:
            name += "-equal-cost"
        return name if self.plainly_read else f"{name}-orm-{self.orm_aggregation}"

    @property
    def label(self) -> str:
        """For people."""
        told = f"{self.level} stories, {self.labelled:,} labelled solutions"
        if self.equal_cost:
            told += ", ORM at equal cost"
        return told if self.plainly_read else f"{told}, ORM read by {self.orm_aggregation} over its steps"

    @property
    def plainly_read(self) -> bool:
        """Whether the ORM is what everybody means by one."""
        return self.orm_aggregation is Aggregation.LAST


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much of everything."""

    default: Regime
    """The headline's."""
    others: tuple[Regime, ...]
    """Run with `--full`, and reported whatever comes out."""
    learned_level: str = "easy"
    """Of the stories that are learned from."""
    per_problem: int = 4
    """Solutions of each story that is learned from."""
    rollouts: int = 32
    """Per step."""
    test_problems: int = 500
    """Held out; the same in every regime of a level."""
    pool: int = 64
    """Solutions of each of those."""
    presented: int = 64_000
    """Solutions that a training reads, repetitions counted: every model learns equally long, from however many.

    Counted as they were sampled. Duplicates and those of validation problems are left out, as in every training, so
    fewer are really read: of 8,000 and its repetitions about 39,400.
    """

    def epochs(self, solutions: int) -> int:
        """Passes over so many solutions, at least one."""
        return max(1, round(self.presented / solutions))


def _stories(default: Regime, levels: tuple[str, ...], sizes: tuple[int, ...]) -> Plan:
    same = [replace(default, level=level) for level in levels]
    other = [Regime(level=level, labelled=size) for size in sizes if size != default.labelled for level in levels]
    cost = [Regime(level=level, labelled=min(sizes), equal_cost=True) for level in levels]
    every = [*same, replace(default, orm_aggregation=Aggregation.MIN), *other, *cost]
    return Plan(default=default, others=tuple(each for each in every if each != default))


STORIES = _stories(Regime(runs=5), levels=("hard", "default"), sizes=(16_000, 8000, 2000))
"""The recipe."""
