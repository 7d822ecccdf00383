"""What a query in SQL returns: how many rows, or one number."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from dq.ir.aggregate import Count
from dq.ir.metric import Dimension, Facts, Measure, Metric, metric
from dq.ir.other import Native

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dq.ir.aggregate import Aggregate
    from dq.ir.data import Schema


@dataclass(frozen=True)
class Query(Metric):
    """`text` is the query as it was written."""

    dimension: ClassVar[Dimension] = Dimension.CONSISTENCY

    query: Native
    text: str = ""

    def fitted(self, schema: Schema) -> Metric:
        """With the columns that it reads, of which some may be personal."""
        reads = self.query.reads if self.query.reads is not None else tuple((n,) for n in schema.names)
        return replace(self, query=replace(self.query, reads=reads))


@metric
@dataclass(frozen=True)
class QueryRows(Query):
    """Rows that the query returns, of all the data has; each is a failing one. The first are in `details`."""

    name: ClassVar[str] = "query_rows"
    unit: ClassVar[str] = "rows"

    def aggregates(self) -> tuple[Aggregate, ...]:
        return self.query, Count()

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure:
        found = states[self.query]
        details = (("columns", found.columns), ("rows", found.rows))
        return Measure(found.count, states[Count()], details=details, fault=found.fault)

    def phrase(self) -> str:
        return "are returned by the query"


@metric
@dataclass(frozen=True)
class QueryValue(Query):
    """The one number that the query returns; TRUE counts as 1. None where it is NULL."""

    name: ClassVar[str] = "query_value"

    def aggregates(self) -> tuple[Aggregate, ...]:
        return (self.query,)

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure:
        found = states[self.query]
        if found.fault:
            return Measure(None, fault=found.fault)
        if len(found.columns) != 1 or found.count != 1:
            said = f"{found.count} rows of {len(found.columns)} columns"
            return Measure(None, fault=f"the query returns {said}, and not one number")
        value = found.rows[0][0]
        if value is not None and not isinstance(value, (int, float, Decimal)):
            return Measure(None, fault=f"the query returns {type(value).__name__}, and not a number")
        return Measure(int(value) if isinstance(value, bool) else value)

    def phrase(self) -> str:
        return "is what the query returns"
