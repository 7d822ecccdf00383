"""Expectations that ask in SQL or of another table: `sql` semantics only, as in GX.

A table other than `{batch}` is another data set under its own name.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from dq.dialects.gx.metrics import Refused
from dq.dialects.query import read_query, tables
from dq.ir.aggregate import Count
from dq.ir.metric import Dimension, Facts, Measure, Metric, metric
from dq.ir.other import Native, Of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dq.dialects.gx.asked import Asked
    from dq.ir.aggregate import Aggregate
    from dq.ir.expr import Expr

MOST_ROWS = 200  # of a query, that GX looks at
_BATCH = "batch"
_BRACES = re.compile(r"\{\{|\}\}|\{batch\}|[{}]")
_QUERIES = {
    "unexpected_rows_expectation": ("unexpected_rows_query",),
    "expect_query_results_to_match_comparison": ("base_query", "comparison_query"),
}


@metric
@dataclass(frozen=True)
class RowsOfOther(Metric):
    """1 where another table has another number of rows."""

    name: ClassVar[str] = "row_count_of_other"
    dimension: ClassVar[Dimension] = Dimension.VOLUME
    unit: ClassVar[str] = "violations"

    other: str
    where: Expr | None = None

    def aggregates(self) -> tuple[Aggregate, ...]:
        return Count(self.where), Of(self.other, Count())

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure:
        mine, theirs = (states[a] for a in self.aggregates())
        observed = {"self": mine, "other": theirs}
        return Measure(int(mine != theirs), note=f"{mine:,} and {theirs:,}", details=(("observed", observed),))

    def phrase(self) -> str:
        return f'as many rows as in "{self.other}"'


@metric
@dataclass(frozen=True)
class UnexpectedRows(Metric):
    """Rows that the query returns."""

    name: ClassVar[str] = "unexpected_rows"
    dimension: ClassVar[Dimension] = Dimension.VALIDITY
    unit: ClassVar[str] = "violations"

    query: Native

    def aggregates(self) -> tuple[Aggregate, ...]:
        return (self.query,)

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure:
        found = states[self.query]
        listed = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
        details = (("observed", found.count), ("unexpected_rows", listed))
        return Measure(found.count, note=f"{found.count:,} rows", details=details, fault=found.fault)

    def phrase(self) -> str:
        return "a query that returns nothing"


@metric
@dataclass(frozen=True)
class QueryResults(Metric):
    """Rows of one result that the other does not have, of those of the longer one; a row twice is there twice."""

    name: ClassVar[str] = "query_results"
    dimension: ClassVar[Dimension] = Dimension.CONSISTENCY
    unit: ClassVar[str] = "rows"

    base: Native
    comparison: Native

    def aggregates(self) -> tuple[Aggregate, ...]:
        return self.base, self.comparison

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure:
        base, other = (states[a] for a in self.aggregates())
        most = max(base.count, other.count)
        fault: str = base.fault or other.fault
        if most > MOST_ROWS:
            fault = f"a query returns {most:,} rows, of which GX compares any {MOST_ROWS}: aggregate, or limit it"
        mine, theirs = Counter(base.rows), Counter(other.rows)
        details = (
            ("missing_rows", _listed(other.columns, theirs - mine)),
            ("unexpected_rows", _listed(base.columns, mine - theirs)),
        )
        return Measure(most - (mine & theirs).total(), most, details=details, fault=fault)

    def phrase(self) -> str:
        return "differ between the queries"


def _listed(columns: tuple[str, ...], rows: Counter[tuple[Any, ...]]) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in rows.elements()]


def query(text: str) -> Native:
    """Raises ValueError for what is no query, or has braces that mean nothing."""
    filled = _BRACES.sub(_brace, text)
    relations = {name: "" if name == _BATCH else name for name in tables(filled)}
    return read_query(filled, relations, limit=MOST_ROWS)


def _brace(match: re.Match[str]) -> str:
    if match[0] in "{}":
        raise ValueError(f'a single "{match[0]}" means nothing but in {{batch}}: a brace is written twice')
    return f'"{_BATCH}"' if match[0] == "{batch}" else match[0][0]


def check(kind: str, arguments: Mapping[str, Any]) -> None:
    """Raises ValueError for SQL that cannot be run, or must not."""
    for name in _QUERIES.get(kind, ()):
        try:
            query(str(arguments[name]))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None


def references(kind: str, arguments: Mapping[str, Any]) -> frozenset[str]:
    """Names of the other tables."""
    if kind == "expect_table_row_count_to_equal_other_table":
        return frozenset({str(arguments["other_table_name"])})
    asked = (query(str(arguments[name])) for name in _QUERIES.get(kind, ()))
    return frozenset(dataset for one in asked for _, dataset in one.relations if dataset)


def _fit(asked: Asked) -> Metric:
    asked.only("sql")
    every = tuple((name,) for name in asked.schema.names)
    found = (query(str(asked[name])) for name in _QUERIES[asked.kind])
    queries = [one if one.reads is not None else replace(one, reads=every) for one in found]
    if any(_lacks(one, asked) for one in queries):
        return Refused(f"{asked.kind} names a column that did not land")
    return UnexpectedRows(*queries) if len(queries) == 1 else QueryResults(*queries)


def _lacks(one: Native, asked: Asked) -> bool:
    known = {name.lower() for name in asked.schema.names}
    return any(path[0].lower() not in known for path in one.needs)


def _rows(asked: Asked) -> Metric:
    asked.only("sql")
    return RowsOfOther(str(asked["other_table_name"]), asked.where)


FITTING = {**dict.fromkeys(_QUERIES, _fit), "expect_table_row_count_to_equal_other_table": _rows}
