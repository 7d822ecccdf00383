"""Types by the names that Polars and pandas have for them, as ours; and when what landed is of one."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace
from typing import Any

from dq.errors import nearest
from dq.ir.data import INTEGERS, NUMBERS, TEXTS, Field, Kind, Type

_TEXT = TEXTS | {Kind.UUID}
_POLARS: dict[str, Kind] = {
    "int8": Kind.INT8, "int16": Kind.INT16, "int32": Kind.INT32, "int64": Kind.INT64, "int": Kind.INT64,
    "uint8": Kind.UINT8, "uint16": Kind.UINT16, "uint32": Kind.UINT32, "uint64": Kind.UINT64,
    "float32": Kind.FLOAT, "float64": Kind.DOUBLE, "float": Kind.DOUBLE, "boolean": Kind.BOOL, "bool": Kind.BOOL,
    "string": Kind.STRING, "utf8": Kind.STRING, "str": Kind.STRING, "binary": Kind.BINARY, "bytes": Kind.BINARY,
    "date": Kind.DATE, "time": Kind.TIME, "datetime": Kind.TIMESTAMP, "duration": Kind.DURATION,
    "timedelta": Kind.DURATION, "timestamp": Kind.TIMESTAMP, "decimal": Kind.DECIMAL, "list": Kind.LIST,
    "array": Kind.LIST, "struct": Kind.STRUCT, "categorical": Kind.ENUM, "category": Kind.ENUM, "enum": Kind.ENUM,
    "null": Kind.NULL,
}  # fmt: skip
_PANDAS = re.compile(r"(datetime64|timedelta64)(?:\[(\w+)(?:,\s*([\w/+:-]+))?\])?|(string|str)\[\w+\]")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A type as a schema names it. `any_unit`: of a time; `any_zone` likewise."""

    text: str
    type: Type
    any_unit: bool = False
    any_zone: bool = False

    def fits(self, found: Type) -> bool:
        """Whether Polars would say so: the same type, not one that holds it. An encoding of text is no type."""
        return _same(found, self.type, self)

    def guess_fits(self, guess: Type) -> bool:
        """Whether text of which a reader guesses this type may be of the wanted one."""
        mine, theirs = self.type.kind, guess.kind
        if mine in _TEXT:
            return theirs not in (Kind.LIST, Kind.STRUCT, Kind.MAP)
        if mine in NUMBERS:
            return theirs in (INTEGERS if mine in INTEGERS else NUMBERS) | {Kind.NULL}
        return theirs in (mine, Kind.NULL) or (mine is Kind.TIMESTAMP and theirs is Kind.DATE)


def _same(found: Type, wanted: Type, how: Wanted) -> bool:
    if wanted.kind in _TEXT:
        return found.kind in _TEXT
    if found.kind is not wanted.kind:
        return False
    match wanted.kind:
        case Kind.TIMESTAMP:
            return (how.any_unit or (found.unit or "us") == wanted.unit) and (how.any_zone or found.zone == wanted.zone)
        case Kind.DURATION:
            return how.any_unit or (found.unit or "us") == wanted.unit
        case Kind.DECIMAL:
            return (found.precision, found.scale) == (wanted.precision, wanted.scale)
        case Kind.LIST if wanted.item:
            return found.item is not None and _same(found.item, wanted.item, how)
        case Kind.STRUCT if wanted.fields:
            names = [f.name for f in found.fields] == [f.name for f in wanted.fields]
            return names and all(_same(a.type, b.type, how) for a, b in zip(found.fields, wanted.fields, strict=True))
    return True


def wanted(text: str, *, pandas: bool = False) -> Wanted | None:
    """The type under the name; None where any fits (`object`). Raises ValueError on a name that is none."""
    if text.lower() == "object":
        if pandas:
            return None
        raise ValueError('dtype "Object": Python objects do not land in files')
    categories(text)  # are what they have to be
    if match := _PANDAS.fullmatch(text):
        return Wanted(text, _of_pandas(match), any_unit=True)
    try:
        found = _build(ast.parse(text, mode="eval").body)
    except (SyntaxError, RecursionError, LookupError, AttributeError, TypeError):  # Polars does not write it so
        raise ValueError(_unknown(text)) from None
    bare = found.kind in (Kind.TIMESTAMP, Kind.DURATION) and "(" not in text
    return Wanted(text, found, any_unit=bare and pandas)


def categories(text: str) -> tuple[str, ...]:
    """Of an `Enum(categories=[...])`. Raises ValueError."""
    if not text.startswith("Enum("):
        return ()
    call: Any = ast.parse(text, mode="eval").body
    given = [*call.args, *(k.value for k in call.keywords if k.arg == "categories")]
    found = _literal(given[0], call) if len(given) == 1 else None
    if not isinstance(found, list) or not all(isinstance(v, str) for v in found):
        raise ValueError(f'dtype "{text}": categories are a list of texts')
    return tuple(found)


def _of_pandas(match: re.Match[str]) -> Type:
    if match[4]:
        return Type(Kind.STRING)
    if match[2] not in (None, "s", "ms", "us", "ns"):
        raise ValueError(_unknown(match[0]))
    kind = Kind.TIMESTAMP if match[1] == "datetime64" else Kind.DURATION
    return Type(kind, unit=match[2] or "ns", zone=match[3])


def _unknown(text: str) -> str:
    return f'dtype "{text}" is no type of Polars or pandas{nearest(text, [k.capitalize() for k in _POLARS])}'


def _build(node: Any) -> Type:
    """From the form that Polars prints; never evaluated."""
    if isinstance(node, (ast.Name, ast.Attribute)):
        name = node.id if isinstance(node, ast.Name) else node.attr
        if name.lower() not in _POLARS:
            raise ValueError(_unknown(name))
        return _with_defaults(Type(_POLARS[name.lower()]))
    if not isinstance(node, ast.Call):
        raise ValueError(_unknown(ast.unparse(node)))
    outer = _build(node.func)
    given = {k.arg: k.value for k in node.keywords}
    match outer.kind:
        case Kind.LIST:
            return replace(outer, item=_build(node.args[0] if node.args else given["inner"]))
        case Kind.STRUCT:
            fields: Any = node.args[0] if node.args else given["fields"]
            pairs = zip(fields.keys, fields.values, strict=True)
            return replace(outer, fields=tuple(Field(_literal(k, node), _build(v)) for k, v in pairs))
        case Kind.TIMESTAMP | Kind.DURATION | Kind.DECIMAL:
            names = ("precision", "scale") if outer.kind is Kind.DECIMAL else ("time_unit", "time_zone")
            values: dict[Any, Any] = {**dict(zip(names, node.args, strict=False)), **given}
            first, second = (_literal(values[k], node) if k in values else None for k in names)
            if outer.kind is Kind.DECIMAL:
                return _decimal(outer, first, second, node)
            if first not in (None, "ms", "us", "ns") or not isinstance(second, str | None):
                raise ValueError(_unknown(ast.unparse(node)))
            return replace(outer, unit=first or "us", zone=second)
    return outer


def _decimal(outer: Type, precision: Any, scale: Any, node: ast.Call) -> Type:
    precision, scale = 38 if precision is None else precision, scale or 0
    if type(precision) is not int or type(scale) is not int or not 0 <= scale <= precision <= 38 or not precision:
        raise ValueError(f'dtype "{ast.unparse(node)}": a precision of 1 to 38 is needed, and a scale of at most that')
    return replace(outer, precision=precision, scale=scale)


def _literal(node: Any, whole: ast.Call) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise ValueError(_unknown(ast.unparse(whole))) from None


def _with_defaults(found: Type) -> Type:
    if found.kind in (Kind.TIMESTAMP, Kind.DURATION):
        return replace(found, unit="us")
    return replace(found, precision=28, scale=0) if found.kind is Kind.DECIMAL else found
