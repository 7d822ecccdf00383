"""Does a key occur once? Exact, with every member of a duplicate key counted as failing; a NULL key is no key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from dq.ir.aggregate import Aggregate, Count, Distinctness, DuplicateKeys
from dq.ir.data import format_path
from dq.ir.expr import Col, Expr, Path
from dq.ir.metric import Dimension, Facts, Measure, Metric, metric
from dq.ir.positions import Positions

if TYPE_CHECKING:
    from collections.abc import Mapping


@metric
@dataclass(frozen=True)
class Unique(Metric):
    """Rows whose key occurs more than once, of the rows with at least one key part."""

    name: ClassVar[str] = "unique"
    dimension: ClassVar[Dimension] = Dimension.UNIQUENESS
    unit: ClassVar[str] = "rows"

    keys: tuple[Path, ...]
    where: Expr | None = None

    def aggregates(self) -> tuple[Aggregate, ...]:
        return (Distinctness(tuple(Col(k) for k in self.keys), self.where),)

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure | None:
        state = states[self.aggregates()[0]]
        return Measure(state.duplicate_rows, state.rows) if state.rows else None

    def phrase(self) -> str:
        return f"share their {', '.join(map(format_path, self.keys))} with another row"

    def evidence(self) -> DuplicateKeys:
        return DuplicateKeys(tuple(Col(k) for k in self.keys), self.keys, self.where)

    def failing(self, limit: int | None = None) -> Aggregate:
        return Positions(self.where, tuple(Col(k) for k in self.keys), limit)


@metric
@dataclass(frozen=True)
class DistinctCount(Metric):
    """Number of different values, exact; NULL is none of them."""

    name: ClassVar[str] = "distinct_count"
    dimension: ClassVar[Dimension] = Dimension.UNIQUENESS

    path: Path
    where: Expr | None = None

    def aggregates(self) -> tuple[Aggregate, ...]:
        return Distinctness((Col(self.path),), self.where), Count(self.where)

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure | None:
        values, rows = self.aggregates()
        return Measure(states[values].groups, states[values].rows) if states[rows] else None

    def phrase(self) -> str:
        return "different values"
