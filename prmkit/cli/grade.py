"""`prmkit grade`: compare answers or whole solutions with reference answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

if TYPE_CHECKING:
    from prmkit.grading import Verdict
    from prmkit.tables import Row


@dataclass(frozen=True, kw_only=True)
class Grade:
    """Grade predictions against reference answers, and count how often a label of the data agrees."""

    pairs: Path
    """A JSONL or Parquet file, one row per prediction (or several, see --pred-field)."""
    out: Path
    """FILE.jsonl or FILE.parquet: every row with outcome, equal, rule, extracted and the graded pred_field."""
    gold_field: str = "gold"
    """Field of the reference answer, or of a reference solution that marks it. Dots lead into objects: meta.answer."""
    pred_field: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Field of a solution or answer; give the option again for further ones. The default is pred."""
    label_field: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Bool field that says whether the prediction is right, one for each --pred-field; agreement is printed."""
    workers: int | None = None
    """Worker processes for what has to be parsed; the default is one per core for large inputs."""

    def run(self) -> None:
        """Do it."""
        from rich.console import Console

        from prmkit.cli.options import progress
        from prmkit.errors import InputError
        from prmkit.formats.rows import rows_schema
        from prmkit.grading import grade_many
        from prmkit.tables import read_rows, write_rows

        preds = self.pred_field or ("pred",)
        if self.label_field and len(self.label_field) != len(preds):
            raise InputError(f"{len(preds)} --pred-field but {len(self.label_field)} --label-field; give one for each")
        _check_suffix(self.out)
        rows = read_rows(self.pairs, ())
        if not rows:
            raise InputError(f"{self.pairs}: no rows in it")
        pairs = [
            (_text(row, self.gold_field, where, blank=False), _text(row, pred, where, blank=True))
            for pred in preds
            for where, row in rows
        ]
        labels = [[_label(row, name, where) for where, row in rows] for name in self.label_field]
        with progress("grading", len(pairs)) as advance:
            verdicts = grade_many(pairs, self.workers, advance)
        columns = [verdicts[start : start + len(rows)] for start in range(0, len(pairs), len(rows))]
        graded = [
            _graded_row(row, pred, verdict)
            for pred, column in zip(preds, columns, strict=True)
            for (_, row), verdict in zip(rows, column, strict=True)
        ]
        write_rows(self.out, graded, rows_schema(graded))
        Console().print(_table(preds, columns, labels))


def _check_suffix(out: Path) -> None:
    from prmkit.errors import InputError

    if out.suffix not in (".jsonl", ".parquet"):
        raise InputError(f"--out {out}: the name must end in .jsonl or .parquet")


def _value(row: "Row", path: str, where: str) -> Any:
    """The value at a dotted path. A field whose own name has dots wins over the path."""
    from prmkit.errors import InputError

    if path in row:
        return row[path]
    value: Any = row
    for depth, name in enumerate(path.split(".")):
        if not isinstance(value, dict) or name not in value:
            inside = ".".join(path.split(".")[:depth]) or "the row"
            found = ", ".join(value) if isinstance(value, dict) else type(value).__name__
            raise InputError(f"{where}: field {path!r} is missing; {inside} has {found or 'no fields'}")
        value = value[name]
    return value


def _text(row: "Row", path: str, where: str, *, blank: bool) -> str:
    """The text at a path; a number is written out. A blank prediction is wrong, a blank reference answer an error."""
    from prmkit.errors import InputError

    value = _value(row, path, where)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InputError(f"{where}: field {path!r} must be text, found {type(value).__name__}")
    if not blank and not str(value).strip():
        raise InputError(f"{where}: field {path!r} is empty; there is nothing to grade against")
    return str(value)


def _label(row: "Row", path: str, where: str) -> bool:
    from prmkit.errors import InputError

    value = _value(row, path, where)
    if not isinstance(value, bool):
        raise InputError(f"{where}: field {path!r} must be true or false, found {value!r}")
    return value


def _graded_row(row: "Row", pred: str, verdict: "Verdict") -> "Row":
    return row | {
        "pred_field": pred,
        "outcome": str(verdict.outcome),
        "equal": verdict.equal,
        "rule": verdict.rule,
        "extracted": verdict.extracted.text if verdict.extracted else None,
    }


def _table(preds: Sequence[str], columns: Sequence[Sequence["Verdict"]], labels: Sequence[Sequence[bool]]) -> Any:
    """Counts per prediction field; with labels also how often they agree."""
    from rich.markup import escape
    from rich.table import Table

    from prmkit.grading import Outcome

    caption = "false +: graded equal, labelled wrong; false -: the reverse" if labels else None
    table = Table(title="grades", caption=caption)
    table.add_column("field", overflow="fold")
    heads = ["pairs", "equal", "different", "unknown", *(["agree", "false +", "false -"] if labels else [])]
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    for index, (pred, column) in enumerate(zip(preds, columns, strict=True)):
        counts = [sum(verdict.outcome is outcome for verdict in column) for outcome in Outcome]
        cells = [escape(pred), str(len(column)), *map(str, counts)]
        if labels:
            marks = list(zip((verdict.equal for verdict in column), labels[index], strict=True))
            agreement = sum(equal == label for equal, label in marks) / len(marks)
            cells += [f"{agreement:.2%}", str(marks.count((True, False))), str(marks.count((False, True)))]
        table.add_row(*cells)
    return table
