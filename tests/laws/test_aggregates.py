"""Every aggregate keeps what it declares: a mergeable one has a zero, is associative, and any split of the rows merges
to the state of the whole; a commutative one does not care for the order."""

from __future__ import annotations

from decimal import Decimal
from functools import reduce
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dq.engines import ENGINES, engine
from dq.engines.reference import Reference
from dq.ir import aggregate as a
from dq.ir.codec import decode, encode
from dq.ir.delegated import Delegated
from dq.ir.expr import Bucket, Col, Compare, Lit
from dq.ir.other import Native, Of
from dq.ir.positions import Positions
from dq.ir.sampling import ValueSample
from tests.conformance.hostile import as_frame, same
from tests.conformance.test_aggregates import moments_agree
from tests.laws.strategies import tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from dq.engines.base import Engine

LAW = settings(deadline=None, derandomize=True, max_examples=20, suppress_health_check=list(HealthCheck))

N, F, S, M, Z = (Col((n,)) for n in ("i", "f", "s", "m", "z"))
POSITIVE = Compare(">", N, Lit(0))
ASKED: tuple[a.Aggregate, ...] = (
    a.Count(), a.Count(POSITIVE), a.Sum(N), a.Sum(Col(("big",))), a.Sum(Col(("g",))), a.Sum(M),
    a.Sum(Col(("w",)), POSITIVE), a.Min(F), a.Max(F), a.Min(S), a.Max(Z), a.Min(Col(("y",))),
    a.Moments(Col(("g",))), a.Moments(N, POSITIVE), a.Comoments(N, Col(("g",))), a.Tally(F), a.Tally(S, cap=3),
    a.Tally(Z, cap=None), a.Tally(Bucket(F)), a.Tally(M), a.ApproxDistinct(S), a.ApproxDistinct(F, POSITIVE),
    a.TopValues(S, 2), a.TopValues(F, 3), a.FirstRows(POSITIVE, (("i",), ("z",)), 3), a.FirstRows(None, (("s",),), 2),
    a.Order(N, ">="), a.Order(F, "<", POSITIVE), a.Order(S, ">=", limit=1), a.Order(M, "<="), a.Order(Z, ">"),
)  # fmt: skip
SINGLE: tuple[a.Aggregate, ...] = (
    a.Distinctness((N,)), a.Quantiles(N, (0.5,)), a.DuplicateKeys((N,), (("i",),)), Positions(None, (N,)),
    ValueSample(S),
    Of("other", a.Count()), Native("SELECT count(*) FROM primary", (("primary", ""),)), Delegated("gx", "{}"),
)  # fmt: skip
REFERENCE = Reference()


@pytest.fixture(scope="module", params=ENGINES)
def anybody(request: pytest.FixtureRequest) -> Iterator[Engine]:
    made = engine(request.param)
    yield made
    getattr(made, "close", lambda: None)()


def test_every_aggregate_is_held_to_its_word() -> None:
    assert {type(x).__name__ for x in (*ASKED, *SINGLE)} == {c.__name__ for c in a.Aggregate.__subclasses__()}
    assert all(x.mergeable for x in ASKED)
    assert {type(x) for x in ASKED if not x.commutative} == {a.Order}
    assert not any(x.mergeable for x in SINGLE)


@pytest.mark.parametrize("asked", SINGLE, ids=lambda x: type(x).__name__)
def test_what_is_not_mergeable_does_not_merge(asked: a.Aggregate) -> None:
    with pytest.raises(NotImplementedError):
        asked.merge(asked.zero(), asked.zero())


def merged(asked: a.Aggregate, states: list[Any]) -> Any:
    return reduce(asked.merge, states, asked.zero())


def alike(asked: a.Aggregate, left: Any, right: Any) -> bool:
    if isinstance(asked, a.Moments):
        return moments_agree(left, right)
    if isinstance(asked, a.Order):  # rows of a shard are numbered from one again
        left, right = unnumbered(left), unnumbered(right)
    return same(left, right, 1e-9)


def unnumbered(state: a.OrderState) -> Any:
    ends = [end and end.values for end in (state.first, state.last)]
    return ends, state.breaks, [row.values for row in state.rows]


def shards(table: pa.Table, cuts: list[int]) -> list[pa.Table]:
    edges = [0, *sorted(min(c, table.num_rows) for c in cuts), table.num_rows]
    return [table.slice(low, high - low) for low, high in pairwise(edges)]


@LAW
@given(tables(), tables(), tables())
def test_zero_associative_commutative(one: pa.Table, two: pa.Table, three: pa.Table) -> None:
    x, y, z = (REFERENCE.run(as_frame(t), ASKED) for t in (one, two, three))
    for asked in ASKED:
        merge, zero = asked.merge, asked.zero()
        assert same(merge(zero, x[asked]), x[asked])
        assert same(merge(x[asked], zero), x[asked])
        if isinstance(asked, a.TopValues):
            continue  # the bound holds in any order, but what is dropped depends on it: see below
        if asked.commutative and not isinstance(asked, a.FirstRows):  # rows of one position are not told apart
            assert alike(asked, merge(x[asked], y[asked]), merge(y[asked], x[asked]))
        left, right = merge(merge(x[asked], y[asked]), z[asked]), merge(x[asked], merge(y[asked], z[asked]))
        assert alike(asked, left, right)


@LAW
@given(table=tables(), cuts=st.lists(st.integers(0, 12), max_size=3))
def test_any_split_of_the_rows(anybody: Engine, table: pa.Table, cuts: list[int]) -> None:
    positioned = [x for x in ASKED if not isinstance(x, (a.TopValues, a.FirstRows))]
    parts = [states(anybody, shard, positioned) for shard in shards(table, cuts)]
    whole = states(anybody, table, positioned)
    for asked in positioned:
        assert alike(asked, merged(asked, [p[asked] for p in parts]), whole[asked]), asked


@LAW
@given(table=tables(), cuts=st.lists(st.integers(0, 12), max_size=3))
def test_top_values_stay_honest_over_any_split(anybody: Engine, table: pa.Table, cuts: list[int]) -> None:
    asked = [a.TopValues(S, 2), a.TopValues(F, 3)]
    parts = [states(anybody, shard, asked) for shard in shards(table, cuts)]
    for top in asked:
        true = {
            str(k): n
            for k, n in REFERENCE.run(as_frame(table), [a.Tally(top.arg, cap=None)])[a.Tally(top.arg, cap=None)].counts
        }
        for order in (parts, parts[::-1]):
            state = merged(top, [p[top] for p in order])
            listed = {str(k): n for k, n in state.counts}
            assert all(n <= true[k] <= n + state.error for k, n in listed.items())
            assert all(n <= state.error for k, n in true.items() if k not in listed)


def test_first_rows_of_shards_in_any_order() -> None:
    asked = a.FirstRows(None, (), 2)
    rows = [a.RowState("a", 2), a.RowState("b", 1), a.RowState("a", 1)]
    states_of_files = [(rows[1],), (rows[2], rows[0])]
    assert merged(asked, states_of_files) == merged(asked, states_of_files[::-1]) == (rows[2], rows[0])


@LAW
@given(tables())
def test_states_survive_being_written_down(table: pa.Table) -> None:
    """And still merge: a NaN that was read back is the same key."""
    found = REFERENCE.run(as_frame(table), ASKED)
    for asked in ASKED:
        back = decode(encode(found[asked]))
        assert same(back, found[asked])
        assert same(asked.merge(back, found[asked]), asked.merge(found[asked], found[asked]))


def states(anybody: Engine, table: pa.Table, asked: list[Any]) -> dict[a.Aggregate, Any]:
    found: dict[a.Aggregate, Any] = {}
    for family in dict.fromkeys(x.family for x in asked):
        found |= anybody.run(as_frame(table), [x for x in asked if x.family == family])
    return found


def test_merging_decimals_keeps_every_digit() -> None:
    low, high = "0." + "0" * 37 + "1", "9" * 38
    assert str(a.Sum(M).merge(Decimal(high), Decimal(low))) == high + low[1:]
