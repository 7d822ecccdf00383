"""Limits that are made of a check's own earlier numbers: what they come to, and how they are said."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from statistics import fmean, median, pstdev
from typing import TYPE_CHECKING, Any

from dq.ir.expr import Arith, Call, Expr, Lit, Now, Past, replace_leaves, walk
from dq.ir.scalar import evaluate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from dq.ir.check import Bound


class NoHistory(Exception):
    """There are no earlier numbers to make a limit of."""


def settled(bound: Bound, known: Sequence[Any], now: datetime | None = None) -> Bound:
    """The bound with its limits as numbers, or as moments that name no zone. `known` are the check's own, oldest first.
    Raises NoHistory, and ValueError where a limit comes to nothing."""
    if not any(isinstance(c.limit, Expr) for c in bound.conditions):
        return bound
    return replace(
        bound,
        conditions=tuple(
            replace(c, limit=_limit(c.limit, known, now)) if isinstance(c.limit, Expr) else c for c in bound.conditions
        ),
    )


def _limit(limit: Expr, known: Sequence[Any], now: datetime | None) -> float | datetime:
    if isinstance(limit, Now):
        assert now is not None
        return (now + limit.shift).replace(tzinfo=None)
    return _number(limit, known)


def _number(limit: Expr, known: Sequence[Any]) -> float:
    leaves: dict[Expr, Expr] = {p: Lit(_past(p, known)) for p in walk(limit) if isinstance(p, Past)}
    found = evaluate(replace_leaves(limit, leaves), {})
    if found is None:
        raise ValueError(f"{said(limit)} divides by zero")
    if not math.isfinite(found):
        raise ValueError(f"{said(limit)} is {found}")
    return int(found) if found == int(found) else found


def _past(past: Past, known: Sequence[Any]) -> Any:
    values = [float(v) for v in known[-past.count :]][::-1]
    if not values:
        if past.none is None:
            raise NoHistory
        return past.none
    match past.reduce:
        case "index":
            if not 0 <= past.index < len(values):
                raise ValueError(f"{said(past)}: there are {len(values)} earlier numbers")
            return values[past.index]
        case "std":
            return pstdev(values)
        case "avg":
            return fmean(values)
        case "median":
            return median(values)
        case "min":
            return min(values)
        case "max":
            return max(values)
    return math.fsum(values)


def said(expr: Expr) -> str:
    """The limit as a person writes it."""
    match expr:
        case Lit(value):
            return str(value)
        case Now(shift):
            days = f"{abs(shift) / timedelta(days=1):g} days"
            return f"now {'-' if shift < timedelta() else '+'} {days}" if shift else "now"
        case Past("index", count, 0) if count == 1:
            return "last()"
        case Past("index", count, index):
            return f"index(last({count}), {index})"
        case Past(reduce, count):
            return f"{reduce}(last({count}))"
        case Call(name, args):
            return f"{name}({', '.join(map(said, args))})"
        case Arith(op, left, right):
            other = f"({said(right)})" if isinstance(right, Arith) else said(right)
            first = f"({said(left)})" if isinstance(left, Arith) and op in "*/" and left.op in "+-" else said(left)
            return f"{first} {op} {other}"
    return type(expr).__name__.lower()
