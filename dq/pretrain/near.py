"""Rows that are nearly the same: of what they say, most is the same (Jaccard), but not all.

MinHash in bands proposes pairs; what they really share is then counted. What a row says are the words of its texts,
three at a time, and its other values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq.ir.data import TEXTS
from dq.pretrain.found import Found, Place, Status, several
from dq.pretrain.splits import TRAIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq.pretrain.splits import Splits

_BANDS, _HASHES = 12, 4  # finds 998 of 1,000 pairs of similarity 0.8
_CROWD = 3  # rows of a bucket that another row is compared with
_WORDS = 3


def check(splits: Splits) -> Iterator[Found]:
    filled = splits.filled
    names = [n for n in splits.features if splits.is_in(n, *filled)]
    _sketch(splits, names, filled)
    _pairs(splits, names, [(0, 0), *((i, j) for i in range(len(filled)) for j in range(i + 1, len(filled)))])
    for i, a in enumerate(filled):
        for j in range(i + 1, len(filled)):
            yield _near(splits, (i, a), (j, filled[j]))


def _sketch(splits: Splits, names: list[str], filled: tuple[str, ...]) -> None:
    """The table `sketches`: a hash of every row, and a number per band; rows that share one may be near."""
    tokens = _tokens(splits, names)
    least = [f"list_min(list_transform(k, lambda t: hash(t, {n})))" for n in range(_BANDS * _HASHES)]
    bands = ", ".join(f"hash({', '.join(least[n * _HASHES : (n + 1) * _HASHES])}) AS b{n}" for n in range(_BANDS))
    values = ", ".join(splits.value(n) for n in names)
    rows = splits.stacked([f"hash({values}) AS h", f"{tokens} AS k", "f", "r"], filled)
    splits.desk.run(f"CREATE OR REPLACE TEMP TABLE sketches AS SELECT s, h, f, r, {bands} FROM {rows}")


def _tokens(splits: Splits, names: list[str]) -> str:
    """SQL of the hashes of all that a row says."""
    lists = []
    for i, name in enumerate(names):
        value = splits.value(name)
        if not splits.kinds(name) <= TEXTS:
            lists.append(f"[hash({i}, {value})]")
            continue
        words = f"regexp_extract_all(lower(coalesce({value}, '')), '[\\p{{L}}\\p{{N}}]+')"
        runs = f"range(1, greatest(1, len({words}) - {_WORDS - 1}) + 1)"
        lists.append(f"list_transform({runs}, lambda n: hash({i}, {words}[n : n + {_WORDS - 1}]))")
    return f"list_distinct(list_concat({', '.join(lists)}))" if len(lists) > 1 else f"list_distinct({lists[0]})"


def _pairs(splits: Splits, names: list[str], asked: list[tuple[int, int]]) -> None:
    """The table `near`: rows `f`, `r` of split `j` that are near to row `e`, `q` of split `i`, and not the same."""
    splits.desk.run(
        "CREATE OR REPLACE TEMP TABLE near (i TINYINT, j TINYINT, f VARCHAR, r BIGINT, e VARCHAR, q BIGINT)"
    )
    tokens = _tokens(splits, names)
    for i, j in asked:
        first = "SELECT {} AS b, h, min({{'f': f, 'r': r}}) AS e FROM sketches WHERE s = {} GROUP BY ALL"
        proposed = " UNION ".join(
            f"SELECT o.f, o.r, c.e.f AS e, c.e.r AS q FROM sketches AS o "
            f"JOIN (SELECT * FROM ({first.format(f'b{n}', i)}) "
            f"QUALIFY row_number() OVER (PARTITION BY b ORDER BY e) <= {_CROWD}) AS c "
            f"ON o.s = {j} AND o.b{n} = c.b AND o.h <> c.h"
            for n in range(_BANDS)
        )
        splits.desk.run(f"CREATE OR REPLACE TEMP TABLE proposed AS {proposed}")
        said = [
            f"(SELECT f, r, {tokens} AS k FROM {splits.filled[n]} WHERE (f, r) IN (SELECT {key} FROM proposed))"
            for n, key in ((j, "f, r"), (i, "e, q"))
        ]
        splits.desk.run(
            f"INSERT INTO near SELECT {i}, {j}, p.f, p.r, min_by(p.e, (p.e, p.q)), min_by(p.q, (p.e, p.q)) "
            f"FROM proposed AS p JOIN {said[0]} AS o ON (p.f, p.r) = (o.f, o.r) JOIN {said[1]} AS c ON "
            "(p.e, p.q) = (c.f, c.r) WHERE len(list_intersect(o.k, c.k)) >= "
            f"{splits.training.similarity!r} * (len(o.k) + len(c.k) - len(list_intersect(o.k, c.k))) GROUP BY p.f, p.r"
        )


def _near(splits: Splits, first: tuple[int, str], second: tuple[int, str]) -> Found:
    (i, a), (j, b) = first, second
    ((rows,),) = splits.desk.ask(f"SELECT count(*) FROM near WHERE i = {i} AND j = {j}")
    explained = None
    said = (
        f"{several(rows, 'row')} of {b} are nearly the same as one of {a}, by {splits.training.similarity:.0%} or more"
    )
    if a == TRAIN:
        ((repeated,),) = splits.desk.ask("SELECT count(*) FROM near WHERE i = 0 AND j = 0")
        explained = repeated * splits.rows[b] / splits.rows[a]
        said += f"; near twins inside {a} explain about {explained:,.0f}" if rows and explained >= 0.5 else ""
    measured, limit = rows / splits.rows[b], splits.training.limit("near_duplicates")
    excess = (rows - (explained or 0)) / splits.rows[b]
    status: Status = "fail" if limit.exceeds(limit.fail, excess) and rows else "pass"
    if status == "pass" and limit.exceeds(limit.warn, measured):
        status = "warn"
    found = splits.desk.ask(f"SELECT f, r, e, q FROM near WHERE i = {i} AND j = {j} ORDER BY f, r LIMIT 2")
    places = tuple(place for f, r, e, q in found for place in (Place(b, f, r), Place(a, e, q)))
    return Found("near_duplicates", status, said, None, b, measured, rows, places, explained)
