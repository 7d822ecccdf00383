"""What Parquet footers answer without one data page: counts of rows and NULL, extremes, and rules nobody breaks."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from dq.ir.aggregate import Aggregate, Count, Max, Min
from dq.ir.expr import And, Col, Compare, Expr, IsNull, Lit, Not
from dq.ir.scalar import compare

if TYPE_CHECKING:
    from dq.ir.data import ColumnFooter, Footer

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
        case Count(Not(condition)):
            return 0 if _never_false(condition, footer) else MISSING
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


def _never_false(condition: Expr, footer: Footer) -> bool:
    """Whether comparisons of columns with constants hold for the whole range of values, NULL aside."""
    match condition:
        case And(args):
            return all(_never_false(a, footer) for a in args)
        case Compare(op, Col(path), Lit(limit)) if limit is not None:
            found = footer.column(path)
            return found is not None and (found.null_count == footer.rows or _inside(op, found, limit))
    return False


def _inside(op: str, found: ColumnFooter, limit: Any) -> bool:
    if found.low is None or found.high is None:
        return False
    try:
        low, high = compare(found.low, limit), compare(found.high, limit)
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
