"""What only Polars computes: expressions of its own, its casts, and conditions that somebody wrote in Python.

They see columns under their own names and as they landed, not the normal ones of `source`.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import polars as pl

from dq.engines.polars.node import BOOL, Node, column
from dq.engines.polars.source import dtype, name_of
from dq.ir import expr as e
from dq.ir.code import code
from dq.ir.data import Kind, Schema, Type

if TYPE_CHECKING:
    from collections.abc import Callable


def foreign(asked: e.Foreign, schema: Schema) -> Node:
    columns = dict(_named(arg, schema) for arg in asked.args)
    match asked.language:
        case "cast":
            ((_, value),) = (_named(asked, schema),)
            return Node(_normal(value, asked.result), asked.result)
        case "polars":
            text = json.dumps(_with_columns(json.loads(asked.text), columns))
            return Node(pl.Expr.deserialize(io.StringIO(text), format="json"), BOOL)
    made = code(asked.text)
    if made.element_wise:
        (value,) = columns.values()
        return Node(value.map_elements(made.run, return_dtype=pl.Boolean), BOOL)
    whole = pl.struct(expr.alias(name) for name, expr in columns.items())
    return Node(whole.map_batches(_over(made.run), return_dtype=pl.Boolean), BOOL)


def _named(arg: e.Expr, schema: Schema) -> tuple[str, pl.Expr]:
    """A column as it landed, or cast, with its name."""
    if isinstance(arg, e.Foreign):
        name, landed = _named(arg.args[0], schema)
        return name, landed.cast(_own(arg.result), strict=False)
    assert isinstance(arg, e.Col)
    return arg.path[0], _landed(arg.path, schema)


def _landed(path: e.Path, schema: Schema) -> pl.Expr:
    """The normal column as it was: of 32 bits, in its own zone and unit."""
    found = schema.find(path) or Type(Kind.STRING)
    node = pl.col(name_of(path))
    match found.kind:
        case Kind.FLOAT:
            return node.cast(pl.Float32)
        case Kind.TIMESTAMP:
            moment = node.cast(_own(Type(Kind.TIMESTAMP, unit=found.unit)))
            zoned = found.zone is not None
            return moment.dt.replace_time_zone("UTC").dt.convert_time_zone(found.zone or "UTC") if zoned else moment
        case Kind.DURATION:
            return node.cast(_own(found))
    return column(path, schema).expr


def _own(found: Type) -> Any:
    """The type of Polars, not the normal one."""
    match found.kind:
        case Kind.FLOAT:
            return pl.Float32
        case Kind.TIMESTAMP:
            return pl.Datetime(_unit(found), found.zone)
        case Kind.DURATION:
            return pl.Duration(_unit(found))
    return dtype(found)


def _unit(found: Type) -> Any:
    return found.unit if found.unit in ("ns", "us", "ms") else "ms" if found.unit == "s" else "us"


def _normal(value: pl.Expr, found: Type) -> pl.Expr:
    if found.kind is Kind.TIMESTAMP and found.zone:
        value = value.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return value.cast(dtype(found))


def _with_columns(node: Any, columns: dict[str, pl.Expr]) -> Any:
    """The tree of an expression with other expressions for its columns."""
    if isinstance(node, list):
        return [_with_columns(n, columns) for n in node]
    if not isinstance(node, dict):
        return node
    if node.keys() == {"Column"} and node["Column"] in columns:
        return json.loads(columns[node["Column"]].meta.serialize(format="json"))
    return {k: _with_columns(v, columns) for k, v in node.items()}


def _over(run: Callable[[Any], Any]) -> Callable[[pl.Series], pl.Series]:
    """The condition on a frame as one on the series that holds its rows: a frame of several columns holds where all
    of them do, and one answer is that of the first row."""

    def verdicts(rows: pl.Series) -> pl.Series:
        found = answer(rows)
        return found.extend_constant(True, len(rows) - 1) if len(found) == 1 < len(rows) else found

    def answer(rows: pl.Series) -> pl.Series:
        found = run(rows.struct.unnest())
        if isinstance(found, bool):
            return pl.Series([found])
        if not isinstance(found, pl.LazyFrame):
            raise TypeError(f"a condition is a LazyFrame or a bool, not {type(found).__name__}")
        frame = found.collect()
        return frame.select(pl.fold(pl.lit(True), lambda a, b: a & b, pl.all())).to_series()

    return verdicts
