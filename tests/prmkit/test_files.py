"""Files are whole or absent, and complaints about them name file and line."""

import sys
from pathlib import Path
from typing import Any

import pytest

from prmkit.errors import InputError, MissingExtraError, MissingFileError
from prmkit.files import (
    append_line,
    fingerprint,
    is_local,
    locate,
    read_array,
    read_json,
    read_jsonl,
    text_field,
    write_atomic,
    write_json,
    write_text,
)


def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "file.txt"
    write_text(file, "old")

    def half(temporary: Path) -> None:
        temporary.write_text("ne")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        write_atomic(file, half)
    assert file.read_text() == "old" and list(file.parent.iterdir()) == [file]


def test_the_old_file_is_there_until_the_new_one_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "file.txt"
    write_text(file, "old")

    def write(temporary: Path) -> None:
        temporary.write_text("new")
        assert file.read_text() == "old" and temporary.parent == file.parent

    write_atomic(file, write)
    assert file.read_text() == "new" and list(tmp_path.iterdir()) == [file]


def test_json_is_read_as_it_was_written(tmp_path: Path) -> None:
    value = {"b": [1, 2.5, None], "a": "é"}
    write_json(tmp_path / "file.json", value)
    assert read_json(tmp_path / "file.json") == value
    assert "é" in (tmp_path / "file.json").read_text(encoding="utf-8")


def test_broken_json_is_told_by_its_line(tmp_path: Path) -> None:
    file = tmp_path / "file.json"
    file.write_text('{"a": 1,\n"b": }')
    with pytest.raises(InputError, match=r"file\.json:2: not valid JSON"):
        read_json(file)
    with pytest.raises(MissingFileError, match="absent"):
        read_json(tmp_path / "absent.json")


def test_an_array_is_read_with_the_place_of_each_object(tmp_path: Path) -> None:
    file = tmp_path / "some.json"
    file.write_text('[{"a": 1}, {}]')
    assert read_array(file) == [(f"{file}[0]", {"a": 1}), (f"{file}[1]", {})]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1}', r"some.json: expected an array of objects, found dict"),
        ('[{"a": 1}, 2]', r"some.json\[1\]: expected an object, found int"),
        ("[", r"some.json:1: not valid JSON"),
    ],
)
def test_what_is_no_array_of_objects_is_told_by_its_place(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "some.json").write_text(text)
    with pytest.raises(InputError, match=said):
        read_array(tmp_path / "some.json")


def test_blank_lines_are_skipped_and_counted(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"a": 1}\n\n  \n{"a": 2}')
    assert list(read_jsonl(file)) == [(f"{file}:1", {"a": 1}), (f"{file}:4", {"a": 2})]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"a": ', "not valid JSON"),
        (b'{"a": "\xff"}', "not valid JSON: 'utf-8' codec"),
        (b"[1, 2]", "expected a JSON object, found list"),
    ],
)
def test_a_bad_line_is_told_by_its_number(tmp_path: Path, line: bytes, said: str) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(b'{"a": 1}\n' + line + b"\n")
    with pytest.raises(InputError) as error:
        list(read_jsonl(file))
    assert str(error.value).startswith(f"{file}:2: {said}")


def test_lines_of_an_absent_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"rows\.jsonl: no such file"):
        list(read_jsonl(tmp_path / "rows.jsonl"))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"b": 1}, "here: field 'a' is missing; the row has 'b'"),
        ({"a": True}, "here: field 'a' must be text, found bool"),
        ({"a": ["x"]}, "here: field 'a' must be text, found list"),
        ({"a": " "}, "here: field 'a' is empty"),
    ],
)
def test_a_field_that_is_not_text_is_refused(row: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        text_field(row, "a", "here")
    assert text_field({"a": 1.5}, "a", "here") == "1.5"


def test_a_fingerprint_does_not_depend_on_the_order_of_names() -> None:
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1}) != fingerprint({"a": 2, "b": 1})


@pytest.mark.parametrize("name", ["run", "/tmp/run", "hf:name:split", "demo:10"])
def test_a_name_without_a_protocol_is_a_path(name: str) -> None:
    assert locate(name) == Path(name) and is_local(locate(name))


def test_a_file_url_is_a_path_too() -> None:
    assert locate("file:///tmp/run") == Path("/tmp/run")


def test_a_url_keeps_its_slashes_and_is_no_local_path() -> None:
    place = locate("memory://bucket/run") / "shards"
    assert str(place) == "memory://bucket/run/shards" and not is_local(place)


def test_an_unknown_protocol_is_told() -> None:
    with pytest.raises(InputError, match="nonsense://bucket: "):
        locate("nonsense://bucket")


def test_a_store_whose_package_is_absent_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(MissingExtraError, match="s3fs"):
        locate("s3://bucket/run")


def test_an_object_is_put_whole_and_read_back() -> None:
    place = locate("memory://files/deep/rows.jsonl")
    write_text(place, '{"a": 1}\n')
    append_line(place, '{"a": 2}')
    assert list(read_jsonl(place)) == [(f"{place}:1", {"a": 1}), (f"{place}:2", {"a": 2})]
    write_json(place, [1])
    assert read_json(place) == [1]


def test_an_object_whose_writer_fails_is_not_put() -> None:
    place = locate("memory://files/failed")

    def half(temporary: Path) -> None:
        temporary.write_text("ne")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        write_atomic(place, half)
    assert not place.exists()


def test_a_line_is_added_after_one_that_was_cut_off(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    append_line(file, "one")
    file.write_bytes(file.read_bytes() + b"tw")
    append_line(file, "three")
    assert file.read_text() == "one\ntw\nthree\n"


def test_a_place_that_cannot_be_written_is_told_by_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for write in (lambda place: write_text(place, "x"), lambda place: append_line(place, "x")):
        with pytest.raises(OSError, match="rows") as error:
            write(tmp_path / "file" / "rows")
        assert "\n" not in str(error.value)


def test_a_full_disk_is_told_in_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    def full(_: Path) -> None:
        raise OSError("[Errno 28] Error writing bytes to file. Detail: no space\nand more")

    with pytest.raises(OSError, match=r"rows: cannot be written: \[Errno 28\].*no space$"):
        write_atomic(tmp_path / "rows", full)
    assert list(tmp_path.iterdir()) == []
