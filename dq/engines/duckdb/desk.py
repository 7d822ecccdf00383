"""Several data sets side by side on one locked connection: whole numbers of rows go in, a few numbers come out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb

from dq.engines.base import FILE, ROW
from dq.engines.duckdb.connect import connect, identifier, literal
from dq.engines.duckdb.source import open_source, readable_paths
from dq.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dq.engines.base import Dataset

PLACES = "{}.places.parquet"


class Desk:
    """Every data set, Parquet each, is a view of its name. Its columns are `c0`, `c1` ... in the order of `names`, NULL
    where it has none of the name, then `f` and `r`: file and row. `landed` are tables of the places that rows had in
    the text they were written from."""

    def __init__(
        self, datasets: Mapping[str, Dataset], names: Sequence[str], temp: str, landed: Mapping[str, str], **limits: Any
    ) -> None:
        paths = [p for d in datasets.values() for p in readable_paths(d)]
        self._connection = connect([*paths, *landed.values()], temp=temp, **limits)
        self._landed = landed
        for name, dataset in datasets.items():
            source = open_source(dataset, self._connection)
            there = set(dataset.schema.names)
            relation, columns = source.relation([*(n for n in names if n in there), FILE, ROW])
            listed = [f"{columns[n].text if n in there else 'NULL'} AS c{i}" for i, n in enumerate(names)]
            listed += [f"{columns[FILE].text} AS f", f"{columns[ROW].text} AS r"]
            self.run(f"CREATE VIEW {identifier(name)} AS SELECT {', '.join(listed)} FROM {relation}")

    def run(self, sql: str) -> None:
        self.ask(sql)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Raises EngineError; the engine's own words may quote data."""
        try:
            return self._connection.execute(sql).fetchall()
        except duckdb.OutOfMemoryException as error:
            raise EngineError("memory and disk to spill to did not suffice; raise memory_bytes in [limits]") from error
        except duckdb.Error as error:
            raise EngineError(f"{type(error).__name__} while the splits were compared") from error

    def places(self, name: str, rows: Iterable[int]) -> dict[int, tuple[str, int]]:
        """File and line of rows of what was text; nothing of what was not."""
        wanted = ", ".join(str(int(r) - 1) for r in rows)
        if name not in self._landed or not wanted:
            return {}
        found = self.ask(
            "SELECT file_row_number + 1, f, r FROM "
            f"read_parquet({literal(self._landed[name])}, file_row_number = true) WHERE file_row_number IN ({wanted})"
        )
        return {n: (file, row) for n, file, row in found}

    def close(self) -> None:
        self._connection.close()
