"""What is decided once and holds on every engine, the reference included: the answer stands here, not in the code."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from dq.engines import ENGINES, engine
from dq.errors import UsageError
from dq.ir import aggregate as a
from dq.ir import expr as e
from dq.ir.numbers import distinct_estimate
from dq.plan import Shape, bind
from tests.conformance.hostile import as_frame, same

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq.engines.base import Engine

NAN, INF = math.nan, math.inf
X, Y = e.Col(("x",)), e.Col(("y",))
B = e.BUCKET_OFFSET
TIMES = ["2026-03-01", "2026-3-01T12:00:00Z", " 2026-03-01 14:00:00+02:00", "2026-03-01T12:00:01", "2026-03-01 noon",
         "2026-02-30", "20260301", "x", "", None]  # fmt: skip
THEN = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module", params=ENGINES)
def anybody(request: pytest.FixtureRequest) -> Iterator[Engine]:
    made = engine(request.param)
    yield made
    getattr(made, "close", lambda: None)()


def passes(condition: e.Expr) -> a.Count:
    return a.Count(condition)


def fails(condition: e.Expr) -> a.Count:
    return a.Count(e.Not(condition))


def doubles(*values: float | None) -> pa.Array:
    return pa.array(values, pa.float64())


CASES: dict[str, tuple[pa.Array, a.Aggregate, Any]] = {
    "NaN equals NaN": (doubles(NAN, 1), passes(e.Compare("=", X, e.Lit(NAN))), 1),
    "NaN is above every number": (doubles(NAN, INF), passes(e.Compare(">", X, e.Lit(INF))), 1),
    "NaN fails an upper bound": (doubles(NAN, 1, None), fails(e.Compare("<=", X, e.Lit(5))), 1),
    "NaN passes a lower bound unless a dialect excludes it": (doubles(NAN, 1), fails(e.Compare(">=", X, e.Lit(0))), 0),
    "a number test fails NaN": (doubles(NAN, 1), fails(e.And((e.is_number(X), e.Compare(">=", X, e.Lit(0))))), 1),
    "IsNan of NULL is NULL": (doubles(None, NAN, 1), fails(e.IsNan(X)), 1),
    "no integer is NaN": (pa.array([1, None]), fails(e.IsNan(X)), 1),
    "NaN is no minimum": (doubles(NAN, 3, 2), a.Min(X), 2.0),
    "NaN is no maximum": (doubles(NAN, 3, 2), a.Max(X), 3.0),
    "infinity is a maximum": (doubles(INF, 3), a.Max(X), INF),
    "NaN is not summed": (doubles(NAN, 3, 2), a.Sum(X), 5.0),
    "infinity is summed": (doubles(INF, 3), a.Sum(X), INF),
    "nothing but NaN has no maximum": (doubles(NAN, None), a.Max(X), None),
    "moments are of finite values": (
        doubles(NAN, INF, -INF, 1, 3),
        a.Moments(X),
        a.MomentsState(2, 2.0, 2.0, 0.0, 2.0),
    ),
    "NaN is one key": (doubles(NAN, -NAN, 1), a.Tally(X), a.TallyState(((1.0, 1), (NAN, 2)))),
    "-0.0 is 0.0": (doubles(0.0, -0.0), a.Tally(X), a.TallyState(((0.0, 2),))),
    "-0.0 equals 0.0": (doubles(-0.0), passes(e.Compare("=", X, e.Lit(0.0))), 1),
    "-0.0 is not below 0": (doubles(-0.0), passes(e.Compare("<", X, e.Lit(0))), 0),
    "NULL fails nothing": (pa.array([None, 1, 9]), fails(e.Compare("<", X, e.Lit(5))), 1),
    "NULL is in no set": (pa.array([None, 1, 9]), fails(e.In(X, (1,))), 1),
    "an empty set holds nothing": (pa.array([None, 1, 9]), fails(e.In(X, ())), 2),
    "FALSE wins over NULL": (
        pa.array([None, 1]),
        fails(e.And((e.Compare(">", X, e.Lit(5)), e.Compare("=", e.Lit(1), e.Lit(2))))),
        2,
    ),
    "TRUE wins over NULL": (pa.array([None, 1]), passes(e.Or((e.Compare(">", X, e.Lit(5)), e.IsNull(X)))), 1),
    "NULL is no key": (pa.array([None, 1]), a.Tally(X), a.TallyState(((1, 1),))),
    "integers do not wrap in a sum": (pa.array([2**63 - 1] * 3), a.Sum(X), 3 * (2**63 - 1)),
    "unsigned integers do not wrap": (pa.array([2**64 - 1] * 2, pa.uint64()), a.Sum(X), 2 * (2**64 - 1)),
    "nor in arithmetic": (pa.array([2**63 - 1]), a.Max(e.Arith("*", X, X)), (2**63 - 1) ** 2),
    "nor as an absolute value": (pa.array([-(2**63)]), a.Max(e.Call("abs", (X,))), 2**63),
    "int8 arithmetic does not wrap": (pa.array([127], pa.int8()), a.Max(e.Arith("+", X, X)), 254),
    "beyond 2**53 integers stay themselves": (pa.array([2**53 + 1]), passes(e.Compare("=", X, e.Lit(float(2**53)))), 0),
    "decimals are exact": (pa.array([Decimal("0.1")] * 3), a.Sum(X), Decimal("0.3")),
    "a tenth is a tenth beside a decimal": (pa.array([Decimal("0.1")]), passes(e.Compare("=", X, e.Lit(0.1))), 1),
    "decimals of 38 digits add up": (
        pa.array([Decimal("9" * 38)] * 20, pa.decimal128(38, 0)),
        a.Sum(X),
        Decimal(20 * (10**38 - 1)),
    ),
    "division by zero is NULL": (pa.array([1, 2]), a.Count(e.IsNull(e.Arith("/", X, e.Arith("-", X, e.Lit(1))))), 1),
    "remainder by zero is NULL": (pa.array([1, 2]), a.Count(e.IsNull(e.Arith("%", X, e.Arith("-", X, e.Lit(1))))), 1),
    "a remainder has the sign of the dividend": (pa.array([-7]), a.Min(e.Arith("%", X, e.Lit(3))), -1),
    "division is of floats": (pa.array([7]), a.Min(e.Arith("/", X, e.Lit(2))), 3.5),
    "classes of re2 are ASCII": (pa.array(["٣", "3"]), passes(e.Matches(X, r"^\d$")), 1),
    "classes of rust are not": (pa.array(["٣", "3"]), passes(e.Matches(X, r"^\d$", "rust")), 2),
    "classes of python are not": (pa.array(["٣", "3"]), passes(e.Matches(X, r"^\d$", "python")), 2),
    "$ is the very end": (pa.array(["a\n", "a"]), passes(e.Matches(X, r"a$")), 1),
    "text that is a time by then": (pa.array(TIMES), passes(e.Holds("moment", X, '["<="]', e.Lit(THEN))), 3),
    "text that is a time after it": (pa.array(TIMES), passes(e.Holds("moment", X, '[">"]', e.Lit(THEN))), 1),
    "but in python before a last line break": (pa.array(["a\n", "a"]), passes(e.Matches(X, r"a$", "python")), 2),
    "length is of code points": (pa.array(["e\u0301😀"]), a.Max(e.Call("length", (X,))), 3),
    "length of binary is of bytes": (pa.array([b"\xff\x00"]), a.Max(e.Call("length", (X,))), 2),
    "trim takes blanks only": (pa.array(["\t a "]), a.Max(e.Call("trim", (X,))), "\t a"),
    "text is ordered by code point": (pa.array(["b", "B", "é", "\U0001f600", "\uffff"]), a.Max(X), "\U0001f600"),
    "empty text is a value": (pa.array(["", None]), a.Tally(X), a.TallyState((("", 1),))),
    "a zoned time is in UTC": (
        pa.array([datetime(2020, 1, 1)], pa.timestamp("us", "Asia/Tokyo")),
        a.Max(X),
        datetime(2020, 1, 1, tzinfo=UTC),
    ),
    "a naive time stays naive": (pa.array([datetime(2020, 1, 1)], pa.timestamp("ms")), a.Max(X), datetime(2020, 1, 1)),
    "nanoseconds are cut, not rounded": (
        pa.array([-1, 1999], pa.timestamp("ns")),
        a.Min(X),
        datetime(1969, 12, 31, 23, 59, 59, 999999),
    ),
    "but tell keys apart": (
        pa.array([1, 2, 3, 3], pa.timestamp("ns")),
        a.Distinctness((X,)),
        a.DistinctnessState(4, 3, 2),
    ),
    "the day of a zoned time is UTC's": (
        pa.array([datetime(2020, 1, 1, 23)], pa.timestamp("us", "Asia/Tokyo")),
        a.Max(e.Call("day", (X,))),
        1,
    ),
    "a date is its midnight": (
        pa.array([date(2020, 1, 1)]),
        passes(e.Compare("<", X, e.Lit(datetime(2020, 1, 1, 0, 0, 1)))),
        1,
    ),
    "a duration is a duration": (pa.array([timedelta(days=40)], pa.duration("us")), a.Max(X), timedelta(days=40)),
    "an enum is text": (pa.array(["b", "a"]).dictionary_encode(), a.Max(X), "b"),
    "a bucket of nothing is NULL": (doubles(None, NAN, INF, 0.0), a.Tally(e.Bucket(X)), a.TallyState(((0, 1),))),
    "a bucket is a logarithm with a sign": (
        doubles(1.0, -1.0, math.e),
        a.Tally(e.Bucket(X)),
        a.TallyState(((-B, 1), (B, 1), (B + 50, 1))),
    ),
    "a tally beyond its cap says only that": (pa.array([1, 2, 3]), a.Tally(X, cap=2), a.TallyState(over=True)),
    "a tally at its cap counts": (pa.array([1, 2, 2]), a.Tally(X, cap=2), a.TallyState(((1, 1), (2, 2)))),
    "quantiles interpolate": (pa.array([1, 2, 3, 10]), a.Quantiles(X, (0.5, 0.9, 1.0)), (2.5, 7.9, 10.0)),
    "quantiles of nothing are none": (doubles(NAN, None), a.Quantiles(X, (0.5,)), None),
    "the most frequent come first, ties by value": (
        pa.array(["b", "a", "c", "c"]),
        a.TopValues(X),
        a.TopState((("c", 2), ("a", 1), ("b", 1))),
    ),
    "evidence is in order of the rows": (
        pa.array([9, 1, 8, 7]),
        a.FirstRows(e.Compare(">", X, e.Lit(5)), (("x",),), 2),
        (a.RowState("", 1, (9,)), a.RowState("", 3, (8,))),
    ),
    "all members of a duplicate key are evidence": (
        pa.array([1, 2, 1, None, None]),
        a.DuplicateKeys((X,), (("x",),)),
        (a.RowState("", 1, (1,)), a.RowState("", 3, (1,))),
    ),
    "no rows have no sum": (pa.array([], pa.int64()), a.Sum(X), None),
    "no rows are counted as 0": (pa.array([], pa.int64()), passes(e.Compare(">", X, e.Lit(0))), 0),
    "no rows have no registers": (pa.array([None], pa.int64()), a.ApproxDistinct(X), a.RegistersState()),
}


@pytest.mark.parametrize("case", CASES)
def test_decided(case: str, anybody: Engine) -> None:
    values, aggregate, answer = CASES[case]
    dataset = as_frame(pa.table({"x": values}))
    asked = bind(aggregate, Shape("frame", dataset.schema))
    assert same(anybody.run(dataset, [asked])[asked], answer)


def test_what_differs_more_than_in_its_state_does_not_merge(anybody: Engine) -> None:
    """A distinct count is marked with the engine and hash it came from."""
    dataset = as_frame(pa.table({"x": [1, 2]}))
    state = anybody.run(dataset, [a.ApproxDistinct(X)])[a.ApproxDistinct(X)]
    assert state.stamp.startswith(anybody.name)
    with pytest.raises(ValueError, match="do not merge"):
        a.ApproxDistinct(X).merge(state, a.RegistersState("other", state.registers))


@pytest.mark.parametrize("distinct", [10, 900, 3_000, 40_000])
def test_distinct_values_within_their_error(anybody: Engine, distinct: int) -> None:
    """Within four standard errors, around the range where older estimators are off."""
    dataset = as_frame(pa.table({"x": [f"v{i % distinct}" for i in range(max(distinct, 2_000))]}))
    state = anybody.run(dataset, [a.ApproxDistinct(X)])[a.ApproxDistinct(X)]
    assert distinct_estimate(state) == pytest.approx(distinct, rel=4 * 0.033)


def test_an_engine_nobody_knows() -> None:
    with pytest.raises(UsageError, match='no engine "duckbd" \\(did you mean "duckdb"'):
        engine("duckbd")
