"""Finding models, refusing broken ones, and telling one from another."""

import json
import shutil
import time
from pathlib import Path

import pytest

from prmkit.errors import InputError, MissingFileError
from prmkit.models import (
    DEMO_POLICY,
    load_config,
    load_tokenizer,
    model_fingerprint,
    resolve_model,
    turns_by_length,
)


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEMO_POLICY, tmp_path / "policy"))


def change_last_byte(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def test_the_shipped_policy_is_found_by_its_name() -> None:
    assert resolve_model("demo") == str(DEMO_POLICY)


def test_a_copy_is_the_same_model_wherever_it_lies(policy: Path) -> None:
    (policy / "README.md").write_text("another description")
    assert model_fingerprint(str(policy)) == model_fingerprint(str(DEMO_POLICY))


@pytest.mark.parametrize(
    "name",
    ["config.json", "generation_config.json", "prmkit.json", "tokenizer.json", "tokenizer_config.json"],
)
def test_every_file_that_decides_the_text_makes_another_model(policy: Path, name: str) -> None:
    stored = json.loads((policy / name).read_text())
    (policy / name).write_text(json.dumps(stored | {"changed": 1}))
    assert model_fingerprint(str(policy)) != model_fingerprint(str(DEMO_POLICY))


def test_one_changed_weight_makes_another_model(policy: Path) -> None:
    change_last_byte(policy / "model.safetensors")
    assert model_fingerprint(str(policy)) != model_fingerprint(str(DEMO_POLICY))


def test_large_weights_are_told_apart_by_size_and_beginning(policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prmkit.models._WHOLE_BYTES", 100)
    monkeypatch.setattr("prmkit.models._HEAD_BYTES", 10)
    weights = policy / "model.safetensors"
    first = model_fingerprint(str(policy))
    change_last_byte(weights)
    assert model_fingerprint(str(policy)) == first
    weights.write_bytes(weights.read_bytes() + b"x")
    assert model_fingerprint(str(policy)) != first


def test_a_hub_name_is_its_own_fingerprint() -> None:
    assert resolve_model("owner/model") == model_fingerprint("owner/model") == "owner/model"


def test_weights_that_were_cut_off_are_refused(policy: Path) -> None:
    weights = policy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(MissingFileError, match=r"model.safetensors: it cannot be loaded as safetensors weights"):
        resolve_model(str(policy))


def test_a_missing_part_of_the_weights_is_named(policy: Path) -> None:
    (policy / "model.safetensors.index.json").write_text('{"weight_map": {"a": "model-00002-of-00002.safetensors"}}')
    with pytest.raises(
        MissingFileError, match=r"model-00002-of-00002.safetensors: it cannot be loaded as safetensors weights"
    ):
        resolve_model(str(policy))


@pytest.mark.parametrize("text", ["[]", "{}", '{"weight_map": {"a": 1}}', '{"weight_map": []}'])
def test_an_index_of_weights_that_cannot_be_read_is_refused(policy: Path, text: str) -> None:
    (policy / "model.safetensors.index.json").write_text(text)
    with pytest.raises(InputError, match="'weight_map'"):
        resolve_model(str(policy))


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_configuration_that_is_no_json_object_is_refused(policy: Path, text: str) -> None:
    (policy / "config.json").write_text(text)
    with pytest.raises(InputError, match=r"config.json"):
        resolve_model(str(policy))


def test_a_configuration_of_no_known_model_is_refused(policy: Path) -> None:
    (policy / "config.json").write_text('{"model_type": "nonsense"}')
    with pytest.raises(MissingFileError, match=r"its config.json cannot be used") as caught:
        load_config(str(policy))
    assert "\n" not in str(caught.value)


def test_a_broken_tokenizer_is_refused_in_one_line(policy: Path) -> None:
    (policy / "tokenizer.json").write_text("{}")
    with pytest.raises(MissingFileError, match="its tokenizer cannot be loaded") as caught:
        load_tokenizer(str(policy))
    assert "\n" not in str(caught.value)


def test_a_hub_that_cannot_be_reached_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.file_download.constants.ENDPOINT", "http://127.0.0.1:9")
    began = time.monotonic()
    with pytest.raises(MissingFileError, match="no such folder, and not found on the model hub") as caught:
        load_tokenizer("no/dir")
    assert time.monotonic() - began < 10 and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("rope", "turns"),
    [
        ({"rope_type": "default", "rope_theta": 1e4}, False),
        ({"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}, True),
        ({"full_attention": {"rope_type": "longrope"}, "sliding_attention": {"rope_type": "default"}}, True),
        (None, False),
    ],
)
def test_positions_that_depend_on_the_length_are_told_by_the_configuration(rope: object, turns: bool) -> None:
    config = load_config(str(DEMO_POLICY))
    config.rope_parameters = rope
    assert turns_by_length(config) is turns
