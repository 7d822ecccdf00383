"""Of which types the columns are that a suite speaks of: as it says itself, else as the values that it names are."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

from dq.dialects.gx.conditions import Inexpressible, NotThere, condition, moment
from dq.dialects.pandera.fit import Asked
from dq.dialects.pandera.metrics import PatternPresent, TypeOf
from dq.dialects.pandera.types import wanted
from dq.ir.codec import decode
from dq.ir.data import Field, Kind, Schema, Type, format_path, parse_path
from dq.ir.expr import Call, Col, Compare, Expr, In, Lit, Matches, walk
from dq.ir.metric import Facts
from dq.ir.typecheck import Mistyped, Unanswerable, Unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dq.ir.check import Check, Suite
    from dq.ir.expr import Scalar
    from dq.ir.metric import Metric

# Of several that fit, the first is the one with the most values that matter: NaN, then any sign. JSON and enumerations
# are left out: to every other tool they are text.
TYPES: tuple[Type, ...] = (
    *map(Type, (Kind.DOUBLE, Kind.FLOAT, Kind.INT64, Kind.INT32, Kind.INT16, Kind.INT8)),
    *map(Type, (Kind.UINT64, Kind.UINT32, Kind.UINT16, Kind.UINT8, Kind.STRING, Kind.BOOL, Kind.DATE)),
    *(Type(Kind.TIMESTAMP, unit=u, zone=z) for z in (None, "UTC") for u in ("us", "ms", "ns", "s")),
    Type(Kind.TIMESTAMP, unit="us", zone="Asia/Kolkata"),
    *(Type(Kind.DECIMAL, precision=p, scale=s) for p, s in ((18, 2), (38, 10), (9, 0), (3, 2))),
    Type(Kind.DURATION, unit="us"), Type(Kind.LIST, item=Type(Kind.INT64)),
    *map(Type, (Kind.TIME, Kind.BINARY, Kind.UUID)),
    Type(Kind.STRUCT, fields=(Field("a", Type(Kind.INT64)),)),
)  # fmt: skip
_TEXTS = ("regex", "like", "json", "strftime", "dateutil", "lengths", "str_")
_KINDS: tuple[tuple[type, Type], ...] = (
    (bool, Type(Kind.BOOL)), (str, Type(Kind.STRING)), (datetime, Type(Kind.TIMESTAMP, unit="us")),
    (date, Type(Kind.DATE)), (time, Type(Kind.TIME)),
)  # fmt: skip
UNSAID = Type(Kind.DOUBLE)


def types_beside(*metrics: Metric) -> tuple[Type, ...]:
    """All types that tell checks of a type apart: those that they name, too."""
    named = [t for m in metrics for t in _types_named(m)]
    return tuple(dict.fromkeys((*TYPES, *named)))


def _types_named(metric: Any) -> Iterator[Type]:
    if isinstance(found := getattr(metric, "declared", None), Type):
        yield _whole(found)
    if isinstance(metric, TypeOf) and (named := wanted(metric.dtype, pandas=metric.pandas)) is not None:
        yield named.type


def accepted(metric: Metric, column: str, *others: Metric) -> frozenset[Type]:
    """Types that a check of the type lets land, of those that tell it from the others."""
    found = set()
    for one in types_beside(metric, *others):
        schema = Schema((Field(column, one),))
        asked = metric.fitted(schema)
        if asked.name == "type" and (measure := asked.measure({}, Facts(schema))) is not None and measure.value == 0:
            found.add(one)
    return frozenset(found)


def declared(suite: Suite) -> dict[str, Type]:
    """By column: the type that the suite says."""
    found = {c.name: c.type for c in suite.columns if c.type is not None}
    for check in suite.checks:
        name = getattr(check.metric, "column", None)
        if check.metric.name in ("type", "expectation") and isinstance(name := column_of(check), str):
            if not is_of_type(check):
                continue
            universe, fitting = types_beside(check.metric), accepted(check.metric, name)
            if fitting and len(fitting) < len(universe):
                found.setdefault(name, next(t for t in universe if t in fitting))
    return {n: _whole(t) for n, t in found.items()}


def _whole(found: Type) -> Type:
    """With a unit, without which no value is one."""
    if found.kind in (Kind.TIMESTAMP, Kind.DURATION) and found.unit is None:
        return Type(found.kind, unit="us", zone=found.zone)
    return Type(Kind.DECIMAL, precision=18, scale=2) if found == Type(Kind.DECIMAL) else found


def is_of_type(check: Check) -> bool:
    """Whether it asks what type a column landed as."""
    return check.id.rpartition(".")[2].partition("#")[0] == "type"


def of_pattern(check: Check) -> bool:
    """Whether it is about every column that a pattern describes."""
    return isinstance(check.metric, PatternPresent) or getattr(check.metric, "regex", False) is True


def column_of(check: Check) -> str | None:
    """The one column that the check is about, as it is called in the data."""
    path = parse_path(check.column) if check.column and not of_pattern(check) else ()
    return path[0] if len(path) == 1 else None


def schema_for(checks: tuple[Check, ...], known: Mapping[str, Type]) -> Schema:
    """Of all columns that the checks speak of: of the type that the suite says, or of that of the values they name."""
    types: dict[str, Type] = dict(known)
    for column, value in (pair for c in checks for pair in _spoken(c.metric)):
        if column not in types and (found := _type_of(value)) is not None:
            types[column] = found
    names = {c for check in checks for c in names_in(check)}
    return Schema(tuple(Field(n, types.get(n, UNSAID)) for n in sorted(names)))


def names_in(check: Check) -> set[str]:
    """Columns the check speaks of, whatever lands."""
    found = {column for column, _ in _spoken(check.metric)}
    if (own := column_of(check)) is not None:
        found.add(own)
    with suppress(Mistyped, Unanswerable, Unknown):
        found |= {p[0] for p in check.metric.paths()}
    return found


def _type_of(value: Scalar | Type) -> Type | None:
    if isinstance(value, Type):
        return value
    return next((t for kind, t in _KINDS if isinstance(value, kind)), None)


def _spoken(metric: Any) -> Iterator[tuple[str, Any]]:
    """(column, a value that it is held against, or a type)."""
    arguments = getattr(metric, "arguments", None)
    if isinstance(arguments, str):
        given = json.loads(arguments)
        given = decode(given) if given and isinstance(metric, Asked) else given
        yield from _arguments(metric.kind, given, getattr(metric, "column", None))
        return
    yield from ((name, None) for a in ("columns", "wanted") for name in _names(getattr(metric, a, ())))
    yield from _named(metric)


def _names(value: Any) -> tuple[str, ...]:
    return tuple(v for v in value if isinstance(v, str)) if isinstance(value, tuple) else ()


def _named(value: Any) -> Iterator[tuple[str, Any]]:
    for node in expressions(value):
        match node:
            case Matches(Col((name,))) | Call("lower" | "upper" | "trim" | "length", (Col((name,)),)):
                yield name, Type(Kind.STRING)
            case Compare(_, Col((name,)), Lit(value)) | Compare(_, Lit(value), Col((name,))):
                yield name, value
            case In(Col((name,)), values):
                yield from ((name, v) for v in values)
            case Col((name,)):
                yield name, None


def expressions(value: Any) -> Iterator[Expr]:
    if isinstance(value, Expr):
        yield from walk(value)
    elif isinstance(value, tuple):
        for one in value:
            yield from expressions(one)
    elif is_dataclass(value) and not isinstance(value, type):
        for f in fields(value):
            yield from expressions(getattr(value, f.name))


def _arguments(kind: str, given: Mapping[str, Any], column: str | None) -> Iterator[tuple[str, Any]]:
    """Of an expectation of GX, or a check of pandera."""
    name = given.get("column", column)
    names = [name] if name else [given.get("column_A"), given.get("column_B"), *(given.get("column_list") or ())]
    names += [*(given.get("column_set") or ()), *(given.get("columns") or ())]
    for one in filter(None, names):
        yield str(one), None
        if any(word in kind for word in _TEXTS):
            yield str(one), Type(Kind.STRING)
    ends = [given.get(k) for k in ("min_value", "max_value")]
    values = [*(moment(e) or e for e in ends if e is not None), *(given.get("value_set") or ())]
    if name:
        yield from ((str(name), v) for v in values)
    for pair in given.get("value_pairs_set") or ():
        yield from zip((str(n) for n in names[:2]), pair, strict=False)
    yield from _conditions(given.get("row_condition"), given.get("condition_parser"))


def _conditions(written: Any, parser: str | None) -> Iterator[tuple[str, Any]]:
    """Of a row condition, read with columns of either kind: a value beside the wrong one drops out."""
    for kind in (Kind.STRING, Kind.DOUBLE):
        schema = Schema()
        while True:
            try:
                found = condition(written, parser, schema, "pandas")
            except NotThere as error:
                schema = Schema((*schema.fields, Field(str(error.args[0]), Type(kind))))
            except Inexpressible:
                return
            else:
                break
        yield from _named(found)


def shown(name: str) -> str:
    return format_path((name,))
