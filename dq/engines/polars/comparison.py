"""Comparison of values of any kinds that fit together, exactly."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from typing import TYPE_CHECKING, Any

import polars as pl

from dq.engines.polars.node import (
    DIGITS,
    DOUBLE,
    LARGEST,
    Node,
    common,
    known,
    literal,
    nearest,
    nothing,
    rounded,
    stored,
)
from dq.engines.polars.source import dtype
from dq.ir import expr as e
from dq.ir.data import FLOATS, INTEGERS, NUMBERS, TIMES, Kind, integer_range

if TYPE_CHECKING:
    from collections.abc import Callable

_CLIP = 1.7e38  # a float that is an Int128, beyond every integer that lands


_MIRROR: dict[str, e.Comparison] = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_COMPARE: dict[str, Callable[[pl.Expr, Any], pl.Expr]] = {
    "=": pl.Expr.__eq__, "!=": pl.Expr.__ne__, "<": pl.Expr.__lt__, "<=": pl.Expr.__le__,
    ">": pl.Expr.__gt__, ">=": pl.Expr.__ge__,
}  # fmt: skip


def compare(op: e.Comparison, left: Node, right: Node) -> pl.Expr:
    if Kind.NULL in (left.kind, right.kind):
        return nothing(left, right)
    if left.value is not None:  # NOTE: with a boolean literal on the left Polars 2.1 loses rows
        return compare(_MIRROR[op], right, left)
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
        exact = left.kind is right.kind is Kind.DECIMAL and common(left, right)
        return _COMPARE[op](*((a.expr.cast(dtype(exact) if exact else pl.Float64)) for a in (left, right)))
    value = right
    if right.kind in FLOATS:  # NaN is greater than every number
        value = Node(right.expr.fill_nan(math.inf).clip(-_CLIP, _CLIP), DOUBLE)
    low, high = (rounded(value, up=up).expr.cast(pl.Int128) for up in (False, True))
    compared = _COMPARE[op](left.expr.cast(pl.Int128), low if op in ("<=", ">") else high)
    if op not in ("=", "!="):
        return compared
    equal = compared & (low == high) if op == "=" else compared | (low != high)
    return pl.when(compared.is_not_null()).then(equal)


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
    return _COMPARE[op](arg.expr, pl.lit(bound, dtype=stored(arg)))


def _mixed(arg: Node, value: Any) -> bool:
    """A decimal beside a float is one."""
    if isinstance(value, float):
        return arg.kind is Kind.DECIMAL
    return arg.kind in FLOATS and isinstance(value, Decimal)


def _around(arg: Node, value: Any) -> tuple[Any, Any]:
    """Largest value of the column's type <= the constant and smallest >= it; +-inf or NaN where there is none."""
    if isinstance(value, float) and (arg.kind in FLOATS or not math.isfinite(value)):
        return value, value
    exact = Fraction(value)
    if arg.kind in FLOATS:
        near = nearest(value)
        if math.isfinite(near) and Fraction(near) == exact:
            return near, near
        over = near > exact
        return (math.nextafter(near, -math.inf), near) if over else (near, math.nextafter(near, math.inf))
    scale = arg.type.scale or 0 if arg.kind is Kind.DECIMAL else 0
    whole = (math.floor(exact * 10**scale), math.ceil(exact * 10**scale))
    if arg.kind is Kind.DECIMAL:
        least, most = 1 - 10 ** (arg.type.precision or DIGITS), 10 ** (arg.type.precision or DIGITS) - 1
    else:
        least, most = (-LARGEST, LARGEST) if arg.wide else integer_range(arg.kind)
    low, high = (-math.inf if w < least else math.inf if w > most else w for w in whole)
    if arg.kind is Kind.DECIMAL:
        return _scaled(low, scale), _scaled(high, scale)
    return low, high


def _scaled(whole: Any, scale: int) -> Any:
    return Decimal((int(whole < 0), tuple(map(int, str(abs(whole)))), -scale)) if isinstance(whole, int) else whole


def member(arg: Node, values: tuple[Any, ...]) -> pl.Expr:
    if arg.kind is Kind.NULL:
        return nothing(arg)
    fitting = list(values)
    if any(_mixed(arg, v) for v in values):
        return reduce(pl.Expr.__or__, (_compare_number("=", arg, v) for v in values))
    if arg.kind in NUMBERS:
        around = [_around(arg, v) for v in values]
        same = [low for low, high in around if low == high or low is high]
        fitting = [v for v in same if arg.kind in FLOATS or not isinstance(v, float)]
    elif arg.kind in TIMES:
        tests = [compare("=", arg, literal(v)) for v in values]
        return reduce(pl.Expr.__or__, tests) if tests else known(arg, False)
    if not fitting:
        return known(arg, False)
    return arg.expr.is_in(pl.lit(pl.Series(fitting, dtype=stored(arg))).implode())
