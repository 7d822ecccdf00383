"""Rows that are the same in all features: across splits, within one, and with different labels.

A hash of every row finds those that may be the same; they are then grouped by their values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq.pretrain import chance
from dq.pretrain.found import Found, Place, Status, graded, skipped
from dq.pretrain.splits import TRAIN
from dq.words import clause, counted, percent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq.pretrain.splits import Splits


def check(splits: Splits) -> Iterator[Found]:
    filled = splits.filled
    _group(splits, filled)
    for i, a in enumerate(filled):
        for j in range(i + 1, len(filled)):
            yield _overlap(splits, (i, a), (j, filled[j]))
    for i, name in enumerate(filled):
        yield _duplicates(splits, i, name)
    yield _conflicts(splits)


def _group(splits: Splits, filled: tuple[str, ...]) -> None:
    """The table `twins`: a row for every row of features that occurs more than once, with `n` rows, first row `e`, and
    least and greatest label `lo`, `hi` of every split."""
    shared = [n for n in splits.features if splits.is_in(n, *filled)] or list(splits.features)
    values = [splits.value(n) for n in shared]
    hashed = f"hash({', '.join(values)})"
    splits.desk.run(
        f"CREATE OR REPLACE TEMP TABLE repeated AS SELECT h FROM {splits.stacked([f'{hashed} AS h'], filled)} "
        "GROUP BY h HAVING count(*) > 1"
    )
    named = [f"{v} AS k{i}" for i, v in enumerate(values)]
    suspects = splits.stacked(
        [*named, f"{splits.label} AS y", "{'f': f, 'r': r} AS e"], filled, f"{hashed} IN (SELECT h FROM repeated)"
    )
    told = ", ".join(
        f"count(*) FILTER (s = {i}) AS n{i}, min(e) FILTER (s = {i}) AS e{i}, min(y) FILTER (s = {i}) AS lo{i}, "
        f"max(y) FILTER (s = {i}) AS hi{i}"
        for i in range(len(filled))
    )
    keys = ", ".join(f"k{i}" for i in range(len(values)))
    splits.desk.run(
        f"CREATE OR REPLACE TEMP TABLE twins AS SELECT {told} FROM {suspects} GROUP BY {keys} HAVING count(*) > 1"
    )


def _overlap(splits: Splits, first: tuple[int, str], second: tuple[int, str]) -> Found:
    (i, a), (j, b) = first, second
    known = "" if splits.task == "regression" else f" AND lo{j} IN (SELECT DISTINCT {splits.label} FROM {a})"
    ((rows, other, repeated),) = splits.desk.ask(
        f"SELECT coalesce(sum(n{j}) FILTER (n{i} > 0), 0)::BIGINT, "
        f"coalesce(sum(n{j}) FILTER (n{i} > 0 AND (lo{i} <> lo{j} OR hi{i} <> hi{j}){known}), 0)::BIGINT, "
        f"coalesce(sum(n{i}) FILTER (n{i} > 1), 0)::BIGINT FROM twins"
    )
    sizes = splits.desk.ask(f"SELECT n{i} + n{j} AS n, count(*) FROM twins WHERE n{i} + n{j} > 1 GROUP BY n")
    share = splits.rows[b] / (splits.rows[a] + splits.rows[b])
    excess, beyond = chance.shared(rows, repeated, sizes, share)
    measured, limit = rows / splits.rows[b], splits.training.limit("row_overlap")
    natural = max(0.0, rows - excess)
    said = clause(rows, "row", f"of {b} ({percent(measured)})", "are") + f" in {a} too, all features alike"
    if rows and natural >= 0.5:
        said += f"; duplicates inside {a} explain about {natural:,.0f}"
    if other:
        said += f"; {other:,} of them with another label"
    places = _places(splits, f"n{i} > 0 AND n{j} > 0", (j, b), (i, a)) if rows else ()
    grave = beyond and limit.fail is not None and excess / splits.rows[b] > limit.fail
    status: Status = "pass"
    if grave:
        status = "warn" if splits.is_soft(a, b) else "fail"
    elif limit.exceeds(limit.warn, measured):
        status = "warn"
    return Found("row_overlap", status, said, None, b, measured, rows, places, natural)


def _duplicates(splits: Splits, i: int, name: str) -> Found:
    ((rows,),) = splits.desk.ask(f"SELECT coalesce(sum(n{i} - 1) FILTER (n{i} > 1), 0)::BIGINT FROM twins")
    said = clause(rows, "row", f"of {name}", "repeat") + " another one, all features alike"
    if rows and splits.task == "classification":
        said += _by_label(splits, i)
    places = _places(splits, f"n{i} > 1", (i, name)) if rows else ()
    measured = rows / splits.rows[name]
    return graded(splits.training, "duplicate_rows", measured, said, split=name, rows=rows, places=places)


def _by_label(splits: Splits, i: int) -> str:
    found = splits.desk.ask(
        f"SELECT CASE WHEN lo{i} = hi{i} THEN lo{i} END AS y, sum(n{i} - 1)::BIGINT AS n FROM twins WHERE n{i} > 1 "
        "GROUP BY y ORDER BY n DESC, y LIMIT 4"
    )
    label = splits.training.label
    parts = [
        f"{n:,} with different labels" if y is None else f"{n:,} labelled {splits.shown(label, y)}"
        for y, n in found[:3]
    ]
    return f" ({', '.join(parts)}{', ...' if len(found) > 3 else ''})"


def _conflicts(splits: Splits) -> Found:
    if splits.task != "classification":
        return skipped("conflicting_labels", "of classification only: numbers differ by nature")
    ((rows, groups),) = splits.desk.ask(
        "SELECT coalesce(sum(n0), 0)::BIGINT, count(*) FROM twins WHERE n0 > 1 AND lo0 <> hi0"
    )
    said = clause(rows, "row", "of train", "have") + f" a twin with another label ({counted(groups, 'different row')})"
    places = _places(splits, "n0 > 1 AND lo0 <> hi0", (0, TRAIN)) if rows else ()
    measured = rows / splits.rows[TRAIN]
    return graded(splits.training, "conflicting_labels", measured, said, split=TRAIN, rows=rows, places=places)


def _places(splits: Splits, where: str, *of: tuple[int, str]) -> tuple[Place, ...]:
    wanted = ", ".join(f"e{i}.f, e{i}.r" for i, _ in of)
    i = of[0][0]
    found = splits.desk.ask(f"SELECT {wanted} FROM twins WHERE {where} ORDER BY e{i} LIMIT {4 // len(of)}")
    return tuple(Place(name, row[2 * n], row[2 * n + 1]) for row in found for n, (_, name) in enumerate(of))
