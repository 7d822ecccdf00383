"""An expression with its type, and what every operator needs: literals, NULL, digits, rounding."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl

from dq.engines.polars.source import dtype, name_of
from dq.ir import expr as e
from dq.ir.data import FLOATS, INTEGERS, Kind, Schema, Type, integer_range
from dq.ir.typecheck import check

DIGITS = 38  # of a decimal
LARGEST = 2**127 - 1  # of an Int128
BOOL, LONG, DOUBLE, TEXT = Type(Kind.BOOL), Type(Kind.INT64), Type(Kind.DOUBLE), Type(Kind.STRING)


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
    if isinstance(value, int) and abs(value) <= LARGEST:
        wide = not -(2**63) <= value < 2**63
        return Node(pl.lit(value, dtype=pl.Int128 if wide else pl.Int64), LONG, wide, value)
    if isinstance(value, Decimal) and value.is_finite():
        scale = max(0, -int(value.as_tuple().exponent))
        if value.copy_abs() < 10 ** (DIGITS - scale) and scale <= DIGITS:
            found = Type(Kind.DECIMAL, precision=DIGITS, scale=scale)
            return Node(pl.lit(value, dtype=pl.Decimal(DIGITS, scale)), found, value=value)
    near = nearest(value)
    return Node(pl.lit(near, dtype=pl.Float64), DOUBLE, value=near)


def nearest(value: int | Decimal | Fraction) -> float:
    """The nearest float, infinite beyond all floats."""
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value)


def known(node: Node, answer: bool) -> pl.Expr:
    """The answer, NULL for NULL."""
    return pl.when(node.expr.is_not_null()).then(pl.lit(answer))


def nothing(*nodes: Node) -> pl.Expr:
    """NULL in every row: a literal would be one row."""
    return pl.when(pl.any_horizontal(*(n.expr.is_null() for n in nodes))).then(pl.lit(None, dtype=pl.Boolean))


def stored(arg: Node) -> Any:
    return pl.Int128 if arg.wide else dtype(arg.type)


def digits(arg: Node) -> tuple[int, int]:
    """Digits before and behind the point."""
    if arg.kind is Kind.DECIMAL and arg.value is None:
        return (arg.type.precision or DIGITS) - (arg.type.scale or 0), arg.type.scale or 0
    if arg.value is not None:
        return len(str(abs(int(arg.value))).lstrip("0")), arg.type.scale or 0
    return (39 if arg.wide else len(str(integer_range(arg.kind)[1]))), 0


def common(left: Node, right: Node, more: int = 0) -> Type | None:
    """The decimal that holds both operands and `more` digits; None where 38 digits do not."""
    (whole, scale), (wholes, scales) = digits(left), digits(right)
    whole, scale = max(whole, wholes) + more, max(scale, scales)
    return Type(Kind.DECIMAL, precision=whole + scale, scale=scale) if whole + scale <= DIGITS else None


def rounded(arg: Node, *, up: bool) -> Node:
    """To a whole number. NOTE: Polars' own rounding of decimals overflows at 38 digits."""
    if arg.kind in INTEGERS:
        return arg
    if arg.kind in FLOATS:
        return Node(arg.expr.ceil() if up else arg.expr.floor(), DOUBLE)
    sign = -1 if up else 1
    whole = arg.expr.to_physical().cast(pl.Int128) * sign // 10 ** (arg.type.scale or 0) * sign
    found = Type(Kind.DECIMAL, precision=min(DIGITS, digits(arg)[0] + 1), scale=0)
    return Node(whole.cast(dtype(found)), found)
