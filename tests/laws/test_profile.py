"""A profile of the whole is the merge of the profiles of its parts, in any split and order."""

import json
import math
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dq.ir.aggregate import MomentsState, TopState
from dq.profile import ColumnProfile, Profile, decode, document, encode, merge, quantile, zero
from tests.golden.profile.answers import profile_of

TYPES = {
    "i": "int64",
    "f": "double",
    "d": "decimal(10,2)",
    "t": "string",
    "b": "bool",
    "day": "date",
    "at": "timestamp",
    "l": "list(int64)",
    "s": "struct(x: int64)",
}
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "i": st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 60),
    "f": st.floats(-1e12, 1e12) | st.sampled_from([math.inf, -math.inf, 0.0, -0.0]),
    "d": st.decimals(-99999, 99999, places=2, allow_nan=False),
    "t": st.text(max_size=8) | st.sampled_from(["", " ", "NA", "a", "b"]),
    "b": st.booleans(),
    "day": st.dates() | st.just(date(1970, 1, 1)),
    "at": st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)),
    "l": st.lists(st.integers(0, 3), max_size=3),
    "s": st.fixed_dictionaries({"x": st.none() | st.integers(-3, 3)}),
}
ROW = st.fixed_dictionaries({name: st.none() | values for name, values in VALUES.items()})
ROWS = st.lists(ROW, max_size=12)
LAW = settings(deadline=None, derandomize=True, max_examples=40)


def same(left: Any, right: Any) -> bool:
    """Equal; floats of moments and sums within 1e-9 of their size, since their order of addition differs."""
    if isinstance(left, MomentsState) and isinstance(right, MomentsState):
        if left.n != right.n:
            return False
        spread = math.sqrt(max(left.m2, right.m2) / max(1, left.n)) + abs(left.mean)
        pairs = ((left.mean, right.mean, 1), (left.m2, right.m2, 2), (left.m3, right.m3, 3), (left.m4, right.m4, 4))
        return all(math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9 * left.n * spread**k) for a, b, k in pairs)
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-3) or left == right or left != left != right != right
    if isinstance(left, ColumnProfile) and isinstance(right, ColumnProfile):
        plain = replace(left, states={}) == replace(right, states={}) and left.states.keys() == right.states.keys()
        return plain and all(same(s, right.states[n]) for n, s in left.states.items())
    if isinstance(left, Profile) and isinstance(right, Profile):
        plain = replace(left, columns=()) == replace(right, columns=()) and len(left.columns) == len(right.columns)
        return plain and all(map(same, left.columns, right.columns))
    return bool(left == right)


def of(rows: list[dict[str, Any]], names: tuple[str, ...] = tuple(TYPES)) -> Profile:
    return profile_of({n: TYPES[n] for n in names}, rows, key="k")


@given(ROWS, ROWS)
@LAW
def test_merge_is_the_profile_of_all_rows(left: list[dict[str, Any]], right: list[dict[str, Any]]) -> None:
    parts, whole = merge(of(left), of(right)), of(left + right)
    assert same(parts, replace(whole, partitions=("k", "k"), files=2))


@given(ROWS, ROWS)
@LAW
def test_merge_is_commutative(left: list[dict[str, Any]], right: list[dict[str, Any]]) -> None:
    assert same(merge(of(left), of(right)), merge(of(right), of(left)))


SOME = st.lists(st.sampled_from(sorted(TYPES)), unique=True).map(tuple)


@given(ROWS, ROWS, ROWS, SOME, SOME)
@LAW
def test_merge_is_associative_even_where_columns_are_missing(
    a: list[dict[str, Any]],
    b: list[dict[str, Any]],
    c: list[dict[str, Any]],
    some: tuple[str, ...],
    other: tuple[str, ...],
) -> None:
    x, y, z = of(a, some), of(b, other), of(c)
    assert same(merge(merge(x, y), z), merge(x, merge(y, z)))


MIXED = st.sampled_from(["int32", "int64", "double", "decimal(10,2)", "string", "date"])
ONE: dict[str, Any] = {
    "int32": 1, "int64": 2, "double": 0.5, "decimal(10,2)": Decimal("1.25"), "string": "1", "date": date(2020, 1, 1),
}  # fmt: skip


@given(st.lists(st.tuples(MIXED, st.integers(0, 2), st.integers(0, 1)), min_size=3, max_size=3))
@LAW
def test_merge_is_associative_and_commutative_over_retyped_columns(parts: list[tuple[str, int, int]]) -> None:
    x, y, z = (profile_of({"x": t}, [{"x": ONE[t]}] * n + [{"x": None}] * m, key="k") for t, n, m in parts)
    assert same(merge(merge(x, y), z), merge(x, merge(y, z)))
    assert same(merge(x, y), merge(y, x))


@given(ROWS)
@LAW
def test_zero_changes_nothing(rows: list[dict[str, Any]]) -> None:
    found = of(rows)
    assert merge(zero, found) == found == merge(found, zero)


@given(ROWS, st.sampled_from(["core", "full"]))
@LAW
def test_codec_round_trip(rows: list[dict[str, Any]], depth: str) -> None:
    found = profile_of(TYPES, rows, depth)
    read = decode(json.loads(json.dumps(encode(found), allow_nan=False)))
    assert encode(read) == encode(found)
    assert same(read, found)
    json.dumps(document(found), allow_nan=False)


@given(
    st.lists(st.floats(-1e12, 1e12).filter(lambda v: v == 0 or abs(v) > 1e-9), min_size=1, max_size=150),
    st.floats(0, 1),
)
@LAW
def test_quantiles_are_within_one_percent(values: list[float], share: float) -> None:
    """Also without the list of all values, which makes them exact."""
    column = profile_of({"x": "double"}, [{"x": v} for v in values]).columns[0]
    rank = max(1, math.ceil(share * len(values)))
    exact = sorted(values)[rank - 1]
    for states in (column.states, {**column.states, "top": TopState((), 1)}):
        estimate = quantile(replace(column, states=states), share)
        assert estimate is not None
        assert abs(estimate - exact) <= 0.01 * abs(exact) * (1 + 1e-9)


@given(st.lists(st.integers(-49, 49), min_size=1, max_size=150), st.floats(0, 1))
@LAW
def test_quantiles_of_small_whole_numbers_are_exact(values: list[int], share: float) -> None:
    column = profile_of({"x": "int64"}, [{"x": v} for v in values]).columns[0]
    rough = replace(column, states={**column.states, "top": TopState((), 1)})
    assert quantile(rough, share) == sorted(values)[max(1, math.ceil(share * len(values))) - 1]


@given(st.integers(0, 400))
@LAW
def test_any_split_by_time_of_asking_gives_the_same_counts(days: int) -> None:
    """`future` is counted at the time of asking; everything else does not depend on it."""
    rows = [{"at": datetime(2026, 1, 1) + timedelta(days=i)} for i in range(0, 400, 7)]
    earlier = profile_of({"at": "timestamp"}, rows, now=datetime(2026, 1, 1) + timedelta(days=days))
    later = profile_of({"at": "timestamp"}, rows)
    states = [{n: s for n, s in p.columns[0].states.items() if n != "future"} for p in (earlier, later)]
    assert states[0] == states[1]
    assert earlier.columns[0].states["future"] == sum(i > days for i in range(0, 400, 7))
