"""Columns of many values, read as seldom as can be: a scan by hash tells how many values there are and where frequent
ones must be, a scan by size all that is asked of numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

from dq.engines.duckdb.simple import STAMP, read_all, simple
from dq.engines.duckdb.sql import translate
from dq.ir import aggregate as a
from dq.ir import expr as e
from dq.ir.data import FLOATS
from dq.ir.scalar import evaluate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dq.engines.duckdb.sql import Sql
    from dq.ir.aggregate import Aggregate

SLOTS = 2**12  # DuckDB counts so many in an array
_REGISTERS = 2**10
_END = 2**54  # behind the bits of a hash that follow its register: their trailing zeros are its rank
_NAN, _INFINITY = 2**21, 2**22  # no buckets


@dataclass(frozen=True, slots=True)
class Slots:
    """Rows per slot of the values' hashes, the fullest first, and the registers that DuckDB itself makes of them."""

    rows: tuple[tuple[int, int], ...]
    registers: a.RegistersState


def slots(fetch: Callable[[str], list[tuple[Any, ...]]], key: str, rows: str) -> Slots:
    """`rows` is FROM and WHERE, without NULL."""
    ranked = f"SELECT h, (h >> 10) | {_END} AS rest FROM (SELECT hash({key}) AS h {rows})"
    slot = f"CAST(h & {SLOTS - 1} AS USMALLINT) AS s"
    found = fetch(
        f"SELECT {slot}, count(*) AS n, max(rest & ~(rest - 1)) FROM ({ranked}) GROUP BY s ORDER BY n DESC, s"
    )
    ranks = bytearray(_REGISTERS)
    for place, _, lowest in found:
        register = place % _REGISTERS
        ranks[register] = max(ranks[register], lowest.bit_length())
    registers = a.RegistersState(STAMP, bytes(ranks)) if found else a.RegistersState()
    return Slots(tuple((s, n) for s, n, _ in found), registers)


def sized(tally: Aggregate) -> e.Col | None:
    """The column that the tally has by size."""
    if isinstance(tally, a.Tally) and tally.where is None and isinstance(tally.key, e.Bucket):
        return tally.key.arg if isinstance(tally.key.arg, e.Col) else None
    return None


def told_by_size(asked: Aggregate) -> e.Col | None:
    """The column whose groups by size add up to the answer: in one, all are zero, negative, NaN or infinite, or none
    is."""
    match asked:
        case a.Sum(e.Col() as arg, None) | a.Min(e.Col() as arg, None) | a.Max(e.Col() as arg, None):
            return arg
        case a.Moments(e.Col() as arg, None) | a.Count(e.IsNan(e.Col() as arg) | e.IsInf(e.Col() as arg)):
            return arg
        case a.Count(e.Compare(_, e.Col() as arg, e.Lit(limit))) if isinstance(limit, (int, float)) and limit == 0:
            return arg
    return None


def by_size(
    fetch: Callable[[str], list[tuple[Any, ...]]], tally: a.Tally, others: Sequence[Aggregate], relation: str,
    columns: Mapping[str, Sql], near: float,
) -> dict[Aggregate, Any]:  # fmt: skip
    """States of the tally and of `others`, which it tells. `near` is a number near the mean: where it proves not to be,
    the moments are left out."""
    column = sized(tally)
    assert column is not None
    value = translate(column, columns)
    key = translate(tally.key, columns).text
    if value.kind in FLOATS:
        beyond = f"CASE WHEN isnan({value.text}) THEN {_NAN} WHEN {value.text} > 0 THEN {_INFINITY}"
        key = f"coalesce({key}, {beyond} WHEN {value.text} < 0 THEN -{_INFINITY} END)"
    summed = [x for x in others if isinstance(x, (a.Sum, a.Min, a.Max))]
    questions = [simple(x, columns) for x in summed]
    away = f"(CAST({value.text} AS DOUBLE) - {near!r})"
    powers = (
        [f"sum({' * '.join([away] * k)})" for k in (1, 2, 3, 4)]
        if any(isinstance(x, a.Moments) for x in others)
        else []
    )
    select = ", ".join(["count(*)", *powers, *(s for q in questions for s in q.select)])
    groups = [g for g in fetch(f"SELECT {key} AS k, {select} FROM {relation} GROUP BY k") if g[0] is not None]
    finite = [g for g in groups if abs(g[0]) < _NAN]
    states: dict[Aggregate, Any] = {tally: tally.state({k: n for k, n, *_ in finite})}
    numbers = [tuple(read_all(questions, g[2 + len(powers) :])) for g in groups]
    for one, found in zip(summed, zip(*numbers, strict=True) if numbers else [()] * len(summed), strict=True):
        states[one] = reduce(one.merge, found, one.zero())
    for asked in others:
        if isinstance(asked, a.Count) and asked.where is not None:
            states[asked] = sum(n for k, n, *_ in groups if evaluate(asked.where, _like(column, k)))
        elif isinstance(asked, a.Moments):
            moments = _moments([g[1:6] for g in finite], near)
            states |= {asked: moments} if moments is not None else {}
    return states


def _like(column: e.Col, key: int) -> dict[str, Any]:
    """A row with a value of the group: of its sign, or not finite."""
    value: Any = {_NAN: math.nan, _INFINITY: math.inf, -_INFINITY: -math.inf}.get(key, key)
    for name in reversed(column.path):
        value = {name: value}
    return value  # type: ignore[no-any-return]


def _moments(groups: Sequence[Sequence[Any]], near: float) -> a.MomentsState | None:
    """From the sums of powers of distances from a number near the mean; None where that is further away than values are
    from each other, for then too much cancels out."""
    count = sum(g[0] for g in groups)
    if not count:
        return a.MomentsState()
    first, second, third, fourth = (sum(g[k] for g in groups) for k in (1, 2, 3, 4))
    off = first / count
    square = off * off
    m2 = second - count * square
    if not math.isfinite(fourth) or not count * square <= m2:
        return None
    m3 = third - off * (3 * second - 2 * count * square)
    m4 = fourth - off * (4 * third - off * (6 * second - 3 * count * square))
    return a.MomentsState(count, near + off, m2, m3, m4)
