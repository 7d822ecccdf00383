"""Stretches of the rows here and there: which columns have few values, and what values of many look like."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dq.engines.base import FILE, ROW
from dq.engines.duckdb.counted import few
from dq.engines.duckdb.source import Source, open_source
from dq.engines.duckdb.sql import translate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dq.engines.base import Dataset, ParquetPart
    from dq.ir.expr import Col

_STRETCHES = 4
_MOST_ROWS = 400_000
_SHARE = 16  # of the rows one is looked at
_FEWEST_ROWS = 1_000
_BLOCK_ROWS = 50_000
_NEW_RATIO = 0.9  # of distinct values, beyond which nothing else needs to be known
_EXPLAINED = 1.25  # times the distinct values that equally frequent ones would show


def open_sample(dataset: Dataset, connection: Any) -> Source | None:
    """The same rows at every time; None where there are too few to take some, or they are not in Parquet."""
    parts = tuple(_spread(dataset.parts))
    wanted = min(_MOST_ROWS, (dataset.rows or 0) // _SHARE)
    if wanted < _FEWEST_ROWS or not parts:
        return None
    per_file = (dataset.rows or 0) // sum(len(p.files) for p in dataset.parts)
    source = open_source(replace(dataset, parts=parts), connection)
    arms = []
    for nth, (place, columns) in enumerate(source.arms):
        where = _stretches(per_file, wanted // len(parts), max(1, _STRETCHES // len(parts)), nth, len(parts))
        arms.append((f"{place} WHERE {where}", columns))
    return replace(source, arms=tuple(arms))


def distinct_estimates(source: Source, names: Sequence[str], rows: int) -> dict[str, float]:
    """Distinct values in so many rows, by column; inf where the sample does not tell. Most new values in the sample
    are new in all rows too; fewer are drawn again and again, however many rows there are."""
    ratios = distinct_ratios(source, names)
    values = {n: ratio * rows for n, ratio in ratios.items()}
    again = [n for n in values if not few(values[n], rows) and ratios[n] < _NEW_RATIO]
    return values | {n: distinct_values(source, n) for n in again}


def distinct_ratios(source: Source, names: Sequence[str]) -> dict[str, float]:
    """Distinct values per row, by column; nothing where there is next to no row. In all rows they are at most about
    this share, since new values come ever more slowly, unless the rows lie sorted by the column."""
    relation, columns = source.relation(names)
    counts = "".join(f", approx_count_distinct({columns[n].text})" for n in sorted(names))
    rows, *found = source.connection.execute(f"SELECT count(*){counts} FROM {relation}").fetchone()
    return {n: count / rows for n, count in zip(sorted(names), found, strict=True)} if rows >= _FEWEST_ROWS else {}


def means(source: Source, wanted: Sequence[Col]) -> dict[Col, float]:
    """Of the finite values of numbers; nothing where there are none."""
    relation, columns = source.relation({c.path[0] for c in wanted})
    values = [f"CAST({translate(c, columns).text} AS DOUBLE)" for c in wanted]
    asked = ", ".join(f"avg({v}) FILTER (WHERE isfinite({v}))" for v in values)
    found = source.connection.execute(f"SELECT {asked} FROM {relation}").fetchone()
    return {c: mean for c, mean in zip(wanted, found, strict=True) if mean is not None and math.isfinite(mean)}


def distinct_values(source: Source, name: str) -> float:
    """Estimated distinct values of a column in all rows, to choose a way by: from how often values of one block of rows
    come again in another, and inf where that does not explain how many the sample has (sorted rows, long tails).

    Blocks of a and b distinct values out of D share about a b / D: Lincoln and Petersen, over all pairs of blocks.
    """
    relation, columns = source.relation({name, FILE, ROW})
    block = f"hash({columns[FILE].text}, {columns[ROW].text} // {_BLOCK_ROWS})"
    value = columns[name].text
    drawn = (
        f"SELECT hash({value}) AS v, {block} AS b, count(*) AS n FROM {relation} WHERE {value} IS NOT NULL GROUP BY ALL"
    )
    query = f"""
        WITH drawn AS MATERIALIZED ({drawn}),
             blocks AS (SELECT count(*) AS d FROM drawn GROUP BY b),
             seen AS (SELECT count(*) AS k, sum(n) AS n FROM drawn GROUP BY v)
        SELECT (SELECT (sum(d) ** 2 - sum(d ** 2)) / 2 FROM blocks), sum(k * (k - 1)) / 2, sum(n), count(*) FROM seen
    """
    pairs, met, rows, seen = source.connection.execute(query).fetchone()
    if not met:
        return math.inf
    found = float(pairs) / float(met)
    expected = -found * math.expm1(-float(rows) / found)
    return found if seen <= _EXPLAINED * expected else math.inf


def _spread(parts: Sequence[ParquetPart]) -> Iterator[ParquetPart]:
    """A few files from the first to the last, each a part of its own."""
    files = [replace(part, files=(file,)) for part in parts for file in part.files]
    step = max(1, (len(files) - 1) // (_STRETCHES - 1))
    yield from files[::step][:_STRETCHES]


def _stretches(rows: int, wanted: int, count: int, nth: int, files: int) -> str:
    """Where in the `nth` file of about so many rows: elsewhere than in the others, which may be alike, or a copy.
    DuckDB does not read row groups beside them."""
    length = max(1, min(rows, wanted) // count)
    places = range(nth, count * files, files)
    starts = [i * max(0, rows - length) // max(1, count * files - 1) for i in places]
    return "(" + " OR ".join(f"file_row_number BETWEEN {s} AND {s + length - 1}" for s in starts) + ")"
