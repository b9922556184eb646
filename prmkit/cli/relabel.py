"""`prmkit relabel`: other classes, soft labels and intervals from stored counts."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prmkit.cli.label import class_shares
from prmkit.cli.options import Place, say

if TYPE_CHECKING:
    from labelers.values import Derivation


@dataclass(frozen=True, kw_only=True)
class Relabel:
    """Derive other classes, soft labels and intervals from stored counts; nothing is drawn or graded.

    What is not given stays as the labels were made, where their run says so, else at the default of `prmkit label`.
    """

    labels: Place
    """Run directory of `prmkit label` (or of this command), or a Parquet or JSONL file of its columns."""
    out: Place
    """Folder for the new labels, which `prmkit train` takes, or FILE.parquet or FILE.jsonl."""
    incorrect: float | None = None
    """A step is incorrect if its rate of right completions is at most this."""
    correct: float | None = None
    """A step is correct if its rate is at least this, and neutral between the two."""
    negligible: float | None = None
    """Soft labels count values below this as incorrect."""
    level: float | None = None
    """Of the intervals (lows, highs): the share of them that is to hold the step's value."""

    def run(self) -> None:
        """Do it."""
        from labelers.ledger import CONFIG_FILE
        from prmkit.errors import InputError
        from prmkit.records import LABEL_SCHEMA
        from prmkit.runs import check_folder, contents, write_config
        from prmkit.tables import label_row, read_labels, write_rows

        if self.out.resolve() == self.labels.resolve():
            raise InputError(f"--out {self.out}: that is where the labels are read from")
        derivation = self._derivation()
        labeled = read_labels(self.labels)
        if not labeled:
            raise InputError(f"{self.labels}: no labelled solutions in it")
        relabeled = [derivation.relabeled(each) for each in labeled]
        rows = [label_row(each) for each in relabeled]
        if self.out.suffix in (".parquet", ".jsonl"):
            write_rows(self.out, rows, LABEL_SCHEMA)
        else:
            source = contents((each.solution.name, label_row(each)) for each in labeled)
            config = {"command": "relabel", "task": asdict(derivation), "labels": source}
            if not check_folder(self.out, CONFIG_FILE, config):
                write_config(self.out, CONFIG_FILE, config)
            write_rows(self.out / "shards" / "00000.parquet", rows, LABEL_SCHEMA)
        before, after = ([label for each in all_ for label in each.labels] for all_ in (labeled, relabeled))
        changed = sum(one is not other for one, other in zip(before, after, strict=True))
        say(f"{len(after)} steps in {self.out}: {class_shares(after)}")
        say(f"{changed} steps have another class than before ({class_shares(before)})")

    def _derivation(self) -> "Derivation":
        """What is asked for, over what the labels were made with."""
        from labelers.values import Derivation, Thresholds

        names = ("incorrect", "correct", "negligible", "level")
        given = {name: value for name in names if (value := getattr(self, name)) is not None}
        known = {name: value for name, value in _made_with(self.labels).items() if name in names} | given
        level = known.pop("level", Derivation.level)
        return Derivation(thresholds=Thresholds(**known), level=level)


def _made_with(labels: Path) -> dict[str, Any]:
    """Thresholds and level from the configuration of a run; nothing where there is none."""
    from labelers.ledger import CONFIG_FILE
    from prmkit.files import read_json

    file = labels / CONFIG_FILE
    if not labels.is_dir() or not file.is_file():
        return {}
    task: dict[str, Any] = read_json(file).get("config", {}).get("task", {})
    return {**task, **task.get("thresholds", {})}
