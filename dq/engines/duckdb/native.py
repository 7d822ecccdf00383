"""A query in SQL over data sets under the names that it uses; it reads nothing else, and little of it comes back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import duckdb

from dq.engines.duckdb.connect import identifier
from dq.engines.duckdb.source import open_source
from dq.errors import nearest
from dq.ir.other import Native, QueryState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dq.engines.base import Dataset
    from dq.engines.duckdb.source import Source

_PLAIN = frozenset(
    {"BOOLEAN", "DATE", "DOUBLE", "FLOAT", "TIME", "BLOB", "HUGEINT", "UHUGEINT"}
    | {f"{sign}{size}" for sign in ("", "U") for size in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")}
)
_LONGEST = 10_000  # characters of a value
_UNFIT = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException, duckdb.NotImplementedException)
_FAILS = (
    duckdb.ConversionException, duckdb.InvalidInputException, duckdb.OutOfRangeException, duckdb.TypeMismatchException,
    duckdb.SyntaxException,
)  # fmt: skip


def query(asked: Native, datasets: Mapping[str, Dataset], connection: Any) -> QueryState:
    """What the data does not answer is a fault in the state; raises duckdb.Error where the engine is at fault."""

    def fetch(sql: str) -> list[tuple[Any, ...]]:
        return connection.execute(f"WITH {named} {sql}").fetchall()  # type: ignore[no-any-return]

    relations = {n: _relation(asked, d, open_source(datasets[d], connection), datasets[d]) for n, d in asked.relations}
    named = ", ".join(f"{identifier(name)} AS ({relation})" for name, relation in relations.items())
    try:
        whole = f"FROM ({asked.text}) AS answer"
        described = connection.execute(f"DESCRIBE WITH {named} SELECT * {whole}").fetchall()
        columns = tuple(row[0] for row in described)
        places = [f"c{i}" for i in range(len(columns))]
        shown = ", ".join(_shown(place, row[1]) for place, row in zip(places, described, strict=True))
        rows = fetch(f"SELECT {shown} {whole}({', '.join(places)}) LIMIT {asked.limit + 1}")
        count = len(rows) if len(rows) <= asked.limit else fetch(f"SELECT count(*) {whole}")[0][0]
    except _UNFIT as error:
        return QueryState(fault=f"the query does not fit the data: {_unfit(str(error), datasets)}")
    except _FAILS as error:
        return QueryState(fault=f"the query fails on this data: {type(error).__name__.removesuffix('Exception')}")
    return QueryState(columns, tuple(rows[: asked.limit]), count)


def _relation(asked: Native, name: str, source: Source, dataset: Dataset) -> str:
    """The data columns under their own names."""
    names = dataset.schema.names if name else tuple(path[0] for path in asked.reads or ())
    relation, columns = source.relation(names)
    listed = ", ".join(f"{columns[n].text} AS {identifier(n)}" for n in names) or "1 AS one"
    return f"SELECT {listed} FROM {relation}"


def _shown(place: str, found: str) -> str:
    """As a plain value: the client would want a library for zones."""
    if found.startswith("TIMESTAMP"):
        return f"CAST({place} AS TIMESTAMP)"
    if found in _PLAIN or (found.startswith("DECIMAL(") and not found.endswith("]")):
        return place
    return f"left(CAST({place} AS VARCHAR), {_LONGEST})"


_COLUMN = re.compile(r'Referenced column "([^"]+)" not found|does not have a column named "([^"]+)"')
_CALL = re.compile(r"No function matches the given name and argument types '([^']+)'")


def _unfit(said: str, datasets: Mapping[str, Dataset]) -> str:
    """Names and types only: the engine's own words may quote data."""
    if found := _COLUMN.search(said):
        name = found[1] or found[2]
        known = dict.fromkeys(n for d in datasets.values() for n in d.schema.names)
        return f'no column "{name}"{" where it looks for it" if name in known else nearest(name, known)}'
    if found := _CALL.search(said):
        return f"{found[1]} has no meaning"
    return "its parts do not go together"
