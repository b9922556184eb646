"""Schemas of rows that come from anywhere."""

import pyarrow as pa
import pytest

from prmkit.errors import InputError
from prmkit.formats.rows import rows_schema
from prmkit.records import SOLUTION_SCHEMA


def test_columns_of_our_own_tables_keep_their_types() -> None:
    row = {"problem_id": "p", "solution_id": "s", "steps": ["a"], "prompt_ids": None, "score": 0.5}
    schema = rows_schema([row])
    assert schema.field("prompt_ids").type == SOLUTION_SCHEMA.field("prompt_ids").type
    assert schema.field("score").type == pa.float32()
    assert rows_schema([{"score": "high"}]).field("score").type == pa.string()


def test_a_column_that_only_a_later_row_has_is_kept() -> None:
    assert rows_schema([{"a": 1}, {"b": "x"}]).names == ["a", "b"]


def test_a_column_without_a_common_type_is_named() -> None:
    with pytest.raises(InputError, match=r"column 'a' does not fit into Parquet, write \.jsonl"):
        rows_schema([{"a": 1}, {"a": "x"}])
