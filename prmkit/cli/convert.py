"""`prmkit convert`: labelled steps of other tools into our tables and back, tables copied, fine-tuning data."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from prmkit.cli.options import say
from prmkit.errors import InputError
from prmkit.formats.options import Format, MessageOptions, Neutral, ReadOptions, Tuning, WriteOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prmkit.records import LabeledSolution


@dataclass(frozen=True, kw_only=True)
class Convert:
    """Read labelled steps in the format of another tool, or write ours in one, and say what is lost.

    Without --to the output is a table of ours, which `prmkit train --labels` takes. A table that is in no such format
    is copied between Parquet and JSONL, rows and columns as they are. RLHFlow's test pools become a table of graded
    solutions, which `prmkit score` and `prmkit compare --pool` take. With --to messages the best solutions of a run
    become fine-tuning data.
    """

    data: Path
    """A run directory or table of ours, or a file of another tool: FILE.jsonl, FILE.json (an array) or FILE.parquet."""
    out: Path
    """FILE.parquet or FILE.jsonl (for another tool also .json); an existing file is replaced."""
    from_: Annotated[Format | None, tyro.conf.arg(name="from")] = None
    """Format of --data; by default found from its first row, and said."""
    to: Format | Tuning | None = None
    """Format of --out; by default a table of ours."""
    problems: str | None = None
    """Problems with answers (any problem source): labelled solutions of an equal text get their id and answer."""
    rollouts: int | None = None
    """Reading values in [0, 1]: the number of rollouts that each stands for; without it there are no counts."""
    incorrect: float = ReadOptions.incorrect
    """Reading values: a step is incorrect if its value is at most this."""
    correct: float = ReadOptions.correct
    """Reading values: a step is correct if its value is at least this, and neutral between the two."""
    last_step_is_answer: bool | None = None
    """Whether a solution's last label tells if its answer is right; None: as in the format's own data (yes for
    math-shepherd, openrlhf and rlhflow, no for trl)."""
    n: Annotated[int | None, tyro.conf.arg(aliases=["-n"])] = None
    """Reading RLHFlow's test pools: take only the first so many answers of each problem."""
    skip_bad: bool = False
    """Leave out rows that cannot be read, and count them, instead of ending."""
    neutral: Neutral = WriteOptions.neutral
    """Writing signs or true and false: neutral steps are correct, incorrect, or their solutions leave-out."""
    soft: bool = WriteOptions.soft
    """Writing openrlhf: values in [0, 1]; --no-soft writes + and -."""
    messages: Annotated[MessageOptions, tyro.conf.arg(name="")] = field(default_factory=MessageOptions)

    def run(self) -> None:
        """Do it."""
        from prmkit.formats.convert import write_outside
        from prmkit.formats.rlhflow_pools import holds_answer_pools
        from prmkit.tables import read_labels

        if self.to is None and self.out.suffix not in (".jsonl", ".parquet"):
            raise InputError(f"--out {self.out}: the name must end in .jsonl or .parquet")
        self._check_place()
        if self.from_ is None and holds_answer_pools(self.data):
            self._write_pool()
            return
        if self.n is not None:
            raise InputError(f"-n is for RLHFlow's test pools (prompt, answers, label), and {self.data} is none")
        source = self.from_ or self._detected()
        self._check(source)
        if source is None and self.to is None:
            self._copy()
            return
        if isinstance(self.to, Tuning):
            self._tune(source)
            return
        labeled = read_labels(self.data) if source is None else self._read(source)
        if not labeled:
            raise InputError(f"{self.data}: no labelled solutions in it")
        if self.to is None:
            self._write(labeled)
            return
        for note in write_outside(self.out, labeled, self.to, WriteOptions(neutral=self.neutral, soft=self.soft)):
            say(note)
        say(f"{self.to} in {self.out}")

    def _detected(self) -> Format | None:
        """The format that the data looks like; None for our own tables."""
        from prmkit.formats.convert import detect

        if self.data.is_dir():
            return None
        if (found := detect(self.data)) is not None:
            say(f"format: {found}, by the fields of the first row")
        return found

    def _check_place(self) -> None:
        """Refuse to write over what is read."""
        data, out = self.data.resolve(), self.out.resolve()
        if out == data or (self.data.is_dir() and data in out.parents):
            raise InputError(f"--out {self.out}: that is, or lies in, what --data reads; name another file")
        if self.problems and out == Path(self.problems).resolve():
            raise InputError(f"--out {self.out}: that is what --problems reads; name another file")

    def _check(self, source: Format | None) -> None:
        """Refuse options that would do nothing."""
        from prmkit.formats.convert import check_reading, check_writing

        reading = [name for name in ReadOptions.__dataclass_fields__ if getattr(self, name) != _DEFAULTS[name]]
        writing = [name for name in WriteOptions.__dataclass_fields__ if getattr(self, name) != _DEFAULTS[name]]
        if source is None and reading:
            flag = reading[0].replace("_", "-")
            raise InputError(f"--{flag} is for data of another tool, and {self.data} is none (or say which: --from)")
        if self.to is None and writing:
            raise InputError(f"--{writing[0]} is for writing another format (--to)")
        tuning = isinstance(self.to, Tuning)
        if tuning and (idle := [*writing, *(name for name in reading if name in ("rollouts", "incorrect", "correct"))]):
            raise InputError(f"--{idle[0]} is about the labels of steps, which {self.to} does not hold")
        if not tuning and (chosen := _changed(self.messages)):
            raise InputError(
                f"--{chosen[0].replace('_', '-')} is for writing fine-tuning data (--to {Tuning.MESSAGES})"
            )
        if source is not None:
            check_reading(reading, source, None if isinstance(self.to, Tuning) else self.to, soft=self.soft)
        if isinstance(self.to, Format):
            check_writing(writing, self.to, soft=self.soft)

    def _read(self, source: Format) -> "list[LabeledSolution]":
        from prmkit.formats.convert import LAYOUTS
        from prmkit.formats.problems import read_problems

        options = ReadOptions(
            problems=read_problems(self.problems) if self.problems else (),
            rollouts=self.rollouts,
            incorrect=self.incorrect,
            correct=self.correct,
            last_step_is_answer=self.last_step_is_answer,
            skip_bad=self.skip_bad,
        )
        reading = LAYOUTS[source].read(self.data, options)
        for note in reading.notes:
            say(note)
        return reading.labeled

    def _write(self, labeled: "Sequence[LabeledSolution]") -> None:
        """Our own table, and what training can make of it."""
        from prmkit.cli.label import class_shares
        from prmkit.records import LABEL_SCHEMA
        from prmkit.tables import label_row, write_rows

        write_rows(self.out, [label_row(each) for each in labeled], LABEL_SCHEMA)
        problems = {each.solution.problem.problem_id: each.solution.problem.answer for each in labeled}
        answers = sum(answer is not None for answer in problems.values())
        graded = sum(each.solution.correct is not None for each in labeled)
        labels = [label for each in labeled for label in each.labels]
        say(f"{len(labeled)} solutions of {len(problems)} problems, {answers} of them with an answer, in {self.out}")
        say(f"{len(labels)} steps: {class_shares(labels)}")
        say(f"whether the answer is right is known of {graded} solutions; an ORM learns from these")

    def _write_pool(self) -> None:
        """Answers with given labels as graded solutions."""
        from prmkit.formats.problems import read_problems
        from prmkit.formats.rlhflow_pools import read_pool_solutions
        from prmkit.records import SOLUTION_SCHEMA
        from prmkit.tables import solution_row, write_rows

        heeded = {"data", "out", "problems", "n", "messages"}
        changed = [name for name, default in _DEFAULTS.items() if getattr(self, name) != default and name not in heeded]
        if changed or _changed(self.messages):
            flag = [*changed, *_changed(self.messages)][0].replace("_", "-")
            raise InputError(
                f"--{flag} changes nothing here: {self.data} is a pool of graded answers without labels of "
                "steps; convert it without that, and its table further"
            )
        known = read_problems(self.problems) if self.problems else ()
        solutions, notes = read_pool_solutions(self.data, known, self.n)
        write_rows(self.out, [solution_row(each) for each in solutions], SOLUTION_SCHEMA)
        for note in notes:
            say(note)
        problems = {each.problem.problem_id for each in solutions}
        right = sum(bool(each.correct) for each in solutions)
        say(f"{len(solutions)} answers to {len(problems)} problems, {right} of them right, as solutions in {self.out}")

    def _tune(self, source: Format | None) -> None:
        """The best solutions as conversations."""
        from prmkit.formats.messages import candidate, read_candidates, write_messages

        if source is None:
            candidates = read_candidates(self.data)
        else:
            candidates = [candidate(each.solution) for each in self._read(source)]
        if not candidates:
            raise InputError(f"{self.data}: no solutions in it")
        for note in write_messages(self.out, candidates, self.messages):
            say(note)

    def _copy(self) -> None:
        """Rows as they are."""
        from prmkit.formats.rows import rows_schema
        from prmkit.tables import read_rows, write_rows

        rows = [row for _, row in read_rows(self.data, ())]
        write_rows(self.out, rows, rows_schema(rows))
        say(f"{len(rows)} rows, as they are, in {self.out}")


def _changed(options: MessageOptions) -> list[str]:
    """Names of the options that are not what they are by default."""
    defaults = MessageOptions()
    return [name for name in MessageOptions.__dataclass_fields__ if getattr(options, name) != getattr(defaults, name)]


_DEFAULTS = {name: each.default for name, each in Convert.__dataclass_fields__.items()}
