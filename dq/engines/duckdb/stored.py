"""Text that was read, written as Parquet: what is to be compared with is kept so, whatever it landed as."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from dq.engines.base import FILE, ROW
from dq.engines.duckdb.connect import identifier, literal
from dq.errors import EngineError

if TYPE_CHECKING:
    from dq.engines.base import Dataset


def write_parquet(dataset: Dataset, path: str) -> None:
    """The data columns of the dataset's table."""
    _copy(dataset, ", ".join(map(identifier, dataset.landed.names)), path)


def write_places(dataset: Dataset, path: str) -> None:
    """Of the same rows in the same order, the file and the line: `f` and `r`."""
    _copy(dataset, f"{identifier(FILE)} AS f, {identifier(ROW)} AS r", path)


def unread(dataset: Dataset) -> dict[str, int]:
    """By hidden column, how many values could not be read as their declared type."""
    names = sorted(dataset.raw_columns)
    if not names:
        return {}
    counts = ", ".join(f"count({identifier(n)})" for n in names)
    try:
        row = dataset.connection.execute(f"SELECT {counts} FROM {identifier(dataset.table)}").fetchone()
    except duckdb.Error as error:
        raise EngineError(f"{type(error).__name__} while values were counted") from error
    return dict(zip(names, row, strict=True))


def _copy(dataset: Dataset, columns: str, path: str) -> None:
    try:
        dataset.connection.execute(
            f"COPY (SELECT {columns} FROM {identifier(dataset.table)}) TO {literal(path)} (FORMAT parquet)"
        )
    except duckdb.Error as error:
        raise EngineError(f"{type(error).__name__} while it was kept for comparison") from error
