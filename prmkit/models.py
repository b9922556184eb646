"""Finding models: `demo` is the policy shipped with the package, anything else a folder or a hub name."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prmkit.errors import InputError, MissingFileError, first_line
from prmkit.files import fingerprint, read_json

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

DEMO_POLICY = Path(__file__).parent / "demo" / "policy"
"""Folder of the shipped demo policy."""

_TOKENIZERS = ["tokenizer.json", "tokenizer.model", "vocab.json"]
_NEEDED = {
    "config.json": ["config.json"],
    "weights (*.safetensors)": ["*.safetensors"],
    "a tokenizer (tokenizer.json, tokenizer.model or vocab.json)": _TOKENIZERS,
}
_DECIDING = [
    *["config.json", "generation_config.json", "prmkit.json", "added_tokens.json", "special_tokens_map.json"],
    *["tokenizer*", "vocab*", "merges.txt", "chat_template*"],
]
"""Small files that decide, beside the weights, what a model writes."""

_HEAD_BYTES = 1 << 20
_WHOLE_BYTES = 64 << 20


def resolve_model(name: str) -> str:
    """The folder or hub name behind a MODEL argument.

    Args:
        name: `demo`, a folder with a transformers checkpoint, or a hub name `owner/model`.

    Raises:
        MissingFileError: It names a folder that does not exist, or one without configuration, weights or tokenizer, or
            with a weights file that was cut off.
        InputError: Its config.json is not a JSON object.
    """
    folder = DEMO_POLICY if name == "demo" else Path(name)
    if not folder.is_dir():
        if name.count("/") == 1 and not name.startswith((".", "/", "~")) and not folder.parent.is_dir():
            return name
        raise MissingFileError(f"model {name!r}: no such folder (a hub name has the form owner/model)")
    for what, patterns in _NEEDED.items():
        if not any(next(folder.glob(pattern), None) for pattern in patterns):
            raise MissingFileError(f"model {name!r}: the folder {folder} lacks {what}")
    if not isinstance(read_json(folder / "config.json"), dict):
        raise InputError(f"{folder / 'config.json'}: expected a JSON object")
    for file in sorted({*_listed_weights(folder), *folder.glob("*.safetensors")}):
        _check_weights(file)
    return str(folder.resolve())


def _listed_weights(folder: Path) -> set[Path]:
    """The weights files that an index names; none where there is no index."""
    index = folder / "model.safetensors.index.json"
    try:
        return {folder / part for part in read_json(index)["weight_map"].values()} if index.is_file() else set()
    except (KeyError, TypeError, AttributeError):
        raise InputError(f"{index}: expected a JSON object with an object 'weight_map'") from None


def _check_weights(file: Path) -> None:
    """Read the header of a weights file, which also says how long the file must be."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "numpy"):
            pass
    except (OSError, SafetensorError) as error:
        raise MissingFileError(f"{file}: it cannot be loaded as safetensors weights: {first_line(error)}") from None


def load_tokenizer(model: str) -> "PreTrainedTokenizerBase":
    """The tokenizer of a resolved model.

    Raises:
        MissingFileError: It cannot be loaded.
    """
    from transformers import AutoTokenizer

    _find_on_hub(model)
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(model)
    except Exception as error:  # a broken file surfaces as a KeyError, a plain Exception, ...
        raise MissingFileError(
            f"model {model!r}: its tokenizer cannot be loaded: {type(error).__name__}: {first_line(error)}"
        ) from None
    return tokenizer


def load_config(model: str) -> Any:
    """The transformers configuration of a resolved model.

    Raises:
        MissingFileError: It cannot be loaded.
    """
    from transformers import AutoConfig

    _find_on_hub(model)
    try:
        return AutoConfig.from_pretrained(model)
    except Exception as error:  # whatever a value in config.json may provoke
        raise MissingFileError(
            f"model {model!r}: its config.json cannot be used: {type(error).__name__}: {first_line(error)}"
        ) from None


def turns_by_length(config: Any) -> bool:
    """Whether a configuration's rotary positions depend on the longest row that is read with one."""
    rope = getattr(config.get_text_config(), "rope_parameters", None) or {}
    kinds = [each.get("rope_type") for each in (rope, *rope.values()) if isinstance(each, dict)]
    return not {"dynamic", "longrope"}.isdisjoint(kinds)


def _find_on_hub(model: str) -> None:
    """Ask for a hub model once, where it is not in the local cache: transformers itself would try for a minute.

    Raises:
        MissingFileError: There is no such model, or no way to the hub.
    """
    if Path(model).is_dir():
        return
    from huggingface_hub import get_hf_file_metadata, hf_hub_url, try_to_load_from_cache

    try:
        if not isinstance(try_to_load_from_cache(model, "config.json"), str):
            get_hf_file_metadata(hf_hub_url(model, "config.json"), timeout=10)
    except Exception as error:  # of the name, of the network, of the hub's answer
        raise MissingFileError(
            f"model {model!r}: no such folder, and not found on the model hub: {first_line(error)}"
        ) from None


def model_fingerprint(model: str) -> str:
    """What tells one model from another, wherever its folder lies.

    Args:
        model: What `resolve_model` returned.

    Returns:
        For a folder a digest of its configuration, tokenizer and weights (of files of 64 MiB and more: their size and
        first MiB, which holds the names and shapes); for a hub name the name itself.
    """
    folder = Path(model)
    if not folder.is_dir():
        return model
    files = {file for pattern in [*_DECIDING, "*.safetensors"] for file in folder.glob(pattern) if file.is_file()}
    return fingerprint({file.name: _digest(file) for file in files})


def _digest(file: Path) -> list[object]:
    """Size and digest of a file, or of the beginning of a large one."""
    size = file.stat().st_size
    with file.open("rb") as handle:
        content = handle.read(_HEAD_BYTES if size >= _WHOLE_BYTES else -1)
    return [size, hashlib.sha256(content).hexdigest()]
