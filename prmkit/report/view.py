"""`view.html`: a search, labels, scores or solutions on one page that needs neither network nor server.

The page's data are JSON, deflated and written in base64, so that no text in them can end a script tag. A short index of
all items is read when the page opens; details lie in chunks that are opened when one of their items is selected or a
text is looked for. `view_items` says what an item is; `templates/view*.js` draw them.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prmkit.errors import InputError, MissingFileError
from prmkit.evaluation.runs import failed_items
from prmkit.files import read_json, write_text
from prmkit.report import format
from prmkit.report.records import Unit
from prmkit.report.view_items import MARGIN, SNIPPET, Item, label_item, score_item, search_item, solution_item
from prmkit.report.write import TEMPLATES, page_environment
from prmkit.runs import shard_files
from prmkit.tables import Row, convert_row, read_rows

CHUNK_BYTES = 1 << 18
"""Of details that are deflated together: small enough to open at a click."""
SCRIPTS = ("dom", "data", "list", "marks", "tree", "map", "search", "labels", "page")
"""Parts of the page's script, in order."""
VIEWABLE = "a run directory of prmkit search, label, relabel, score or sample, or a .parquet or .jsonl file of its rows"
"""What there is a page for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What the rows of a source are."""

    name: str
    """search, labels, scores or solutions: which part of the script shows them."""
    title: str
    """Of the page."""
    noun: str
    """What one item is."""
    needed: tuple[str, ...]
    """Columns by which such rows are known."""
    uncertain: str
    """What uncertain means, as a sentence; empty where nothing is."""


_SOLUTION = ("problem_id", "problem", "solution_id", "steps")
KINDS = (
    Kind(
        name="search",
        title="Search",
        noun="problem",
        needed=("problem_id", "problem", "candidates", "scores", "trace"),
        uncertain=f"Uncertain: a whole candidate with another answer scores better than {MARGIN:g} below the chosen "
        f"one, or the chosen one's own score is less than {MARGIN:g} from one half, or it was not scored.",
    ),
    Kind(
        name="labels",
        title="Step labels",
        noun="solution",
        needed=(*_SOLUTION, "successes", "rollouts", "methods", "labels", "soft_labels"),
        uncertain="Uncertain: the interval of at least one rolled-out step holds a threshold between two classes "
        "(THRESHOLDS) in its inside, so that more rollouts may give that step another class.",
    ),
    Kind(
        name="scores",
        title="Step scores",
        noun="solution",
        needed=(*_SOLUTION, "step_scores", "score"),
        uncertain=f"Uncertain: the solution's score is less than {MARGIN:g} from one half.",
    ),
    Kind(name="solutions", title="Solutions", noun="solution", needed=_SOLUTION, uncertain=""),
)
"""Ordered so that the first one whose columns a row has is the row's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a page came to."""

    noun: str
    """What an item is."""
    counts: dict[str, int]
    """Items by filter: all, right, wrong, uncertain, and unjudged where there are such."""
    size: int
    """Of the file, in bytes."""


def write_view(source: Path, out: Path) -> Written:
    """Write the page of a run, finished or not.

    Args:
        source: `VIEWABLE`.
        out: The HTML file; whole or absent.

    Raises:
        MissingFileError: There is no such source, or nothing is finished in it.
        InputError: Its rows are something else, or one is damaged; the message says where.
    """
    files = _files(source)
    kind = _kind(source, files)
    config = _config(source)
    packed = Packed()
    for item in _items(kind, files, config):
        packed.add(item)
    page = render(kind, packed, source=source.name, notes=_notes(source, config), config=config)
    write_text(out, page)
    return Written(noun=kind.noun, counts=packed.counts(), size=len(page.encode()))


@dataclass(slots=True)
class Packed:
    """Items on their way into a page: an index, and details in deflated chunks."""

    index: dict[str, list[Any]] = field(
        default_factory=lambda: {name: [] for name in ("name", "problem", "correct", "uncertain", "strip")}
    )
    """One entry per item in each column."""
    totals: dict[str, int] = field(default_factory=lambda: {"tokens": 0, "prm_tokens": 0, "steps": 0, "rollouts": 0})
    """Sums over the items."""
    chunks: list[str] = field(default_factory=list)
    """Details, a JSON object a line; deflated, in base64."""
    firsts: list[int] = field(default_factory=list)
    """Number of the first item of each chunk."""
    _lines: list[bytes] = field(default_factory=list)
    _waiting: int = 0

    def add(self, item: Item) -> None:
        """The next item."""
        line = _json(item.detail)
        if self._waiting + len(line) > CHUNK_BYTES:
            self.flush()
        if not self._lines:
            self.firsts.append(len(self.index["name"]))
        self._lines.append(line)
        self._waiting += len(line)
        self.index["name"].append(item.name)
        self.index["problem"].append(" ".join(item.problem[: 2 * SNIPPET].split())[:SNIPPET])
        self.index["correct"].append(item.correct if item.correct is None else int(item.correct))
        self.index["uncertain"].append(int(item.uncertain))
        self.index["strip"].append([-1 if each is None else round(100 * each) for each in item.strip])
        for name in ("tokens", "prm_tokens", "rollouts"):
            self.totals[name] += item.detail.get(name) or 0
        self.totals["steps"] += len(item.detail.get("steps", ()))

    def flush(self) -> None:
        """End the chunk."""
        if self._lines:
            self.chunks.append(deflated(b"\n".join(self._lines)))
        self._lines, self._waiting = [], 0

    def counts(self) -> dict[str, int]:
        """Items by filter."""
        correct = self.index["correct"]
        unjudged = {"unjudged": correct.count(None)} if None in correct else {}
        return {
            "all": len(correct),
            "right": correct.count(1),
            "wrong": correct.count(0),
            "uncertain": sum(self.index["uncertain"]),
        } | unjudged


def deflated(data: bytes) -> str:
    """As the page's script inflates it: raw deflate in base64."""
    packer = zlib.compressobj(level=6, wbits=-15)
    return base64.b64encode(packer.compress(data) + packer.flush()).decode("ascii")


def _json(value: Any) -> bytes:
    """Compact JSON; halves of surrogate pairs, which JSON lines may hold and UTF-8 may not, become question marks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8", "replace")


def render(kind: Kind, packed: Packed, *, source: str, notes: Iterable[str], config: dict[str, Any]) -> str:
    """The page. Scripts run only if they are its own: the policy in its head names their digest."""
    from markupsafe import Markup

    packed.flush()
    counts, thresholds = packed.counts(), _thresholds(config)
    meta = {"kind": kind.name, "noun": kind.noun, "thresholds": thresholds, "counts": counts, "firsts": packed.firsts}
    script = "\n".join((TEMPLATES / f"view_{part}.js").read_text(encoding="utf-8") for part in SCRIPTS)
    return (
        page_environment()
        .get_template("view.html.jinja")
        .render(
            kind=kind,
            source=source,
            headline=headline(kind, counts, packed.totals, config.get("command") if kind.name == "search" else None),
            uncertain=kind.uncertain.replace("THRESHOLDS", " and ".join(f"{each:g}" for each in thresholds)),
            notes=list(notes),
            counts={name: count for name, count in counts.items() if name != "uncertain" or kind.uncertain},
            index=deflated(_json(meta | packed.index)),
            chunks=packed.chunks,
            script=Markup(script),  # ours, with nothing of the data in it
            digest=base64.b64encode(hashlib.sha256(f"\n{script}\n".encode()).digest()).decode("ascii"),
            config=json.dumps(config, indent=2, ensure_ascii=False) if config else "",
            count=lambda value: format.number(value, Unit.COUNT),
        )
    )


def headline(kind: Kind, counts: dict[str, int], totals: dict[str, int], method: object) -> str:
    """What the page shows, in a sentence; of a search its method first."""
    many = {name: format.number(value, Unit.COUNT) for name, value in (counts | totals).items()}
    judged = counts["right"] + counts["wrong"]
    share = f" ({format.number(counts['right'] / judged, Unit.PERCENT)}{format.THIN}%)" if judged else ""
    parts = [f"{many['right']} of {many['all']} {kind.noun}s right{share}"]
    parts += [f"{many['uncertain']} uncertain"] if kind.uncertain else []
    parts += [f"{many['steps']} steps"] if totals["steps"] else []
    parts += [f"{many['rollouts']} rollouts"] if totals["rollouts"] else []
    parts += [f"{many['tokens']} tokens written"] if totals["tokens"] else []
    parts += [f"{many['prm_tokens']} read by the reward model"] if totals["prm_tokens"] else []
    return (f"{method}: " if method else "") + ", ".join(parts) + "."


def _files(source: Path) -> list[Path]:
    if source.is_dir():
        if files := shard_files(source):
            return files
        raise MissingFileError(f"{source}: no finished shards in it; RUN is {VIEWABLE}")
    if not source.is_file():
        raise MissingFileError(f"{source}: no such file or folder; RUN is {VIEWABLE}")
    return [source]


def _kind(source: Path, files: list[Path]) -> Kind:
    """What the first row is."""
    row = next((row for file in files for _, row in read_rows(file, ())), None)
    if row is None:
        raise MissingFileError(f"{source}: nothing is finished in it yet")
    for kind in KINDS:
        if row.keys() >= set(kind.needed):
            return kind
    if {"problem_id", "candidates"} <= row.keys():
        raise InputError(
            f"{source}: this search stored no trace of its steps; search again with this version of prmkit"
        )
    raise InputError(f"{source}: rows of {', '.join(map(repr, row))}; RUN is {VIEWABLE}")


def _items(kind: Kind, files: list[Path], config: dict[str, Any]) -> Iterator[Item]:
    """Shard by shard, so that memory does not grow with the run."""
    readers: dict[str, Callable[[Row], Item]] = {
        "search": search_item,
        "labels": label_item(*_thresholds(config)),
        "scores": score_item,
        "solutions": solution_item,
    }
    for file in files:
        for where, row in read_rows(file, kind.needed):
            yield convert_row(where, row, readers[kind.name])


def _config(source: Path) -> dict[str, Any]:
    """Configuration of a run; empty where there is none."""
    file = source / "config.json"
    held = read_json(file) if source.is_dir() and file.is_file() else {}
    config = held.get("config") if isinstance(held, dict) else None
    return config if isinstance(config, dict) else {}


def _thresholds(config: dict[str, Any]) -> tuple[float, float]:
    """Where the classes of labels meet; the defaults of `prmkit label` where the source does not say."""
    task = config.get("task")
    task = task if isinstance(task, dict) else {}
    held = task.get("thresholds")
    held = held if isinstance(held, dict) else {}
    return float(held.get("incorrect", 0.0)), float(held.get("correct", 0.5))


def _notes(source: Path, config: dict[str, Any]) -> list[str]:
    """What a reader must know of a run that is not whole."""
    notes = []
    if config.get("command") not in (None, "relabel", "score") and not (source / "report.json").is_file():
        notes.append("The run is not finished: this is what it holds so far.")
    if source.is_dir() and (failed := failed_items(source)):
        notes.append(f"Not on this page: {len(failed)} that could not be done (RUN/quarantine says why).")
    return notes
