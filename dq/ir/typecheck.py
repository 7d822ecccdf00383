"""Types of row expressions against a schema. Engines only ever see expressions that passed here.

Text literals beside a date or timestamp become one ('2020-03-01'), so that no engine guesses.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING, Any

from dq.ir import expr as e
from dq.ir.data import FLOATS, INTEGERS, NESTED, NUMBERS, TEXTS, TIMES, Kind, Type, format_path

if TYPE_CHECKING:
    from dq.ir.aggregate import Distinctness
    from dq.ir.data import Schema


class Mistyped(Exception):
    """An operator does not fit its operands: the message says which."""


class Unanswerable(Exception):
    """The suite asks what nobody here can answer; the message says why."""


class Unknown(Exception):
    """A column the schema does not have."""

    def __init__(self, path: e.Path) -> None:
        self.path = path
        super().__init__(format_path(path))


def check(expr: e.Expr, schema: Schema) -> tuple[e.Expr, Type]:
    """The expression with literals coerced, and its type. Raises Mistyped or Unknown."""
    match expr:
        case e.Col(path):
            found = schema.find(path)
            if found is None:
                raise Unknown(path)
            return expr, found
        case e.Lit(value):
            return expr, _literal(value)
        case e.Compare(_, left, right):
            left, right = _comparable(left, right, schema, expr.op)
            return replace(expr, left=left, right=right), _BOOL
        case e.In(arg, values):
            arg, kind = check(arg, schema)
            pairs = tuple(_fitting(e.Lit(v), _literal(v), kind, "is one of") for v in values)
            return replace(expr, arg=arg, values=tuple(p.value for p in pairs)), _BOOL
        case e.And(args) | e.Or(args):
            kept = tuple(_boolean(a, schema) for a in args if not _idle(a, expr, schema))
            return (kept[0] if len(kept) == 1 else replace(expr, args=kept)), _BOOL
        case e.Not(e.Not(arg)):
            return _boolean(arg, schema), _BOOL
        case e.Not(arg):
            return replace(expr, arg=_boolean(arg, schema)), _BOOL
        case e.IsNull(arg) | e.IsNan(arg) | e.IsInf(arg):
            return replace(expr, arg=check(arg, schema)[0]), _BOOL
        case e.Matches(arg):
            return replace(expr, arg=_of(arg, schema, TEXTS, "a pattern needs text")), _BOOL
        case e.Holds(_, arg):
            return replace(expr, arg=check(arg, schema)[0]), _BOOL
        case e.Exists(args):
            return replace(expr, args=tuple(check(a, schema)[0] for a in args)), _BOOL
        case e.Foreign(args=args, result=result):
            return replace(expr, args=tuple(check(a, schema)[0] for a in args)), result or _BOOL
        case e.Bucket(arg):
            return replace(expr, arg=_of(arg, schema, NUMBERS, "a bucket needs a number")), Type(Kind.INT64)
        case e.Arith(op, left, right):
            left, right = (
                _of(left, schema, NUMBERS, f"{op} needs numbers"),
                _of(right, schema, NUMBERS, f"{op} needs numbers"),
            )
            return replace(expr, left=left, right=right), _arithmetic(
                op, check(left, schema)[1], check(right, schema)[1]
            )
        case e.Call(name, args):
            return _call(name, args, schema)
    raise Mistyped(f"{type(expr).__name__} is no row expression")


def simplest(asked: Distinctness) -> Distinctness:
    """Without a scope that only says that the one key is there: NULL alone is no key."""
    return replace(asked, where=None) if [asked.where] == [e.Not(e.IsNull(k)) for k in asked.keys] else asked


def _idle(part: e.Expr, whole: e.And | e.Or, schema: Schema) -> bool:
    """Whether a test for NaN says nothing: the operand is no float, and its NULL is already told by a sibling."""
    match part:
        case e.Not(e.IsNan(arg)) if isinstance(whole, e.And):
            told = any(isinstance(a, (e.Compare, e.In, e.Matches)) and arg in e.children(a) for a in whole.args)
        case e.IsNan(arg) if isinstance(whole, e.Or):
            told = e.IsNull(arg) in whole.args
        case _:
            return False
    return told and check(arg, schema)[1].kind not in FLOATS


_BOOL = Type(Kind.BOOL)
_LENGTHS = TEXTS | {Kind.BINARY, Kind.LIST, Kind.MAP}


def _call(name: e.Function, args: tuple[e.Expr, ...], schema: Schema) -> tuple[e.Expr, Type]:
    if name == "coalesce":
        checked = [check(a, schema) for a in args]
        first = checked[0][1]
        return e.Call(name, tuple(_fitting(a, t, first, "coalesce") for a, t in checked)), first
    needs: dict[str, tuple[frozenset[Kind], Type | None]] = {
        "length": (_LENGTHS, Type(Kind.INT64)),
        **dict.fromkeys(("lower", "upper", "trim"), (TEXTS, Type(Kind.STRING))),
        **dict.fromkeys(("abs", "floor", "ceil"), (NUMBERS, None)),
        **dict.fromkeys(("year", "month", "day"), (TIMES, Type(Kind.INT64))),
        "date": (TIMES, Type(Kind.DATE)),
        "number": (frozenset({Kind.BOOL, Kind.TIMESTAMP, Kind.DURATION}), Type(Kind.INT64)),
    }
    kinds, result = needs[name]
    if len(args) != 1:
        raise Mistyped(f"{name}() takes one argument")
    arg, found = check(args[0], schema)
    if found.kind not in kinds and found.kind is not Kind.NULL:
        raise Mistyped(f"{name}() does not take {describe(args[0], found)}")
    return e.Call(name, (arg,)), result or found


def describe(expr: e.Expr, found: Type) -> str:
    return f"{format_path(expr.path)}, which is {found}" if isinstance(expr, e.Col) else f"{found}"


def _of(arg: e.Expr, schema: Schema, kinds: frozenset[Kind], complaint: str) -> e.Expr:
    checked, found = check(arg, schema)
    if found.kind not in kinds and found.kind is not Kind.NULL:
        raise Mistyped(f"{complaint}, not {describe(arg, found)}")
    return checked


def _boolean(arg: e.Expr, schema: Schema) -> e.Expr:
    return _of(arg, schema, frozenset({Kind.BOOL}), "and, or and not need conditions")


def comparable(left: Type, right: Type) -> bool:
    """Whether values of these types may be equal as keys."""
    scalar = Kind.NULL in (left.kind, right.kind) or any(left.kind in g and right.kind in g for g in _GROUPS)
    return scalar and not {left.kind, right.kind} & NESTED


def _comparable(left: e.Expr, right: e.Expr, schema: Schema, op: str) -> tuple[e.Expr, e.Expr]:
    (left, left_type), (right, right_type) = check(left, schema), check(right, schema)
    if isinstance(left, e.Lit) and not isinstance(right, e.Lit):
        return _fitting(left, left_type, right_type, op), right
    return left, _fitting(right, right_type, left_type, op)


_GROUPS: tuple[frozenset[Kind], ...] = (
    NUMBERS, TEXTS, TIMES, frozenset({Kind.BOOL}), frozenset({Kind.BINARY}), frozenset({Kind.TIME}),
    frozenset({Kind.DURATION}), frozenset({Kind.UUID, Kind.STRING}), frozenset({Kind.STRUCT}), frozenset({Kind.LIST}),
)  # fmt: skip


def _fitting(expr: Any, found: Type, wanted: Type, op: str) -> Any:
    """The expression, as a literal of the wanted kind where it is text beside a time, or a float beside a decimal."""
    if isinstance(expr, e.Lit) and isinstance(expr.value, float) and wanted.kind is Kind.DECIMAL:
        return e.Lit(Decimal(str(expr.value))) if math.isfinite(expr.value) else expr
    if (
        wanted.kind is Kind.DECIMAL
        and isinstance(expr, e.Lit)
        and isinstance(expr.value, float)
        and isfinite(expr.value)
    ):
        return e.Lit(Decimal(str(expr.value)))  # 0.1 beside a decimal is a tenth, not its nearest double
    if Kind.NULL in (found.kind, wanted.kind) or any(found.kind in g and wanted.kind in g for g in _GROUPS):
        return expr
    if isinstance(expr, e.Lit) and isinstance(expr.value, str) and wanted.kind in (TIMES | {Kind.TIME}):
        try:
            if wanted.kind is Kind.TIME:
                return e.Lit(time.fromisoformat(expr.value))
            moment = datetime.fromisoformat(expr.value)
            return e.Lit(moment.date() if len(expr.value) <= 10 else moment)
        except ValueError:
            raise Mistyped(
                f'"{expr.value}" is no {wanted.kind} (write it like 2020-03-01 or 2020-03-01T12:00:00)'
            ) from None
    raise Mistyped(f"{op} does not compare {wanted} with {describe(expr, found)}")


_LITERALS: tuple[tuple[type, Kind], ...] = (
    (bool, Kind.BOOL), (int, Kind.INT64), (float, Kind.DOUBLE), (Decimal, Kind.DECIMAL), (str, Kind.STRING),
    (bytes, Kind.BINARY), (datetime, Kind.TIMESTAMP), (date, Kind.DATE), (time, Kind.TIME), (timedelta, Kind.DURATION),
    (type(None), Kind.NULL),
)  # fmt: skip


def _literal(value: Any) -> Type:
    return Type(next(kind for cls, kind in _LITERALS if isinstance(value, cls)))


def _arithmetic(op: str, left: Type, right: Type) -> Type:
    if op == "/" or not {left.kind, right.kind} <= INTEGERS | {Kind.DECIMAL}:
        return Type(Kind.DOUBLE)
    return Type(Kind.DECIMAL if Kind.DECIMAL in (left.kind, right.kind) else Kind.INT64)
