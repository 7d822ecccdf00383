"""Keys of another data set as a table of the connection: it spills, and so does the join that looks into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from dq.engines.duckdb.listed import ListedKey
from dq.engines.duckdb.source import open_source
from dq.engines.duckdb.sql import translate, type_name
from dq.errors import EngineError
from dq.ir.expr import Col

if TYPE_CHECKING:
    from typing import Any

    from dq.engines.base import Dataset
    from dq.ir.expr import Exists


def keys(asked: Exists, table: str, other: Dataset, connection: Any) -> ListedKey:
    """The table, and the condition that looks into it. Reads the key columns only."""
    try:
        relation, columns = open_source(other, connection).relation({path[0] for path in asked.columns})
        values = [translate(Col(path), columns) for path in asked.columns]
        listed = ", ".join(f"{v.text} AS v{i}" for i, v in enumerate(values))
        present = "TRUE" if asked.nulls_equal else " AND ".join(f"{v.text} IS NOT NULL" for v in values)
        distinct = f"SELECT DISTINCT {listed} FROM {relation} WHERE {present}"
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {distinct}")
    except duckdb.Error as error:
        raise EngineError(f'"{asked.dataset}" cannot be compared with: {type(error).__name__}') from error
    types = tuple(v.type for v in values)
    return ListedKey(asked.args, table, types, tuple(type_name(t) or "" for t in types), asked.nulls_equal)
