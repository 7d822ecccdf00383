"""Types by the names that pandas and SQL know them by."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from dq.dialects.gx.metrics import Semantics
from dq.ir.data import NUMBERS, Kind, Type
from dq.ir.metric import Dimension, Facts, Measure, Metric, metric
from dq.ir.names import NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from dq.ir.aggregate import Aggregate

# What numpy and Python call the type of the values, by Kind; columns of any other kind hold Python objects.
_NUMPY: dict[Kind, tuple[str, ...]] = {
    Kind.INT8: ("int8", "i1", "b", "byte"),
    Kind.INT16: ("int16", "i2", "h", "short"),
    Kind.INT32: ("int32", "i4", "i", "intc"),
    Kind.INT64: ("int64", "i8", "<i8", "l", "q", "int", "int_", "long", "longlong", "intp"),
    Kind.UINT8: ("uint8", "u1", "B", "ubyte"),
    Kind.UINT16: ("uint16", "u2", "H", "ushort"),
    Kind.UINT32: ("uint32", "u4", "I", "uintc"),
    Kind.UINT64: ("uint64", "u8", "L", "Q", "uint", "ulong", "ulonglong", "uintp"),
    Kind.FLOAT: ("float32", "f4", "f", "single"),
    Kind.DOUBLE: ("float64", "f8", "<f8", "d", "float", "double"),
    Kind.BOOL: ("bool", "bool_", "?", "b1"),
    Kind.STRING: ("str", "string_types"),
    Kind.DURATION: ("timedelta64", "m8"),
}
_OBJECTS: dict[Kind, tuple[str, ...]] = {
    Kind.LIST: ("list",), Kind.STRUCT: ("dict",), Kind.BINARY: ("bytes",), Kind.MAP: ("list",),
}  # fmt: skip
_SQL_WORDS: dict[str, tuple[str, ...]] = {
    "BIGINT": ("int8", "long"), "INTEGER": ("int", "int4"), "SMALLINT": ("int2",), "FLOAT": ("real", "float4"),
    "DOUBLE": ("float8", "double precision"), "VARCHAR": ("text", "string", "char"), "BOOLEAN": ("bool",),
    "TIMESTAMP": ("datetime",),
}  # fmt: skip


def pandas_name(found: Type) -> str:
    """The dtype's name; `object` for what pandas has no type of its own for."""
    if found.kind is Kind.TIMESTAMP:
        unit = found.unit or "us"
        return f"datetime64[{unit}, {found.zone}]" if found.zone else f"datetime64[{unit}]"
    if found.kind is Kind.DURATION:
        return f"timedelta64[{found.unit or 'us'}]"
    return _NUMPY[found.kind][0] if found.kind in _NUMPY else "object"


def is_named(found: Type, name: str, semantics: Semantics) -> bool:
    """Whether the values of the column are of the type that GX knows under the name."""
    if semantics == "sql":
        own = str(NAMES["duckdb"][found.kind].text)
        return name.lower() in (own.lower(), *_SQL_WORDS.get(own, ()))
    if found.kind is Kind.TIMESTAMP:
        return (
            name == "Timestamp" if found.zone else re.fullmatch(r"datetime64(\[\w+\])?|M8(\[\w+\])?", name) is not None
        )
    if found.kind in _NUMPY:
        plain = name.lower() if found.kind is Kind.STRING else re.sub(r"\[\w+\]$", "", name)
        return plain in _NUMPY[found.kind]
    return name in ("object", "object_", "O") or name.lower() in _OBJECTS.get(found.kind, ())


def is_listed(found: Type, name: str, semantics: Semantics) -> bool:
    """As GX compares with a list: dtypes, not types of values. No name is that of text, and a time's has its unit."""
    if semantics == "sql" or found.kind not in (Kind.STRING, Kind.TIMESTAMP, Kind.DURATION):
        return is_named(found, name, semantics)
    return found.kind is not Kind.STRING and name == pandas_name(found)


def is_dtype(found: Type, name: str, semantics: Semantics) -> bool:
    """Whether the column's own type has the name, exactly."""
    if semantics == "sql":
        return is_named(found, name, semantics)
    own = pandas_name(found)
    if found.kind in NUMBERS | {Kind.BOOL} and found.kind in _NUMPY:
        return name in _NUMPY[found.kind]
    return name == own or (name in ("datetime64", "timedelta64") and own.startswith(f"{name}[") and "," not in own)


@metric
@dataclass(frozen=True)
class TypeIs(Metric):
    """1 where the column's type has none of the names."""

    name: ClassVar[str] = "type"
    dimension: ClassVar[Dimension] = Dimension.SCHEMA
    unit: ClassVar[str] = "violations"

    column: str
    names: tuple[str, ...]
    semantics: Semantics = "pandas"
    how: Literal["values", "list", "exact"] = "values"

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure:
        found = facts.schema.find((self.column,))
        if found is None:
            return Measure(1, note="it did not land")
        named = {"values": is_named, "list": is_listed, "exact": is_dtype}[self.how]
        shown = pandas_name(found) if self.semantics == "pandas" else str(NAMES["duckdb"][found.kind].text)
        if self.how != "exact":
            zoned = found.zone and self.semantics == "pandas"
            shown = "Timestamp" if zoned else {"object": "object_"}.get(shown, shown.partition("[")[0])
        holds = not self.names or any(named(found, n, self.semantics) for n in self.names)
        return Measure(0 if holds else 1, note=f"landed as {found}", details=(("observed", shown),))

    def phrase(self) -> str:
        return f"type {' or '.join(self.names)}"
