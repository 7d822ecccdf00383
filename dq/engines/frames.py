"""Frames that are in memory already, taken over as Arrow: Polars, pandas, Arrow, DuckDB relations, and whatever else
speaks the Arrow stream protocol. None of their libraries is imported: what they can do says what they are."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dq.engines.base import Dataset, reserved
from dq.engines.parquet.types import Unsupported, to_type, type_of_value
from dq.errors import UsageError
from dq.ir.data import Field, Finding, Reading, Schema


def open_frame(data: Any, reading: Reading) -> Dataset:
    """Take over a frame; a lazy one is collected, a relation run. An index of pandas is no column, and its NaN is NULL.

    Columns of a type no engine reads, of mixed Python objects or of one name are findings. Raises UsageError for
    something that is no frame.
    """
    try:
        table = _arrow(data)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, ValueError) as error:
        if "uplicate" in str(error):
            return Dataset(Schema(), findings=(Finding("duplicate_columns", "two columns of one name"),))
        kind, message = "unsupported_type", f"{_strange(data)} holds objects of several types, or of one Arrow has not"
        return Dataset(Schema(), findings=(Finding(kind, message),))
    names = _canonical(table.column_names, reading)
    twins = sorted({n for n in names if [m.casefold() for m in names].count(n.casefold()) > 1})
    if twins:
        message = f'"{twins[0]}": two columns of one name (case aside)'
        return Dataset(Schema(), findings=(Finding("duplicate_columns", message),), bytes=table.nbytes)
    if unfit := reserved(names):
        return Dataset(Schema(), findings=(unfit,), bytes=table.nbytes)
    return _dataset(table.rename_columns(names), reading)


def labels(data: Any) -> tuple[Any, ...] | None:
    """What an index of pandas calls the rows; None where it counts them, or there is none."""
    index = getattr(data, "index", None)
    if index is None or not hasattr(data, "iloc") or (type(index).__name__, getattr(index, "start", 1)) == (
        "RangeIndex", 0,
    ):  # fmt: skip
        return None
    return tuple(index.tolist())


def write_frame(data: Any, path: str) -> None:
    """Write a frame as Parquet. Raises UsageError for what is no frame, or what Parquet does not take."""
    dataset = open_frame(data, Reading())
    if dataset.frame is None or dataset.findings:
        told = "; ".join(f.message for f in dataset.findings) or "no columns"
        raise UsageError(f"the frame cannot be read: {told}")
    try:
        pq.write_table(_spelt_out(dataset.frame), path)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise UsageError(f"the frame holds what Parquet does not take: {type(error).__name__}") from None


def _spelt_out(table: pa.Table) -> pa.Table:
    """With text in one piece and the values of dictionaries in their place: Parquet takes no dictionaries of views,
    which Polars' categories are, and no slices of nested views."""
    for i, column in enumerate(table.columns):
        if pa.types.is_dictionary(column.type):
            kind = _plain(column.type.value_type)
            chunks = [c.dictionary.cast(kind).take(c.indices) for c in column.chunks]
            table = table.set_column(i, table.column_names[i], pa.chunked_array(chunks, kind))
        elif (kind := _plain(column.type)) != column.type:
            table = table.set_column(i, table.column_names[i], column.cast(kind))
    return table


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_string_view(kind):
        return pa.large_string()
    if pa.types.is_binary_view(kind):
        return pa.large_binary()
    if pa.types.is_struct(kind):
        return pa.struct([f.with_type(_plain(f.type)) for f in kind])
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(_plain(kind.value_type), kind.list_size)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = _plain(kind.value_type)
        return pa.large_list(inner) if pa.types.is_large_list(kind) else pa.list_(inner)
    return kind


def _strange(data: Any) -> str:
    """The first column that Arrow does not take, where the frame tells its columns apart."""
    for name in getattr(data, "columns", ()) if hasattr(data, "__getitem__") else ():
        try:
            _arrow(data[[name]])
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, ValueError):
            return f'column "{name}"'
    return "a column"


def _dataset(table: pa.Table, reading: Reading) -> Dataset:
    fields: list[Field] = []
    findings: list[Finding] = []
    for name, column in zip(table.column_names, table.schema, strict=True):
        try:
            fields.append(Field(name, to_type(column.type), column.nullable))
        except Unsupported as error:
            findings.append(Finding("unsupported_type", f'"{name}" is of a type nobody reads: {error}'))
    if not fields:
        empty = Finding("no_columns", "the frame has no column that can be read")
        return Dataset(Schema(), findings=(*findings, empty), bytes=table.nbytes)
    readable = table.select([f.name for f in fields])
    keys = tuple((n, v) for n, v in reading.keys if n not in readable.column_names)
    schema = Schema((*fields, *(Field(n, type_of_value(v)) for n, v in keys)))
    return Dataset(
        schema,
        file_schemas=(("", Schema(tuple(fields))),),
        findings=tuple(findings),
        rows=table.num_rows,
        bytes=table.nbytes,
        dialect=reading,
        keys=keys,
        frame=readable,
    )


def _arrow(data: Any) -> pa.Table:
    if isinstance(data, pa.Table):
        return data
    if isinstance(data, (pa.RecordBatch, pa.RecordBatchReader)):
        return pa.table(data) if isinstance(data, pa.RecordBatch) else data.read_all()
    if hasattr(data, "iloc") and hasattr(data, "columns"):
        return pa.Table.from_pandas(data, preserve_index=False).replace_schema_metadata(None)
    if hasattr(data, "collect") and hasattr(data, "collect_schema") and not hasattr(data, "__arrow_c_stream__"):
        data = data.collect()
    if any(str(t) == "Object" for t in getattr(data, "dtypes", ())):
        raise pa.ArrowTypeError("Polars hands pointers to Python objects over as bytes")
    if hasattr(data, "__arrow_c_stream__"):
        return pa.table(data)
    raise UsageError(f"{type(data).__name__} is no path and no frame (Polars, pandas, Arrow or a DuckDB relation)")


def _canonical(landed: list[str], reading: Reading) -> list[str]:
    """Names the columns are known by: an alias stands in only where the column itself is absent."""
    renamed = {
        alias: column.name
        for column in reading.declared
        if column.name not in landed
        for alias in [next((a for a in column.aliases if a in landed), None)]
        if alias
    }
    return [renamed.get(name, name) for name in landed]
