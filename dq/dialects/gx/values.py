"""Expectations on the values of one column, row by row."""

from __future__ import annotations

import json
import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal

from dq.dialects.gx.asked import Asked, Unfit, between, bound, bounds, inside, numeric, whole
from dq.dialects.gx.conditions import member
from dq.dialects.gx.metrics import InOrder, JsonValid, Nulls, Raises, Typical, UniqueKey
from dq.dialects.gx.types import TypeIs
from dq.dialects.patterns import check_pattern
from dq.ir.aggregate import Moments, Quantiles
from dq.ir.data import NUMBERS, TEXTS, TIMES, Kind
from dq.ir.expr import (
    And,
    Arith,
    Call,
    Col,
    Compare,
    Expr,
    Holds,
    Lit,
    Matches,
    Not,
    Now,
    Or,
    Value,
    all_of,
)  # fmt: skip
from dq.metrics.validity import Allowed, Length, Matching, NotAllowed, NotMatching, Range, Validity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dq.ir.metric import Metric


def _rows(asked: Asked, metric: type[Validity], ok: Expr, words: str) -> Metric:
    """Rows of the scope whose value is there, and not `ok`."""
    return metric(ok, asked.where, words, absent=asked.absent(asked.column))


def _not_null(asked: Asked) -> Metric:
    asked.of(asked.column)
    return Nulls(asked.present(asked.column), asked.where)


def _null(asked: Asked) -> Metric:
    asked.of(asked.column)
    return Nulls(asked.absent(asked.column), asked.where)


def _raises(asked: Asked, why: str, *, least: int = 1) -> Metric:
    return Raises(f"{asked.column} is {asked.type}, {why}", _scope(asked), asked.where, least)


def _between(asked: Asked) -> Metric:
    found, column = asked.type, Col(asked.path)
    ends = [e for e in bounds(asked) if e is not None]
    dates = [e for e in ends if isinstance(e, (date, Now))]
    if found.kind in NUMBERS | {Kind.BOOL, Kind.NULL} and dates:
        return _raises(asked, "its bounds are dates")
    if found.kind is Kind.BOOL and not asked.sql:
        ok = between(asked, Call("number", (column,)))
    elif found.kind in NUMBERS | {Kind.NULL} or (found.kind is Kind.DATE and all(type(e) is date for e in ends)):
        ok = between(asked, column)
    elif found.kind is Kind.TIMESTAMP:
        if not dates or (not asked.sql and any(type(e) is date for e in dates)):
            raise Unfit(f"{asked.column} is {found}: its bounds need a time of day")
        if any((isinstance(e, datetime) and e.tzinfo is not None) != bool(found.zone) for e in dates):
            raise Unfit(f"{asked.column} is {found}: bounds with and without a zone do not compare")
        ok = between(asked, column)
    else:
        return _raises(asked, "which has no range")
    return _rows(asked, Range, ok, "outside the range")


def _in_set(asked: Asked) -> Metric:
    found = asked.type
    given = asked["value_set"] or []
    if found.kind in TIMES and not asked.sql:  # to pandas a text never equals a time
        given = [v for v in given if isinstance(v, date)]
    return _rows(asked, Allowed, member(asked.path, found, given), "not among the allowed values")


def _not_in_set(asked: Asked) -> Metric:
    inside = member(asked.path, asked.type, asked["value_set"] or [])
    return _rows(asked, NotAllowed, Not(inside), "among the values not allowed")


def _unique(asked: Asked) -> Metric:
    asked.of(asked.column)
    return UniqueKey((asked.path,), all_of(asked.where, asked.present(asked.column)), asked.where)


def _texts(asked: Asked) -> bool:
    """Whether the column is text. Raises Unfit where pandas' text of a value depends on its neighbours."""
    if asked.type.kind in TIMES | {Kind.TIME, Kind.DURATION}:
        raise Unfit(f"{asked.column} is {asked.type}: its text depends on the whole column")
    return asked.type.kind in TEXTS


def _length(asked: Asked) -> Metric:
    if "value" in asked.arguments:
        value = float(asked["value"])
        low, high, above, below = value, value, False, False
    else:
        ends = [bound(asked[name]) for name in ("min_value", "max_value")]
        if ends == [None, None]:
            raise Unfit("min_value or max_value is needed")
        low, high = (None if e is None else float(whole(e)) for e in ends)  # type: ignore[assignment]
        above, below = bool(asked["strict_min"]), bool(asked["strict_max"])
    if not _texts(asked):
        arguments = json.dumps([low, high, above, below])
        return _rows(asked, Length, Holds("text_length", Col(asked.path), arguments), "of another length")
    ok = inside(Call("length", (Col(asked.path),)), low, high, above=above, below=below)
    return _rows(asked, Length, ok, "of another length")


def _found(asked: Asked, pattern: str) -> Expr:
    """The pattern as Python reads it: in the engines where they read it alike, else in Python."""
    column = Col(asked.path)
    try:
        re.compile(pattern)
    except re.error as error:
        raise Unfit(f"the pattern {pattern} cannot be read: {error.msg}") from None
    try:
        check_pattern(pattern)
    except ValueError:
        return Holds("matches", column, json.dumps(pattern))
    return Matches(column, pattern, "python") if _texts(asked) else Holds("matches", column, json.dumps(pattern))


def _patterns(asked: Asked, found: list[Expr], *, negated: bool) -> Metric:
    if not found:
        raise Unfit("the list of patterns is empty")
    if negated:
        return _rows(asked, NotMatching, Not(Or(tuple(found))), "match a pattern not allowed")
    together = And(tuple(found)) if asked["match_on"] == "all" else Or(tuple(found))
    return _rows(asked, Matching, together, "do not match the pattern")


def _regex(asked: Asked) -> Metric:
    _texts(asked)
    given = [asked["regex"] or "(?s).*"] if "regex_list" not in asked.arguments else asked["regex_list"]
    return _patterns(asked, [_found(asked, p) for p in given], negated="_not_" in asked.kind)


def _like(asked: Asked) -> Metric:
    asked.only("sql")
    given = asked["like_pattern_list"] if "like_pattern_list" in asked.arguments else [asked["like_pattern"]]
    found: list[Expr] = [Matches(Col(asked.path), _of_like(p, asked["escape"])) for p in given]
    return _patterns(asked, found, negated="_not_" in asked.kind)


def _of_like(pattern: str, escape: str | None) -> str:
    """LIKE as a regular expression: % is any text, _ any character."""
    parts, literal = [], False
    for sign in pattern:
        if literal or sign not in ("%", "_", escape):
            parts.append(re.escape(sign))
            literal = False
        elif sign == escape:
            literal = True
        else:
            parts.append(".*" if sign == "%" else ".")
    return f"(?s)^{''.join(parts)}$"


def _judged_by(name: str, argument: str | None, words: str, *, texts: bool) -> Callable[[Asked], Metric]:
    """A predicate of Python's; `texts`: on anything else GX raises."""

    def fitted(asked: Asked) -> Metric:
        asked.only("pandas")
        if texts and asked.type.kind not in TEXTS | {Kind.NULL}:
            return _raises(asked, "text is needed")
        arguments = json.dumps(asked[argument] if argument else None)
        return _rows(asked, Matching, Holds(name, Col(asked.path), arguments), words)

    return fitted


def _json_schema(asked: Asked) -> Metric:
    asked.only("pandas")
    column = Col(asked.path)
    ok = Holds("json_schema", column, json.dumps(asked["json_schema"]))
    return JsonValid(
        ok,
        asked.where,
        "not valid under the JSON Schema",
        absent=asked.absent(asked.column),
        read=Holds("json", column),
    )


def _order(loose: Literal[">=", "<="], strict: Literal[">", "<"]) -> Callable[[Asked], Metric]:
    def fitted(asked: Asked) -> Metric:
        asked.only("pandas")
        if asked.type.kind not in NUMBERS | {Kind.TIMESTAMP, Kind.DURATION, Kind.NULL}:
            return _raises(asked, "differences need numbers or times", least=2)
        return InOrder(asked.path, strict if asked["strictly"] else loose, asked.where, asked.semantics)

    return fitted


def _scope(asked: Asked) -> Expr | None:
    return all_of(asked.where, asked.present(asked.column))


def _z_score(asked: Asked) -> Metric:
    column, limit = numeric(asked, Kind.TIMESTAMP, Kind.DURATION), float(asked["threshold"])
    if column is None:
        raise Unfit(f"{asked.column} is {asked.type}, numbers are needed")
    moments = Moments(column, _scope(asked))
    score: Expr = Arith("/", Arith("-", column, Value(moments, "mean")), Value(moments, "stddev"))
    if asked["double_sided"]:
        score, limit = Call("abs", (score,)), abs(limit)
    deviation = moments if asked.type.kind in TIMES else None
    words, absent = "too many deviations from the mean", asked.absent(asked.column)
    return Typical(Compare("<", score, Lit(limit)), asked.where, words, deviation, absent=absent)


def _outliers(asked: Asked) -> Metric:
    column = numeric(asked)
    if column is None:
        raise Unfit(f"{asked.column} is {asked.type}, numbers are needed")
    multiplier = float(1.5 if asked["multiplier"] is None else asked["multiplier"])
    if asked["method"] == "std":
        moments = Moments(column, _scope(asked))
        threshold = Arith("*", Lit(multiplier), Value(moments, "stddev"))
        distance = Call("abs", (Arith("-", column, Value(moments, "mean")),))
        flat = And((Compare("<=", threshold, Lit(0.0)), Compare("<=", distance, Lit(0.0))))
        return _rows(asked, Typical, Or((flat, Compare("<", distance, threshold))), "outliers")
    if asked.type.kind is Kind.BOOL:
        return _raises(asked, "numbers are needed")
    low, high = (Value(Quantiles(column, (at,), _scope(asked)), "quantile") for at in (0.25, 0.75))
    fence = Arith("*", Lit(multiplier), Arith("-", high, low))
    inside = And((Compare(">=", column, Arith("-", low, fence)), Compare("<=", column, Arith("+", high, fence))))
    return _rows(asked, Typical, inside, "outliers")


def _type(asked: Asked) -> Metric:
    asked.of(asked.column)
    if "type_list" in asked.arguments:
        if asked["type_list"] == []:
            raise Unfit("the list of types is empty")
        return TypeIs(asked.column, tuple(asked["type_list"] or ()), asked.semantics, "list")
    return TypeIs(asked.column, (str(asked["type_"]),), asked.semantics)


_LENGTHS = ("expect_column_value_lengths_to_be_between", "expect_column_value_lengths_to_equal")
_OF_TYPE = ("expect_column_values_to_be_of_type", "expect_column_values_to_be_in_type_list")
FITTING: Mapping[str, Callable[[Asked], Metric]] = {
    "expect_column_values_to_not_be_null": _not_null,
    "expect_column_values_to_be_null": _null,
    "expect_column_values_to_be_between": _between,
    "expect_column_values_to_be_in_set": _in_set,
    "expect_column_values_to_not_be_in_set": _not_in_set,
    "expect_column_values_to_be_unique": _unique,
    **dict.fromkeys(_LENGTHS, _length),
    **{
        f"expect_column_values_to_{verb}_regex{many}": _regex
        for verb in ("match", "not_match")
        for many in ("", "_list")
    },
    **{
        f"expect_column_values_to_{verb}_like_pattern{many}": _like
        for verb in ("match", "not_match")
        for many in ("", "_list")
    },
    "expect_column_values_to_be_json_parseable": _judged_by("json", None, "no JSON", texts=False),
    "expect_column_values_to_match_json_schema": _json_schema,
    "expect_column_values_to_match_strftime_format": _judged_by(
        "strptime", "strftime_format", "not of the format", texts=True
    ),
    "expect_column_values_to_be_dateutil_parseable": _judged_by("dateutil", None, "no time", texts=True),
    "expect_column_values_to_be_increasing": _order(">=", ">"),
    "expect_column_values_to_be_decreasing": _order("<=", "<"),
    "expect_column_value_z_scores_to_be_less_than": _z_score,
    "expect_column_values_to_not_be_outliers": _outliers,
    **dict.fromkeys(_OF_TYPE, _type),
}
