"""Row expressions: random ones over random tables, then hostile values one by one."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dq.ir import aggregate as a
from dq.ir import expr as e
from dq.ir.data import NUMBERS, Schema
from dq.ir.typecheck import Mistyped, check
from tests.conformance.hostile import FRAMES, as_frame, as_parquet
from tests.conformance.test_aggregates import compare
from tests.laws.strategies import CONDITIONS, KEYS, aggregates, tables
from tests.laws.strategies import NUMBERS as EXPRESSIONS

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from dq.engines.base import Dataset, Engine
    from dq.engines.reference import Reference

RANDOM = settings(
    deadline=None,
    derandomize=True,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def typed(expr: e.Expr, schema: Schema) -> e.Expr | None:
    try:
        return check(expr, schema)[0]
    except Mistyped:
        return None


@RANDOM
@given(tables(), st.lists(CONDITIONS, min_size=5, max_size=5), st.lists(KEYS, min_size=3, max_size=3))
def test_random_conditions(
    subject: Engine, reference: Reference, table: pa.Table, conditions: list[e.Expr], keys: list[e.Expr]
) -> None:
    dataset = as_frame(table)
    checked = [c for c in (typed(c, dataset.schema) for c in conditions) if c is not None]
    asked: list[a.Aggregate] = []
    for condition in dict.fromkeys(checked):
        asked += [a.Count(condition), a.Count(e.Not(condition)), a.Count(e.IsNull(condition))]
    asked += [a.Tally(k, cap=None) for k in (typed(k, dataset.schema) for k in keys) if k is not None]
    compare(subject, reference, dataset, list(dict.fromkeys(asked)))


@RANDOM
@given(tables(), st.lists(EXPRESSIONS, min_size=5, max_size=5))
def test_random_arithmetic(subject: Engine, reference: Reference, table: pa.Table, numbers: list[e.Expr]) -> None:
    dataset = as_frame(table)
    checked = [n for n in (typed(n, dataset.schema) for n in numbers) if n is not None]
    asked = [x for n in dict.fromkeys(checked) for x in (a.Min(n), a.Max(n), a.Count(e.IsNull(n)), a.Count(e.IsNan(n)))]
    compare(subject, reference, dataset, [*asked, a.Count()])


@RANDOM
@given(tables(), st.lists(aggregates(), min_size=4, max_size=4))
def test_random_aggregates(subject: Engine, reference: Reference, table: pa.Table, asked: list[a.Aggregate]) -> None:
    dataset = as_frame(table)
    checked = [x for x in (typed_aggregate(x, dataset.schema) for x in asked) if x is not None]
    exact = [x for x in dict.fromkeys(checked) if not isinstance(x, a.TopValues)]
    compare(subject, reference, dataset, [*exact, a.Count()])


def typed_aggregate(asked: a.Aggregate, schema: Schema) -> a.Aggregate | None:
    from dq.plan import Shape, bind

    try:
        return bind(asked, Shape("frame", schema))
    except Mistyped:
        return None


def parquet(name: str, folder: Path) -> Dataset:
    return as_parquet(FRAMES[name], folder)


COMPARISONS: tuple[e.Comparison, ...] = ("=", "!=", "<", "<=", ">", ">=")
NUMERIC = [f.name for f in as_frame(FRAMES["numbers"]).schema.fields if f.type.kind in NUMBERS]
BOUNDS = [
    0,
    -1,
    127,
    255,
    2**53,
    2**53 + 1,
    2**63 - 1,
    2**63,
    2**64 - 1,
    2**64,
    -(2**63),
    10**40,
    0.0,
    -0.0,
    0.1,
    1.5,
    -1.5,
    float("nan"),
    float("inf"),
    float("-inf"),
    2.0**53,
    2.0**63,
    1e300,
    1e-300,
    Decimal("0.1"),
    Decimal("0.10"),
    Decimal("1.5"),
    Decimal("0." + "9" * 38),
    Decimal("9" * 28 + "." + "9" * 10),
    Decimal("1e39"),
]


@pytest.mark.parametrize("column", NUMERIC)
def test_numbers_beside_literals_compare_exactly(
    column: str, subject: Engine, reference: Reference, tmp_path: Path
) -> None:
    dataset = parquet("numbers", tmp_path)
    both = [(e.Col((column,)), e.Lit(b)) for b in BOUNDS]
    asked = [
        a.Count(check(e.Compare(op, *sides), dataset.schema)[0])
        for op in COMPARISONS
        for s in both
        for sides in (s, s[::-1])
    ]
    asked += [a.Count(check(e.In(e.Col((column,)), (b, 7)), dataset.schema)[0]) for b in BOUNDS]
    compare(subject, reference, dataset, list(dict.fromkeys(asked)))


@pytest.mark.parametrize("left", NUMERIC)
def test_numbers_of_different_kinds_compare_exactly(
    left: str, subject: Engine, reference: Reference, tmp_path: Path
) -> None:
    dataset = parquet("numbers", tmp_path)
    exprs = [e.Compare(op, e.Col((left,)), e.Col((right,))) for op in COMPARISONS for right in NUMERIC]
    compare(subject, reference, dataset, [a.Count(x) for expr in exprs for x in (expr, e.Not(expr))])


@pytest.mark.parametrize("column", ["d", "t_s", "t_ms", "t_us", "t_ns", "z_us", "z_ns", "far"])
def test_times(column: str, subject: Engine, reference: Reference, tmp_path: Path) -> None:
    """A date is its midnight, a naive time is UTC, whatever the units."""
    moments = ["1970-01-01", "2020-02-29T01:02:03", "9999-12-31", "0001-01-01", "1969-12-31T23:59:59.999999"]
    values = [
        *moments,
        date(2020, 2, 29),
        datetime(2020, 2, 29),
        datetime(2020, 2, 29, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59),
    ]
    arg = e.Col((column,))
    for dataset in (as_frame(FRAMES["times"]), parquet("times", tmp_path)):
        exprs: list[e.Expr] = [e.Compare(op, arg, e.Lit(v)) for op in COMPARISONS for v in values]
        exprs += [e.Compare(op, arg, e.Col((n,))) for op in COMPARISONS for n in ("d", "t_us", "t_ns", "z_us", "z_ns")]
        asked: list[a.Aggregate] = [a.Count(check(x, dataset.schema)[0]) for x in exprs]
        if column == "far":  # beyond Python's years, where the reference knows only the first and the last
            asked = [x for x in asked if "9999" not in str(x) and "datetime.date(1, " not in str(x)]
        else:
            asked += [a.Tally(e.Call(name, (arg,)), cap=None) for name in ("year", "month", "day", "date")]
        compare(subject, reference, dataset, asked)


PATTERNS = [
    r"\d",
    r"^\d+$",
    r"^[a-z]+$",
    r"a.b",
    r"a$",
    r"^$",
    r"\w",
    r"^\w+$",
    r"\s",
    r"[\d]",
    r"é",
    r"^.$",
    r"^\S+$",
    r"\(",
    r"\[a\]",
    r"^.{2}$",
]
FLAVOURS: tuple[e.Flavour, ...] = ("re2", "rust", "python")


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns(pattern: str, flavour: e.Flavour, subject: Engine, reference: Reference, tmp_path: Path) -> None:
    dataset = parquet("texts", tmp_path)
    if flavour == "rust" and r"\w" in pattern:
        pytest.skip("Rust's words have combining marks, which Python's re cannot say")
    asked: list[a.Aggregate] = [
        a.FirstRows(e.Matches(e.Col((c,)), pattern, flavour), ((c,),), 20) for c in ("s", "t", "cat", "ls")
    ]
    compare(subject, reference, dataset, asked)


def test_text(subject: Engine, reference: Reference, tmp_path: Path) -> None:
    dataset = parquet("texts", tmp_path)
    column = e.Col(("t",))
    exprs: list[e.Expr] = [e.Call("length", (e.Col((c,)),)) for c in ("s", "t", "cat", "bin", "lb", "ls")]
    exprs += [e.Call(name, (column,)) for name in ("lower", "upper", "trim")]
    exprs += [
        e.Compare(op, e.Col(("s",)), e.Lit(v)) for op in COMPARISONS for v in ("", "a", 'O\'Brien "x"', "😀", "a\x00b")
    ]
    exprs += [
        e.Compare(op, e.Col(("bin",)), e.Lit(v)) for op in COMPARISONS for v in (b"", b"\x00", b"'", b"\\x41", b"\xff")
    ]
    exprs += [
        e.In(e.Col(("cat",)), ("a", "nowhere")),
        e.In(e.Col(("s",)), ()),
        e.Call("coalesce", (column, e.Lit("?"))),
    ]
    compare(subject, reference, dataset, [a.Tally(check(x, dataset.schema)[0], cap=None) for x in exprs])


def test_nested(subject: Engine, reference: Reference, tmp_path: Path) -> None:
    dataset = parquet("nested", tmp_path)
    leaf = e.Col(("st", "in", "d"))
    exprs: list[e.Expr] = [
        leaf,
        e.Col(("st", "b.c")),
        e.Arith("+", e.Col(("st", "a")), e.Lit(1)),
        e.Compare(">", leaf, e.Lit(1)),
        e.Call("length", (e.Col(("li",)),)),
        e.Call("length", (e.Col(("ma",)),)),
        e.IsNull(e.Col(("st", "in"))),
    ]
    compare(subject, reference, dataset, [a.Tally(x, cap=None) for x in exprs])


def test_nothing_but_null(subject: Engine, reference: Reference, tmp_path: Path) -> None:
    dataset = parquet("nulls", tmp_path)
    null = e.Col(("n",))
    exprs: list[e.Expr] = [
        e.Compare("=", null, e.Lit(1)),
        e.IsNull(null),
        e.IsNan(null),
        e.In(null, (1, 2)),
        e.Bucket(null),
        e.Arith("+", null, e.Lit(1)),
        e.Call("year", (null,)),
        e.Call("coalesce", (null, e.Lit(1))),
        e.And(()),
        e.Or(()),
        e.Compare("=", e.Lit(None), e.Lit(1)),
        e.Not(e.Compare("<", e.Col(("i64",)), null)),
        e.Call("length", (null,)),
    ]
    asked: list[a.Aggregate] = [a.Tally(check(x, dataset.schema)[0], cap=None) for x in exprs]
    compare(subject, reference, dataset, [*asked, a.Sum(null), a.Min(null), a.Moments(null), a.Quantiles(null, (0.5,))])
