"""What DuckDB's client hands out, as the plain Python values every engine answers with."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from dq.engines.duckdb.sql import Sql, scalar_form, type_name
from dq.ir.data import NESTED, Kind, Type
from dq.ir.positions import packed

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa


def output(found: Sql) -> str:
    """SQL that the client can turn into Python."""
    name = type_name(found.type, output=True)
    if found.kind in NESTED:
        return f"CAST({found.text} AS {name})" if name and name != type_name(found.type) else found.text
    shown = scalar_form(found.text, found.type)
    return f"CAST({shown.text} AS TIMESTAMP)" if found.type.zone else shown.text


def key_output(found: Sql) -> Sql:
    """A key that hashes and sorts: nested values as their JSON text."""
    if found.kind not in NESTED:
        return found
    return Sql(f"CAST(to_json({output(found)}) AS VARCHAR)", Type(Kind.STRING))


def plain(value: Any, found: Type) -> Any:
    """UUIDs are text, zoned times are in UTC, and times beyond the years 1 to 9999 are the last one there is."""
    if value is None:
        return None
    if found.kind in _PLAIN:
        return _PLAIN[found.kind](value, found)
    return value


def _moment(value: Any, found: Type) -> datetime:
    if isinstance(value, str):
        value = datetime.min if _early(value) else datetime.max
    return value.replace(tzinfo=UTC) if found.zone else value  # type: ignore[no-any-return]


def _day(value: Any, _: Type) -> date:
    if isinstance(value, str):
        return date.min if _early(value) else date.max
    return value  # type: ignore[no-any-return]


def _float(value: float, _: Type) -> float:
    """One NaN and one zero, so that equal keys are equal."""
    return math.nan if math.isnan(value) else value + 0.0


def _early(text: str) -> bool:
    return text.startswith("-") or "(BC)" in text


def _list(value: Any, found: Type) -> list[Any]:
    return [plain(v, found.item) if found.item else v for v in value]


def _struct(value: Any, found: Type) -> dict[str, Any]:
    types = {f.name: f.type for f in found.fields}
    return {k: plain(v, types[k]) if k in types else v for k, v in value.items()}


def _map(value: Any, found: Type) -> dict[Any, Any]:
    if not found.key or not found.item:
        return dict(value)
    return {plain(k, found.key): plain(v, found.item) for k, v in value.items()}


_PLAIN: dict[Kind, Callable[[Any, Type], Any]] = {
    Kind.TIMESTAMP: _moment,
    Kind.DATE: _day,
    Kind.TIME: lambda v, _: time.max if isinstance(v, str) else v,  # 24:00:00
    Kind.UUID: lambda v, _: str(v),
    Kind.LIST: _list,
    Kind.STRUCT: _struct,
    Kind.MAP: _map,
    Kind.DOUBLE: _float,
    Kind.FLOAT: _float,
}


def packed_column(column: pa.ChunkedArray) -> bytes:
    """Integers of 64 bits, none of them NULL, as `packed` writes them; no number becomes an object that stays."""
    return b"".join(
        packed(memoryview(chunk.buffers()[1])[chunk.offset * 8 : (chunk.offset + len(chunk)) * 8].cast("q"))
        for chunk in column.chunks
        if len(chunk)
    )
