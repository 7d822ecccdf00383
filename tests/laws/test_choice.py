"""Which engine a pass goes to: by what is asked and by the memory there is, never by who asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dq.ir import aggregate as a
from dq.ir.data import ColumnFooter, Field, Footer, Kind, Schema, Type
from dq.ir.expr import Arith, Col, Compare, IsNull, Lit
from dq.plan import SMALL_ROWS, Shape, choose, passes_over

N, S, L = Col(("n",)), Col(("s",)), Col(("l",))
SCHEMA = Schema((
    Field("n", Type(Kind.INT64)), Field("s", Type(Kind.STRING)), Field("l", Type(Kind.LIST, item=Type(Kind.INT64))),
))  # fmt: skip
ROWS = 10_000_000
FOOTER = Footer(ROWS, ((("n",), ColumnFooter(bytes=8, plain_bytes=8 * ROWS)),), group_rows=100_000)
LARGE = Shape("parquet", SCHEMA, ROWS, footer=FOOTER, memory_bytes=8 * 2**30)
MEGABYTE = 2**20


@pytest.mark.parametrize("asked", [a.Count(IsNull(N)), a.Sum(N), a.Max(S), a.Moments(N), a.Distinctness((N, S))])
def test_what_streams_goes_to_polars_while_it_fits(asked: a.Aggregate) -> None:
    assert choose([asked], LARGE) == "polars"
    assert choose([asked], replace(LARGE, memory_bytes=100 * MEGABYTE)) == "duckdb"
    assert choose([asked], replace(LARGE, storage="text", footer=None)) == "duckdb"


@pytest.mark.parametrize(
    "asked",
    [
        a.ApproxDistinct(N),
        a.Tally(N),
        a.TopValues(S),
        a.Count(IsNull(L)),
        a.Count(Compare("=", Arith("%", N, Lit(2)), Lit(0))),
    ],
)
def test_the_rest_of_what_is_large_goes_to_duckdb(asked: a.Aggregate) -> None:
    assert choose([asked], LARGE) == "duckdb"
    assert choose([asked], replace(LARGE, rows=SMALL_ROWS)) == "polars"


def test_uniqueness_needs_memory_for_every_row_and_counting_does_not() -> None:
    little = replace(LARGE, memory_bytes=400 * MEGABYTE)
    assert choose([a.Max(N)], little) == "polars"
    assert choose([a.Distinctness((N,))], little) == "duckdb"


def test_large_row_groups_need_more_memory() -> None:
    one_group = replace(LARGE, footer=replace(FOOTER, group_rows=ROWS), memory_bytes=400 * MEGABYTE)
    assert choose([a.Max(N)], one_group) == "duckdb"


def test_a_family_stays_together() -> None:
    """Its columns would be read twice otherwise."""
    (one,) = passes_over([a.Max(N), a.ApproxDistinct(S)], LARGE)
    assert one.engine == "duckdb"


def test_what_is_small_is_read_once() -> None:
    asked = [a.Max(N), a.ApproxDistinct(S), a.Tally(N), a.Distinctness((N,)), a.TopValues(S)]
    (one,) = passes_over(asked, replace(LARGE, rows=SMALL_ROWS))
    assert (one.engine, one.aggregates) == ("polars", tuple(asked))
    assert len(passes_over(asked, replace(LARGE, rows=SMALL_ROWS), "duckdb")) == 4


def test_an_engine_that_was_asked_for_does_everything() -> None:
    little = replace(LARGE, memory_bytes=1)
    assert {p.engine for p in passes_over([a.Distinctness((N,)), a.Tally(N)], little, "polars")} == {"polars"}
