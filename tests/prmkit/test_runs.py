"""A folder is continued only by the configuration that made it, and a refusal says what differs."""

from pathlib import Path
from typing import Any

import pytest

from prmkit.errors import InputError, RunChangedError
from prmkit.files import fingerprint, write_text
from prmkit.runs import check_folder, contents, write_config

NAME = "config.json"


def refusal(folder: Path, config: dict[str, Any]) -> str:
    with pytest.raises(RunChangedError) as error:
        check_folder(folder, NAME, config)
    return str(error.value)


def test_a_run_of_the_same_configuration_is_recognised(tmp_path: Path) -> None:
    assert not check_folder(tmp_path / "run", NAME, {"n": 4})
    write_config(tmp_path / "run", NAME, {"n": 4})
    assert check_folder(tmp_path / "run", NAME, {"n": 4})


@pytest.mark.parametrize("text", ["[1, 2]", '"text"', "{}", '{"config": [1]}', '{"config": null}', "3"])
def test_a_configuration_file_of_something_else_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    write_text(tmp_path / NAME, text)
    with pytest.raises(InputError, match=r"config\.json: not the configuration of a run of prmkit"):
        check_folder(tmp_path, NAME, {"n": 4})


def test_nested_differences_are_named_one_by_one(tmp_path: Path) -> None:
    write_config(tmp_path, NAME, {"task": {"n": 4, "seed": 0}, "policy": "a"})
    said = refusal(tmp_path, {"task": {"n": 8, "seed": 0}, "policy": "a", "limit": 3})
    assert "limit: 'absent' there, 3 now; task.n: 4 there, 8 now" in said and "seed" not in said


def test_a_digest_is_told_as_other_content(tmp_path: Path) -> None:
    write_config(tmp_path, NAME, {"policy": fingerprint("a")})
    said = refusal(tmp_path, {"policy": fingerprint("b")})
    assert f"policy: other content (digest {fingerprint('a')} there, {fingerprint('b')} now)" in said


def test_a_changed_source_is_told_by_number_and_names(tmp_path: Path) -> None:
    write_config(tmp_path, NAME, {"solutions": contents([("a/0", 1), ("b/0", 2)])})
    said = refusal(tmp_path, {"solutions": contents([("a/0", 1), ("b/0", 2), ("c/0", 3)])})
    assert "solutions.number: 2 there, 3 now" in said and "solutions.last: 'b/0' there, 'c/0' now" in said
    assert "solutions.first" not in said


def test_contents_tell_order_names_and_values_apart_and_take_a_stream() -> None:
    ours = [("a", {"x": 1}), ("b", {"x": 2})]
    digests = {
        contents(each)["content"]
        for each in (ours, ours[::-1], ours[:1], [("a", {"x": 1}), ("c", {"x": 2})], [("a", {"x": 1}), ("b", {"x": 3})])
    }
    assert len(digests) == 5
    assert contents(iter(ours)) == contents(ours)
    assert contents([]) == {"number": 0, "first": None, "last": None, "content": contents([])["content"]}
