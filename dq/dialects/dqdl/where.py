"""The predicate behind `where`, which is Spark's SQL, as a condition on rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlglot
from sqlglot import exp

from dq.dialects.dqdl.operands import Fault
from dq.dialects.rules import parse_rule
from dq.dialects.sql import RuleError

if TYPE_CHECKING:
    from dq.dialects.dqdl import tree as t
    from dq.ir.expr import Expr

_LONGEST = 10_000


def scope(written: t.Text) -> Expr:
    """Raises Fault for what is no condition, or more than one on the columns of a row."""
    if len(written.value) > _LONGEST:
        raise Fault(f"where: at most {_LONGEST:,} characters", written.place)
    try:
        tree = sqlglot.parse_one(written.value, dialect="spark", into=exp.Condition)
        return parse_rule(tree.transform(_plainly).sql(dialect="duckdb", comments=False))
    except RuleError as error:
        raise Fault(f"where: {str(error).splitlines()[0]}", written.place) from None
    except sqlglot.errors.SqlglotError:
        raise Fault(f"where: {written.value} is no condition in SQL", written.place) from None
    except RecursionError:
        raise Fault("where: nested too deeply", written.place) from None


def _plainly(node: Any) -> Any:
    """`to_date(x)` is the day of a date or time; Spark's `year(x)` holds one already."""
    if isinstance(node, exp.TsOrDsToDate):
        inside = isinstance(node.parent, (exp.Year, exp.Month, exp.Day, exp.DayOfMonth))
        return node.this if inside else exp.Anonymous(this="date", expressions=[node.this])
    return exp.Day(this=node.this) if isinstance(node, exp.DayOfMonth) else node
