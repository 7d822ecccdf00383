"""A dataset as something to select from: canonical columns under safe names, files as they were named."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from dq.engines.base import FILE, RAW, ROW, Dataset, ParquetPart
from dq.engines.duckdb.connect import identifier, literal, literals
from dq.engines.duckdb.sql import Sql, constant, scalar_form, type_name, unread_statistics
from dq.errors import EngineError
from dq.ir.data import NESTED, Kind, Type

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

FRAME = "frame"
_MANY_FILES = 64
_SMALL_ROWS = 10_000  # of a file, on average
_GATHERED_BYTES = 1 << 28
_GLOB = re.compile(r"([*?\[\]])")


def literal_path(location: str) -> str:
    """The path as a glob that matches nothing but itself: DuckDB takes every path for a glob. Raises EngineError where
    there is none."""
    if "\\" in location and _GLOB.search(location):
        raise EngineError(
            f"{location}: duckdb opens no path with a backslash and one of * ? [ ]; name it without one of them, "
            "or read it with engine polars"
        )
    return _GLOB.sub(r"[\1]", location)


def readable_paths(dataset: Dataset) -> tuple[str, ...]:
    """All that a connection must be allowed to open; DuckDB asks for a path as given and again as found."""
    sets = (dataset, *dataset.others.values())
    locations = [f.location for one in sets for part in one.parts for f in part.files]
    return tuple(dict.fromkeys([*locations, *map(literal_path, locations)]))


@dataclass(slots=True)
class Source:
    """`arms` are added up: each is what stands behind FROM and the SQL of every column in it."""

    connection: Any
    types: Mapping[str, Type]
    arms: tuple[tuple[str, Mapping[str, str]], ...]
    frame: pa.Table | None = None  # set while its rows are not numbered yet

    def relation(self, names: Iterable[str]) -> tuple[str, dict[str, Sql]]:
        """A table expression of these columns only, and what each is called in it."""
        order = sorted(names)
        if self.frame is not None and ROW in order:
            numbers = pa.arange(1, self.frame.num_rows + 1)
            self.connection.register(FRAME, self.frame.append_column(_place(self.frame.num_columns), numbers))
            self.frame = None
        selects = []
        for source, columns in self.arms:
            listed = ", ".join(f"{columns[name]} AS c{i}" for i, name in enumerate(order)) or "1 AS c"
            selects.append(f"SELECT {listed} FROM {source}")
        return f"({' UNION ALL '.join(selects)})", {n: Sql(f"c{i}", self.types[n]) for i, n in enumerate(order)}


def open_source(dataset: Dataset, connection: Any) -> Source:
    """`connection` is the dataset's own for a table, else one that may read `readable_paths`."""
    types = {f.name: f.type for f in dataset.schema.fields} | {FILE: Type(Kind.STRING), ROW: Type(Kind.INT64)}
    if dataset.frame is not None:
        frame = dataset.frame.rename_columns([_place(i) for i in range(dataset.frame.num_columns)])
        connection.register(FRAME, frame)
        return Source(connection, types, ((FRAME, _frame_columns(dataset)),), frame)
    if dataset.table:
        types |= {name: Type(Kind.STRING) for name in dataset.raw_columns}
        return Source(connection, types, (_table_arm(dataset, connection),))
    arms = tuple(_part_arm(part, dataset, connection) for part in dataset.parts)
    return Source(connection, types, arms)


def gather(source: Source, dataset: Dataset, names: Collection[str]) -> Source:
    """Of many small files each is opened for every query anew, which takes longer than to read it: the columns that
    are asked for are read once, into a table."""
    files, footer = sum(len(part.files) for part in dataset.parts), dataset.footer
    if files < _MANY_FILES or footer is None or footer.rows > files * _SMALL_ROWS:
        return source
    if sum(found.plain_bytes for path, found in footer.columns if path[0] in names) > _GATHERED_BYTES:
        return source
    arms = []
    for n, ((place, columns), part) in enumerate(zip(source.arms, dataset.parts, strict=True)):
        places = _places(literal_path(part.files[0].location), source.connection)
        taken = {_place(places[landed]) for name, landed, _ in part.columns if landed is not None and name in names}
        listed = ", ".join(["file_index", "file_row_number", *sorted(taken)])
        source.connection.execute(f"CREATE OR REPLACE TEMP TABLE gathered_{n} AS SELECT {listed} FROM {place}")
        arms.append((f"gathered_{n}", columns))
    return replace(source, arms=tuple(arms))


def _place(position: int) -> str:
    return f"p{position}"


def _constants(dataset: Dataset) -> dict[str, str]:
    """Path keys, and NULL for a column that a part does not have."""
    keys = dict(dataset.keys)
    return {f.name: _cast(constant(keys.get(f.name)).text, f.type) for f in dataset.schema.fields}


def _cast(text: str, wanted: Type) -> str:
    name = type_name(wanted)
    return f"CAST({text} AS {name})" if name else text


def _stored(text: str, landed: Type | None, wanted: Type) -> str:
    """Scalars always get their declared type, nested values only where they landed as another one."""
    if landed is not None and landed.kind is Kind.DURATION:
        return _duration(text, landed.unit)
    if landed is not None and landed.kind is Kind.TIMESTAMP and wanted != landed:
        text = scalar_form(text, landed).text
    return text if wanted.kind in NESTED and landed in (None, wanted) else _cast(text, wanted)


def _duration(text: str, unit: str | None) -> str:
    """Parquet has no durations: they are stored as integers of the unit that Arrow notes beside them."""
    if unit == "ns":
        return f"to_microseconds(({text} - (({text} % 1000) + 1000) % 1000) // 1000)"
    return f"to_microseconds({text} * { ({'s': 1_000_000, 'ms': 1_000}.get(unit or 'us', 1)) })"


def _part_arm(part: ParquetPart, dataset: Dataset, connection: Any) -> tuple[str, dict[str, str]]:
    paths = literals(literal_path(f.location) for f in part.files)
    places = _places(literal_path(part.files[0].location), connection)
    wanted = {f.name: f.type for f in dataset.schema.fields}
    columns = _constants(dataset)
    for name, landed, found in part.columns:
        if landed is not None:
            columns[name] = unread_statistics(_stored(_place(places[landed]), found, wanted[name]), found)
    columns[FILE] = f"{literals(f.path for f in part.files)}[CAST(file_index AS BIGINT) + 1]"
    columns[ROW] = "(file_row_number + 1)"
    aliases = ", ".join(map(_place, range(len(places))))
    return f"read_parquet({paths}, hive_partitioning = false) AS part({aliases})", columns


def _places(path: str, connection: Any) -> dict[str, int]:
    """Top-level columns by position: names that differ only in case are one name to DuckDB."""
    rows = connection.execute(f"SELECT name, num_children FROM parquet_schema({literal(path)})").fetchall()
    names: list[str] = []
    skip = 0
    for name, children in rows[1:]:
        if skip:
            skip -= 1
        else:
            names.append(name)
        skip += children or 0
    return {name: i for i, name in enumerate(names)}


def _frame_columns(dataset: Dataset) -> dict[str, str]:
    assert dataset.frame is not None
    names = dataset.frame.column_names
    wanted = {f.name: f.type for f in dataset.schema.fields}
    found = {n: _stored(_place(i), None, wanted[n]) for i, n in enumerate(names) if n in wanted}
    return {**_constants(dataset), **found, FILE: "''", ROW: _place(len(names))}


def _table_arm(dataset: Dataset, connection: Any) -> tuple[str, dict[str, str]]:
    table = identifier(dataset.table)
    landed = {row[0] for row in connection.execute(f"DESCRIBE {table}").fetchall()}
    columns = _constants(dataset)
    columns |= {f.name: _stored(identifier(f.name), None, f.type) for f in dataset.schema.fields if f.name in landed}
    columns |= {n: identifier(n) for n in landed if n in (FILE, ROW) or n.startswith(RAW)}
    return table, columns
