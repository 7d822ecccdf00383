"""What a row expression means, one row at a time in plain Python: the specification the engines are held against."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from functools import lru_cache, singledispatch
from typing import TYPE_CHECKING, Any

from dq.ir import expr as e

if TYPE_CHECKING:
    from collections.abc import Mapping


def evaluate(expr: e.Expr, row: Mapping[str, Any]) -> Any:
    """Value of the expression for the row; None is NULL. Raises TypeError on operands that do not fit together."""
    return _evaluate(expr, row)


@singledispatch
def _evaluate(expr: e.Expr, row: Mapping[str, Any]) -> Any:
    raise TypeError(f"{type(expr).__name__} has no value for a row")


@_evaluate.register(e.Lit)
def _(expr: e.Lit, row: Mapping[str, Any]) -> Any:
    return expr.value


@_evaluate.register(e.Col)
def _(expr: e.Col, row: Mapping[str, Any]) -> Any:
    value: Any = row
    for name in expr.path:
        if value is None:
            return None
        value = value[name]
    return value


@_evaluate.register(e.Compare)
def _(expr: e.Compare, row: Mapping[str, Any]) -> bool | None:
    left, right = _evaluate(expr.left, row), _evaluate(expr.right, row)
    return None if left is None or right is None else ordered(expr.op, left, right)


@_evaluate.register(e.And)
def _(expr: e.And, row: Mapping[str, Any]) -> bool | None:
    values = [_evaluate(a, row) for a in expr.args]
    return False if False in values else None if None in values else True


@_evaluate.register(e.Or)
def _(expr: e.Or, row: Mapping[str, Any]) -> bool | None:
    values = [_evaluate(a, row) for a in expr.args]
    return True if True in values else None if None in values else False


@_evaluate.register(e.Not)
def _(expr: e.Not, row: Mapping[str, Any]) -> bool | None:
    value = _evaluate(expr.arg, row)
    return None if value is None else not value


@_evaluate.register(e.IsNull)
def _(expr: e.IsNull, row: Mapping[str, Any]) -> bool:
    return _evaluate(expr.arg, row) is None


@_evaluate.register(e.IsNan)
def _(expr: e.IsNan, row: Mapping[str, Any]) -> bool | None:
    value = _evaluate(expr.arg, row)
    return None if value is None else isinstance(value, float) and math.isnan(value)


@_evaluate.register(e.IsInf)
def _(expr: e.IsInf, row: Mapping[str, Any]) -> bool | None:
    value = _evaluate(expr.arg, row)
    return None if value is None else isinstance(value, float) and math.isinf(value)


@_evaluate.register(e.In)
def _(expr: e.In, row: Mapping[str, Any]) -> bool | None:
    value = _evaluate(expr.arg, row)
    return None if value is None else any(compare(value, v) == 0 for v in expr.values)


@_evaluate.register(e.Matches)
def _(expr: e.Matches, row: Mapping[str, Any]) -> bool | None:
    value = _evaluate(expr.arg, row)
    return None if value is None else _compiled(expr.pattern, expr.flavour).search(value) is not None


@_evaluate.register(e.Holds)
def _(expr: e.Holds, row: Mapping[str, Any]) -> bool | None:
    value = _evaluate(expr.arg, row)
    if value is None:
        return None
    return expr.condition()(value + 0.0 if isinstance(value, float) else value)  # one zero


_END = re.compile(r"(\\.|\[\^?\]?(?:\\.|[^\]\\])*\])|\$", re.DOTALL)


@lru_cache
def _compiled(pattern: str, flavour: e.Flavour) -> re.Pattern[str]:
    """Classes like \\d are ASCII in RE2. `$` is the very end, but in Python also stands before a last line break."""
    if flavour != "python" and "(?m" not in pattern:
        pattern = _END.sub(lambda m: m[1] or r"\Z", pattern)
    return re.compile(pattern, re.ASCII if flavour == "re2" else 0)


@_evaluate.register(e.Arith)
def _(expr: e.Arith, row: Mapping[str, Any]) -> Any:
    left, right = _evaluate(expr.left, row), _evaluate(expr.right, row)
    if left is None or right is None:
        return None
    if isinstance(left, Decimal) != isinstance(right, Decimal) and float in (type(left), type(right)):
        left, right = float(left), float(right)
    if expr.op == "/":
        return None if right == 0 else float(left) / float(right)
    if expr.op == "%":
        return None if right == 0 else _remainder(left, right)
    with localcontext(prec=100):  # Python's own rounds decimals to 28 digits
        return left + right if expr.op == "+" else left - right if expr.op == "-" else left * right


def _remainder(left: Any, right: Any) -> Any:
    """Sign of the dividend, as in SQL; NaN for a remainder of infinity."""
    if isinstance(left, float) or isinstance(right, float):
        return math.fmod(left, right) if math.isfinite(left) else math.nan
    with localcontext(prec=100):
        result = abs(left) % abs(right)
    return result if left >= 0 else -result


@_evaluate.register(e.Call)
def _(expr: e.Call, row: Mapping[str, Any]) -> Any:
    values = [_evaluate(a, row) for a in expr.args]
    if expr.name == "coalesce":
        return next((v for v in values if v is not None), None)
    return None if values[0] is None else _CALLS[expr.name](values[0])


@_evaluate.register(e.Bucket)
def _(expr: e.Bucket, row: Mapping[str, Any]) -> int | None:
    value = _evaluate(expr.arg, row)
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if value == 0:
        return 0
    size = e.BUCKET_OFFSET + math.ceil(math.log(abs(float(value))) * e.BUCKETS_PER_E)
    return size if value > 0 else -size


_CALLS: dict[str, Any] = {
    "length": len,
    "lower": str.lower,
    "upper": str.upper,
    "trim": lambda v: v.strip(" "),
    "abs": abs,
    "floor": lambda v: v.to_integral_value(ROUND_FLOOR) if isinstance(v, Decimal) else _whole(math.floor, v),
    "ceil": lambda v: v.to_integral_value(ROUND_CEILING) if isinstance(v, Decimal) else _whole(math.ceil, v),
    "year": lambda v: v.year,
    "month": lambda v: v.month,
    "day": lambda v: v.day,
    "date": lambda v: v.date() if isinstance(v, datetime) else v,
    "number": lambda v: int(v) if isinstance(v, bool) else _micros(v),
}


def _micros(value: datetime | timedelta) -> int:
    since = _instant(value) - datetime(1970, 1, 1, tzinfo=UTC) if isinstance(value, datetime) else value
    return since // timedelta(microseconds=1)


def _whole(rounding: Any, value: float) -> float:
    """A float stays a float, as in SQL; NaN and infinity stay themselves."""
    return value if isinstance(value, int) or not math.isfinite(value) else float(rounding(value))


def ordered(op: e.Comparison, left: Any, right: Any) -> bool:
    """Whether `left op right` holds, of values that are not NULL. Raises TypeError."""
    order = compare(left, right)
    return {
        "=": order == 0,
        "!=": order != 0,
        "<": order < 0,
        "<=": order <= 0,
        ">": order > 0,
        ">=": order >= 0,
    }[op]


def compare(left: Any, right: Any) -> int:
    """-1, 0 or 1 in the language's total order. A date is its midnight, a naive time is UTC; beside a float, a decimal
    is one. Raises TypeError."""
    left, right = _comparable(left, right)
    if _is_nan(left) or _is_nan(right):
        return int(_is_nan(left)) - int(_is_nan(right))
    return int(left > right) - int(left < right)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _comparable(left: Any, right: Any) -> tuple[Any, Any]:
    if isinstance(left, date) and isinstance(right, date):
        if isinstance(left, datetime) or isinstance(right, datetime):
            return _instant(left), _instant(right)
        return left, right
    if {type(left), type(right)} == {float, Decimal}:
        return float(left), float(right)
    if isinstance(left, dict) and isinstance(right, dict):
        return tuple(left.values()), tuple(right.values())
    return left, right


def _instant(value: date) -> datetime:
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
