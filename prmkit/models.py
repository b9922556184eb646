"""Finding models: `demo` is the policy shipped with the package, anything else a folder or a hub name."""

from pathlib import Path
from typing import TYPE_CHECKING

from prmkit.errors import MissingFileError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

DEMO_POLICY = Path(__file__).parent / "demo" / "policy"
"""Folder of the shipped demo policy."""


def resolve_model(name: str) -> str:
    """The folder or hub name behind a MODEL argument.

    Args:
        name: `demo`, a folder with a transformers checkpoint, or a hub name `owner/model`.

    Raises:
        MissingFileError: It names a folder that does not exist, or one without configuration, weights or tokenizer.
    """
    folder = DEMO_POLICY if name == "demo" else Path(name)
    if not folder.is_dir():
        if name.count("/") == 1 and not name.startswith((".", "/", "~")) and not folder.parent.is_dir():
            return name
        raise MissingFileError(f"model {name!r}: no such folder (a hub name has the form owner/model)")
    for what, patterns in {
        "config.json": ["config.json"],
        "weights (*.safetensors)": ["*.safetensors"],
        "a tokenizer (tokenizer.json, tokenizer.model or vocab.json)": [
            "tokenizer.json",
            "tokenizer.model",
            "vocab.json",
        ],
    }.items():
        if not any(next(folder.glob(pattern), None) for pattern in patterns):
            raise MissingFileError(f"model {name!r}: the folder {folder} lacks {what}")
    return str(folder.resolve())


def load_tokenizer(model: str) -> "PreTrainedTokenizerBase":
    """The tokenizer of a resolved model.

    Raises:
        MissingFileError: It cannot be loaded.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(model)
    except (OSError, ValueError) as error:
        raise MissingFileError(
            f"model {model!r}: its tokenizer cannot be loaded: {str(error).splitlines()[0]}"
        ) from None
    return tokenizer
