"""Exact uniqueness of many rows by sorting 8 bytes of each: the value itself where it fits, else a hash of the key.

Keys of different hashes differ, so only rows that share one are looked at a second time, by their real keys.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import polars as pl

from dq.engines.polars.simple import SEED
from dq.ir.aggregate import DistinctnessState
from dq.ir.data import NESTED, NUMBERS, TIMES, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dq.engines.polars.node import Node

_ORDERED = NUMBERS | TIMES | {Kind.BOOL, Kind.TIME, Kind.DURATION}
_MIX = 0x9E3779B97F4A7C15  # odd, so that multiplying loses no bit
_AT_ONCE = 2_000_000  # hashes whose rows are regrouped in one go


def sortable(nodes: Sequence[Node]) -> bool:
    """Whether equal keys have equal hashes: of nested values nobody says so."""
    return not any(n.kind in NESTED | {Kind.NULL} for n in nodes)


def distinctness(
    rows: pl.LazyFrame,
    nodes: Sequence[Node],
    collect: Callable[[pl.LazyFrame], pl.DataFrame],
    code: Callable[[pl.Expr], pl.Expr] = lambda value: value.hash(SEED),
    at_once: int = _AT_ONCE,
) -> DistinctnessState:
    """State of the keys among the rows in scope."""
    keys = [n.expr.alias(f"⟨key⟩{i}") for i, n in enumerate(nodes)]
    present = rows.select(*keys).filter(pl.any_horizontal(pl.all().is_not_null()))
    if len(nodes) == 1 and nodes[0].kind in _ORDERED:
        return _runs(collect(present).to_series())[0]
    codes = [code(pl.col(k.meta.output_name())) for k in keys]
    mixed = reduce(lambda left, right: left * pl.lit(_MIX, dtype=pl.UInt64) + right, codes)
    found, shared = _runs(collect(present.select(mixed.alias("⟨code⟩"))).to_series())
    groups = singletons = found.singletons
    for start in range(0, len(shared), at_once):
        wanted = shared.slice(start, at_once).to_frame().lazy()
        alike = present.with_columns(mixed.alias("⟨code⟩")).join(wanted, on="⟨code⟩", how="semi")
        counted = alike.group_by(pl.exclude("⟨code⟩")).agg(pl.len().alias("n"))
        more, single = collect(counted.select(pl.len(), single=(pl.col("n") == 1).sum())).row(0)
        groups, singletons = groups + more, singletons + single
    return DistinctnessState(found.rows, groups, singletons)


def _runs(values: pl.Series) -> tuple[DistinctnessState, pl.Series]:
    """State of single values, and those that occur more than once. Sorts what it was given."""
    if not len(values):
        return DistinctnessState(), values
    values = values.sort(in_place=True)
    edges = values.slice(1) != values.slice(0, len(values) - 1)
    edge = pl.Series([True])
    first, last = edge.append(edges), edges.append(pl.Series([True]))
    single = int((first & last).sum())
    return DistinctnessState(len(values), int(first.sum()), single), values.filter(first & ~last)
