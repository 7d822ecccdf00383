"""Simple aggregates: a few Polars expressions each, and how their values become a state."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any

import polars as pl

from dq.engines.polars.expression import translate
from dq.engines.polars.node import Node
from dq.engines.polars.source import name_of
from dq.engines.polars.values import output, plain
from dq.ir import aggregate as a
from dq.ir import expr as e
from dq.ir.data import FLOATS, INTEGERS, Kind, Schema, Type

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dq.ir.aggregate import Aggregate

STAMP = "polars-2.1-hll10"
SEED = 0x6471
_REGISTERS = 1024
_HALF = 2**62
_SAFE_DIGITS = 27  # of a decimal of which 10**11 rows fit into a sum
_EXACT = Context(prec=100)


@dataclass(frozen=True, slots=True)
class Question:
    """`select` are reductions to one row."""

    select: tuple[pl.Expr, ...]
    read: Callable[[Sequence[Any]], Any]


def simple(asked: Aggregate, schema: Schema) -> Question:
    match asked:
        case a.Count(where):
            return Question((_count(where, schema),), lambda v: v[0] or 0)
        case a.Sum(arg, where):
            return _sum(scoped(arg, where, schema))
        case a.Min(arg, where) | a.Max(arg, where):
            node = scoped(arg, where, schema)
            found = node.expr.min() if isinstance(asked, a.Min) else node.expr.max()
            return Question((output(found, node.type),), lambda v: _number_or_none(plain(v[0], node.type)))
        case a.Moments(arg, where):
            return _moments(finite(scoped(arg, where, schema)))
        case a.Comoments(x, y, where):
            return _comoments(finite(scoped(x, where, schema)), finite(scoped(y, where, schema)))
    raise TypeError(f"{type(asked).__name__} is not simple")


def scoped(arg: e.Expr, where: e.Expr | None, schema: Schema) -> Node:
    """The value where the scope is TRUE, else NULL: as long as the data."""
    node = translate(arg, schema)
    expr = node.expr if e.columns(arg) else pl.repeat(node.expr, pl.len())
    if where is not None:
        expr = pl.when(translate(where, schema).expr).then(expr)
    return Node(expr, node.type, node.wide)


def finite(node: Node) -> pl.Expr:
    value = node.expr.cast(pl.Float64)
    return pl.when(value.is_finite()).then(value) if node.kind in FLOATS else value


def _count(where: e.Expr | None, schema: Schema) -> pl.Expr:
    match where:
        case None:
            return pl.len()
        case e.IsNull(e.Col() as arg):
            return translate(arg, schema).expr.null_count()
        case e.Not(e.IsNull(e.Col() as arg)):
            return translate(arg, schema).expr.count()
    found = translate(where, schema).expr
    return (found if e.columns(where) else pl.repeat(found, pl.len())).cast(pl.Boolean).sum()


def _sum(node: Node) -> Question:
    if node.kind in INTEGERS | {Kind.BOOL} and not node.wide:
        return Question((node.expr.count(), node.expr.cast(pl.Int128).sum()), _if_any)
    if node.kind is Kind.DECIMAL and (node.type.precision or 38) <= _SAFE_DIGITS:
        return Question((node.expr.count(), node.expr.cast(pl.Decimal(38, node.type.scale or 0)).sum()), _if_any)
    if node.wide or node.kind is Kind.DECIMAL:
        return _halves(node)
    value = node.expr.cast(pl.Float64).fill_nan(None) if node.kind in FLOATS | {Kind.NULL} else node.expr
    return Question((value.count(), value.sum()), _if_any)


def _if_any(values: Sequence[Any]) -> Any:
    return values[1] if values[0] else None


def _halves(node: Node) -> Question:
    """Values of 128 bits are added up in two halves, each of which fits."""
    digits = node.expr.to_physical().cast(pl.Int128)
    low = digits % _HALF
    scale = node.type.scale or 0

    def read(values: Sequence[Any]) -> Any:
        count, upper, lower = values
        total = (upper or 0) * _HALF + (lower or 0)
        if not count:
            return None
        return total if node.wide else Decimal(total).scaleb(-scale, _EXACT)

    return Question((digits.count(), ((digits - low) // _HALF).sum(), low.sum()), read)


def _number_or_none(value: Any) -> Any:
    """Polars answers NaN where there is nothing but NaN."""
    return None if value != value else value


def _moments(value: pl.Expr) -> Question:
    columns = (
        value.count(), value.mean(), value.var(ddof=0), value.skew(bias=True), value.kurtosis(fisher=False, bias=True),
    )  # fmt: skip

    def read(values: Sequence[Any]) -> a.MomentsState:
        n, mean, variance, skew, kurtosis = values
        if not n:
            return a.MomentsState()
        if not variance:  # both are 0 / 0 then
            return a.MomentsState(n, mean)
        return a.MomentsState(n, mean, variance * n, skew * variance**1.5 * n, kurtosis * variance**2 * n)

    return Question(columns, read)


def _comoments(x: pl.Expr, y: pl.Expr) -> Question:
    both = x.is_not_null() & y.is_not_null()
    x, y = pl.when(both).then(x), pl.when(both).then(y)
    columns = (x.count(), x.mean(), y.mean(), x.var(ddof=0), y.var(ddof=0), pl.cov(x, y, ddof=0))

    def read(values: Sequence[Any]) -> a.ComomentsState:
        n, mean_x, mean_y, var_x, var_y, cov = values
        return a.ComomentsState(n, mean_x, mean_y, var_x * n, var_y * n, cov * n) if n else a.ComomentsState()

    return Question(columns, read)


def key(arg: e.Expr, schema: Schema) -> Node:
    """What tells values apart: a column as it is stored, down to its nanoseconds."""
    if isinstance(arg, e.Col):
        return Node(pl.col(name_of(arg.path)), schema.find(arg.path) or Type(Kind.STRING))
    return translate(arg, schema)


def codes(asked: a.ApproxDistinct, schema: Schema) -> pl.Expr:
    """Register * 64 + rank of every value; NULL for none. Integers of all widths hash alike."""
    node = key(asked.arg, schema)
    value = node.expr
    if node.kind in INTEGERS and node.kind is not Kind.UINT64 and not node.wide:
        value = value.cast(pl.Int64)
    hashed = value.hash(SEED)
    rank = (hashed & ~(_REGISTERS - 1) % 2**64).bitwise_trailing_zeros() - 9  # 10 bits are the register
    code = ((hashed & (_REGISTERS - 1)) * 64 + rank).cast(pl.UInt16)
    present = value.is_not_null()
    if asked.where is not None:
        present = present & translate(asked.where, schema).expr
    return pl.when(present).then(code)


def largest_codes(found: pl.Expr) -> pl.Expr:
    """One list: the code with the largest rank of each register. Inside the list, for else it would be made twice."""
    register = pl.element() // 64
    ordered = found.drop_nulls().unique().sort(descending=True).implode()
    return ordered.list.eval(pl.element().filter(register.is_first_distinct()))


def registers(found: Sequence[int]) -> a.RegistersState:
    """State of one code per register."""
    if not found:
        return a.RegistersState()
    largest = [0] * _REGISTERS
    for code in found:
        largest[code // 64] = code % 64
    return a.RegistersState(STAMP, bytes(largest))
