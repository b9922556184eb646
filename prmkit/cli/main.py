"""The `prmkit` command: finds the command, prints errors, sets the exit status. Imports nothing heavy."""

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import prmkit
from prmkit.errors import PrmkitError

COMMANDS = {
    "demo": "prmkit.cli.demo:Demo",
    "sample": "prmkit.cli.sample:Sample",
    "label": "prmkit.cli.label:Label",
    "relabel": "prmkit.cli.relabel:Relabel",
    "audit": "prmkit.cli.audit:Audit",
    "doctor": "prmkit.cli.doctor:Doctor",
    "train": "prmkit.cli.train:Train",
    "score": "prmkit.cli.score:Score",
    "calibrate": "prmkit.cli.calibrate:Calibrate",
    "evaluate": "prmkit.cli.evaluate:Evaluate",
    "search": "prmkit.cli.search:Search",
    "compare": "prmkit.cli.compare:Compare",
    "view": "prmkit.cli.view:View",
    "grade": "prmkit.cli.grade:Grade",
    "convert": "prmkit.cli.convert:Convert",
}
"""Where each command lives; only the one that is asked for is imported."""

CONTINUING = ("demo", "sample", "label", "audit", "train", "score", "search", "compare")
"""Commands that continue what they find in their --out; the others begin again."""


def load_command(name: str) -> Any:
    """The class (or union of classes, for a command with subcommands) behind a command's name."""
    module, _, attribute = COMMANDS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def overview() -> str:
    """What `prmkit --help` prints."""
    lines = [f"prmkit {prmkit.__version__}: {prmkit.__doc__}", "", "usage: prmkit COMMAND [OPTIONS]", ""]
    width = max(map(len, COMMANDS))
    for name in COMMANDS:
        document = importlib.import_module(COMMANDS[name].partition(":")[0]).__doc__ or ""
        lines.append(f"  {name:{width}}  {document.splitlines()[0].partition(': ')[2]}")
    return "\n".join([*lines, "", "prmkit COMMAND --help describes the options of a command."])


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line.

    Returns:
        Exit status: 0 done, 1 an error told to the user in one line, 2 bad usage, 130 interrupted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(overview())
        return 0 if arguments else 2
    if arguments[0] == "--version":
        print(prmkit.__version__)
        return 0
    name, *options = arguments
    if name not in COMMANDS:
        print(f"prmkit: no command {name!r}; there are {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    import tyro

    try:
        settings = (tyro.conf.EnumChoicesFromValues,)
        tyro.cli(load_command(name), prog=f"prmkit {name}", args=options, config=settings).run()
    except (PrmkitError, OSError) as error:
        print(f"prmkit {name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        advice = "; the same command continues where it stopped" if name in CONTINUING else ""
        print(f"prmkit {name}: interrupted{advice}", file=sys.stderr)
        return 130
    except SystemExit as stop:
        if isinstance(stop.code, str):  # sys.exit("text") means: print the text and fail
            print(f"prmkit {name}: {stop.code}", file=sys.stderr)
            return 1
        return stop.code or 0
    return 0


def run() -> None:
    """The console script."""
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    sys.exit(main())


if __name__ == "__main__":
    run()
