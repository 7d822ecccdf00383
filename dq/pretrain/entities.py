"""Who and when: ids and groups that are in two splits, rows of the future in train."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq.errors import UsageError
from dq.ir.data import NUMBERS, TIMES
from dq.pretrain.found import Found, graded
from dq.pretrain.splits import TRAIN
from dq.words import clause, counted, verb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq.pretrain.splits import Splits


def check(splits: Splits) -> Iterator[Found]:
    asked = [("id_overlap", splits.training.id)] if splits.training.id else []
    asked += [("group_overlap", (name,)) for name in splits.training.group]
    for kind, names in asked:
        for a, b in splits.pairs:
            if all(splits.is_in(n, a, b) for n in names):
                yield _shared(splits, kind, names, a, b)
            else:
                message = f"{' and '.join(names)} is not in {b if splits.is_in(names[0], a) else a}"
                yield Found(kind, "warn", f"{message}: it cannot be compared", ", ".join(names), b)
    if splits.training.id:
        for name in splits.filled:
            yield _twice(splits, name)
    if splits.training.time:
        yield from _leaks(splits, splits.training.time)


def _shared(splits: Splits, kind: str, names: tuple[str, ...], a: str, b: str) -> Found:
    values = [splits.value(n) for n in names]
    key = values[0] if len(values) == 1 else f"({', '.join(values)})"
    there = " AND ".join(f"{v} IS NOT NULL" for v in values)
    where = f"{there} AND {key} IN (SELECT {', '.join(values)} FROM {a} WHERE {there})"
    ((rows, distinct),) = splits.desk.ask(f"SELECT count(*), count(DISTINCT {key}) FROM {b} WHERE {where}")
    called = " and ".join(f"`{n}`" for n in names)
    said = clause(rows, "row", f"of {b} ({counted(distinct, 'value')} of {called})", "are") + f" in {a} too"
    places = splits.places(b, where) if rows else ()
    return graded(
        splits.training, kind, rows / splits.rows[b], said, column=", ".join(names), split=b, rows=rows, places=places,
        softly=splits.is_soft(a, b),
    )  # fmt: skip


def _twice(splits: Splits, name: str) -> Found:
    names = splits.training.id
    values = [splits.value(n) for n in names]
    there = " AND ".join(f"{v} IS NOT NULL" for v in values)
    keys = ", ".join(values)
    ((rows,),) = splits.desk.ask(
        f"SELECT coalesce(sum(n - 1), 0)::BIGINT FROM (SELECT count(*) AS n FROM {name} WHERE {there} GROUP BY {keys})"
    )
    ((absent,),) = splits.desk.ask(f"SELECT count(*) FROM {name} WHERE NOT ({there})")
    said = clause(rows, "row", f"of {name}", "repeat") + " an id"
    said += f", {absent:,} {verb(absent, 'have')} none" if absent else ""
    bad = rows + absent
    return graded(
        splits.training, "duplicate_ids", bad / splits.rows[name], said, column=", ".join(names), split=name, rows=bad
    )


def _leaks(splits: Splits, name: str) -> Iterator[Found]:
    moment = _moment(splits, name)
    horizon = splits.training.horizon_seconds
    for split in splits.filled:
        if splits.is_in(name, split):
            ((absent,),) = splits.desk.ask(f"SELECT count(*) FROM {split} WHERE {moment} IS NULL")
            if absent:
                message = (
                    clause(absent, "row", f"of {split}", "have") + f" no `{name}`: nobody can tell whether that leaks"
                )
                yield Found("time_leakage", "warn", message, name, split, rows=absent)
    for a, b in splits.pairs:
        if not splits.is_in(name, a, b):
            yield Found("time_leakage", "warn", f"`{name}` is not in {a} and {b}: it cannot be compared", name, b)
            continue
        ((last, shown),) = splits.desk.ask(
            f"SELECT max({moment}), CAST(arg_max({splits.column(name)}, {moment}) AS VARCHAR) FROM {a}"
        )
        if last is None:
            continue
        where = f"{moment} <= {last!r}" if not horizon else f"{moment} < {last + horizon!r}"
        ((rows,),) = splits.desk.ask(f"SELECT count(*) FROM {b} WHERE {where}")
        gap = f", {horizon:,.0f} s after it included" if horizon else ""
        said = clause(rows, "row", f"of {b}", "are") + f" not after the last of {a}, {splits.shown(name, shown)}{gap}"
        places = splits.places(b, where) if rows else ()
        yield graded(
            splits.training, "time_leakage", rows / splits.rows[b], said, column=name, split=b, rows=rows,
            places=places, softly=splits.is_soft(a, b) or a != TRAIN,
        )  # fmt: skip


def _moment(splits: Splits, name: str) -> str:
    """SQL of a DOUBLE. Raises UsageError for a column that is no time."""
    kinds = splits.kinds(name)
    if kinds <= NUMBERS:
        return splits.double(name)
    moment = f"epoch(TRY_CAST({splits.column(name)} AS TIMESTAMP))"
    if not kinds <= TIMES:
        for split in splits.filled:
            column = splits.column(name)
            ((bad,),) = splits.desk.ask(f"SELECT count(*) FROM {split} WHERE {column} IS NOT NULL AND {moment} IS NULL")
            if bad:
                found = ", ".join(sorted(kinds))
                raise UsageError(
                    f"--time {name}: it is {found}, and "
                    + clause(bad, "value", f"of {split}", "are")
                    + " no time; declare its type and formats in a contract"
                )
    return moment
