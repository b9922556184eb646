"""Run directories of `prmkit sample` and `prmkit search`, as a comparison reads them."""

from pathlib import Path
from typing import Any

from prmkit.errors import InputError
from prmkit.evaluation.comparison import Comparison, SearchOutcome, compare_search
from prmkit.files import read_json, read_jsonl
from prmkit.tables import read_rows


def drawn_per_problem(pool: Path) -> int | None:
    """How many solutions of each problem `prmkit sample` drew; None where `pool` is no such run."""
    config = run_config(pool)
    return int(config["task"]["n"]) if config.get("command") == "sample" else None


def failed_items(run: Path) -> list[str]:
    """What a run could not do: the items in its quarantine."""
    files = sorted((run / "quarantine").glob("*.jsonl"))
    return [str(row.get("item")) for file in files for _, row in read_jsonl(file)]


def read_search(run: Path, comparison: Comparison, *, seed: int = 0) -> SearchOutcome:
    """Set a run of `prmkit search` beside the comparison. Problems that could not be searched count as not solved.

    Raises:
        InputError: The run does not cover a problem of the comparison.
    """
    rows = [row for _, row in read_rows(run, ("problem_id", "method", "correct", "tokens"))]
    solved = dict.fromkeys(failed_items(run), False) | {row["problem_id"]: bool(row["correct"]) for row in rows}
    tokens = dict.fromkeys(failed_items(run), 0) | {row["problem_id"]: int(row["tokens"]) for row in rows}
    absent = [each for each in comparison.problem_ids if each not in solved]
    if absent:
        raise InputError(
            f"{run}: {len(absent)} problems of the pool were not searched, {absent[0]!r} among them; "
            "search the same --problems with the same --seed"
        )
    sizes = [run_config(run).get("task", {}).get(name) for name in ("n", "beams", "simulations", "expansions")]
    size = " x ".join(str(each) for each in sizes if each is not None)
    name = " ".join(filter(None, (rows[0]["method"] if rows else "search", size, f"({run.resolve().name})")))
    return compare_search(comparison, name, solved, tokens, seed=seed)


def run_config(run: Path) -> dict[str, Any]:
    """What a run directory says of how it was made; empty where it says nothing."""
    file = run / "config.json"
    config = read_json(file).get("config", {}) if file.is_file() else {}
    return config if isinstance(config, dict) else {}
