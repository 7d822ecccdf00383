"""Conditions that only Python can judge, asked once for each distinct value; those that fail become a table.

DuckDB's own functions in Python are asked for every batch, and leak.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from dq.engines.duckdb.exists import keys
from dq.engines.duckdb.listed import Listed
from dq.engines.duckdb.sql import translate
from dq.engines.duckdb.values import output, plain
from dq.ir import expr as e
from dq.ir.other import exchanged, nodes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dq.engines.base import Dataset
    from dq.engines.duckdb.source import Source
    from dq.ir.aggregate import Aggregate

_BATCH = 100_000
_FAILING = "failing"


def settled(
    aggregates: Iterable[Aggregate], source: Source, others: Mapping[str, Dataset]
) -> dict[Aggregate, Aggregate]:  # fmt: skip
    """Each aggregate as asked -> with every `Holds` in it as a look into the table of values that fail it, and every
    `Exists` as one into the table of keys."""
    tables: dict[e.Expr, e.Expr] = {}
    return {asked: _settled(asked, source, others, tables) for asked in aggregates}


def _settled(
    asked: Aggregate, source: Source, others: Mapping[str, Dataset], tables: dict[e.Expr, e.Expr]
) -> Aggregate:  # fmt: skip
    found = list(nodes(asked, (e.Holds, e.Exists)))
    for node in found:
        if node in tables:
            continue
        if isinstance(node, e.Holds):
            tables[node] = e.Not(Listed(node.arg, _table(node, f"fails_{len(tables)}", source)))
        elif isinstance(node, e.Exists):
            tables[node] = keys(node, f"keys_{len(tables)}", others[node.dataset], source.connection)
    return exchanged(asked, tables) if found else asked


def _table(holds: e.Holds, name: str, source: Source) -> str:
    """The temporary table of the distinct values that fail."""
    relation, columns = source.relation({path[0] for path in e.columns(holds.arg)})
    value = translate(holds.arg, columns)
    run, condition = source.connection.execute, holds.condition()
    run(f"CREATE OR REPLACE TEMP TABLE {name}_all AS SELECT DISTINCT {value.text} AS v FROM {relation}")
    typed = replace(value, text="v")
    cursor = run(f"SELECT rowid, {output(typed)} FROM {name}_all WHERE v IS NOT NULL")
    failing: list[int] = []
    while rows := cursor.fetchmany(_BATCH):
        failing += [place for place, found in rows if not condition(plain(found, value.type))]
    source.connection.register(_FAILING, pa.table({"place": pa.array(failing, pa.int64())}))
    kept = f"SELECT v FROM {name}_all SEMI JOIN {_FAILING} ON {name}_all.rowid = place"
    run(f"CREATE OR REPLACE TEMP TABLE {name} AS {kept}")
    source.connection.unregister(_FAILING)
    run(f"DROP TABLE {name}_all")
    return name
