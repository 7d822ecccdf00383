"""Whether a JSON value is of the kind that its declared type is written in: "5" is no number, and 5 is no text.

Nothing is asked row by row where the shape of all records answers it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dq.engines.duckdb.connect import literal
from dq.ir.data import FLOATS, INTEGERS, Kind, Type

if TYPE_CHECKING:
    from dq.engines.duckdb.depth import Shape

OPAQUE = "JSON"  # the shape of values of several kinds
_NUMBERS = frozenset({"BIGINT", "UBIGINT", "HUGEINT", "DOUBLE"})
_NOT_FINITE = """'"NaN"', '"Infinity"', '"-Infinity"', '"INF"', '"-INF"'"""  # what no JSON number says


def pointer(key: str) -> str:
    return literal("/" + key.replace("~", "~0").replace("/", "~1"))


def misfit(value: str, declared: Type, shape: Shape, depth: int = 0) -> str | None:
    """SQL for whether the JSON `value` is of another kind than declared; None where none is."""
    if shape == "NULL" or declared.kind is Kind.JSON:
        return None
    match declared.kind:
        case Kind.LIST:
            return _within(value, "ARRAY", isinstance(shape, list), _items(value, declared, shape, depth))
        case Kind.MAP:
            return _within(value, "OBJECT", isinstance(shape, dict), _entries(value, declared, shape, depth))
        case Kind.STRUCT:
            return _within(value, "OBJECT", isinstance(shape, dict), _fields(value, declared, shape, depth))
    allowed = _allowed(declared)
    if isinstance(shape, str) and shape in allowed:
        return None
    listed = ", ".join(map(literal, sorted({*allowed, "NULL"})))
    floats = f" AND CAST({value} AS VARCHAR) NOT IN ({_NOT_FINITE})" if declared.kind in FLOATS else ""
    return f"coalesce(json_type({value}) NOT IN ({listed}){floats}, FALSE)"


def _allowed(declared: Type) -> frozenset[str]:
    if declared.kind is Kind.BOOL:
        return frozenset({"BOOLEAN"})
    if declared.kind in INTEGERS | FLOATS:
        return _NUMBERS
    if declared.kind in (
        Kind.DECIMAL,
        Kind.DATE,
        Kind.TIMESTAMP,
    ):  # a decimal in quotes is exact; formats read 20260301
        return _NUMBERS | {"VARCHAR"}
    return frozenset({"VARCHAR"})


def _within(value: str, kind: str, known: bool, inner: str | None) -> str | None:
    """`known`: the value is an array or object wherever it is anything."""
    if known:
        return inner
    return (
        f"coalesce(CASE json_type({value}) WHEN '{kind}' THEN {inner or 'FALSE'} WHEN 'NULL' THEN FALSE"
        f" ELSE {value} IS NOT NULL END, FALSE)"
    )


def _items(value: str, declared: Type, shape: Shape, depth: int) -> str | None:
    shape = shape[0] if isinstance(shape, list) else OPAQUE
    return _any(f"TRY_CAST({value} AS JSON[])", declared.item, shape, depth)


def _entries(value: str, declared: Type, shape: Shape, depth: int) -> str | None:
    shapes = list(shape.values()) if isinstance(shape, dict) else [OPAQUE]
    if not declared.item or not any(misfit("v", declared.item, s) for s in shapes):
        return None
    return _any(f"map_values(TRY_CAST({value} AS MAP(VARCHAR, JSON)))", declared.item, OPAQUE, depth)


def _fields(value: str, declared: Type, shape: Shape, depth: int) -> str | None:
    known = shape if isinstance(shape, dict) else {f.name: OPAQUE for f in declared.fields}
    fields = [f for f in declared.fields if f.name in known]
    found = [misfit(f"json_extract({value}, {pointer(f.name)})", f.type, known[f.name], depth) for f in fields]
    return "(" + " OR ".join(filter(None, found)) + ")" if any(found) else None


def _any(values: str, item: Type | None, shape: Shape, depth: int) -> str | None:
    one = f"e{depth}"
    inner = misfit(one, item, shape, depth + 1) if item else None
    return f"coalesce(list_bool_or(list_transform({values}, lambda {one}: {inner})), FALSE)" if inner else None


def landed(declared: Type, shape: Shape) -> Type:
    """The type without the fields of structs that no record has."""
    if declared.kind is Kind.LIST and declared.item and isinstance(shape, list):
        return replace(declared, item=landed(declared.item, shape[0]))
    if declared.kind is Kind.STRUCT and isinstance(shape, dict):
        fields = [f for f in declared.fields if f.name in shape]
        return replace(declared, fields=tuple(replace(f, type=landed(f.type, shape[f.name])) for f in fields))
    return declared
