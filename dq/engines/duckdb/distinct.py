"""Exact uniqueness of keys of text or of several parts: grouped by a hash, which is shorter than they are.

Keys of different hashes differ, so only rows that share one are grouped a second time, by their real keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dq.ir.aggregate import DistinctnessState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_COUNTS = "CAST(coalesce(sum(n), 0) AS BIGINT), count(*), coalesce(count_if(n = 1), 0)"
_PEEK_ROWS = 100_000
_MANY_RATIO = 0.9  # of keys among the first rows: with fewer, most rows would be grouped twice


def distinctness(fetch: Callable[[str], list[tuple[Any, ...]]], rows: str, keys: Sequence[str]) -> DistinctnessState:
    """State of the keys in one go; `rows` is FROM and WHERE."""
    grouped = f"SELECT count(*) AS n {rows} GROUP BY {', '.join(keys)}"
    return DistinctnessState(*fetch(f"SELECT {_COUNTS} FROM ({grouped})")[0])


def hashed_distinctness(
    fetch: Callable[[str], list[tuple[Any, ...]]], rows: str, keys: Sequence[str]
) -> DistinctnessState:
    """The same state, with less memory where most keys differ."""
    named = ", ".join(f"{k} AS k{i}" for i, k in enumerate(keys))
    names = ", ".join(f"k{i}" for i in range(len(keys)))
    keyed = f"(SELECT hash({', '.join(keys)}) AS h, {named} {rows})"
    first = f"SELECT h FROM {keyed} LIMIT {_PEEK_ROWS}"
    ((seen, different),) = fetch(f"SELECT count(*), count(DISTINCT h) FROM ({first})")
    if different < _MANY_RATIO * seen:
        return distinctness(fetch, rows, keys)
    total, codes, single = fetch(f"SELECT {_COUNTS} FROM (SELECT count(*) AS n FROM {keyed} GROUP BY h)")[0]
    if codes == single:
        return DistinctnessState(total, codes, single)
    shared = f"SELECT h FROM {keyed} GROUP BY h HAVING count(*) > 1"
    again = f"SELECT count(*) AS n FROM {keyed} SEMI JOIN ({shared}) AS shared USING (h) GROUP BY {names}"
    _, groups, alone = fetch(f"SELECT {_COUNTS} FROM ({again})")[0]
    return DistinctnessState(total, single + groups, single + alone)
