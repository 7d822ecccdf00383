"""Conditions taken apart: what is compared with what, apart from whether a value is there."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from dq.dialects.saying import Unsayable
from dq.ir.check import Bound, Condition
from dq.ir.data import TEXTS
from dq.ir.expr import (
    And,
    Call,
    Col,
    Compare,
    Expr,
    Holds,
    IsNan,
    IsNull,
    Lit,
    Matches,
    Not,
    Or,
    columns,
    replace_leaves,
    walk,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dq.ir.data import Schema
    from dq.ir.expr import Comparison, Path
    from dq.ir.metric import Metric

_MIRRORED: dict[Comparison, Comparison] = {">": "<", ">=": "<=", "<": ">", "<=": ">=", "=": "=", "!=": "!="}
_OPPOSITE: dict[Comparison, Comparison] = {">": "<", ">=": "<=", "=": "="}


def stripped(ok: Expr) -> tuple[list[Expr], Path | None]:
    """The conditions joined by `and` without those on absence, and the one column that these are about."""
    parts: list[Expr] = []
    absent: set[Path] = set()
    for part in ok.args if isinstance(ok, And) else (ok,):
        if _is_of_absence(part):
            absent |= columns(part)
        elif isinstance(part, And):
            inner, path = stripped(part)
            parts += inner
            absent |= {path} if path else set()
        elif isinstance(part, Or) and len(rest := _present(part)) == 1:
            parts += stripped(rest[0])[0]
        elif isinstance(part, Not) and isinstance(part.arg, And) and len(rest := _present(part.arg)) == 1:
            parts.append(Not(rest[0]))
        else:
            parts.append(part)
    return parts, absent.pop() if len(absent) == 1 else None


def _present(expr: And | Or) -> list[Expr]:
    return [a for a in expr.args if not _is_of_absence(a)]


def _is_of_absence(expr: Expr) -> bool:
    match expr:
        case IsNull(Col()) | IsNan(Col()):
            return True
        case Not(arg):
            return _is_of_absence(arg)
        case And(args) | Or(args):
            return all(map(_is_of_absence, args))
    return False


def with_patterns(expr: Expr, landed: Schema) -> Expr:
    """With what Python matches texts against as a pattern of Python's."""
    leaves: dict[Expr, Expr] = {}
    for node in walk(expr):
        match node:
            case Holds("matches", Col(path) as column, pattern):
                if (found := landed.find(path)) is not None and found.kind in TEXTS:
                    leaves[node] = Matches(column, json.loads(pattern), "python")
    return replace_leaves(expr, leaves)


def compared(parts: Sequence[Expr]) -> tuple[Path, list[tuple[Comparison, Any]]] | None:
    """Of comparisons of one column with values: the column, and each of them."""
    return _sides(parts, lambda e: e.path if isinstance(e, Col) else None)


def lengths(parts: Sequence[Expr]) -> tuple[Path, list[tuple[Comparison, Any]]] | None:
    """Of comparisons of the length of one column: the column, and each of them."""

    def measured(expr: Expr) -> Path | None:
        match expr:
            case Call("length", (Col(path),)) | Call("coalesce", (Call("length", (Col(path),)), Lit(0))):
                return path
        return None

    return _sides(parts, measured)


def _sides(parts: Sequence[Expr], column: Any) -> tuple[Path, list[tuple[Comparison, Any]]] | None:
    found: list[tuple[Path, Comparison, Any]] = []
    for part in parts:
        match part:
            case Compare(op, left, Lit(value)) if (path := column(left)) is not None:
                found.append((path, op, value))
            case Compare(op, Lit(value), right) if (path := column(right)) is not None:
                found.append((path, _MIRRORED[op], value))
            case _:
                return None
    paths = {p for p, _, _ in found}
    return (paths.pop(), [(op, v) for _, op, v in found]) if len(paths) == 1 else None


def key_paths(metric: Metric) -> tuple[Path, ...]:
    """Columns of the key that a metric asks to be unique."""
    if metric.name not in ("unique", "primary_key", "duplicate_values"):
        return ()
    keys: tuple[Any, ...] = getattr(metric, "keys", ())
    return tuple(k.path if isinstance(k, Col) else k for k in keys if isinstance(k, (Col, tuple)))


def of_share(bound: Bound) -> Bound:
    """Of the share that passes, as one of the rows that may fail. Raises Unsayable."""
    if bound.negated or bound.usual or len(bound.conditions) != 1:
        raise Unsayable(f"of failing rows nothing says: {bound}")
    (condition,) = bound.conditions
    if condition.op not in _OPPOSITE or isinstance(condition.limit, Expr):
        raise Unsayable(f"of failing rows nothing says: {bound}")
    share = 1 - Decimal(str(condition.limit))
    op = _OPPOSITE[condition.op] if share else "<="
    return replace(bound, conditions=(Condition(op, share, "share of rows" if share else "value"),))
