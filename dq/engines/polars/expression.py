"""Row expressions as Polars expressions over normal columns (see `source`). Numbers of any kinds compare exactly.

Integers out of arithmetic are Int128, timestamps microseconds in UTC without a zone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from typing import TYPE_CHECKING, Any

import polars as pl

from dq.engines.polars.pattern import pattern
from dq.engines.polars.source import dtype, name_of
from dq.ir import expr as e
from dq.ir.data import FLOATS, INTEGERS, NUMBERS, TIMES, Kind, Schema, Type, integer_range
from dq.ir.scalar import evaluate
from dq.ir.typecheck import check

if TYPE_CHECKING:
    from collections.abc import Callable

_DIGITS = 38  # of a decimal
_LARGEST = 2**127 - 1  # of an Int128
_CLIP = 1.7e38  # a float that is an Int128, beyond every integer that lands
_BOOL, _LONG, _DOUBLE, _TEXT = Type(Kind.BOOL), Type(Kind.INT64), Type(Kind.DOUBLE), Type(Kind.STRING)


@dataclass(frozen=True, slots=True)
class Node:
    """An expression and its type. `wide` integers are Int128; `value` is set for a literal."""

    expr: pl.Expr
    type: Type
    wide: bool = False
    value: Any = None

    @property
    def kind(self) -> Kind:
        return self.type.kind


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
            return _boolean(_compare(op, node(left), node(right)))
        case e.In(arg, values):
            return _boolean(_member(node(arg), values))
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
        case e.Arith(op, left, right):
            return _arithmetic(op, node(left), node(right))
        case e.Call(name, args):
            return _call(name, [node(a) for a in args])
        case e.Bucket(arg):
            return _bucket(node(arg))
    raise TypeError(f"{type(expr).__name__} has no value for a row")


def column(path: e.Path, schema: Schema) -> Node:
    """A time of nanoseconds is compared, and shown, as microseconds (floor)."""
    found = schema.find(path) or Type(Kind.STRING)  # hidden columns are text
    if found.kind is Kind.TIMESTAMP and found.unit == "ns":
        return Node(pl.col(name_of(path)).cast(pl.Datetime("us")), replace(found, unit="us"))
    return Node(pl.col(name_of(path)), found)


def literal(value: Any) -> Node:
    """A typed literal, times as normal columns have them. A number no type holds is the nearest float."""
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return _number(value)
    if isinstance(value, datetime):
        naive = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        found = Type(Kind.TIMESTAMP, unit="us", zone="UTC" if value.tzinfo else None)
        return Node(pl.lit(naive, dtype=pl.Datetime("us")), found, value=value)
    found = check(e.Lit(value), Schema())[1]
    return Node(pl.lit(value, dtype=dtype(found)), found, value=value)


def _number(value: int | Decimal) -> Node:
    if isinstance(value, int) and abs(value) <= _LARGEST:
        wide = not -(2**63) <= value < 2**63
        return Node(pl.lit(value, dtype=pl.Int128 if wide else pl.Int64), _LONG, wide, value)
    if isinstance(value, Decimal) and value.is_finite():
        scale = max(0, -int(value.as_tuple().exponent))
        if abs(value) < 10 ** (_DIGITS - scale) and scale <= _DIGITS:
            found = Type(Kind.DECIMAL, precision=_DIGITS, scale=scale)
            return Node(pl.lit(value, dtype=pl.Decimal(_DIGITS, scale)), found, value=value)
    nearest = _nearest(value)
    return Node(pl.lit(nearest, dtype=pl.Float64), _DOUBLE, value=nearest)


def _nearest(value: int | Decimal | Fraction) -> float:
    """The nearest float, infinite beyond all floats."""
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value)


def _boolean(expr: pl.Expr) -> Node:
    return Node(expr, _BOOL)


def _truth(node: Node) -> pl.Expr:
    return node.expr.cast(pl.Boolean) if node.kind is Kind.NULL else node.expr


def known(node: Node, answer: bool) -> pl.Expr:
    """The answer, NULL for NULL."""
    return pl.when(node.expr.is_not_null()).then(pl.lit(answer))


def _nothing(*nodes: Node) -> pl.Expr:
    """NULL in every row: a literal would be one row."""
    return pl.when(pl.any_horizontal(*(n.expr.is_null() for n in nodes))).then(pl.lit(None, dtype=pl.Boolean))


_MIRROR: dict[str, e.Comparison] = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_COMPARE: dict[str, Callable[[pl.Expr, Any], pl.Expr]] = {
    "=": pl.Expr.__eq__, "!=": pl.Expr.__ne__, "<": pl.Expr.__lt__, "<=": pl.Expr.__le__,
    ">": pl.Expr.__gt__, ">=": pl.Expr.__ge__,
}  # fmt: skip


def _compare(op: e.Comparison, left: Node, right: Node) -> pl.Expr:
    if Kind.NULL in (left.kind, right.kind):
        return _nothing(left, right)
    if left.value is not None:  # NOTE: with a boolean literal on the left Polars 2.1 loses rows
        return _compare(_MIRROR[op], right, left)
    if left.kind in NUMBERS and right.kind in NUMBERS:
        if right.value is not None:
            return _compare_number(op, left, right.value)
        return _compare_numbers(op, left, right)
    if left.kind is not right.kind and left.kind in TIMES and right.kind in TIMES:
        return _COMPARE[op](left.expr.cast(pl.Datetime("us")), right.expr.cast(pl.Datetime("us")))
    return _COMPARE[op](left.expr, right.expr)


def _compare_numbers(op: e.Comparison, left: Node, right: Node) -> pl.Expr:
    if left.kind in INTEGERS and right.kind in INTEGERS:
        same = left.type == right.type and left.wide == right.wide
        return _COMPARE[op](*((a.expr if same else a.expr.cast(pl.Int128)) for a in (left, right)))
    if right.kind in INTEGERS:
        return _compare_numbers(_MIRROR[op], right, left)
    if left.kind not in INTEGERS:
        exact = left.kind is right.kind is Kind.DECIMAL and _common(left, right)
        return _COMPARE[op](*((a.expr.cast(dtype(exact) if exact else pl.Float64)) for a in (left, right)))
    value = right
    if right.kind in FLOATS:  # NaN is greater than every number
        value = Node(right.expr.fill_nan(math.inf).clip(-_CLIP, _CLIP), _DOUBLE)
    low, high = (_rounded(value, up=up).expr.cast(pl.Int128) for up in (False, True))
    compared = _COMPARE[op](left.expr.cast(pl.Int128), low if op in ("<=", ">") else high)
    if op == "=":
        return compared & (low == high)
    return compared | (low != high) if op == "!=" else compared


def _compare_number(op: e.Comparison, arg: Node, value: Any) -> pl.Expr:
    """A column against a constant: against the nearest value of the column's own type on the side that decides."""
    if _mixed(arg, value):
        return _COMPARE[op](arg.expr.cast(pl.Float64), float(value))
    low, high = _around(arg, value)
    if not (low is high or low == high) and op in ("=", "!="):
        return known(arg, op == "!=")
    bound = high if op in ("<", ">=") else low
    if arg.kind not in FLOATS and not isinstance(bound, (int, Decimal)):  # beyond all values of the type
        above = bound > 0 or math.isnan(bound)
        return known(arg, op in ("<", "<=", "!=") if above else op in (">", ">=", "!="))
    return _COMPARE[op](arg.expr, pl.lit(bound, dtype=_stored(arg)))


def _mixed(arg: Node, value: Any) -> bool:
    """A decimal beside a float is one."""
    if isinstance(value, float):
        return arg.kind is Kind.DECIMAL
    return arg.kind in FLOATS and isinstance(value, Decimal)


def _stored(arg: Node) -> Any:
    return pl.Int128 if arg.wide else dtype(arg.type)


def _around(arg: Node, value: Any) -> tuple[Any, Any]:
    """Largest value of the column's type <= the constant and smallest >= it; +-inf or NaN where there is none."""
    if isinstance(value, float) and (arg.kind in FLOATS or not math.isfinite(value)):
        return value, value
    exact = Fraction(value)
    if arg.kind in FLOATS:
        near = _nearest(value)
        if math.isfinite(near) and Fraction(near) == exact:
            return near, near
        over = near > exact
        return (math.nextafter(near, -math.inf), near) if over else (near, math.nextafter(near, math.inf))
    scale = arg.type.scale or 0 if arg.kind is Kind.DECIMAL else 0
    whole = (math.floor(exact * 10**scale), math.ceil(exact * 10**scale))
    if arg.kind is Kind.DECIMAL:
        least, most = 1 - 10 ** (arg.type.precision or _DIGITS), 10 ** (arg.type.precision or _DIGITS) - 1
    else:
        least, most = (-_LARGEST, _LARGEST) if arg.wide else integer_range(arg.kind)
    low, high = (-math.inf if w < least else math.inf if w > most else w for w in whole)
    if arg.kind is Kind.DECIMAL:
        return _scaled(low, scale), _scaled(high, scale)
    return low, high


def _scaled(whole: Any, scale: int) -> Any:
    return Decimal((int(whole < 0), tuple(map(int, str(abs(whole)))), -scale)) if isinstance(whole, int) else whole


def _member(arg: Node, values: tuple[Any, ...]) -> pl.Expr:
    if arg.kind is Kind.NULL:
        return _nothing(arg)
    fitting = list(values)
    if any(_mixed(arg, v) for v in values):
        return reduce(pl.Expr.__or__, (_compare_number("=", arg, v) for v in values))
    if arg.kind in NUMBERS:
        around = [_around(arg, v) for v in values]
        same = [low for low, high in around if low == high or low is high]
        fitting = [v for v in same if arg.kind in FLOATS or not isinstance(v, float)]
    elif arg.kind in TIMES:
        tests = [_compare("=", arg, literal(v)) for v in values]
        return reduce(pl.Expr.__or__, tests) if tests else known(arg, False)
    if not fitting:
        return known(arg, False)
    return arg.expr.is_in(pl.lit(pl.Series(fitting, dtype=_stored(arg))).implode())


def _digits(arg: Node) -> tuple[int, int]:
    """Digits before and behind the point."""
    if arg.kind is Kind.DECIMAL and arg.value is None:
        return (arg.type.precision or _DIGITS) - (arg.type.scale or 0), arg.type.scale or 0
    if arg.value is not None:
        return len(str(abs(int(arg.value))).lstrip("0")), arg.type.scale or 0
    return (39 if arg.wide else len(str(integer_range(arg.kind)[1]))), 0


def _common(left: Node, right: Node, more: int = 0) -> Type | None:
    """The decimal that holds both operands and `more` digits; None where 38 digits do not."""
    (whole, scale), (wholes, scales) = _digits(left), _digits(right)
    whole, scale = max(whole, wholes) + more, max(scale, scales)
    return Type(Kind.DECIMAL, precision=whole + scale, scale=scale) if whole + scale <= _DIGITS else None


def _arithmetic(op: e.Operator, left: Node, right: Node) -> Node:
    if Kind.NULL in (left.kind, right.kind):
        return Node(_nothing(left, right).cast(pl.Float64), _DOUBLE)
    if op != "/" and left.kind in INTEGERS and right.kind in INTEGERS:
        return Node(_whole(op, left, right), _LONG, wide=True)
    if op != "/" and {left.kind, right.kind} <= INTEGERS | {Kind.DECIMAL} and (exact := _decimal(op, left, right)):
        return exact
    a, b = left.expr.cast(pl.Float64), right.expr.cast(pl.Float64)
    if op in "/%":
        b = pl.when(b != 0).then(b)
    if op == "%":
        return Node(pl.struct(a.alias("a"), b.alias("b")).map_batches(_fmod, return_dtype=pl.Float64), _DOUBLE)
    return Node(_apply(op, a, b), _DOUBLE)


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
        (whole, scale), (wholes, scales) = _digits(left), _digits(right)
        scale, digits = scale + scales, whole + wholes + scale + scales
        found = Type(Kind.DECIMAL, precision=digits, scale=scale) if digits <= _DIGITS else None
    else:
        found = _common(left, right, more=0 if op == "%" else 1)
    if found is None:
        return None
    # Polars keeps the larger scale of the operands: it has to be the result's.
    a, b = (n.expr.cast(pl.Decimal(_DIGITS, found.scale or 0)) for n in (left, right))
    return Node(_remainder(a, b) if op == "%" else _apply(op, a, b), found)


def _apply(op: e.Operator, a: pl.Expr, b: pl.Expr) -> pl.Expr:
    return a + b if op == "+" else a - b if op == "-" else a * b if op == "*" else a / b


def _bucket(arg: Node) -> Node:
    value = arg.expr.cast(pl.Float64)
    size = (value.abs().log() * e.BUCKETS_PER_E).ceil() + e.BUCKET_OFFSET
    signed = pl.when(value == 0).then(0.0).otherwise(value.sign() * size)
    return Node(pl.when(value.is_finite()).then(signed).cast(pl.Int64), _LONG)


def _call(name: e.Function, args: list[Node]) -> Node:
    if name == "coalesce":
        return _coalesce([a for a in args if a.kind is not Kind.NULL] or args[:1])
    arg = args[0]
    return arg if arg.kind is Kind.NULL else _CALLS[name](arg)


def _coalesce(args: list[Node]) -> Node:
    """The first value, in the one type that holds all."""
    first, *others = args
    if first.kind not in NUMBERS or all(a.type == first.type and a.wide == first.wide for a in others):
        return Node(pl.coalesce([a.expr for a in args]), first.type, first.wide)
    if all(a.kind in INTEGERS for a in args):
        return Node(pl.coalesce([a.expr.cast(pl.Int128) for a in args]), first.type, wide=True)
    exact = _common(first, others[0]) if len(args) == 2 and not any(a.kind in FLOATS for a in args) else None
    found = exact or _DOUBLE
    return Node(pl.coalesce([a.expr.cast(dtype(found)) for a in args]), found)


def _absolute(arg: Node) -> Node:
    if arg.kind in INTEGERS:
        return Node(arg.expr.cast(pl.Int128).abs(), arg.type, wide=True)
    return Node(arg.expr.abs(), arg.type)


def _rounded(arg: Node, *, up: bool) -> Node:
    """To a whole number. NOTE: Polars' own rounding of decimals overflows at 38 digits."""
    if arg.kind in INTEGERS:
        return arg
    if arg.kind in FLOATS:
        return Node(arg.expr.ceil() if up else arg.expr.floor(), _DOUBLE)
    sign = -1 if up else 1
    whole = arg.expr.to_physical().cast(pl.Int128) * sign // 10 ** (arg.type.scale or 0) * sign
    digits = min(_DIGITS, _digits(arg)[0] + 1)
    return Node(whole.cast(pl.Decimal(digits, 0)), Type(Kind.DECIMAL, precision=digits, scale=0))


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
    return Node(count.cast(pl.Int64), _LONG)


def _part(read: Callable[[pl.Expr], pl.Expr]) -> Callable[[Node], Node]:
    return lambda arg: Node(read(arg.expr).cast(pl.Int64), _LONG)


def _date(arg: Node) -> Node:
    return Node(arg.expr.cast(pl.Date) if arg.kind is Kind.TIMESTAMP else arg.expr, Type(Kind.DATE))


_CALLS: dict[str, Callable[[Node], Node]] = {
    "length": _length,
    "lower": lambda a: Node(a.expr.str.to_lowercase(), _TEXT),
    "upper": lambda a: Node(a.expr.str.to_uppercase(), _TEXT),
    "trim": lambda a: Node(a.expr.str.strip_chars(" "), _TEXT),
    "abs": _absolute,
    "floor": lambda a: _rounded(a, up=False),
    "ceil": lambda a: _rounded(a, up=True),
    "year": _part(lambda x: x.dt.year()),
    "month": _part(lambda x: x.dt.month()),
    "day": _part(lambda x: x.dt.day()),
    "date": _date,
}
