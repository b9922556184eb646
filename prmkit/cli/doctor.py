"""`prmkit doctor`: what is wrong with labelled solutions for a base model, before training on them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from prmkit.cli.options import Place

if TYPE_CHECKING:
    from rich.text import Text

    from prmkit.training.checks.findings import Check
    from prmkit.training.doctor import MarkedRow

_COLOURS = {"ok": "green", "warning": "yellow", "violation": "bold red"}
_MARKS = {-1: ("-", "white on red"), 0: ("0", "black on yellow"), 1: ("+", "black on green")}


@dataclass(frozen=True, kw_only=True)
class Doctor:
    """Look at labels as training will read them: decoded rows with every scored position, and checks.

    Loads no weights. Exit status 1 if a check is violated. Give the options that `prmkit train` will be given.
    """

    data: Annotated[Place, tyro.conf.arg(aliases=["--labels"])]
    """Run directory of `prmkit label`, or a Parquet or JSONL file of its columns."""
    base: str = "demo"
    """Model that training will start from, or a reward model: a folder, a hub name or `demo`."""
    kind: Literal["prm", "orm", "value"] = "prm"
    """What is to be trained."""
    test: str | None = None
    """Problems that training must not see: FILE.jsonl, FILE.json, FILE.parquet, hf:NAME[:CONFIG]:SPLIT or demo:N."""
    max_length: int = 2048
    """Longer solutions (in tokens) are cut after the last step that fits; never above the base's context."""
    validation: float = 0.1
    """Share of the problems held out for validation."""
    seed: int = 0
    """Of the split (and of the test's stories)."""
    prompt: str | None = None
    """Text before the first step, with {problem} in it; default: the base's own (its prmkit.json or chat template)."""
    separator: str | None = None
    """Text that ends a step; default: the base's own, else a blank line."""
    rows: int = 3
    """Training rows to print, those with the most different labels first."""
    json: Path | None = None
    """Write checks and rows to this file as well."""

    def run(self) -> None:
        """Do it."""
        from rich.console import Console

        from prmkit.errors import InputError
        from prmkit.files import write_json
        from prmkit.formats.problems import read_problem_texts
        from prmkit.rewards.metadata import RewardKind
        from prmkit.tables import read_rows
        from prmkit.training.doctor import Plan, examine
        from prmkit.training.objectives import objective_of

        if self.rows < 0:
            raise InputError(f"--rows must not be negative, got {self.rows}")
        if self.max_length < 1:
            raise InputError(f"--max-length must be at least 1, got {self.max_length}")
        plan = Plan(
            base=self.base,
            objective=objective_of(RewardKind(self.kind)),
            max_length=self.max_length,
            validation=self.validation,
            seed=self.seed,
            prompt=self.prompt,
            separator=self.separator,
        )
        test = [] if self.test is None else read_problem_texts(self.test, seed=self.seed)
        found = examine(plan, read_rows(self.data, ()), test=test, rows=self.rows)
        console = Console(highlight=False, soft_wrap=True)
        for row in found.rows:
            console.print(marked(row))
        for each in found.checks:
            console.print(line(each))
        if self.json is not None:
            write_json(self.json, found.to_json())
        if found.violations:
            raise InputError(
                f"{self.data}: {len(found.violations)} of {len(found.checks)} checks violated: "
                f"{', '.join(found.violations)}"
            )


def marked(row: "MarkedRow") -> "Text":
    """A row as text: after each step, in brackets, the separator at whose last token it is scored, and its label."""
    from rich.text import Text

    text = Text()
    text.append(_visible(f"{row.solution}, {row.place}, {row.tokens} tokens\n"), style="bold")
    text.append(_visible(row.prompt), style="dim")
    for step in row.steps:
        mark, colour = _MARKS[step.label]
        text.append(_visible(step.text))
        text.append(f"⟦{repr(step.read)[1:-1]} {mark}⟧", style=colour)
        text.append("\n")
    return text


def line(found: "Check") -> "Text":
    """A check in a line, and its example in another."""
    from rich.text import Text

    text = Text()
    text.append(f"{found.status:<10}", style=_COLOURS[found.status])
    text.append(f"{found.name:<15}", style="bold")
    text.append(_visible(found.message))
    if found.example is not None:
        text.append(f"\n{'':25}e.g. {_visible(found.example)}", style="dim")
    return text


def _visible(text: str) -> str:
    """With a sign for the escape character, by which a text could command the terminal."""
    return text.replace("\x1b", "␛")
