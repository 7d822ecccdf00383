"""What each built-in check asks of one value, as pandera asks it of Polars."""

from __future__ import annotations

import re
import struct
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from dq.dialects.gx.metrics import DistinctValues
from dq.dialects.pandera.metrics import EndsWith, Equal, NotEqual, StartsWith
from dq.dialects.patterns import check_pattern
from dq.ir.data import FLOATS, INTEGERS, NUMBERS, TEXTS, TIMES, Kind, Type
from dq.ir.expr import And, Call, Col, Compare, Expr, In, Lit, Matches, Not
from dq.metrics.validity import Allowed, Length, Matching, NotAllowed, Range, Validity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dq.ir.expr import Comparison

    Condition = Callable[[Expr], Expr]

_COMPARISONS: dict[str, tuple[Comparison, str]] = {
    "equal_to": ("=", "value"), "not_equal_to": ("!=", "value"),
    "greater_than": (">", "min_value"), "greater_than_or_equal_to": (">=", "min_value"),
    "less_than": ("<", "max_value"), "less_than_or_equal_to": ("<=", "max_value"),
}  # fmt: skip
METRIC: dict[str, type[Validity]] = {
    "equal_to": Equal, "not_equal_to": NotEqual, "isin": Allowed, "notin": NotAllowed, "categories": Allowed,
    "greater_than": Range, "greater_than_or_equal_to": Range, "less_than": Range, "less_than_or_equal_to": Range,
    "in_range": Range, "str_matches": Matching, "str_contains": Matching, "str_startswith": StartsWith,
    "str_endswith": EndsWith, "str_length": Length,
}  # fmt: skip
_TEXT = TEXTS | {Kind.UUID}


class Unfit(Exception):
    """Polars raises over the question on a column of the landed type: to pandera that is a failure."""


def condition(kind: str, given: Mapping[str, Any], name: str, found: Type) -> Condition:
    """Raises Unfit where the landed type has no answer."""
    if found.kind is Kind.BOOL and kind in (*_COMPARISONS, "in_range"):
        ends = [v for k, v in given.items() if not k.startswith("include")]
        if any(isinstance(v, (int, float)) and not isinstance(v, bool) for v in ends):
            inner = condition(kind, given, name, Type(Kind.INT8))  # a truth is 1 or 0 beside a number
            return lambda value: inner(Call("number", (value,)))
    if kind in _COMPARISONS:
        op, key = _COMPARISONS[kind]
        end = Lit(_like(given[key], name, found))
        return lambda value: Compare(op, value, end)
    if kind == "in_range":
        low, high = (Lit(_like(given[k], name, found)) for k in ("min_value", "max_value"))
        above: Comparison = ">=" if given.get("include_min", True) else ">"
        below: Comparison = "<=" if given.get("include_max", True) else "<"
        return lambda value: And((Compare(above, value, low), Compare(below, value, high)))
    if kind == "isin":
        return member(given["allowed_values"], found, name)
    if kind == "notin":
        inside = member(given["forbidden_values"], found, name)
        return lambda value: Not(inside(value))
    if found.kind not in _TEXT | {Kind.NULL}:
        raise Unfit(f"{kind} needs text; {name} is {found}")
    if kind == "str_length":
        return partial(_long, given)
    return _pattern(kind, given)


def _long(given: Mapping[str, Any], value: Expr) -> Expr:
    length = Call("length", (value,))
    if given.get("exact_value") is not None:
        return Compare("=", length, Lit(given["exact_value"]))
    low, high = given.get("min_value"), given.get("max_value")
    ends: list[tuple[Comparison, Any]] = [(">=", low), ("<=", high)]
    return And(tuple(Compare(op, length, Lit(end)) for op, end in ends if end is not None))


def _pattern(kind: str, given: Mapping[str, Any]) -> Condition:
    if kind in ("str_startswith", "str_endswith"):
        literal = re.escape(given["string"])
        pattern = f"^{literal}" if kind == "str_startswith" else rf"{literal}\z"
    else:
        pattern = given["pattern"]
        try:
            check_pattern(pattern)
        except ValueError as error:
            raise Unfit(str(error)) from None
        if kind == "str_matches" and not pattern.startswith("^"):
            pattern = f"^{pattern}"
    return lambda value: Matches(value, pattern, "rust")


def member(values: Iterable[Any], found: Type, name: str = "the column") -> Condition:
    """Unlike a comparison, being of a set is asked of values of the column's own kind only."""
    present = [v for v in values if v is not None]
    kinds = {type(v) for v in present}
    fitting = [_MEMBERS.get(k, frozenset()) for k in kinds]
    if len(kinds) > 1 or any(found.kind not in k | {Kind.NULL} for k in fitting):
        raise Unfit(f"{name} is {found}, which is of no set of {' and '.join(sorted(k.__name__ for k in kinds))}")
    for value in present:
        _like(value, name, found)
    return lambda value: In(value, tuple(present))


def distinct(values: Iterable[Any], name: str, found: Type) -> DistinctValues:
    """The distinct values are the set; NULL is none of them."""
    fitting, others = [], []
    for value in values:
        try:
            fitting.append(_like(value, name, found))
        except Unfit:
            others.append(value)
    outside = Not(In(Col((name,)), tuple(fitting)))
    return DistinctValues((name,), None, "sql", tuple(fitting), all=True, others=tuple(others), outside=outside)


_MEMBERS: dict[type, frozenset[Kind]] = {
    bool: frozenset({Kind.BOOL}), int: INTEGERS | {Kind.DECIMAL}, Decimal: INTEGERS | {Kind.DECIMAL}, float: FLOATS,
    str: _TEXT, bytes: frozenset({Kind.BINARY}), date: frozenset({Kind.DATE}), datetime: frozenset({Kind.TIMESTAMP}),
    time: frozenset({Kind.TIME}), timedelta: frozenset({Kind.DURATION}),
}  # fmt: skip
_FITTING: tuple[tuple[type, frozenset[Kind]], ...] = (
    (bool, frozenset({Kind.BOOL})), (int, NUMBERS), (float, NUMBERS), (Decimal, NUMBERS), (str, _TEXT),
    (bytes, frozenset({Kind.BINARY})), (datetime, TIMES), (date, TIMES), (time, frozenset({Kind.TIME})),
    (timedelta, frozenset({Kind.DURATION})),
)  # fmt: skip


def _like(value: Any, name: str, found: Type) -> Any:
    """The value as Polars compares it with the column. Raises Unfit where it does not."""
    if isinstance(value, bool) and found.kind in INTEGERS | FLOATS:
        return int(value)
    kinds = next((k for cls, k in _FITTING if isinstance(value, cls)), frozenset())
    if found.kind not in kinds | {Kind.NULL}:
        raise Unfit(f"{name} is {found}, which does not compare with {value!r}")
    if isinstance(value, datetime) and found.kind is Kind.TIMESTAMP and bool(value.tzinfo) != bool(found.zone):
        raise Unfit(f"{name} is {found}: times with and without a zone do not compare")
    if isinstance(value, float) and found.kind is Kind.FLOAT:
        return _single(value)
    return value


def _single(value: float) -> float:
    """The nearest float of 32 bits: beside such a column Polars takes a number for one."""
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
