"""A dataset as one lazy frame of normal columns: one per path that is asked for, in one Polars type per kind.

Floats are Float64, text of every kind String, UUIDs their text, timestamps in UTC without a zone, of nanoseconds where
they landed so and else of microseconds.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl
import polars.selectors as cs
import pyarrow as pa
import pyarrow.parquet as pq

from dq.engines.base import FILE, ROW
from dq.errors import EngineError
from dq.ir.data import Kind, Type, format_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from dq.engines.base import Dataset, ParquetPart
    from dq.ir.data import DataFile
    from dq.ir.expr import Path, Scalar

COLUMNS_AT_ONCE = 128  # in one query: planning and holding one grows faster than they do
_HELD_CELLS = 4_000_000
_NAMES: dict[Kind, Any] = {
    Kind.BOOL: pl.Boolean, Kind.INT8: pl.Int8, Kind.INT16: pl.Int16, Kind.INT32: pl.Int32, Kind.INT64: pl.Int64,
    Kind.UINT8: pl.UInt8, Kind.UINT16: pl.UInt16, Kind.UINT32: pl.UInt32, Kind.UINT64: pl.UInt64,
    Kind.FLOAT: pl.Float64, Kind.DOUBLE: pl.Float64, Kind.STRING: pl.String, Kind.BINARY: pl.Binary,
    Kind.DATE: pl.Date, Kind.TIME: pl.Time, Kind.DURATION: pl.Duration("us"),
    Kind.UUID: pl.String, Kind.JSON: pl.String, Kind.ENUM: pl.String, Kind.NULL: pl.Null,
}  # fmt: skip


def dtype(found: Type) -> Any:
    """The normal Polars type; None for something nested that is not told in full."""
    match found:
        case Type(Kind.DECIMAL):
            return pl.Decimal(found.precision or 38, found.scale or 0)
        case Type(Kind.TIMESTAMP):
            return pl.Datetime("ns" if found.unit == "ns" else "us")
        case Type(Kind.LIST):
            inner = dtype(found.item) if found.item else None
            return pl.List(inner) if inner is not None else None
        case Type(Kind.MAP):
            inner = [dtype(t) for t in (found.key, found.item) if t]
            return pl.Map(*inner) if len(inner) == 2 and None not in inner else None
        case Type(Kind.STRUCT):
            fields = {f.name: dtype(f.type) for f in found.fields}
            return pl.Struct(fields) if fields and None not in fields.values() else None
    return _NAMES[found.kind]


def name_of(path: Path) -> str:
    """With a colon in front: Polars takes "*" and "^...$" for patterns."""
    return ":" + format_path(path)


def frame(dataset: Dataset, paths: Iterable[Path], *, positions: bool = False) -> pl.LazyFrame:
    """Normal columns under `name_of` their path; with `positions` also FILE and ROW, in order of file and row."""
    wanted = sorted(p for p in set(paths) if p not in ((FILE,), (ROW,)))
    if dataset.parts:
        frames = [_of_part(p, f, dataset, wanted, positions) for p, f in _reads(dataset.parts, positions)]
        return pl.concat(frames) if len(frames) > 1 else frames[0]
    found = _in_memory(dataset, wanted, positions)
    columns = [_column(p, dict.fromkeys(found.columns), found.schema, dataset) for p in wanted]
    if not positions:
        return _select(found.lazy(), columns)
    if ROW not in found.columns:
        found = found.with_row_index(ROW, offset=1)
    place = [pl.col(FILE) if FILE in found.columns else pl.lit("").alias(FILE), pl.col(ROW).cast(pl.Int64)]
    return _select(found.lazy(), columns + place).sort(FILE, ROW)


def held(dataset: Dataset) -> Dataset:
    """A wide table of few rows, read once: each query of a part of its columns would bind all of them again."""
    width = len(dataset.schema.fields)
    if not dataset.table or width <= COLUMNS_AT_ONCE or width * (dataset.rows or 0) > _HELD_CELLS:
        return dataset
    return replace(dataset, frame=_fetched(dataset, "*"))


def pieces(dataset: Dataset, most_bytes: int) -> Iterator[Dataset]:
    """The files a few at a time, where they are many: Polars opens ahead, so that memory would grow with them."""
    taken: list[ParquetPart] = []
    size = 0
    for part in dataset.parts:
        files: list[DataFile] = []
        for file in part.files:
            if size and size + file.bytes > most_bytes:
                yield replace(dataset, parts=(*taken, *_holding(part, files)))
                taken, files, size = [], [], 0
            files.append(file)
            size += file.bytes
        taken += _holding(part, files)
    if taken or not dataset.parts:
        yield replace(dataset, parts=tuple(taken))


def _holding(part: ParquetPart, files: Sequence[DataFile]) -> list[ParquetPart]:
    return [replace(part, files=tuple(files))] if files else []


def _select(lazy: pl.LazyFrame, columns: list[pl.Expr]) -> pl.LazyFrame:
    """Columns among which are constants: alone those would be one row."""
    return lazy.with_columns(*columns).select(*(c.meta.output_name() for c in columns)) if columns else lazy


def _in_memory(dataset: Dataset, wanted: Sequence[Path], positions: bool) -> pl.DataFrame:
    """The named columns of a table or frame. A count of rows alone still needs one column."""
    asked = dict.fromkeys([*(p[0] for p in wanted), *((FILE, ROW) if positions else ())])
    if dataset.frame is not None:
        landed = dataset.frame.column_names
        table = dataset.frame.select([n for n in asked if n in landed] or landed[:1])
    else:
        table = _selected(dataset, list(asked))
    found = pl.from_arrow(table)
    assert isinstance(found, pl.DataFrame)
    return found


def _selected(dataset: Dataset, names: list[str]) -> pa.Table:
    """Those of the columns that the dataset's DuckDB table has."""
    landed = {*_fetched(dataset, "*", " LIMIT 0").column_names}
    return _fetched(dataset, ", ".join(_identifier(n) for n in names if n in landed) or '0 AS "0"')


def _fetched(dataset: Dataset, listed: str, only: str = "") -> pa.Table:
    try:
        return dataset.connection.sql(f"SELECT {listed} FROM {_identifier(dataset.table)}{only}").to_arrow_table()
    except Exception as error:  # DuckDB's, whose classes cannot be named here
        raise EngineError(f"polars: the table cannot be read ({type(error).__name__})") from error


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _reads(parts: Iterable[ParquetPart], positions: bool) -> list[tuple[ParquetPart, tuple[DataFile, ...]]]:
    """What one scan reads: a part, or each file by itself where positions in files count."""
    if not positions:
        return [(p, p.files) for p in parts]
    return sorted(((p, (f,)) for p in parts for f in p.files), key=lambda read: read[1][0].path)


def _of_part(
    part: ParquetPart, files: tuple[DataFile, ...], dataset: Dataset, wanted: Sequence[Path], positions: bool
) -> pl.LazyFrame:
    landed = {name: (source, kind) for name, source, kind in part.columns if source is not None}
    locations = [f.location or f.path for f in files]
    used = [landed[p[0]][0] for p in wanted if p[0] in landed]
    lazy = _scan(locations, dict(landed.values()), used, positions)
    schema = lazy.collect_schema()
    columns = [_column(p, landed, schema, dataset) for p in wanted]
    if positions:
        columns += [pl.lit(files[0].path).alias(FILE), pl.col(ROW).cast(pl.Int64)]
    return _select(lazy, columns)


def _scan(locations: list[str], types: dict[str, Type], used: list[str], positions: bool) -> pl.LazyFrame:
    """Exactly these files. INT96 is told by its type: read as nanoseconds it would be cut off at the year 2262."""
    row = ROW if positions else None
    scanned = pl.scan_parquet(locations, glob=False, hive_partitioning=False, row_index_name=row, row_index_offset=1)
    try:
        schema = dict(pl.scan_parquet(locations[0], glob=False, hive_partitioning=False).collect_schema())
    except pl.exceptions.PanicException:
        # A type Polars does not know (INTERVAL) makes the whole file unreadable to it, whatever is asked for.
        table = pq.read_table(locations, columns=list(dict.fromkeys(used)), coerce_int96_timestamp_unit="us")
        found = pl.from_arrow(table)
        assert isinstance(found, pl.DataFrame)
        return (found.with_row_index(ROW, offset=1) if positions else found).lazy()
    wanted = {n: _with_micros(d, types[n]) if n in types else d for n, d in schema.items()}
    if wanted == schema:
        return scanned
    return pl.scan_parquet(
        locations, glob=False, hive_partitioning=False, row_index_name=row, row_index_offset=1, schema=wanted
    )


def _with_micros(found: Any, kind: Type) -> Any:
    if kind.kind is Kind.TIMESTAMP and kind.unit == "us" and found == pl.Datetime("ns"):
        return pl.Datetime("us")
    if isinstance(found, pl.List) and kind.item:
        return pl.List(_with_micros(found.inner, kind.item))
    if isinstance(found, pl.Struct) and len(found.fields) == len(kind.fields):
        pairs = zip(found.fields, kind.fields, strict=True)
        return pl.Struct({f.name: _with_micros(f.dtype, k.type) for f, k in pairs})
    return found


def _column(
    path: Path, landed: Mapping[str, tuple[str, Type] | None], schema: Mapping[str, Any], dataset: Dataset
) -> pl.Expr:
    """The column or struct leaf in its normal type; a path key, or NULL, where it did not land."""
    hidden = path[0] in dataset.raw_columns
    wanted = Type(Kind.STRING) if hidden else dataset.schema.find(path) or Type(Kind.NULL)
    if path[0] not in landed:
        return _constant(dict(dataset.keys).get(path[0]), wanted).alias(name_of(path))
    name, kind = landed[path[0]] or (path[0], wanted)
    found, expr = schema[name], cs.by_name(name).as_expr()
    for step in path[1:]:
        position = [f.name for f in found.fields].index(step)
        safe = [str(i) for i in range(len(found.fields))]  # fields are taken for patterns too
        found, expr = found.fields[position].dtype, expr.struct.rename_fields(safe).struct.field(str(position))
        kind = next((f.type for f in kind.fields if f.name == step), wanted)
    return _normal(expr, found, wanted, kind).alias(name_of(path))


def _normal(expr: pl.Expr, found: Any, wanted: Type, landed: Type) -> pl.Expr:
    if isinstance(found, pl.BaseExtension):
        expr, found = expr.ext.storage(), found.ext_storage()
    if found == pl.Binary and Kind.UUID in (wanted.kind, landed.kind):
        digits = expr.bin.encode("hex")
        cuts = ((0, 8), (8, 4), (12, 4), (16, 4), (20, 12))
        return pl.concat_str([digits.str.slice(*c) for c in cuts], separator="-")
    if isinstance(found, pl.Datetime) and found.time_zone:
        expr, found = expr.dt.convert_time_zone("UTC").dt.replace_time_zone(None), pl.Datetime(found.time_unit)
    target = dtype(wanted)
    return expr if target is None or found == target else expr.cast(target)


def _constant(value: Scalar, kind: Type) -> pl.Expr:
    if isinstance(value, datetime) and value.tzinfo:
        value = value.astimezone(UTC).replace(tzinfo=None)
    return pl.lit(value, dtype=dtype(kind))
