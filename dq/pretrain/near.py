"""Rows that are nearly the same: of what they say, most is the same (Jaccard), but not all.

MinHash in bands proposes pairs, a band at a time; what they really share is then counted. What a row says are the words
of its texts, three at a time, and its other values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq.ir.data import TEXTS
from dq.pretrain.found import Found, Place, Status
from dq.pretrain.splits import TRAIN
from dq.words import clause

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq.pretrain.splits import Splits

_BANDS, _HASHES = 12, 4  # finds 998 of 1,000 pairs of similarity 0.8
_CROWD = 3  # rows of a bucket that another row is compared with
_WORDS = 3


def check(splits: Splits) -> Iterator[Found]:
    filled = splits.filled
    names = [n for n in splits.features if splits.is_in(n, *filled)]
    asked = [(0, 0), *((i, j) for i in range(len(filled)) for j in range(i + 1, len(filled)))]
    _sketch(splits, names)
    _propose(splits, asked)
    _count(splits, names, asked)
    for i, j in asked[1:]:
        yield _near(splits, (i, filled[i]), (j, filled[j]))


def _said(splits: Splits, names: list[str], split: str, kept: str, where: str = "") -> str:
    """SQL of rows with `k`, the hashes of all that they say, beside what is `kept` of them."""
    told, lists = [], []
    for i, name in enumerate(names):
        value, words = splits.value(name), f"w{i}"
        if splits.kinds(name) <= TEXTS:
            told.append(f"regexp_extract_all(lower(coalesce({value}, '')), '[\\p{{L}}\\p{{N}}]+') AS {words}")
            run = ", ".join(f"{words}[n + {k}]" for k in range(_WORDS))
            runs = f"range(1, greatest(1, len({words}) - {_WORDS - 1}) + 1)"
            lists.append(f"list_transform({runs}, lambda n: hash({i}, {run}))")
        else:
            told.append(f"hash({i}, {value}) AS {words}")
            lists.append(f"[{words}]")
    tokens = f"list_concat({', '.join(lists)})" if len(lists) > 1 else lists[0]
    return f"SELECT {kept}, list_distinct({tokens}) AS k FROM (SELECT *, {', '.join(told)} FROM {split}{where})"


def _sketch(splits: Splits, names: list[str]) -> None:
    """The table `sketches`: a hash of every row, and a number per band; rows that share one may be near. A row is
    called by its `rowid`."""
    least = [f"list_min(list_transform(k, lambda t: hash(t, {n})))" for n in range(_BANDS * _HASHES)]
    bands = ", ".join(f"hash({', '.join(least[n * _HASHES : (n + 1) * _HASHES])}) AS b{n}" for n in range(_BANDS))
    values = ", ".join(splits.value(n) for n in names)
    rows = " UNION ALL ".join(
        f"SELECT {i} AS s, h, f, r, {bands} FROM ({_said(splits, names, split, f'hash({values}) AS h, f, r')})"
        for i, split in enumerate(splits.filled)
    )
    splits.desk.run(f"CREATE OR REPLACE TEMP TABLE sketches AS {rows}")


def _propose(splits: Splits, asked: list[tuple[int, int]]) -> None:
    """The table `proposed`: row `o` of split `j` may be near to row `c` of split `i`."""
    splits.desk.run("CREATE OR REPLACE TEMP TABLE proposed (i TINYINT, j TINYINT, o BIGINT, c BIGINT)")
    for n in range(_BANDS):
        splits.desk.run(
            f"CREATE OR REPLACE TEMP TABLE crowds AS SELECT s, h, b{n} AS b, rowid AS o FROM sketches "
            f"WHERE b{n} IN (SELECT b{n} FROM sketches GROUP BY b{n} HAVING count(*) > 1)"
        )
        for i, j in asked:
            first = (
                f"SELECT b, h, min(o) AS c FROM crowds WHERE s = {i} GROUP BY b, h "
                f"QUALIFY row_number() OVER (PARTITION BY b ORDER BY c) <= {_CROWD}"
            )
            splits.desk.run(
                f"INSERT INTO proposed SELECT {i}, {j}, a.o, e.c FROM crowds AS a JOIN ({first}) AS e "
                f"ON a.b = e.b AND a.h <> e.h AND a.s = {j}"
            )


def _count(splits: Splits, names: list[str], asked: list[tuple[int, int]]) -> None:
    """The table `near`: row `o` of split `j` is near to row `c` of split `i`, and not the same."""
    splits.desk.run(
        "CREATE OR REPLACE TEMP TABLE wanted AS SELECT s, f, r, rowid AS o FROM sketches "
        "WHERE rowid IN (SELECT o FROM proposed UNION ALL SELECT c FROM proposed)"
    )
    said = []
    for n, split in enumerate(splits.filled):
        where = f" WHERE (f, r) IN (SELECT (f, r) FROM wanted WHERE s = {n})"
        said.append(
            f"SELECT o, k FROM ({_said(splits, names, split, 'f, r', where)}) JOIN wanted USING (f, r) WHERE s = {n}"
        )
    splits.desk.run(f"CREATE OR REPLACE TEMP TABLE said AS {' UNION ALL '.join(said)}")
    splits.desk.run("CREATE OR REPLACE TEMP TABLE near (i TINYINT, j TINYINT, o BIGINT, c BIGINT)")
    for i, j in asked:
        splits.desk.run(
            f"INSERT INTO near SELECT {i}, {j}, p.o, min(p.c) "
            f"FROM (SELECT DISTINCT o, c FROM proposed WHERE i = {i} AND j = {j}) AS p "
            "JOIN said AS a ON p.o = a.o JOIN said AS e ON p.c = e.o WHERE len(list_intersect(a.k, e.k)) >= "
            f"{splits.training.similarity!r} * (len(a.k) + len(e.k) - len(list_intersect(a.k, e.k))) GROUP BY p.o"
        )


def _near(splits: Splits, first: tuple[int, str], second: tuple[int, str]) -> Found:
    (i, a), (j, b) = first, second
    ((rows,),) = splits.desk.ask(f"SELECT count(*) FROM near WHERE i = {i} AND j = {j}")
    explained = None
    said = clause(rows, "row", f"of {b}", "are")
    said += f" nearly the same as one of {a}, by {splits.training.similarity:.0%} or more"
    if a == TRAIN:
        ((repeated,),) = splits.desk.ask("SELECT count(*) FROM near WHERE i = 0 AND j = 0")
        explained = repeated * splits.rows[b] / splits.rows[a]
        said += f"; near twins inside {a} explain about {explained:,.0f}" if rows and explained >= 0.5 else ""
    measured, limit = rows / splits.rows[b], splits.training.limit("near_duplicates")
    excess = (rows - (explained or 0)) / splits.rows[b]
    status: Status = "pass"
    if rows and limit.exceeds(limit.fail, excess):
        status = "warn" if splits.is_soft(a, b) else "fail"
    elif limit.exceeds(limit.warn, measured):
        status = "warn"
    found = splits.desk.ask(
        "SELECT a.f, a.r, e.f, e.r FROM near JOIN sketches AS a ON near.o = a.rowid JOIN sketches AS e "
        f"ON near.c = e.rowid WHERE i = {i} AND j = {j} ORDER BY a.f, a.r LIMIT 2"
    )
    places = tuple(place for f, r, e, q in found for place in (Place(b, f, r), Place(a, e, q)))
    return Found("near_duplicates", status, said, None, b, measured, rows, places, explained)
