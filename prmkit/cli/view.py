"""`prmkit view`: a page of a search (its trees) or of labels (their steps), which opens without a server."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from prmkit.cli.options import Place, say


@dataclass(frozen=True, kw_only=True)
class View:
    """Write a self-contained HTML page of a run: the tree of every search, or the labelled steps of every solution.

    A run that is not finished can be viewed too.
    """

    source: Annotated[Place, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Run directory of `prmkit search`, label, relabel, score or sample, or a .parquet or .jsonl file of its rows."""
    out: Place | None = None
    """FILE.html; default: RUN/view.html, or beside a file with the ending .html."""

    def run(self) -> None:
        """Do it."""
        from prmkit.errors import InputError
        from prmkit.report.view import write_view

        out = self.out or self._default()
        if out.suffix not in (".html", ".htm"):
            raise InputError(f"--out {out}: a page is a file that ends in .html")
        written = write_view(self.source, out)
        counts = ", ".join(f"{count:,} {name}" for name, count in written.counts.items() if name != "all")
        number = written.counts["all"]
        say(f"{number:,} {written.noun}{'s' if number != 1 else ''}: {counts}")
        say(f"open {out} in a browser ({written.size / 1e6:.1f} MB)")

    def _default(self) -> Path:
        return self.source / "view.html" if self.source.is_dir() else self.source.with_suffix(".html")
