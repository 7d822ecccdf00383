"""Single rows: where they stand, in what order, and those that are evidence."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from dq.engines.base import FILE, ROW
from dq.engines.duckdb.run import any_of, keys_of, scope_of
from dq.engines.duckdb.sql import Sql, compared, stored, translate
from dq.engines.duckdb.values import output, packed_column, plain
from dq.ir import aggregate as a
from dq.ir.positions import Positions, PositionsState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dq.engines.duckdb.run import Run
    from dq.ir.expr import Expr, Path


def order(run: Run, asked: a.Order) -> a.OrderState:
    relation, columns = run.relation(asked.arg, asked.where, show=((FILE,), (ROW,)))
    value = translate(asked.arg, columns)
    place = f"{columns[FILE].text} AS f, {columns[ROW].text} AS r"
    rows = f"SELECT {place}, {value.text} AS v FROM {relation} WHERE {scope_of(asked.where, columns)}"
    before = f"SELECT *, lag(v) OVER (ORDER BY f, r) AS b FROM ({rows}) WHERE v IS NOT NULL"
    sides = {"v": replace(value, text="v"), "b": replace(value, text="b")}
    holds = compared(asked.op, sides["v"], sides["b"])
    row = f"struct_pack(f := f, r := r, v := {output(sides['v'])})"
    ends = f"arg_min({row}, (f, r)), arg_max({row}, (f, r))"
    broken = f"b IS NOT NULL AND NOT coalesce({holds}, FALSE)"
    kept = f"arg_min({row}, (f, r), {asked.limit}) FILTER (WHERE {broken})"
    first, last, breaks, found = run.fetch(f"SELECT {ends}, count_if({broken}), {kept} FROM ({before})")[0]

    def state(one: Mapping[str, Any]) -> a.RowState:
        return a.RowState(one["f"], one["r"], (plain(one["v"], value.type),))

    if first is None:
        return a.OrderState()
    return a.OrderState(state(first), state(last), breaks, tuple(map(state, found or ())))


def first_rows(run: Run, asked: a.FirstRows) -> tuple[a.RowState, ...]:
    relation, columns = run.relation(asked.where, show=((FILE,), (ROW,), *asked.show))
    return _evidence(run, asked.show, f"{relation} WHERE {scope_of(asked.where, columns)}", columns, asked.limit)


def duplicate_keys(run: Run, asked: a.DuplicateKeys) -> tuple[a.RowState, ...]:
    rows, columns = _duplicates(run, asked.keys, asked.where, asked.show)
    return _evidence(run, asked.show, rows, columns, asked.limit)


def _duplicates(
    run: Run, keys: Sequence[Expr], where: Expr | None, show: Sequence[Path] = ()
) -> tuple[str, dict[str, Sql]]:
    """All rows whose key occurs more than once."""
    relation, columns = run.relation(where, *keys, show=((FILE,), (ROW,), *show))
    parts = keys_of(keys, columns)
    scope = f"{scope_of(where, columns)} AND {any_of(parts)}"
    named = ", ".join(f"{k} AS k{i}" for i, k in enumerate(parts))
    names = ", ".join(f"k{i}" for i in range(len(parts)))
    twice = f"SELECT {named} FROM {relation} WHERE {scope} GROUP BY {names} HAVING count(*) > 1"
    same = " AND ".join(f"{k} IS NOT DISTINCT FROM twice.k{i}" for i, k in enumerate(parts))
    return f"(SELECT * FROM {relation} WHERE {scope}) SEMI JOIN ({twice}) AS twice ON {same}", columns


def positions(run: Run, asked: Positions) -> PositionsState:
    """One list of numbers per file: no row becomes an object of its own."""
    if asked.keys:
        rows, columns = _duplicates(run, asked.keys, asked.where)
    else:
        relation, columns = run.relation(asked.where, show=((FILE,), (ROW,)))
        rows = f"{relation} WHERE {scope_of(asked.where, columns)}"
    most = "" if asked.limit is None else f" LIMIT {asked.limit + 1}"
    found = f"SELECT {columns[FILE].text} AS f, {columns[ROW].text} AS r FROM {rows}{most}"
    grouped = f"SELECT f, list(r ORDER BY r) AS r FROM ({found}) GROUP BY f ORDER BY f"
    table = run.source.connection.sql(grouped).to_arrow_table()
    files = tuple(
        (file.as_py(), packed_column(pa.chunked_array([rows.values])))
        for file, rows in zip(table.column("f"), table.column("r"), strict=True)
    )
    state = PositionsState(files)
    return PositionsState(over=True) if asked.limit is not None and state.count > asked.limit else state


def _evidence(
    run: Run, show: Sequence[Path], rows: str, columns: Mapping[str, Sql], limit: int
) -> tuple[a.RowState, ...]:
    shown = [Sql(*stored(path, columns)) for path in show]
    place = f"{columns[FILE].text}, {columns[ROW].text}"
    select = ", ".join([place, *map(output, shown)])
    found = run.fetch(f"SELECT {select} FROM {rows} ORDER BY {place} LIMIT {limit}")
    return tuple(
        a.RowState(file, row, tuple(plain(v, s.type) for v, s in zip(values, shown, strict=True)))
        for file, row, *values in found
    )
