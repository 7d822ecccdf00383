"""What Parquet footers answer without one data page: counts of rows and NULL, extremes, and conditions no row meets."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from dq.ir.aggregate import Aggregate, Count, Max, Min
from dq.ir.expr import And, Call, Col, Compare, Expr, In, IsNull, Lit, Not, Or
from dq.ir.scalar import compare

if TYPE_CHECKING:
    from dq.ir.data import Footer
    from dq.ir.expr import Comparison

State: TypeAlias = Any


class Missing(Enum):
    MISSING = "missing"


MISSING: Final = Missing.MISSING


def answer(aggregate: Aggregate, footer: Footer) -> State:
    """The aggregate's exact state, or MISSING where only the data knows it."""
    match aggregate:
        case Count(None):
            return footer.rows
        case Count(IsNull(Col() as column)):
            return _nulls(column, footer)
        case Count(Not(IsNull(Col() as column))):
            nulls = _nulls(column, footer)
            return nulls if nulls is MISSING else footer.rows - nulls
        case Count(Expr() as condition):
            return 0 if _never_true(condition, footer) else MISSING
        case Min(Col() as column, None) | Max(Col() as column, None):
            return _extreme(aggregate, column, footer)
    return MISSING


def _nulls(column: Col, footer: Footer) -> State:
    found = footer.column(column.path)
    return MISSING if found is None or found.null_count is None else found.null_count


def _extreme(aggregate: Aggregate, column: Col, footer: Footer) -> State:
    found = footer.column(column.path)
    if found is None:
        return MISSING
    if found.null_count == footer.rows:
        return None
    value = found.low if isinstance(aggregate, Min) else found.high
    return MISSING if value is None else value


def _never_true(condition: Expr, footer: Footer) -> bool:
    """Whether the ranges of values rule the condition out."""
    match condition:
        case Not(arg):
            return _never_false(arg, footer)
        case And(args):
            return any(_never_true(a, footer) for a in args)
        case Or(args):
            return all(_never_true(a, footer) for a in args)
        case Compare(op, left, right):
            return _never_false(Compare(_OPPOSITES[op], left, right), footer)
        case In(arg, values):
            found = _range(arg, footer)
            return found is not None and (found == _NOTHING or not any(_within(found, v) for v in values))
    return False


def _never_false(condition: Expr, footer: Footer) -> bool:
    """Whether the condition holds for the whole range of values, NULL aside."""
    match condition:
        case Not(arg):
            return _never_true(arg, footer)
        case And(args):
            return all(_never_false(a, footer) for a in args)
        case Or(args):
            return any(_never_false(a, footer) for a in args)
        case Compare(op, arg, Lit(limit)) if limit is not None:
            found = _range(arg, footer)
            return found is not None and (found == _NOTHING or _inside(op, found, limit))
    return False


_OPPOSITES: dict[Comparison, Comparison] = {"=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_NOTHING = (None, None)


def _range(value: Expr, footer: Footer) -> tuple[Any, Any] | None:
    """Smallest and largest value of a column, or of the dates of its times; `_NOTHING` where all is NULL."""
    if isinstance(value, Call) and value.name == "date" and isinstance(value.args[0], Col):
        times = _range(value.args[0], footer)
        return times and (_date(times[0]), _date(times[1]))
    found = footer.column(value.path) if isinstance(value, Col) else None
    if found is None:
        return None
    if found.null_count == footer.rows:
        return _NOTHING
    return None if found.low is None or found.high is None else (found.low, found.high)


def _date(value: Any) -> Any:
    return value.date() if isinstance(value, datetime) else value


def _inside(op: Comparison, found: tuple[Any, Any], limit: Any) -> bool:
    try:
        low, high = compare(found[0], limit), compare(found[1], limit)
    except TypeError:
        return False
    return {
        "=": low == high == 0,
        "!=": high < 0 or low > 0,
        "<": high < 0,
        "<=": high <= 0,
        ">": low > 0,
        ">=": low >= 0,
    }[op]


def _within(found: tuple[Any, Any], value: Any) -> bool:
    return not _inside("!=", found, value)
