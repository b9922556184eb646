"""Loading token classifiers, and keeping transformers' own bars and reports off the terminal."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from prmkit.errors import InputError, MissingFileError, first_line

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """No progress bars and no warnings from transformers within (loading reports new heads, saving draws bars)."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def load_classifier(path: str, **options: Any) -> "PreTrainedModel":
    """A token classifier on the CPU, in float32 unless the options say otherwise.

    Args:
        path: Folder or hub name.
        options: Of `from_pretrained`.

    Raises:
        MissingFileError: It cannot be loaded.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForTokenClassification

    try:
        with quiet_transformers():
            model: PreTrainedModel = AutoModelForTokenClassification.from_pretrained(
                path, **({"dtype": torch.float32} | options)
            )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise MissingFileError(f"model {path!r}: it cannot be loaded: {first_line(error)}") from None
    return model


def to_device(model: "PreTrainedModel", device: str) -> None:
    """Move a model to a device by name.

    Raises:
        InputError: There is no such device here.
    """
    try:
        model.to(device)
    except (RuntimeError, AssertionError) as error:  # torch raises the second where it was built without CUDA
        raise InputError(f"device {device!r} cannot be used: {first_line(error)}") from None
