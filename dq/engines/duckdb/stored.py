"""Text that was read, written as Parquet: what is to be compared with is kept so, whatever it landed as."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from dq.engines.duckdb.connect import identifier, literal
from dq.errors import EngineError

if TYPE_CHECKING:
    from dq.engines.base import Dataset


def write_parquet(dataset: Dataset, path: str) -> None:
    """The data columns of the dataset's table."""
    columns = ", ".join(map(identifier, dataset.landed.names))
    try:
        dataset.connection.execute(
            f"COPY (SELECT {columns} FROM {identifier(dataset.table)}) TO {literal(path)} (FORMAT parquet)"
        )
    except duckdb.Error as error:
        raise EngineError(f"{type(error).__name__} while it was kept for comparison") from error
