"""Random tables, and random row expressions over them that pass the type check.

Numbers in arithmetic stay small enough for 128 bits and floats are eighths, so that sums are exact in any order;
letters have one lower and one upper case.
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from dq.ir import aggregate as a
from dq.ir import expr as e
from dq.ir.positions import Positions
from dq.ir.sampling import ValueSample

SMALL, LARGE = st.integers(-50, 50), st.sampled_from([2**63 - 1, -(2**63), 2**53, 2**53 + 1, -(2**53) - 1, 0, 1])
EIGHTHS = st.integers(-400, 400).map(lambda n: n / 8)
FLOATS = EIGHTHS | st.sampled_from([math.nan, math.inf, -math.inf, -0.0, 2.0**53, 9.3e18])
CENTS = st.integers(-10_000, 10_000).map(lambda n: Decimal(n).scaleb(-2))
TEXT = st.text("aAbB1 é😀\n.", max_size=4)
DAYS = st.dates(date(1960, 1, 1), date(1980, 1, 1))
MOMENTS = st.datetimes(datetime(1960, 1, 1), datetime(1980, 1, 1)) | DAYS.map(
    lambda d: datetime(d.year, d.month, d.day)
)
SPANS = st.integers(-(10**9), 10**9).map(lambda n: timedelta(microseconds=n))

COLUMNS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "i": (pa.int64(), SMALL),
    "n": (pa.int16(), SMALL),
    "big": (pa.int64(), LARGE | SMALL),
    "u": (pa.uint64(), LARGE.map(abs) | st.just(2**64 - 1)),
    "f": (pa.float64(), FLOATS),
    "g": (pa.float64(), EIGHTHS),
    "m": (pa.decimal128(10, 2), CENTS),
    "w": (pa.decimal128(38, 20), CENTS),
    "s": (pa.string(), TEXT),
    "b": (pa.bool_(), st.booleans()),
    "d": (pa.date32(), DAYS),
    "t": (pa.timestamp("us"), MOMENTS),
    "z": (pa.timestamp("us", "Europe/Berlin"), MOMENTS),
    "p": (pa.duration("us"), SPANS),
    "y": (pa.binary(), st.binary(max_size=2)),
}


@st.composite
def tables(draw: st.DrawFn, max_rows: int = 12) -> pa.Table:
    count = draw(st.integers(0, max_rows))
    columns = {
        name: pa.array(draw(st.lists(st.none() | values, min_size=count, max_size=count)), found)
        for name, (found, values) in COLUMNS.items()
    }
    return pa.table(columns)


def columns(*names: str) -> st.SearchStrategy[e.Expr]:
    return st.sampled_from(names).map(lambda n: e.Col((n,)))


def literals(values: st.SearchStrategy[Any]) -> st.SearchStrategy[e.Expr]:
    return values.map(e.Lit)


def _arithmetic(inner: st.SearchStrategy[e.Expr]) -> st.SearchStrategy[e.Expr]:
    operators: st.SearchStrategy[Any] = st.sampled_from(["+", "-", "*", "/", "%"])
    one_argument: st.SearchStrategy[Any] = st.sampled_from(["abs", "floor", "ceil"])
    return st.builds(e.Arith, operators, inner, inner) | st.builds(
        lambda name, arg: e.Call(name, (arg,)), one_argument, inner
    )


NUMBERS = st.recursive(columns("i", "n", "g", "m", "f") | literals(SMALL | EIGHTHS | CENTS), _arithmetic, max_leaves=3)
COMPARED = NUMBERS | columns("big", "u", "w") | literals(LARGE | FLOATS)
STRINGS = st.recursive(
    columns("s") | literals(TEXT),
    lambda inner: st.builds(lambda name, arg: e.Call(name, (arg,)), st.sampled_from(["lower", "upper", "trim"]), inner),
    max_leaves=2,
)
TIMES = columns("d", "t", "z") | literals(DAYS | MOMENTS | MOMENTS.map(lambda m: m.replace(tzinfo=UTC)))
PARTS = st.builds(
    lambda name, arg: e.Call(name, (arg,)), st.sampled_from(["year", "month", "day"]), columns("d", "t", "z")
)
WHOLE = (
    columns("i")
    | PARTS
    | columns("b", "t", "z", "p").map(lambda c: e.Call("number", (c,)))
    | STRINGS.map(lambda s: e.Call("length", (s,)))
    | st.just(e.Call("length", (e.Col(("y",)),)))
)
PATTERNS = st.sampled_from(
    [r"a", r"^a", r"\d", r"^$", r"a$", r"[aA]b?", r"\s", r"^.$", r"é|1", r"[^a$]", r"\.", r"(?i)B"]
)
GROUPS = (
    COMPARED,
    STRINGS,
    TIMES,
    columns("b"),
    columns("p") | literals(SPANS),
    columns("y") | literals(st.binary(max_size=2)),
)


ANY = columns("i", "f", "s", "m", "d", "z", "b", "p") | STRINGS


def _pairs(group: st.SearchStrategy[e.Expr]) -> st.SearchStrategy[e.Expr]:
    operators: st.SearchStrategy[Any] = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
    return st.builds(e.Compare, operators, group, group)


_TESTS: st.SearchStrategy[Any] = st.sampled_from([e.IsNull, e.IsNan, e.IsInf])
CONDITIONS = st.recursive(
    st.one_of(
        *map(_pairs, GROUPS),
        _pairs(WHOLE),
        columns("b"),
        st.builds(lambda test, arg: test(arg), _TESTS, NUMBERS | STRINGS | TIMES),
        st.builds(
            lambda arg, values: e.In(arg, tuple(values)),
            columns("i", "big", "f", "m", "u"),
            st.lists(SMALL | FLOATS | CENTS | LARGE, max_size=4),
        ),
        st.builds(lambda arg, values: e.In(arg, tuple(values)), columns("s"), st.lists(TEXT, max_size=3)),
        st.builds(
            lambda arg, values: e.In(arg, tuple(values)), columns("d", "t", "z"), st.lists(DAYS | MOMENTS, max_size=3)
        ),
        st.builds(e.Matches, STRINGS, PATTERNS),
        st.builds(lambda arg, args: e.Holds("text_length", arg, args), ANY, st.sampled_from(["[1, 3, true, false]"])),
        st.builds(lambda arg, args: e.Holds("matches", arg, args), ANY, st.sampled_from(['"1"', '"^(?!a)"'])),
    ),
    lambda inner: (
        st.builds(e.Not, inner)
        | st.lists(inner, min_size=1, max_size=3).map(lambda args: e.And(tuple(args)))
        | st.lists(inner, min_size=1, max_size=3).map(lambda args: e.Or(tuple(args)))
    ),
    max_leaves=4,
)
KEYS = st.one_of(
    columns("i", "u", "f", "m", "s", "b", "d", "t", "z", "y"),
    NUMBERS.map(e.Bucket),
    WHOLE,
    CONDITIONS,
    columns("t", "z").map(lambda c: e.Call("date", (c,))),
    st.builds(lambda *args: e.Call("coalesce", args), columns("i"), columns("n"), literals(SMALL)),
    st.builds(lambda *args: e.Call("coalesce", args), columns("s"), literals(TEXT)),
)
SCOPES = st.none() | CONDITIONS


@st.composite
def aggregates(draw: st.DrawFn) -> a.Aggregate:
    where = draw(SCOPES)
    number = draw(columns("i", "n", "g", "m", "f"))
    key = draw(KEYS)
    return draw(
        st.sampled_from(
            [
                a.Count(where),
                a.Sum(draw(columns("i", "big", "u", "g", "m", "w")), where),
                a.Min(draw(columns("i", "f", "s", "d", "t", "z", "m", "b", "y", "u")), where),
                a.Max(draw(columns("i", "f", "s", "d", "t", "z", "m", "b", "y", "u")), where),
                a.Moments(number, where),
                a.Comoments(number, draw(columns("i", "g")), where),
                a.Tally(key, where, draw(st.sampled_from([1, 3, None]))),
                a.ApproxDistinct(key, where),
                a.TopValues(key, 3, where),
                ValueSample(key, 1, draw(st.sampled_from([2, 100])), where),
                a.FirstRows(where, (("i",), ("s",), ("z",)), 3),
                a.Distinctness((key, e.Col(("b",))), where),
                a.Quantiles(number, (0.0, 0.3, 1.0), where),
                a.Quantiles(number, (0.0, 0.25, 0.5), where, draw(st.sampled_from(["nearest", "lower", "discrete"]))),
                a.DuplicateKeys((key,), (("f",),), where, 3),
                Positions(where, limit=draw(st.sampled_from([2, None]))),
                Positions(where, (key, e.Col(("b",))), draw(st.sampled_from([2, None]))),
                a.Order(draw(columns("i", "f", "s", "m", "z", "b")), draw(st.sampled_from([">", "<="])), where, 2),
            ]
        )
    )
