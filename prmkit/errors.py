"""Every error that prmkit raises on purpose. The command line prints the message of a `PrmkitError` and nothing else.

Each child is also a standard-library error, so that library users may catch what they know, and survives pickling,
because Ray sends errors between processes.
"""


class PrmkitError(Exception):
    """Something a user can act on. The message says what is wrong, where, and what to do."""


class InputError(PrmkitError, ValueError):
    """A file, row, field or option has a value that cannot be used."""


class TooLongError(InputError):
    """A text does not fit a model's context. Other texts may."""


class MissingFileError(PrmkitError, FileNotFoundError):
    """A file, folder or model that was named does not exist or is incomplete."""


class MissingExtraError(PrmkitError, ImportError):
    """An optional package is needed; the message says which pip command brings it."""


class ShapeError(PrmkitError, ValueError):
    """Arrays, labels and step boundaries do not fit together."""


class RunChangedError(PrmkitError, ValueError):
    """A run directory was made with another configuration; the message names the differences."""


class EngineError(PrmkitError, RuntimeError):
    """An engine died or refused a request."""


def first_line(error: BaseException) -> str:
    """What an error of another library says, in one line."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
