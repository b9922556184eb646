"""The Arrow schema of rows whose columns are not known beforehand."""

from collections.abc import Sequence

import pyarrow as pa

from prmkit.errors import InputError
from prmkit.records import LABEL_SCHEMA, SCORE_SCHEMA
from prmkit.tables import Row


def rows_schema(rows: Sequence[Row]) -> pa.Schema:
    """The schema of every column that any row has; columns of our own tables keep their types.

    Raises:
        InputError: The values of a column have no common type; the message names the column.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    ours = {"problem_id", "solution_id", "steps"} <= set(names)
    known = {field.name: field.type for schema in (LABEL_SCHEMA, SCORE_SCHEMA) for field in schema} if ours else {}
    return pa.schema([pa.field(name, known.get(name) or _column_type(rows, name)) for name in names])


def _column_type(rows: Sequence[Row], name: str) -> pa.DataType:
    try:
        return pa.array([row.get(name) for row in rows]).type
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise InputError(f"column {name!r} does not fit into Parquet, write .jsonl: {error}") from None
