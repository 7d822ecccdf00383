"""Row expressions as Polars expressions over normal columns (see `source`). Numbers of any kinds compare exactly.

Integers out of arithmetic are Int128, timestamps microseconds in UTC without a zone.
"""

from __future__ import annotations

import math
from functools import reduce
from typing import TYPE_CHECKING, Any

import polars as pl

from dq.engines.polars.comparison import compare, member
from dq.engines.polars.foreign import foreign
from dq.engines.polars.node import (
    BOOL,
    DIGITS,
    DOUBLE,
    LONG,
    TEXT,
    Node,
    column,
    common,
    digits,
    known,
    literal,
    nothing,
    rounded,
)
from dq.engines.polars.pattern import pattern
from dq.engines.polars.source import dtype
from dq.engines.polars.values import output, plain
from dq.ir import expr as e
from dq.ir.data import FLOATS, INTEGERS, NUMBERS, Kind, Schema, Type
from dq.ir.scalar import evaluate

if TYPE_CHECKING:
    from collections.abc import Callable


def translate(expr: e.Expr, schema: Schema) -> Node:
    """Raises TypeError on a node no engine may see (keys, values). Constants are folded by the language itself."""
    if not isinstance(expr, e.Lit) and not e.columns(expr):
        return literal(evaluate(expr, {}))

    def node(part: e.Expr) -> Node:
        return translate(part, schema)

    match expr:
        case e.Col(path):
            return column(path, schema)
        case e.Lit(value):
            return literal(value)
        case e.Compare(op, left, right):
            return _boolean(compare(op, node(left), node(right)))
        case e.In(arg, values):
            return _boolean(member(node(arg), values))
        case e.And(args):
            return _boolean(reduce(pl.Expr.__and__, (_truth(node(a)) for a in args)) if args else pl.lit(True))
        case e.Or(args):
            return _boolean(reduce(pl.Expr.__or__, (_truth(node(a)) for a in args)) if args else pl.lit(False))
        case e.Not(arg):
            return _boolean(~_truth(node(arg)))
        case e.IsNull(arg):
            return _boolean(node(arg).expr.is_null())
        case e.IsNan(arg):
            return _boolean(node(arg).expr.is_nan() if node(arg).kind in FLOATS else known(node(arg), False))
        case e.IsInf(arg):
            return _boolean(node(arg).expr.is_infinite() if node(arg).kind in FLOATS else known(node(arg), False))
        case e.Matches(arg, text, flavour):
            return _boolean(node(arg).expr.cast(pl.String).str.contains(pattern(text, flavour)))
        case e.Holds(_, arg):
            return _holds(node(arg), expr.condition())
        case e.Foreign():
            return foreign(expr, schema)
        case e.Arith(op, left, right):
            return _arithmetic(op, node(left), node(right))
        case e.Call(name, args):
            return _call(name, [node(a) for a in args])
        case e.Bucket(arg):
            return _bucket(node(arg))
    raise TypeError(f"{type(expr).__name__} has no value for a row")


def _holds(arg: Node, condition: Callable[[Any], bool]) -> Node:
    """Asked once for each distinct value of a batch."""

    def verdicts(values: pl.Series) -> pl.Series:
        distinct = values.drop_nulls().unique()
        answers = [condition(plain(v, arg.type)) for v in distinct.to_list()]
        return values.replace_strict(distinct, answers, default=None, return_dtype=pl.Boolean)

    return _boolean(output(arg.expr, arg.type).map_batches(verdicts, return_dtype=pl.Boolean, is_elementwise=True))


def _boolean(expr: pl.Expr) -> Node:
    return Node(expr, BOOL)


def _truth(node: Node) -> pl.Expr:
    return node.expr.cast(pl.Boolean) if node.kind is Kind.NULL else node.expr


def _arithmetic(op: e.Operator, left: Node, right: Node) -> Node:
    if Kind.NULL in (left.kind, right.kind):
        return Node(nothing(left, right).cast(pl.Float64), DOUBLE)
    if op != "/" and left.kind in INTEGERS and right.kind in INTEGERS:
        return Node(_whole(op, left, right), LONG, wide=True)
    if op != "/" and {left.kind, right.kind} <= INTEGERS | {Kind.DECIMAL} and (exact := _decimal(op, left, right)):
        return exact
    a, b = left.expr.cast(pl.Float64), right.expr.cast(pl.Float64)
    if op in "/%":
        b = pl.when(b != 0).then(b)
    if op == "%":
        return Node(pl.struct(a.alias("a"), b.alias("b")).map_batches(_fmod, return_dtype=pl.Float64), DOUBLE)
    return Node(_apply(op, a, b), DOUBLE)


def _fmod(pairs: pl.Series) -> pl.Series:
    """Polars' own remainder of floats is rounded; C's is exact."""

    def remainder(a: float, b: float) -> float:
        return math.nan if math.isinf(a) else math.fmod(a, b)

    rows = zip(pairs.struct.field("a"), pairs.struct.field("b"), strict=True)
    return pl.Series([None if a is None or b is None else remainder(a, b) for a, b in rows], dtype=pl.Float64)


def _whole(op: e.Operator, left: Node, right: Node) -> pl.Expr:
    a, b = left.expr.cast(pl.Int128), right.expr.cast(pl.Int128)
    if op == "%":
        return _remainder(a, b)
    result = _apply(op, a, b)
    if not (left.wide or right.wide):
        return result
    # Int128 wraps in silence: a strict cast of the float estimate fails instead.
    estimate = _apply(op, a.cast(pl.Float64), b.cast(pl.Float64)).cast(pl.Int128)
    return pl.when(estimate.is_not_null()).then(result)


def _remainder(a: pl.Expr, b: pl.Expr) -> pl.Expr:
    """Sign of the dividend, as in SQL."""
    size = a.abs() % pl.when(b != 0).then(b.abs())
    return pl.when(a < 0).then(size * -1).otherwise(size)


def _decimal(op: e.Operator, left: Node, right: Node) -> Node | None:
    """Exact arithmetic, where 38 digits are enough for every result."""
    if op == "*":
        (whole, scale), (wholes, scales) = digits(left), digits(right)
        precision = whole + wholes + scale + scales
        found = Type(Kind.DECIMAL, precision=precision, scale=scale + scales) if precision <= DIGITS else None
    else:
        found = common(left, right, more=0 if op == "%" else 1)
    if found is None:
        return None
    # Polars keeps the larger scale of the operands: it has to be the result's.
    a, b = (n.expr.cast(pl.Decimal(DIGITS, found.scale or 0)) for n in (left, right))
    return Node(_remainder(a, b) if op == "%" else _apply(op, a, b), found)


def _apply(op: e.Operator, a: pl.Expr, b: pl.Expr) -> pl.Expr:
    return a + b if op == "+" else a - b if op == "-" else a * b if op == "*" else a / b


def _bucket(arg: Node) -> Node:
    value = arg.expr.cast(pl.Float64)
    size = (value.abs().log() * e.BUCKETS_PER_E).ceil() + e.BUCKET_OFFSET
    signed = pl.when(value == 0).then(0.0).otherwise(value.sign() * size)
    return Node(pl.when(value.is_finite()).then(signed).cast(pl.Int64), LONG)


def _call(name: e.Function, args: list[Node]) -> Node:
    if name == "coalesce":
        return _coalesce(args)
    arg = args[0]
    return arg if arg.kind is Kind.NULL else _CALLS[name](arg)


def _coalesce(args: list[Node]) -> Node:
    """The first value, in the one type that holds all."""
    typed = [a for a in args if a.kind is not Kind.NULL]
    if not typed:
        return args[0]
    first = typed[0]
    found, wide = first.type, first.wide
    if first.kind in NUMBERS and any(a.type != found or a.wide != wide for a in typed):
        wide = all(a.kind in INTEGERS for a in typed)
        exact = common(first, typed[1]) if len(typed) == 2 and not any(a.kind in FLOATS for a in typed) else None
        found = Type(Kind.INT64) if wide else exact or DOUBLE
    kind = pl.Int128 if wide else dtype(found)
    return Node(pl.coalesce([a.expr.cast(kind) for a in args]), found, wide)


def _absolute(arg: Node) -> Node:
    if arg.kind in INTEGERS:
        return Node(arg.expr.cast(pl.Int128).abs(), arg.type, wide=True)
    return Node(arg.expr.abs(), arg.type)


def _length(arg: Node) -> Node:
    match arg.kind:
        case Kind.BINARY:
            count = arg.expr.bin.size()
        case Kind.LIST:
            count = arg.expr.list.len()
        case Kind.MAP:
            count = arg.expr.map.len()
        case _:
            count = arg.expr.str.len_chars()
    return Node(count.cast(pl.Int64), LONG)


def _part(read: Callable[[pl.Expr], pl.Expr]) -> Callable[[Node], Node]:
    return lambda arg: Node(read(arg.expr).cast(pl.Int64), LONG)


def _number(arg: Node) -> Node:
    match arg.kind:
        case Kind.TIMESTAMP:
            return Node(arg.expr.dt.timestamp("us"), LONG)
        case Kind.DURATION:
            return Node(arg.expr.dt.total_microseconds(), LONG)
    return Node(arg.expr.cast(pl.Int64), LONG)


def _date(arg: Node) -> Node:
    return Node(arg.expr.cast(pl.Date) if arg.kind is Kind.TIMESTAMP else arg.expr, Type(Kind.DATE))


_CALLS: dict[str, Callable[[Node], Node]] = {
    "length": _length,
    "lower": lambda a: Node(a.expr.str.to_lowercase(), TEXT),
    "upper": lambda a: Node(a.expr.str.to_uppercase(), TEXT),
    "trim": lambda a: Node(a.expr.str.strip_chars(" "), TEXT),
    "abs": _absolute,
    "floor": lambda a: rounded(a, up=False),
    "ceil": lambda a: rounded(a, up=True),
    "year": _part(lambda x: x.dt.year()),
    "month": _part(lambda x: x.dt.month()),
    "day": _part(lambda x: x.dt.day()),
    "date": _date,
    "number": _number,
}
