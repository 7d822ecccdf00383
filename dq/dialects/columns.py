"""What a column's keys mean: each key, or keys that make one check together, -> a metric."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from dq.dialects.base import Meaning, parse_bound
from dq.dialects.patterns import check_pattern
from dq.ir.check import Bound, Condition, Severity
from dq.ir.data import NUMBERS, TEXTS, TIMES, Kind, Type, format_path, parse_path
from dq.ir.expr import Call, Col, Compare, Exists, Expr, In, Lit, Matches, Not, Path, all_of
from dq.metrics import completeness, consistency, distribution, schema, uniqueness, validity

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq.ir.metric import Metric

NONE_FAIL = Bound((Condition("<=", 0),))


@dataclass(frozen=True, slots=True)
class Asked:
    """One key of a column: its value, and tolerance, severity and scope, from either form."""

    key: str
    value: Any
    line: int
    bound: Bound
    severity: Severity
    where: Expr | None


def alike(asked: list[Asked]) -> list[list[Asked]]:
    """Keys that are one check together: tolerance, severity and scope are the same."""
    groups: dict[tuple[Bound, Severity, Expr | None], list[Asked]] = {}
    for one in asked:
        groups.setdefault((one.bound, one.severity, one.where), []).append(one)
    return list(groups.values())


def plain(value: Any) -> str:
    """A value as it was written, without tolerance."""
    inner = value.get("value", True) if isinstance(value, dict) else value
    return str(inner).lower() if isinstance(inner, bool) else str(inner)


def metric_of(group: str, path: Path, asked: list[Asked], declared: Type | None) -> Metric:
    """Raises ValueError where a value means nothing."""
    where = asked[0].where
    if group == "type" and declared:
        return schema.ColumnType(format_path(path), declared)
    if group == "required":
        return completeness.Required(Not(completeness.absent(path)), where)
    if group == "unique":
        return uniqueness.Unique((path,), where)
    if group == "references":
        source, *column = parse_path(asked[0].value)
        ok = Exists((Col(path),), source, (tuple(column),))
        return consistency.References(ok, where, text=asked[0].value)
    if group in _WHOLE:
        return _WHOLE[group](path, where)
    if group == "length":
        return _length(path, asked)
    return (_range if group == "range" else _member)(path, asked, declared)


def _range(path: Path, asked: list[Asked], declared: Type | None) -> Metric:
    ends = {a.key: _exact(a.value, declared) for a in asked}
    low, high = ends.get("min"), ends.get("max")
    if len(ends) == 1:
        words = f"below {low}" if "min" in ends else f"above {high}"
    elif isinstance(low, str) == isinstance(high, str) and low > high:  # type: ignore[operator]
        raise ValueError(f"min {low} is above max {high}")
    else:
        words = f"outside [{low}, {high}]"
    return validity.Range(validity.in_range(path, low, high), asked[0].where, words)


def _exact(value: Any, declared: Type | None) -> Any:
    """0.1 of a decimal column is a tenth, not its nearest double. Raises ValueError for NaN."""
    if isinstance(value, float) and math.isnan(value):
        raise ValueError(".nan bounds and equals nothing: write a rule with isnan(column), or not isnan(column)")
    if not (declared and declared.kind is Kind.DECIMAL and isinstance(value, float)):
        return value
    if math.isinf(value):
        raise ValueError("no decimal is infinite")
    return Decimal(str(value))


def _length(path: Path, asked: list[Asked]) -> Metric:
    prefix = {"length": "", "min_length": ">= ", "max_length": "<= "}
    bounds = [parse_bound(f"{prefix[one.key]}{one.value}", "number") for one in asked]
    conditions = tuple(c for bound in bounds for c in bound.conditions)
    if any(c.unit != "value" for c in conditions):
        raise ValueError("a length is of each value, not of a previous partition")
    size = Call("length", (Col(path),))
    ok = all_of(*(Compare(c.op, size, Lit(c.limit)) for c in conditions)) or Lit(True)  # type: ignore[arg-type]
    return validity.Length(ok, asked[0].where, f"of a length that is not {Bound(conditions)}")


def _member(path: Path, asked: list[Asked], declared: Type | None) -> Metric:
    """Sets and patterns, and their negations."""
    key, value, where = asked[0].key, asked[0].value, asked[0].where
    if key in ("matches", "not_matches"):
        check_pattern(value)
        match = Matches(Col(path), value)
        if key == "matches":
            return validity.Matching(match, where, f"do not match {value}")
        return validity.NotMatching(Not(match), where, f"match {value}")
    values = tuple(_exact(v, declared) for v in value)
    shown = ", ".join(map(str, values[:10])) + (f" and {len(values) - 10} more" if len(values) > 10 else "")
    found = In(Col(path), values)
    if key == "allowed":
        return validity.Allowed(found, where, f"not one of {shown}")
    return validity.NotAllowed(Not(found), where, f"one of {shown}")


_WHOLE: dict[str, Callable[[Path, Expr | None], Metric]] = {
    "completeness": completeness.Completeness, "distinct_count": uniqueness.DistinctCount,
    "mean": distribution.Mean, "stddev": distribution.Deviation, "sum": distribution.Total,
    "median": distribution.Median,
}  # fmt: skip
GROUPS: dict[str, tuple[str, ...]] = {
    "type": ("type",), "required": ("required",), "unique": ("unique",), "range": ("min", "max"),
    "allowed": ("allowed",), "not_allowed": ("not_allowed",), "matches": ("matches",), "not_matches": ("not_matches",),
    "length": ("length", "min_length", "max_length"), "references": ("references",), **{k: (k,) for k in _WHOLE},
}  # fmt: skip
FITTING: dict[str, frozenset[Kind]] = {
    "range": NUMBERS | TIMES | {Kind.TIME}, "length": TEXTS | {Kind.BINARY, Kind.LIST, Kind.MAP},
    "matches": TEXTS, "not_matches": TEXTS, **dict.fromkeys(("mean", "stddev", "sum", "median"), NUMBERS),
}  # fmt: skip
BOUNDS: dict[str, Meaning] = {**dict.fromkeys(_WHOLE, "number"), "completeness": "ratio"}
